//! The Cloud Control identifier of a resource: from its ARN, or from a declaration in a state.
//!
//! The order and the names of an identifier's properties come from the registry ([`CfnType::primary_identifier`]), never
//! from a guess. The recipe, first match wins:
//!
//! 1. the type has rows in `patterns.rs`: the row that matches the ARN gives each property;
//! 2. the identifier is one property that is an ARN: the ARN;
//! 3. a secondary identifier is the resource's own ARN: `{"Arn": "…"}`, since Cloud Control takes secondary ones as JSON only;
//! 4. the identifier is one property ending in `Id`, `Name` or `Identifier`, and the ARN has one segment after its type:
//!    that segment;
//! 5. else it can't be told: the resource stays in the inventory, without properties.
//!
//! A wrong identifier is worse than none: it could name another resource, or make an existing one look deleted.

mod declared;
mod patterns;

use driftwise_contract::{AccountId, Arn};
use serde_json::json;

pub use declared::{DirectRead, from_declared};

use crate::registry::CfnType;

/// What the identifier is made from, besides the type.
#[derive(Debug, Clone, Copy)]
pub struct ArnContext<'a> {
    /// The resource's ARN.
    pub arn: &'a Arn,
    /// Its region; the ARN of an S3 bucket does not hold it.
    pub region: &'a str,
    /// Its account.
    pub account: &'a AccountId,
}

/// The identifier of an existing resource, where its ARN suffices to tell it.
pub fn from_arn(cfn_type: &CfnType, context: ArnContext<'_>) -> Option<String> {
    if patterns::is_opaque(cfn_type.name) {
        return None;
    }
    if patterns::has_rows(cfn_type.name) {
        return patterns::identifier(cfn_type, context);
    }
    if let [only] = cfn_type.primary_identifier.as_slice()
        && is_arn_property(only)
    {
        return Some(context.arn.to_string());
    }
    if let Some(property) = own_secondary_arn(cfn_type) {
        return Some(json!({ property: context.arn.as_str() }).to_string());
    }
    match cfn_type.primary_identifier.as_slice() {
        [only] if is_segment_property(only) => {
            let segment = only_segment(context.arn.resource())?;
            // A name is never a UUID of AWS's making: then the ARN holds an internal id instead (Lightsail,
            // Redshift Serverless).
            (!(only.ends_with("Name") && is_uuid(segment))).then(|| segment.to_owned())
        }
        _ => None,
    }
}

fn is_arn_property(property: &str) -> bool {
    property.ends_with("Arn") || property.ends_with("ARN")
}

fn is_segment_property(property: &str) -> bool {
    property != "AwsAccountId" && ["Id", "Name", "Identifier"].iter().any(|ending| property.ends_with(ending))
}

/// `Arn` or `<Type>Arn` as a secondary identifier; an ARN of another name may be another resource's.
fn own_secondary_arn(cfn_type: &CfnType) -> Option<&'static str> {
    let own = format!("{}Arn", cfn_type.name.rsplit("::").next().unwrap_or_default());
    cfn_type.additional_identifiers.iter().find_map(|group| match group.as_slice() {
        [only] if *only == "Arn" || *only == own => Some(*only),
        _ => None,
    })
}

/// `vpc/vpc-1` and `function:f` have one segment after their type, `bucket` has no type; `a/b/c` is ambiguous.
fn only_segment(resource: &str) -> Option<&str> {
    let (_, segment) = resource.split_once(['/', ':']).unwrap_or(("", resource));
    (!segment.is_empty() && !segment.contains(['/', ':', '*'])).then_some(segment)
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::registry::{cfn_type, cfn_types};

    const ACCOUNT: &str = "123456789012";

    fn identifier(cfn: &str, arn: &str) -> Option<String> {
        let arn: Arn = arn.replace("ACCT", ACCOUNT).parse().unwrap();
        let account: AccountId = ACCOUNT.parse().unwrap();
        let region = if arn.region().is_empty() { "us-east-1" } else { arn.region() }.to_owned();
        let cfn = cfn_type(cfn).unwrap_or_else(|| panic!("{cfn} is not in the registry"));
        from_arn(cfn, ArnContext { arn: &arn, region: &region, account: &account })
    }

    /// Type (without `AWS::`), ARN after `arn:aws:`, and the identifier; `=` is the ARN itself, `-` is none.
    const CASES: &[(&str, &str, &str)] = &[
        ("S3::Bucket", "s3:::my-bucket", "my-bucket"),
        ("EC2::Instance", "ec2:eu-west-1:ACCT:instance/i-0abc", "i-0abc"),
        ("EC2::VPC", "ec2:eu-west-1:ACCT:vpc/vpc-1", "vpc-1"),
        ("EC2::Subnet", "ec2:eu-west-1:ACCT:subnet/subnet-1", "subnet-1"),
        ("EC2::SecurityGroup", "ec2:eu-west-1:ACCT:security-group/sg-1", "sg-1"),
        ("EC2::RouteTable", "ec2:eu-west-1:ACCT:route-table/rtb-1", "rtb-1"),
        ("EC2::Volume", "ec2:eu-west-1:ACCT:volume/vol-1", "vol-1"),
        ("EC2::NatGateway", "ec2:eu-west-1:ACCT:natgateway/nat-1", "nat-1"),
        ("EC2::LaunchTemplate", "ec2:eu-west-1:ACCT:launch-template/lt-1", "lt-1"),
        ("EC2::KeyPair", "ec2:eu-west-1:ACCT:key-pair/key-0a", r#"{"KeyPairId":"key-0a"}"#),
        ("EC2::EIP", "ec2:eu-west-1:ACCT:elastic-ip/eipalloc-1", "-"),
        ("EC2::FlowLog", "ec2:eu-west-1:ACCT:vpc-flow-log/fl-1", "fl-1"),
        ("IAM::Role", "iam::ACCT:role/plain", "plain"),
        ("IAM::Role", "iam::ACCT:role/team/a/Named", "Named"),
        ("IAM::User", "iam::ACCT:user/team/alice", "alice"),
        ("IAM::Group", "iam::ACCT:group/admins", "admins"),
        ("IAM::InstanceProfile", "iam::ACCT:instance-profile/x/web", "web"),
        ("IAM::ManagedPolicy", "iam::ACCT:policy/team/p", "="),
        ("IAM::OIDCProvider", "iam::ACCT:oidc-provider/id.example.com/a", "="),
        ("Lambda::Function", "lambda:eu-west-1:ACCT:function:f", "f"),
        ("Lambda::LayerVersion", "lambda:eu-west-1:ACCT:layer:l:3", "="),
        ("Lambda::EventSourceMapping", "lambda:eu-west-1:ACCT:event-source-mapping:0a1b", "0a1b"),
        ("SQS::Queue", "sqs:eu-west-1:ACCT:q.fifo", "https://sqs.eu-west-1.amazonaws.com/123456789012/q.fifo"),
        ("SNS::Topic", "sns:eu-west-1:ACCT:t", "="),
        ("DynamoDB::Table", "dynamodb:eu-west-1:ACCT:table/orders", "orders"),
        (
            "DynamoDB::GlobalTable",
            "dynamodb:eu-west-1:ACCT:table/orders",
            r#"{"Arn":"arn:aws:dynamodb:eu-west-1:123456789012:table/orders"}"#,
        ),
        ("RDS::DBInstance", "rds:eu-west-1:ACCT:db:main", "main"),
        ("RDS::DBCluster", "rds:eu-west-1:ACCT:cluster:main", "main"),
        ("RDS::DBSubnetGroup", "rds:eu-west-1:ACCT:subgrp:net", "net"),
        ("RDS::DBProxy", "rds:eu-west-1:ACCT:db-proxy:prx-0a", "-"),
        ("Logs::LogGroup", "logs:eu-west-1:ACCT:log-group:/aws/lambda/f:*", "/aws/lambda/f"),
        ("Logs::LogGroup", "logs:eu-west-1:ACCT:log-group:/aws/lambda/f", "/aws/lambda/f"),
        ("Logs::LogGroup", "logs:eu-west-1:ACCT:log-group:app", "app"),
        (
            "KMS::Key",
            "kms:eu-west-1:ACCT:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "1234abcd-12ab-34cd-56ef-1234567890ab",
        ),
        ("KMS::Alias", "kms:eu-west-1:ACCT:alias/team/app", "alias/team/app"),
        ("SecretsManager::Secret", "secretsmanager:eu-west-1:ACCT:secret:db/main-AbCdEf", "="),
        ("SSM::Parameter", "ssm:eu-west-1:ACCT:parameter/a/b/c", "/a/b/c"),
        ("SSM::Parameter", "ssm:eu-west-1:ACCT:parameter/flat", "flat"),
        ("SSM::Document", "ssm:eu-west-1:ACCT:document/doc", "doc"),
        ("ECS::Cluster", "ecs:eu-west-1:ACCT:cluster/c", "c"),
        ("ECS::Service", "ecs:eu-west-1:ACCT:service/c/s", "arn:aws:ecs:eu-west-1:123456789012:service/c/s|c"),
        ("ECS::TaskDefinition", "ecs:eu-west-1:ACCT:task-definition/t:3", "="),
        ("ECR::Repository", "ecr:eu-west-1:ACCT:repository/team/app", "team/app"),
        ("EKS::Cluster", "eks:eu-west-1:ACCT:cluster/k", "k"),
        ("EKS::Nodegroup", "eks:eu-west-1:ACCT:nodegroup/k/workers/8ec0", "k/workers"),
        ("EKS::Addon", "eks:eu-west-1:ACCT:addon/k/vpc-cni/8ec0", "k|vpc-cni"),
        ("EKS::FargateProfile", "eks:eu-west-1:ACCT:fargateprofile/k/fp/8ec0", "k|fp"),
        ("Batch::JobDefinition", "batch:eu-west-1:ACCT:job-definition/nightly:7", "nightly"),
        ("Batch::JobQueue", "batch:eu-west-1:ACCT:job-queue/q", "="),
        ("ApiGateway::RestApi", "apigateway:eu-west-1::/restapis/abc", "abc"),
        ("ApiGateway::Stage", "apigateway:eu-west-1::/restapis/abc/stages/prod", "abc|prod"),
        ("ApiGateway::Deployment", "apigateway:eu-west-1::/restapis/abc/deployments/d1", "d1|abc"),
        ("ApiGateway::Method", "apigateway:eu-west-1::/restapis/abc/resources/r/methods/GET", "abc|r|GET"),
        ("ApiGatewayV2::Api", "apigateway:eu-west-1::/apis/abc", "abc"),
        ("ApiGatewayV2::Stage", "apigateway:eu-west-1::/apis/abc/stages/$default", "abc|$default"),
        ("ApiGatewayV2::Authorizer", "apigateway:eu-west-1::/apis/abc/authorizers/z", "z|abc"),
        ("Events::Rule", "events:eu-west-1:ACCT:rule/bus/r", "="),
        ("Events::EventBus", "events:eu-west-1:ACCT:event-bus/aws.partner/x/y", "aws.partner/x/y"),
        ("Events::Connection", "events:eu-west-1:ACCT:connection/c/11111111-2222-3333-4444-555555555555", "c"),
        ("Scheduler::Schedule", "scheduler:eu-west-1:ACCT:schedule/default/s", "s"),
        ("Scheduler::Schedule", "scheduler:eu-west-1:ACCT:schedule/other/s", "-"),
        ("Pipes::Pipe", "pipes:eu-west-1:ACCT:pipe/p", r#"{"Arn":"arn:aws:pipes:eu-west-1:123456789012:pipe/p"}"#),
        ("StepFunctions::StateMachine", "states:eu-west-1:ACCT:stateMachine:m", "="),
        ("ElasticLoadBalancingV2::LoadBalancer", "elasticloadbalancing:eu-west-1:ACCT:loadbalancer/app/x/50dc", "="),
        ("ElasticLoadBalancing::LoadBalancer", "elasticloadbalancing:eu-west-1:ACCT:loadbalancer/classic", "classic"),
        (
            "AutoScaling::AutoScalingGroup",
            "autoscaling:eu-west-1:ACCT:autoScalingGroup:0a-1b:autoScalingGroupName/web",
            "web",
        ),
        ("CloudFront::Distribution", "cloudfront::ACCT:distribution/E1", "E1"),
        ("CloudFront::Function", "cloudfront::ACCT:function/f", "="),
        ("Route53::HostedZone", "route53:::hostedzone/Z1", "Z1"),
        ("CloudWatch::Alarm", "cloudwatch:eu-west-1:ACCT:alarm:team/high: cpu", "team/high: cpu"),
        ("CloudTrail::Trail", "cloudtrail:eu-west-1:ACCT:trail/t", "t"),
        ("Config::ConfigRule", "config:eu-west-1:ACCT:config-rule/config-rule-0a", "-"),
        ("CloudFormation::Stack", "cloudformation:eu-west-1:ACCT:stack/net/11111111-2222-3333-4444-555555555555", "="),
        ("ElastiCache::ReplicationGroup", "elasticache:eu-west-1:ACCT:replicationgroup:r", "r"),
        ("EFS::FileSystem", "elasticfilesystem:eu-west-1:ACCT:file-system/fs-1", "fs-1"),
        ("Backup::BackupVault", "backup:eu-west-1:ACCT:backup-vault:v", "v"),
        ("Kinesis::Stream", "kinesis:eu-west-1:ACCT:stream/s", "s"),
        ("Glue::Database", "glue:eu-west-1:ACCT:database/d", "d"),
        ("Athena::WorkGroup", "athena:eu-west-1:ACCT:workgroup/w", "w"),
        ("MSK::Cluster", "kafka:eu-west-1:ACCT:cluster/c/11111111-2222-3333-4444-555555555555-1", "="),
        (
            "RedshiftServerless::Namespace",
            "redshift-serverless:eu-west-1:ACCT:namespace/11111111-2222-3333-4444-555555555555",
            "-",
        ),
        ("Cognito::UserPool", "cognito-idp:eu-west-1:ACCT:userpool/eu-west-1_A", "eu-west-1_A"),
        (
            "Cognito::IdentityPool",
            "cognito-identity:eu-west-1:ACCT:identitypool/eu-west-1:11111111-2222-3333-4444-555555555555",
            "eu-west-1:11111111-2222-3333-4444-555555555555",
        ),
        ("WAFv2::WebACL", "wafv2:eu-west-1:ACCT:regional/webacl/w/0a", "w|0a|REGIONAL"),
        ("WAFv2::IPSet", "wafv2:us-east-1:ACCT:global/ipset/i/0a", "i|0a|CLOUDFRONT"),
        ("CodeDeploy::DeploymentGroup", "codedeploy:eu-west-1:ACCT:deploymentgroup:app/blue", "app|blue"),
        ("CodePipeline::Pipeline", "codepipeline:eu-west-1:ACCT:p", "p"),
        ("AppSync::GraphQLApi", "appsync:eu-west-1:ACCT:apis/abc", "abc"),
        ("AppConfig::Environment", "appconfig:eu-west-1:ACCT:application/a1/environment/e1", "a1|e1"),
        ("AmazonMQ::Broker", "mq:eu-west-1:ACCT:broker:main:b-0a", "b-0a"),
        ("CertificateManager::Certificate", "acm:eu-west-1:ACCT:certificate/0a", "="),
        ("SES::EmailIdentity", "ses:eu-west-1:ACCT:identity/example.com", "example.com"),
        ("Transfer::Server", "transfer:eu-west-1:ACCT:server/s-1", "="),
        ("GuardDuty::Detector", "guardduty:eu-west-1:ACCT:detector/d", "d"),
        ("ElasticBeanstalk::Environment", "elasticbeanstalk:eu-west-1:ACCT:environment/app/env", "env"),
        ("Timestream::Table", "timestream:eu-west-1:ACCT:database/d/table/t", "d|t"),
        (
            "OpenSearchServerless::Collection",
            "aoss:eu-west-1:ACCT:collection/0a",
            r#"{"Arn":"arn:aws:aoss:eu-west-1:123456789012:collection/0a"}"#,
        ),
    ];

    #[test]
    fn the_identifier_of_each_type_is_the_one_that_cloud_control_takes() {
        let mut wrong = Vec::new();
        for (cfn, arn, expected) in CASES {
            let (cfn, arn) = (format!("AWS::{cfn}"), format!("arn:aws:{arn}").replace("ACCT", ACCOUNT));
            let expected = match *expected {
                "=" => Some(arn.clone()),
                "-" => None,
                text => Some(text.to_owned()),
            };
            let found = identifier(&cfn, &arn);
            if found != expected {
                wrong.push(format!("{cfn} {arn}: {found:?}, expected {expected:?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(CASES.iter().map(|case| case.0).collect::<std::collections::BTreeSet<_>>().len() >= 60);
    }

    #[test]
    fn a_queue_in_china_has_a_chinese_url() {
        let found = identifier("AWS::SQS::Queue", "arn:aws-cn:sqs:cn-north-1:ACCT:q").unwrap();
        assert_eq!(found, "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q");
    }

    #[test]
    fn every_row_of_the_patterns_names_a_type_and_its_properties() {
        for (cfn, properties) in patterns::rows() {
            let known = cfn_type(cfn).unwrap_or_else(|| panic!("{cfn} is not in the registry"));
            let covers = |candidate: &[&str]| candidate.iter().all(|property| properties.contains(property));
            assert!(
                covers(&known.primary_identifier) || known.additional_identifiers.iter().any(|group| covers(group)),
                "{cfn}: {properties:?} is not {:?}",
                known.primary_identifier
            );
        }
    }

    proptest! {
        #[test]
        fn no_arn_of_any_type_makes_the_recipe_panic_or_give_an_empty_part(
            resource in "[a-z]{1,8}([/:][A-Za-z0-9*$._-]{0,8}){0,5}", pick in 0usize..1489,
        ) {
            let arn = format!("arn:aws:svc:eu-west-1:{ACCOUNT}:{resource}");
            let mut names: Vec<_> = cfn_types().map(|known| known.name).collect();
            names.sort_unstable();
            if let Some(found) = identifier(names[pick % names.len()], &arn) {
                prop_assert!(!found.is_empty());
                prop_assert!(found.split('|').all(|part| !part.is_empty()));
            }
        }
    }
}
