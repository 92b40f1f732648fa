//! Types whose identifier follows from their ARN by a rule of their own: composites, names with slashes, URLs.
//!
//! A row is a type, the form of its ARN's resource part, and each identifier property as a text over the form's
//! captures. In a form `{x}` captures one segment (no slash, no colon), `{x**}` anything. A property's text may also use
//! `{arn}`, `{region}`, `{account}` and `{dns}`. To add a type, add a row, and a case in the module's tests; the order of the
//! properties is the registry's, so a row's own order does not matter.

use super::ArnContext;
use crate::registry::CfnType;

struct Row {
    cfn_type: &'static str,
    form: &'static str,
    properties: &'static [(&'static str, &'static str)],
}

const fn row(cfn_type: &'static str, form: &'static str, properties: &'static [(&'static str, &'static str)]) -> Row {
    Row { cfn_type, form, properties }
}

/// Types whose ARN holds an internal id, not what the identifier asks for.
const OPAQUE: &[&str] = &["AWS::RDS::DBProxy", "AWS::Config::ConfigRule", "AWS::SES::Template", "AWS::Macie::Session"];

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("AWS::AmazonMQ::Broker", "broker:{name**}:{id}", &[("Id", "{id}")]),
    row("AWS::ApiGateway::ApiKey", "/apikeys/{id}", &[("APIKeyId", "{id}")]),
    row("AWS::ApiGateway::Authorizer", "/restapis/{api}/authorizers/{id}", &[("RestApiId", "{api}"), ("AuthorizerId", "{id}")]),
    row("AWS::ApiGateway::ClientCertificate", "/clientcertificates/{id}", &[("ClientCertificateId", "{id}")]),
    row("AWS::ApiGateway::Deployment", "/restapis/{api}/deployments/{id}", &[("DeploymentId", "{id}"), ("RestApiId", "{api}")]),
    row("AWS::ApiGateway::DomainName", "/domainnames/{name}", &[("DomainName", "{name}")]),
    row("AWS::ApiGateway::Method", "/restapis/{api}/resources/{resource}/methods/{method}", &[("RestApiId", "{api}"), ("ResourceId", "{resource}"), ("HttpMethod", "{method}")]),
    row("AWS::ApiGateway::Model", "/restapis/{api}/models/{name}", &[("RestApiId", "{api}"), ("Name", "{name}")]),
    row("AWS::ApiGateway::Resource", "/restapis/{api}/resources/{id}", &[("RestApiId", "{api}"), ("ResourceId", "{id}")]),
    row("AWS::ApiGateway::RestApi", "/restapis/{id}", &[("RestApiId", "{id}")]),
    row("AWS::ApiGateway::Stage", "/restapis/{api}/stages/{name}", &[("RestApiId", "{api}"), ("StageName", "{name}")]),
    row("AWS::ApiGateway::UsagePlan", "/usageplans/{id}", &[("Id", "{id}")]),
    row("AWS::ApiGateway::VpcLink", "/vpclinks/{id}", &[("VpcLinkId", "{id}")]),
    row("AWS::ApiGatewayV2::Api", "/apis/{id}", &[("ApiId", "{id}")]),
    row("AWS::ApiGatewayV2::Authorizer", "/apis/{api}/authorizers/{id}", &[("AuthorizerId", "{id}"), ("ApiId", "{api}")]),
    row("AWS::ApiGatewayV2::DomainName", "/domainnames/{name}", &[("DomainName", "{name}")]),
    row("AWS::ApiGatewayV2::Integration", "/apis/{api}/integrations/{id}", &[("ApiId", "{api}"), ("IntegrationId", "{id}")]),
    row("AWS::ApiGatewayV2::Route", "/apis/{api}/routes/{id}", &[("ApiId", "{api}"), ("RouteId", "{id}")]),
    row("AWS::ApiGatewayV2::Stage", "/apis/{api}/stages/{name}", &[("ApiId", "{api}"), ("StageName", "{name}")]),
    row("AWS::ApiGatewayV2::VpcLink", "/vpclinks/{id}", &[("VpcLinkId", "{id}")]),
    row("AWS::AppConfig::Application", "application/{id}", &[("ApplicationId", "{id}")]),
    row("AWS::AppConfig::ConfigurationProfile", "application/{app}/configurationprofile/{id}", &[("ApplicationId", "{app}"), ("ConfigurationProfileId", "{id}")]),
    row("AWS::AppConfig::Environment", "application/{app}/environment/{id}", &[("ApplicationId", "{app}"), ("EnvironmentId", "{id}")]),
    row("AWS::AutoScaling::AutoScalingGroup", "autoScalingGroup:{id}:autoScalingGroupName/{name**}", &[("AutoScalingGroupName", "{name}")]),
    row("AWS::AutoScaling::LaunchConfiguration", "launchConfiguration:{id}:launchConfigurationName/{name**}", &[("LaunchConfigurationName", "{name}")]),
    row("AWS::Batch::JobDefinition", "job-definition/{name}:{revision}", &[("JobDefinitionName", "{name}")]),
    row("AWS::Cassandra::Keyspace", "/keyspace/{name}/", &[("KeyspaceName", "{name}")]),
    row("AWS::Cassandra::Table", "/keyspace/{keyspace}/table/{name}", &[("KeyspaceName", "{keyspace}"), ("TableName", "{name}")]),
    row("AWS::CloudFormation::Stack", "stack/{name}/{id}", &[("StackId", "{arn}")]),
    row("AWS::CloudFormation::StackSet", "stackset/{name}:{id}", &[("StackSetId", "{name}:{id}")]),
    row("AWS::CloudWatch::Alarm", "alarm:{name**}", &[("AlarmName", "{name}")]),
    row("AWS::CloudWatch::CompositeAlarm", "alarm:{name**}", &[("AlarmName", "{name}")]),
    row("AWS::CodeDeploy::DeploymentGroup", "deploymentgroup:{app}/{name}", &[("ApplicationName", "{app}"), ("DeploymentGroupName", "{name}")]),
    row("AWS::Cognito::IdentityPool", "identitypool/{id**}", &[("Id", "{id}")]),
    row("AWS::EC2::KeyPair", "key-pair/{id}", &[("KeyPairId", "{id}")]),
    row("AWS::ECR::Repository", "repository/{name**}", &[("RepositoryName", "{name}")]),
    row("AWS::ECR::PublicRepository", "repository/{name**}", &[("RepositoryName", "{name}")]),
    row("AWS::ECS::Service", "service/{cluster}/{name}", &[("ServiceArn", "{arn}"), ("Cluster", "{cluster}")]),
    row("AWS::EKS::Addon", "addon/{cluster}/{name}/{id}", &[("ClusterName", "{cluster}"), ("AddonName", "{name}")]),
    row("AWS::EKS::FargateProfile", "fargateprofile/{cluster}/{name}/{id}", &[("ClusterName", "{cluster}"), ("FargateProfileName", "{name}")]),
    row("AWS::EKS::IdentityProviderConfig", "identityproviderconfig/{cluster}/{type}/{name}/{id}", &[("IdentityProviderConfigName", "{name}"), ("ClusterName", "{cluster}"), ("Type", "{type}")]),
    row("AWS::EKS::Nodegroup", "nodegroup/{cluster}/{name}/{id}", &[("Id", "{cluster}/{name}")]),
    row("AWS::ElasticBeanstalk::Environment", "environment/{app}/{name}", &[("EnvironmentName", "{name}")]),
    row("AWS::Events::ApiDestination", "api-destination/{name}/{id}", &[("Name", "{name}")]),
    row("AWS::Events::Connection", "connection/{name}/{id}", &[("Name", "{name}")]),
    row("AWS::Events::EventBus", "event-bus/{name**}", &[("Name", "{name}")]),
    row("AWS::IAM::Group", "group/{name}", &[("GroupName", "{name}")]),
    row("AWS::IAM::Group", "group/{path**}/{name}", &[("GroupName", "{name}")]),
    row("AWS::IAM::InstanceProfile", "instance-profile/{name}", &[("InstanceProfileName", "{name}")]),
    row("AWS::IAM::InstanceProfile", "instance-profile/{path**}/{name}", &[("InstanceProfileName", "{name}")]),
    row("AWS::IAM::Role", "role/{name}", &[("RoleName", "{name}")]),
    row("AWS::IAM::Role", "role/{path**}/{name}", &[("RoleName", "{name}")]),
    row("AWS::IAM::ServerCertificate", "server-certificate/{name}", &[("ServerCertificateName", "{name}")]),
    row("AWS::IAM::ServerCertificate", "server-certificate/{path**}/{name}", &[("ServerCertificateName", "{name}")]),
    row("AWS::IAM::ServiceLinkedRole", "role/{path**}/{name}", &[("RoleName", "{name}")]),
    row("AWS::IAM::User", "user/{name}", &[("UserName", "{name}")]),
    row("AWS::IAM::User", "user/{path**}/{name}", &[("UserName", "{name}")]),
    row("AWS::IAM::VirtualMFADevice", "mfa/{name**}", &[("SerialNumber", "{arn}")]),
    row("AWS::KMS::Alias", "alias/{name**}", &[("AliasName", "alias/{name}")]),
    row("AWS::Logs::LogGroup", "log-group:{name**}:*", &[("LogGroupName", "{name}")]),
    row("AWS::Logs::LogGroup", "log-group:{name**}", &[("LogGroupName", "{name}")]),
    row("AWS::ResourceGroups::Group", "group/{name}", &[("Name", "{name}")]),
    row("AWS::ResourceGroups::Group", "group/{name}/{id}", &[("Name", "{name}")]),
    row("AWS::SES::EmailIdentity", "identity/{name}", &[("EmailIdentity", "{name}")]),
    row("AWS::SQS::Queue", "{name}", &[("QueueUrl", "https://sqs.{region}.{dns}/{account}/{name}")]),
    // A parameter in a hierarchy is named with the leading slash that its ARN swallows.
    row("AWS::SSM::Parameter", "parameter/{name}", &[("Name", "{name}")]),
    row("AWS::SSM::Parameter", "parameter/{name**}", &[("Name", "/{name}")]),
    // Only the name is in the identifier, so a schedule of another group can't be told apart.
    row("AWS::Scheduler::Schedule", "schedule/default/{name}", &[("Name", "{name}")]),
    row("AWS::SecretsManager::Secret", "secret:{name**}", &[("Id", "{arn}")]),
    row("AWS::Timestream::Table", "database/{database}/table/{name}", &[("DatabaseName", "{database}"), ("TableName", "{name}")]),
    row("AWS::WAFv2::IPSet", "global/ipset/{name}/{id}", &[("Name", "{name}"), ("Id", "{id}"), ("Scope", "CLOUDFRONT")]),
    row("AWS::WAFv2::IPSet", "regional/ipset/{name}/{id}", &[("Name", "{name}"), ("Id", "{id}"), ("Scope", "REGIONAL")]),
    row("AWS::WAFv2::RegexPatternSet", "global/regexpatternset/{name}/{id}", &[("Name", "{name}"), ("Id", "{id}"), ("Scope", "CLOUDFRONT")]),
    row("AWS::WAFv2::RegexPatternSet", "regional/regexpatternset/{name}/{id}", &[("Name", "{name}"), ("Id", "{id}"), ("Scope", "REGIONAL")]),
    row("AWS::WAFv2::RuleGroup", "global/rulegroup/{name}/{id}", &[("Name", "{name}"), ("Id", "{id}"), ("Scope", "CLOUDFRONT")]),
    row("AWS::WAFv2::RuleGroup", "regional/rulegroup/{name}/{id}", &[("Name", "{name}"), ("Id", "{id}"), ("Scope", "REGIONAL")]),
    row("AWS::WAFv2::WebACL", "global/webacl/{name}/{id}", &[("Name", "{name}"), ("Id", "{id}"), ("Scope", "CLOUDFRONT")]),
    row("AWS::WAFv2::WebACL", "regional/webacl/{name}/{id}", &[("Name", "{name}"), ("Id", "{id}"), ("Scope", "REGIONAL")]),
];

/// Whether the ARN does not hold the identifier.
pub(super) fn is_opaque(cfn_type: &str) -> bool {
    OPAQUE.contains(&cfn_type)
}

/// Whether the type has rules of its own.
pub(super) fn has_rows(cfn_type: &str) -> bool {
    ROWS.iter().any(|row| row.cfn_type == cfn_type)
}

/// The identifier by the first row of the type whose form the ARN has.
pub(super) fn identifier(cfn_type: &CfnType, context: ArnContext<'_>) -> Option<String> {
    let (row, captures) = ROWS
        .iter()
        .filter(|row| row.cfn_type == cfn_type.name)
        .find_map(|row| Some((row, captures(row.form, context.arn.resource())?)))?;
    let value = |property: &str| {
        let (_, text) = row.properties.iter().find(|(name, _)| *name == property)?;
        Some(fill(text, &captures, context))
    };
    let primary: Option<Vec<String>> = cfn_type.primary_identifier.iter().map(|property| value(property)).collect();
    if let Some(parts) = primary {
        return Some(parts.join("|"));
    }
    // A row may give a secondary identifier instead: Cloud Control takes those as JSON only.
    cfn_type.additional_identifiers.iter().find_map(|group| {
        let members: Option<serde_json::Map<String, serde_json::Value>> =
            group.iter().map(|property| Some(((*property).to_owned(), value(property)?.into()))).collect();
        members.map(|members| serde_json::Value::Object(members).to_string())
    })
}

/// Matches a text against a form, trying longer captures of `{x**}` last.
fn captures<'a>(form: &'static str, text: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
    let Some(open) = form.find('{') else { return (form == text).then(Vec::new) };
    let text = text.strip_prefix(&form[..open])?;
    let (name, rest) = form[open + 1..].split_once('}')?;
    let (name, anything) = name.strip_suffix("**").map_or((name, false), |name| (name, true));
    let ends = text.char_indices().map(|(index, char)| index + char.len_utf8());
    // The longest first for `**`: a path reaches to the last slash.
    let candidates: Vec<usize> = if anything {
        ends.rev().collect()
    } else {
        ends.take_while(|end| !text[..*end].ends_with(['/', ':'])).collect()
    };
    candidates.into_iter().find_map(|end| {
        let mut found = captures(rest, &text[end..])?;
        found.push((name, &text[..end]));
        Some(found)
    })
}

fn fill(text: &str, captures: &[(&str, &str)], context: ArnContext<'_>) -> String {
    let dns = if context.arn.partition() == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    let fixed = [
        ("arn", context.arn.as_str()),
        ("region", context.region),
        ("account", context.account.as_str()),
        ("dns", dns),
    ];
    let mut filled = String::new();
    let mut rest = text;
    while let Some((literal, tail)) = rest.split_once('{') {
        let (name, tail) = tail.split_once('}').unwrap_or((tail, ""));
        let value = fixed.iter().chain(captures).find(|(key, _)| *key == name).map_or("", |(_, value)| value);
        filled.push_str(literal);
        filled.push_str(value);
        rest = tail;
    }
    filled + rest
}

/// Each row's type and properties, for the tests.
#[cfg(test)]
pub(super) fn rows() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    ROWS.iter().map(|row| (row.cfn_type, row.properties.iter().map(|(name, _)| *name).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_capture_segments_and_paths() {
        assert_eq!(captures("role/{name}", "role/a/b"), None);
        let found = captures("role/{path**}/{name}", "role/a/b/c").unwrap();
        assert!(found.contains(&("path", "a/b")) && found.contains(&("name", "c")));
        assert_eq!(captures("log-group:{name**}:*", "log-group:/a:b:*").unwrap(), [("name", "/a:b")]);
        assert_eq!(captures("{name}", ""), None);
    }
}
