//! The AWS CLI script (`templates/stacks/account.sh`).
//!
//! Parameters whose values may be anything (an audience, a description) go as `--cli-input-json`: the CLI's version 1 would fetch a
//! plain `https://…` argument and send what it found there.

use askama::Template;
use serde_json::{Value, json};

use super::{Part, client_ids, policy_arn, tag_list, user_arn};
use crate::setup::SetupError;
use crate::setup::plan::{InlinePolicy, OidcProvider, Role, User};

pub(super) const FILE: &str = "setup.sh";

#[derive(Template)]
#[template(path = "stacks/account.sh")]
struct Script<'a> {
    account: &'a str,
    provider: Option<ProviderView>,
    users: Vec<UserView<'a>>,
    has_managed_policies: bool,
    makes_roles: bool,
    roles: Vec<RoleView<'a>>,
    by_hand: Vec<String>,
}

struct ProviderView {
    arn: String,
    add_client_ids: Vec<Value>,
    create: Value,
}

struct UserView<'a> {
    name: &'a str,
    arn: String,
    create: Value,
    tag: String,
    inline: Vec<PolicyView<'a>>,
}

struct RoleView<'a> {
    name: &'a str,
    arn: String,
    create: Value,
    update: Value,
    /// The parameters of `TagRole`; empty without tags.
    tag: String,
    trust: String,
    managed: Vec<ManagedView<'a>>,
    inline: Vec<PolicyView<'a>>,
    attached: Vec<String>,
}

struct ManagedView<'a> {
    name: &'a str,
    create: Value,
    arn: String,
    document: String,
}

struct PolicyView<'a> {
    name: &'a str,
    document: String,
}

pub(super) fn script(part: &Part<'_>) -> Result<String, SetupError> {
    let plan = part.plan;
    let script = Script {
        account: plan.account.as_str(),
        provider: part.provider().map(provider_view),
        users: part.users().iter().map(|user| user_view(user_arn(plan, user), user)).collect(),
        has_managed_policies: plan.roles.iter().any(|role| !part.managed(role).is_empty()),
        makes_roles: part.makes_roles,
        roles: plan.roles.iter().map(|role| role_view(part, role)).collect(),
        by_hand: plan
            .attach_by_hand
            .iter()
            .filter(|_| part.makes_roles && part.has_permissions)
            .map(|document| format!("Left to do by hand: {} (by-hand/{}.json).", document.title, document.file_stem))
            .collect(),
    };
    Ok(script.render()?)
}

fn provider_view(provider: &OidcProvider) -> ProviderView {
    let mut create = json!({"Url": provider.url.to_string(), "ClientIDList": client_ids(provider)});
    if !provider.thumbprints.is_empty() {
        create["ThumbprintList"] = json!(provider.thumbprints);
    }
    let add = |client_id: String| json!({"OpenIDConnectProviderArn": provider.arn, "ClientID": client_id});
    let add_client_ids = client_ids(provider).into_iter().map(add).collect();
    ProviderView { arn: provider.arn.clone(), add_client_ids, create }
}

fn user_view(arn: String, user: &User) -> UserView<'_> {
    let name = user.name.as_str();
    let mut create = json!({"UserName": name, "Path": user.path});
    if !user.tags.is_empty() {
        create["Tags"] = tag_list(&user.tags);
    }
    let tag = tag("UserName", name, &user.tags);
    UserView { name, arn, create, tag, inline: inline(&user.inline) }
}

fn role_view<'a>(part: &Part<'a>, role: &'a Role) -> RoleView<'a> {
    let update = json!({
        "RoleName": role.name,
        "Description": role.description,
        "MaxSessionDuration": role.max_session_s,
    });
    let mut create = update.clone();
    create["Path"] = role.path.as_str().into();
    if !role.tags.is_empty() {
        create["Tags"] = tag_list(&role.tags);
    }
    let managed: Vec<_> = part
        .managed(role)
        .iter()
        .map(|policy| ManagedView {
            name: &policy.name,
            create: json!({"PolicyName": policy.name, "Path": policy.path, "Description": policy.description}),
            arn: policy_arn(part.plan, policy),
            document: policy.document.to_pretty_string(),
        })
        .collect();
    let aws_managed = part.aws_managed(role).iter().map(ToString::to_string);
    RoleView {
        name: &role.name,
        arn: role.arn.to_string(),
        create,
        update,
        tag: tag("RoleName", &role.name, &role.tags),
        trust: role.trust.to_pretty_string(),
        attached: aws_managed.chain(managed.iter().map(|policy| policy.arn.clone())).collect(),
        managed,
        inline: inline(part.inline(role)),
    }
}

fn tag(parameter: &str, name: &str, tags: &[(String, String)]) -> String {
    if tags.is_empty() { String::new() } else { json!({parameter: name, "Tags": tag_list(tags)}).to_string() }
}

fn inline(policies: &[InlinePolicy]) -> Vec<PolicyView<'_>> {
    policies
        .iter()
        .map(|policy| PolicyView { name: &policy.name, document: policy.document.to_pretty_string() })
        .collect()
}
