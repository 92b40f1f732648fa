//! The CloudFormation template, and the link that opens it in the console.
//!
//! It is built as a JSON value rather than from a text template: which resources there are depends on the plan, and a value
//! can't be broken by what stands in it. Policies stand in it as they are: only inside `Fn::Sub` would CloudFormation
//! touch their `${…}`.
//!
//! In any other account than the plan's the template makes nothing: every resource has the condition `IsRightAccount`.

use driftwise_contract::{OrgId, Partition, Region};
use serde_json::{Map, Value, json};
use url::{Url, form_urlencoded};

use super::names::Names;
use super::{Part, client_ids, policy_arn, tag_list};
use crate::setup::plan::{InlinePolicy, Role, SetupPlan, User};

/// The file's name; the quick-create link ends with it.
pub(super) const FILE: &str = "driftwise.cloudformation.json";

/// What `--template-body` takes ("CloudFormation quotas"); a larger template must lie in a bucket.
pub const BODY_MAX_BYTES: usize = 51_200;

const RIGHT_ACCOUNT: &str = "IsRightAccount";
const MAKES_PROVIDER: &str = "MakesOidcProvider";
const PROVIDER: &str = "OidcProvider";

/// The template as indented JSON text.
pub(super) fn template(part: &Part<'_>) -> String {
    let plan = part.plan;
    let mut names = Names::default();
    let (mut resources, mut outputs) = (Map::new(), Map::new());
    let mut conditions = Map::new();
    conditions
        .insert(RIGHT_ACCOUNT.to_owned(), json!({"Fn::Equals": [{"Ref": "AWS::AccountId"}, plan.account.as_str()]}));
    let mut document = Map::new();
    document.insert("AWSTemplateFormatVersion".to_owned(), "2010-09-09".into());
    document.insert(
        "Description".to_owned(),
        format!("What lets driftwise read the AWS account {}. It makes nothing in another account.", plan.account)
            .into(),
    );
    let mut before_roles = Vec::new();
    if let Some(provider) = part.provider() {
        document.insert("Parameters".to_owned(), json!({
            "CreateOidcProvider": {
                "Type": "String",
                "AllowedValues": ["true", "false"],
                "Default": "true",
                "Description": "An account has one identity provider for each issuer. Choose false where it is there already, \
                                and see to it that its client ids (audiences) hold the issuer's.",
            },
        }));
        conditions.insert(
            MAKES_PROVIDER.to_owned(),
            json!({"Fn::And": [
                {"Condition": RIGHT_ACCOUNT},
                {"Fn::Equals": [{"Ref": "CreateOidcProvider"}, "true"]},
            ]}),
        );
        let mut properties = json!({"Url": provider.url.to_string(), "ClientIdList": client_ids(provider)});
        if !provider.thumbprints.is_empty() {
            properties["ThumbprintList"] = json!(provider.thumbprints);
        }
        resources.insert(
            names.logical_id(PROVIDER, ""),
            json!({"Type": "AWS::IAM::OIDCProvider", "Condition": MAKES_PROVIDER, "Properties": properties}),
        );
        outputs.insert(
            "OidcProviderArn".to_owned(),
            output("The identity provider of the issuer", &provider.arn.as_str().into()),
        );
    }
    for user in part.users() {
        let id = names.logical_id("User", &user.name);
        resources.insert(id.clone(), user_resource(user));
        outputs.insert(format!("{id}Arn"), output("The user", &json!({"Fn::GetAtt": [id, "Arn"]})));
        before_roles.push(id);
    }
    for role in &plan.roles {
        role_resources(part, role, &before_roles, &mut names, &mut resources, &mut outputs);
    }
    document.insert("Conditions".to_owned(), conditions.into());
    document.insert("Resources".to_owned(), resources.into());
    document.insert("Outputs".to_owned(), outputs.into());
    format!("{:#}\n", Value::Object(document))
}

fn output(description: &str, value: &Value) -> Value {
    json!({"Condition": RIGHT_ACCOUNT, "Description": description, "Value": value})
}

fn user_resource(user: &User) -> Value {
    let mut properties = json!({"UserName": user.name, "Path": user.path});
    if !user.tags.is_empty() {
        properties["Tags"] = tag_list(&user.tags);
    }
    if !user.inline.is_empty() {
        properties["Policies"] = inline(&user.inline);
    }
    json!({"Type": "AWS::IAM::User", "Condition": RIGHT_ACCOUNT, "Properties": properties})
}

fn role_resources(
    part: &Part<'_>,
    role: &Role,
    before: &[String],
    names: &mut Names,
    resources: &mut Map<String, Value>,
    outputs: &mut Map<String, Value>,
) {
    let role_id = names.logical_id("Role", &role.name);
    let mut attached: Vec<Value> = part.aws_managed(role).iter().map(|arn| arn.to_string().into()).collect();
    for policy in part.managed(role) {
        let id = names.logical_id("Policy", &policy.name);
        let mut properties = json!({
            "ManagedPolicyName": policy.name,
            "Path": policy.path,
            "Description": policy.description,
            "PolicyDocument": policy.document.to_json(),
        });
        if part.makes_roles {
            attached.push(json!({"Ref": id}));
        } else {
            properties["Roles"] = json!([role.name]);
        }
        resources.insert(
            id.clone(),
            json!({"Type": "AWS::IAM::ManagedPolicy", "Condition": RIGHT_ACCOUNT, "Properties": properties}),
        );
        if !part.makes_roles {
            let arn = policy_arn(part.plan, policy);
            outputs.insert(format!("{id}Arn"), output("A permission policy of the role", &arn.into()));
        }
    }
    if !part.makes_roles {
        return;
    }
    let mut properties = json!({
        "RoleName": role.name,
        "Path": role.path,
        "Description": role.description,
        "MaxSessionDuration": role.max_session_s,
        "AssumeRolePolicyDocument": trust(part, role),
    });
    if !attached.is_empty() {
        properties["ManagedPolicyArns"] = attached.into();
    }
    if !part.inline(role).is_empty() {
        properties["Policies"] = inline(part.inline(role));
    }
    if !role.tags.is_empty() {
        properties["Tags"] = tag_list(&role.tags);
    }
    let mut resource = json!({"Type": "AWS::IAM::Role", "Condition": RIGHT_ACCOUNT, "Properties": properties});
    if !before.is_empty() {
        resource["DependsOn"] = json!(before);
    }
    outputs.insert(
        format!("{role_id}Arn"),
        output("The role: register this ARN with the issuer", &json!({"Fn::GetAtt": [role_id, "Arn"]})),
    );
    resources.insert(role_id, resource);
}

/// The trust policy, naming the provider by reference where the stack makes it: that puts the provider first. `DependsOn` would
/// name a resource that may not be there (cfn-lint E3005).
fn trust(part: &Part<'_>, role: &Role) -> Value {
    let mut policy = role.trust.to_json();
    if let (Some(provider), Some(statements)) = (part.provider(), policy["Statement"].as_array_mut()) {
        let arn = Value::from(provider.arn.as_str());
        for federated in statements.iter_mut().filter_map(|statement| statement.pointer_mut("/Principal/Federated")) {
            if *federated == arn {
                *federated = json!({"Fn::If": [MAKES_PROVIDER, {"Ref": PROVIDER}, arn]});
            }
        }
    }
    policy
}

fn inline(policies: &[InlinePolicy]) -> Value {
    policies
        .iter()
        .map(|policy| json!({"PolicyName": policy.name, "PolicyDocument": policy.document.to_json()}))
        .collect()
}

/// Where templates are put for the console to find them: setting `setup.template_url`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateUrl(Url);

impl TemplateUrl {
    /// The console takes templates from S3 alone ("Quick-create links for stacks": `templateURL` is the URL of the template in
    /// an S3 bucket), so the address is `https`, of S3, without query and fragment. A slash at the end is added.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fault = |cause: &str| Err(format!("{text:?} is no address for templates: {cause}"));
        let Ok(mut url) = Url::parse(text) else { return fault("it is no URL") };
        if url.scheme() != "https" {
            return fault("it must begin with https://");
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return fault("it must have no query, fragment or user");
        }
        let host = url.host_str().unwrap_or_default();
        let is_aws = host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
        let is_s3 = host.split('.').any(|label| label == "s3" || label.starts_with("s3-"));
        if !(is_aws && is_s3) {
            return fault(
                "CloudFormation's console takes templates from S3 alone, such as https://bucket.s3.eu-central-1.amazonaws.com/driftwise/",
            );
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(Self(url))
    }

    /// Where a template of that org and account has to lie: `<address><org>/<account>/driftwise.cloudformation.json`.
    pub fn of_template(&self, org: &str, account: &str) -> String {
        format!("{}{org}/{account}/{FILE}", self.0)
    }
}

impl std::fmt::Display for TemplateUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a template lies, and the link that opens it in the console, filled in ("Quick-create links for stacks").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuickCreate {
    /// The template has to be put here.
    pub template_url: String,
    /// The link.
    pub link: String,
}

impl QuickCreate {
    /// Of the plan of an org.
    pub fn new(plan: &SetupPlan, base: &TemplateUrl, org: OrgId) -> Self {
        let template_url = base.of_template(&org.to_string(), plan.account.as_str());
        let role = plan.roles.first().map_or("driftwise", |role| role.name.as_str());
        Self { link: link(plan.partition, &plan.region, &template_url, &stack_name(role)), template_url }
    }
}

/// IAM is global; the stack itself lies in `region`.
fn link(partition: Partition, region: &Region, template_url: &str, stack_name: &str) -> String {
    let console = match partition {
        Partition::Aws => "console.aws.amazon.com",
        Partition::AwsCn => "console.amazonaws.cn",
        Partition::AwsUsGov => "console.amazonaws-us-gov.com",
    };
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!(
        "https://{console}/cloudformation/home?region={}#/stacks/create/review?templateURL={}&stackName={}",
        encoded(region.as_str()),
        encoded(template_url),
        encoded(stack_name),
    )
}

/// A stack's name begins with a letter and has letters, digits and hyphens, 128 at most (`CreateStack`); a role's has 64.
pub(super) fn stack_name(role_name: &str) -> String {
    let plain: String =
        role_name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    if plain.starts_with(|first: char| first.is_ascii_alphabetic()) { plain } else { format!("driftwise-{plain}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_lie_in_s3() {
        for (text, written) in [
            (
                "https://acme.s3.eu-central-1.amazonaws.com/driftwise",
                "https://acme.s3.eu-central-1.amazonaws.com/driftwise/",
            ),
            ("https://s3.amazonaws.com/acme/", "https://s3.amazonaws.com/acme/"),
            ("https://s3-us-west-2.amazonaws.com/acme/", "https://s3-us-west-2.amazonaws.com/acme/"),
            ("https://acme.s3.cn-north-1.amazonaws.com.cn", "https://acme.s3.cn-north-1.amazonaws.com.cn/"),
        ] {
            assert_eq!(TemplateUrl::parse(text).unwrap().to_string(), written);
        }
        for (text, reason) in [
            ("http://acme.s3.amazonaws.com/", "https://"),
            ("https://templates.example.com/", "S3 alone"),
            ("https://s3.amazonaws.com.example.org/", "S3 alone"),
            ("https://acme.s3.amazonaws.com/?x=1", "no query"),
            ("acme-bucket", "no URL"),
        ] {
            assert!(TemplateUrl::parse(text).unwrap_err().contains(reason), "{text}");
        }
    }

    #[test]
    fn a_quick_create_link_opens_the_consoles_review_page() {
        let base = TemplateUrl::parse("https://acme.s3.amazonaws.com/").unwrap();
        let url = base.of_template("0190", "123456789012");
        assert_eq!(
            link(Partition::Aws, &"eu-central-1".parse().unwrap(), &url, &stack_name("+scan_role")),
            "https://console.aws.amazon.com/cloudformation/home?region=eu-central-1#/stacks/create/review?templateURL=\
             https%3A%2F%2Facme.s3.amazonaws.com%2F0190%2F123456789012%2Fdriftwise.cloudformation.json&stackName=driftwise--scan-role"
        );
        let china = link(Partition::AwsCn, &"cn-north-1".parse().unwrap(), "x", "y");
        assert!(china.starts_with("https://console.amazonaws.cn/"), "{china}");
    }
}
