//! The Terraform module (`templates/stacks/terraform/`), for the AWS provider 5 and 6, and a root module that applies it.
//!
//! Policies are attached one by one: `managed_policy_arns` of `aws_iam_role` is deprecated, and would take away what others
//! attach. Policies stand as `jsonencode` of the same value that the other forms have.

use askama::Template;
use serde_json::{Map, Value, json};

use super::hcl::Expression;
use super::names::Names;
use super::{OutputFile, Part, client_ids, policy_arn};
use crate::setup::SetupError;
use crate::setup::plan::{InlinePolicy, Role, User};

const MEDIA_TYPE: &str = "text/plain";

#[derive(Template)]
#[template(path = "stacks/terraform/main.tf")]
struct Main<'a> {
    account: &'a str,
    provider: Option<ProviderView>,
    users: Vec<UserView<'a>>,
    makes_roles: bool,
    roles: Vec<RoleView<'a>>,
}

#[derive(Template)]
#[template(path = "stacks/terraform/variables.tf")]
struct Variables {
    has_provider: bool,
}

#[derive(Template)]
#[template(path = "stacks/terraform/versions.tf")]
struct Versions;

#[derive(Template)]
#[template(path = "stacks/terraform/outputs.tf")]
struct Outputs<'a> {
    outputs: &'a [Output],
}

#[derive(Template)]
#[template(path = "stacks/terraform/root.tf")]
struct Root<'a> {
    account: &'a str,
    region: &'a str,
    outputs: &'a [Output],
}

#[derive(Template)]
#[template(path = "stacks/terraform/imports.tf")]
struct Imports<'a> {
    imports: &'a [Import],
}

struct ProviderView {
    url: String,
    client_ids: String,
    thumbprints: Option<String>,
}

struct UserView<'a> {
    id: String,
    name: &'a str,
    path: &'a str,
    tags: String,
    inline: Vec<PolicyView<'a>>,
}

struct RoleView<'a> {
    id: String,
    name: &'a str,
    path: &'a str,
    description: &'a str,
    max_session_s: u32,
    tags: String,
    trust: String,
    depends_on: String,
    /// The role as its attachments name it: the resource's name, or plain text where the role is there already.
    reference: String,
    aws_managed: Vec<AttachmentView>,
    managed: Vec<PolicyView<'a>>,
    inline: Vec<PolicyView<'a>>,
}

struct AttachmentView {
    id: String,
    arn: String,
}

struct PolicyView<'a> {
    id: String,
    name: &'a str,
    path: &'a str,
    description: &'a str,
    document: String,
    attachment_id: String,
}

struct Output {
    id: String,
    description: &'static str,
    value: String,
}

struct Import {
    to: String,
    id: String,
}

/// What is collected while the resources get their names.
#[derive(Default)]
struct Collected {
    names: Names,
    outputs: Vec<Output>,
    imports: Vec<Import>,
}

pub(super) fn files(part: &Part<'_>) -> Result<Vec<OutputFile>, SetupError> {
    let plan = part.plan;
    let mut collected = Collected::default();
    let mut before_roles = Vec::new();
    let provider = part.provider().map(|provider| {
        let arn = provider.arn.as_str();
        before_roles.push("aws_iam_openid_connect_provider.issuer".to_owned());
        collected.import("aws_iam_openid_connect_provider.issuer[0]", arn);
        collected.outputs.push(Output {
            id: "oidc_provider_arn".to_owned(),
            description: "The identity provider of the issuer.",
            value: expression(&arn.into(), 0),
        });
        ProviderView {
            url: provider.url.to_string(),
            client_ids: list(&client_ids(provider)),
            thumbprints: (!provider.thumbprints.is_empty()).then(|| list(&provider.thumbprints)),
        }
    });
    let users: Vec<_> = part.users().iter().map(|user| collected.user(user)).collect();
    before_roles.extend(users.iter().map(|user| format!("aws_iam_user.{}", user.id)));
    let depends_on = before_roles.join(", ");
    let roles = plan.roles.iter().map(|role| collected.role(part, role, &depends_on)).collect();
    let account = plan.account.as_str();
    let main = Main { account, provider, users, makes_roles: part.makes_roles, roles };
    let has_provider = main.provider.is_some();
    let Collected { outputs, imports, .. } = &collected;
    let file = |path: &str, text: String| OutputFile::new(format!("terraform/{path}"), MEDIA_TYPE, text);
    Ok(vec![
        file("driftwise/main.tf", main.render()?),
        file("driftwise/variables.tf", Variables { has_provider }.render()?),
        file("driftwise/outputs.tf", Outputs { outputs }.render()?),
        file("driftwise/versions.tf", Versions.render()?),
        file("main.tf", Root { account, region: plan.region.as_str(), outputs }.render()?),
        file("imports.tf.example", Imports { imports }.render()?),
    ])
}

impl Collected {
    fn import(&mut self, to: &str, id: &str) {
        self.imports.push(Import { to: to.to_owned(), id: id.to_owned() });
    }

    fn user<'a>(&mut self, user: &'a User) -> UserView<'a> {
        let name = user.name.as_str();
        let id = self.names.terraform("aws_iam_user", name);
        self.import(&format!("aws_iam_user.{id}"), name);
        let inline = self.inline("aws_iam_user_policy", name, &user.inline);
        UserView { id, name, path: &user.path, tags: tags(&user.tags), inline }
    }

    fn role<'a>(&mut self, part: &Part<'a>, role: &'a Role, depends_on: &str) -> RoleView<'a> {
        let id = self.names.terraform("aws_iam_role", &role.name);
        let reference = if part.makes_roles {
            self.import(&format!("aws_iam_role.{id}"), &role.name);
            self.outputs.push(Output {
                id: format!("{id}_role_arn"),
                description: "The role: register this ARN with the issuer.",
                value: format!("aws_iam_role.{id}.arn"),
            });
            format!("aws_iam_role.{id}.name")
        } else {
            expression(&role.name.as_str().into(), 0)
        };
        let aws_managed = part.aws_managed(role).iter().map(|arn| self.attachment(role, &arn.to_string())).collect();
        let managed = part
            .managed(role)
            .iter()
            .map(|policy| {
                let arn = policy_arn(part.plan, policy);
                let id = self.names.terraform("aws_iam_policy", &policy.name);
                self.import(&format!("aws_iam_policy.{id}"), &arn);
                let attachment_id = self.attachment(role, &arn).id;
                let document = expression(&policy.document.to_json(), 1);
                PolicyView {
                    id,
                    name: &policy.name,
                    path: &policy.path,
                    description: &policy.description,
                    document,
                    attachment_id,
                }
            })
            .collect();
        RoleView {
            name: &role.name,
            path: &role.path,
            description: &role.description,
            max_session_s: role.max_session_s,
            tags: tags(&role.tags),
            trust: expression(&role.trust.to_json(), 1),
            depends_on: depends_on.to_owned(),
            reference,
            aws_managed,
            managed,
            inline: self.inline("aws_iam_role_policy", &role.name, part.inline(role)),
            id,
        }
    }

    /// The attachment of a managed policy, named after role and policy.
    fn attachment(&mut self, role: &Role, arn: &str) -> AttachmentView {
        const TYPE: &str = "aws_iam_role_policy_attachment";
        let policy = arn.rsplit('/').next().unwrap_or(arn);
        let id = self.names.terraform(TYPE, &format!("{}_{policy}", role.name));
        self.import(&format!("{TYPE}.{id}"), &format!("{}/{arn}", role.name));
        AttachmentView { id, arn: arn.to_owned() }
    }

    fn inline<'a>(&mut self, resource_type: &str, owner: &str, policies: &'a [InlinePolicy]) -> Vec<PolicyView<'a>> {
        policies
            .iter()
            .map(|policy| {
                let id = self.names.terraform(resource_type, &format!("{owner}_{}", policy.name));
                self.import(&format!("{resource_type}.{id}"), &format!("{owner}:{}", policy.name));
                let document = expression(&policy.document.to_json(), 1);
                PolicyView {
                    id,
                    name: &policy.name,
                    path: "/",
                    description: "",
                    document,
                    attachment_id: String::new(),
                }
            })
            .collect()
    }
}

fn expression(value: &Value, indent: usize) -> String {
    Expression { value, indent }.to_string()
}

/// A list on one line.
fn list(items: &[String]) -> String {
    let items: Vec<_> = items.iter().map(|item| expression(&item.as_str().into(), 0)).collect();
    format!("[{}]", items.join(", "))
}

fn tags(tags: &[(String, String)]) -> String {
    let members: Map<String, Value> = tags.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    expression(&members.into(), 1)
}
