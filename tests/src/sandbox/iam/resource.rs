//! The resource that each IAM call is about, as permission policies see it.

use driftwise_contract::policy::Context;

use super::{IamState, grants};
use crate::sandbox::query::Params;

/// The ARN that AWS documents for this operation; `*` for calls that are about the whole account.
///
/// A principal that exists is named by its full ARN, path included; one that does not by the ARN it would have.
pub(super) fn of(iam: &IamState, account_id: &str, operation: &str, params: &Params) -> String {
    let name = |member: &str| params.optional(member).unwrap_or_default().to_owned();
    let arn = |kind: &str, rest: &str| format!("arn:aws:iam::{account_id}:{kind}/{rest}");
    let path = params.optional("Path").unwrap_or("/").trim_start_matches('/').to_owned();
    let user = || {
        let name = name("UserName");
        iam.users.get(&name).map_or_else(|| arn("user", &format!("{path}{name}")), |user| user.arn.clone())
    };
    let group = || {
        let name = name("GroupName");
        iam.groups.get(&name).map_or_else(|| arn("group", &format!("{path}{name}")), |group| group.arn.clone())
    };
    let role = || {
        let name = name("RoleName");
        iam.roles.get(&name).map_or_else(|| arn("role", &format!("{path}{name}")), |role| role.arn.clone())
    };
    if let Some((kind, _)) = grants::operation(operation) {
        return match kind {
            grants::PrincipalKind::User => user(),
            grants::PrincipalKind::Group => group(),
            grants::PrincipalKind::Role => role(),
        };
    }
    match operation {
        "GetAccountAuthorizationDetails" => "*".to_owned(),
        "ListUsers" => arn("user", ""),
        "ListGroups" => arn("group", ""),
        "ListRoles" => arn("role", ""),
        "ListPolicies" => arn("policy", ""),
        "CreatePolicy" => arn("policy", &format!("{path}{}", name("PolicyName"))),
        "CreateOpenIDConnectProvider" => {
            let url = name("Url");
            arn("oidc-provider", url.split_once("://").map_or(url.as_str(), |(_, rest)| rest))
        }
        "CreateServiceLinkedRole" => arn("role", &format!("aws-service-role/{}/*", name("AWSServiceName"))),
        "ListOpenIDConnectProviders" => arn("oidc-provider", "*"),
        "CreateInstanceProfile" | "AddRoleToInstanceProfile" => {
            arn("instance-profile", &format!("{path}{}", name("InstanceProfileName")))
        }
        _ if params.optional("PolicyArn").is_some() => name("PolicyArn"),
        _ if params.optional("OpenIDConnectProviderArn").is_some() => name("OpenIDConnectProviderArn"),
        _ if operation.contains("Group") && operation != "ListGroupsForUser" => group(),
        _ if operation.contains("Role") => role(),
        _ => user(),
    }
}

/// The condition keys that IAM itself knows of a call.
pub(super) fn context(params: &Params) -> Context {
    let mut context = Context::new();
    // IAM is in one region of its partition, wherever the caller is.
    context.set("aws:RequestedRegion", "us-east-1");
    if let Some(arn) = params.optional("PolicyArn") {
        context.set("iam:PolicyARN", arn);
    }
    if let Some(arn) = params.optional("PermissionsBoundary") {
        context.set("iam:PermissionsBoundary", arn);
    }
    if let Some(service) = params.optional("AWSServiceName") {
        context.set("iam:AWSServiceName", service);
    }
    let tags = params.tags("Tags").unwrap_or_default();
    context.set_many("aws:TagKeys", tags.iter().map(|(key, _)| key.clone()));
    for (key, value) in tags {
        context.set(&format!("aws:RequestTag/{key}"), value);
    }
    context
}
