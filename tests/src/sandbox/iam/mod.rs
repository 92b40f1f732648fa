//! Identity and Access Management: the calls that create and read users, groups, roles, policies and identity providers.
//!
//! Each call is authorised first (`iam:<operation>` on the ARN that AWS documents for it) and then runs to its end under the
//! account's lock. Words: *grants* are what a user, group or role may do (inline policies and attached managed ones).
//!
//! To add an operation: a function in the file of its noun that takes `(&mut IamState, &IamRequest)`, and a line in
//! `perform`.

pub mod details;
mod grants;
mod groups;
mod instance_profiles;
pub mod managed;
mod paging;
mod policies;
mod providers;
mod resource;
mod roles;
mod state;
mod users;
mod validate;
mod write;

use std::sync::Arc;

use time::OffsetDateTime;

pub use grants::PrincipalKind;
pub use state::{
    AttachedTo, Grants, Group, IamState, InstanceProfile, ManagedPolicy, OidcProvider, PolicyVersion, Role, RoleUse,
    User,
};
pub use validate::{check_identity_policy, check_trust_policy, is_name_character};

use super::{
    Answer, AwsError, Call, World,
    query::{Params, Xml, acknowledge, reply},
    route::Service,
};

/// One authorised call, as the operations see it.
#[derive(Debug)]
pub struct IamRequest<'a> {
    /// The 12 digits of the caller's account.
    pub account_id: &'a str,
    /// The operation.
    pub operation: &'a str,
    /// Its parameters.
    pub params: Params,
    /// The sandbox's now.
    pub now: OffsetDateTime,
    /// The name of the calling user, for calls that default to it.
    pub caller_user: Option<&'a str>,
    /// How often a role made by this call refuses to be assumed at first.
    pub new_role_delay: u32,
    request_id: &'a str,
}

impl IamRequest<'_> {
    fn reply(&self, members: impl FnOnce(&mut Xml)) -> Answer {
        reply(Service::Iam, self.operation, self.request_id, members)
    }

    fn acknowledge(&self) -> Answer {
        acknowledge(Service::Iam, self.operation, self.request_id)
    }

    /// The ARN of something of this account, for example `role` and `/team/` and `deploy`.
    fn arn(&self, kind: &str, path: &str, name: &str) -> String {
        format!("arn:aws:iam::{}:{kind}{path}{name}", self.account_id)
    }
}

/// Answers one authenticated call.
#[expect(clippy::unused_async, reason = "every service has the same shape")]
pub async fn handle(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    let params = Params::parse(&call.body);
    let account_id = call.caller.account_id.as_str();
    let resource = world
        .account(account_id, |account| resource::of(&account.iam, account_id, &call.operation, &params))
        .ok_or_else(|| AwsError::new(500, "ServiceFailure", "the caller's account is gone"))?;
    let context = resource::context(&params);
    world.authorize(&call.caller, &format!("iam:{}", call.operation), &resource, context)?;
    let request = IamRequest {
        account_id,
        operation: &call.operation,
        params,
        now: world.now(),
        caller_user: match &call.caller.principal {
            super::auth::Principal::User { name } => Some(name),
            _ => None,
        },
        new_role_delay: world.new_role_delay.load(std::sync::atomic::Ordering::Relaxed),
        request_id: &call.request_id,
    };
    world
        .account_mut(account_id, |account| perform(&mut account.iam, &request))
        .unwrap_or_else(|| Err(AwsError::new(500, "ServiceFailure", "the caller's account is gone")))
}

fn perform(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    if let Some((kind, verb)) = grants::operation(request.operation) {
        return grants::perform(iam, request, kind, verb);
    }
    match request.operation {
        "CreateUser" => users::create(iam, request),
        "GetUser" => users::read(iam, request),
        "DeleteUser" => users::delete(iam, request),
        "ListUsers" => users::list(iam, request),
        "TagUser" => users::tag(iam, request),
        "PutUserPermissionsBoundary" => users::put_boundary(iam, request),
        "CreateAccessKey" => users::create_access_key(iam, request),
        "ListAccessKeys" => users::list_access_keys(iam, request),
        "CreateGroup" => groups::create(iam, request),
        "GetGroup" => groups::read(iam, request),
        "DeleteGroup" => groups::delete(iam, request),
        "ListGroups" => groups::list(iam, request),
        "ListGroupsForUser" => groups::list_for_user(iam, request),
        "AddUserToGroup" => groups::add_user(iam, request),
        "RemoveUserFromGroup" => groups::remove_user(iam, request),
        "CreateRole" => roles::create(iam, request),
        "CreateServiceLinkedRole" => roles::create_service_linked(iam, request),
        "GetRole" => roles::read(iam, request),
        "DeleteRole" => roles::delete(iam, request),
        "ListRoles" => roles::list(iam, request),
        "TagRole" => roles::tag(iam, request),
        "UpdateRole" => roles::update(iam, request),
        "UpdateAssumeRolePolicy" => roles::update_trust(iam, request),
        "PutRolePermissionsBoundary" => roles::put_boundary(iam, request),
        "CreateInstanceProfile" => instance_profiles::create(iam, request),
        "AddRoleToInstanceProfile" => instance_profiles::add_role(iam, request),
        "ListInstanceProfilesForRole" => instance_profiles::list_for_role(iam, request),
        "CreatePolicy" => policies::create(iam, request),
        "CreatePolicyVersion" => policies::create_version(iam, request),
        "GetPolicy" => policies::read(iam, request),
        "GetPolicyVersion" => policies::read_version(iam, request),
        "ListPolicyVersions" => policies::list_versions(iam, request),
        "DeletePolicyVersion" => policies::delete_version(iam, request),
        "DeletePolicy" => policies::delete(iam, request),
        "ListPolicies" => policies::list(iam, request),
        "CreateOpenIDConnectProvider" => providers::create(iam, request),
        "GetOpenIDConnectProvider" => providers::read(iam, request),
        "DeleteOpenIDConnectProvider" => providers::delete(iam, request),
        "ListOpenIDConnectProviders" => Ok(providers::list(iam, request)),
        "UpdateOpenIDConnectProviderThumbprint" => providers::update_thumbprints(iam, request),
        "AddClientIDToOpenIDConnectProvider" => providers::add_client_id(iam, request),
        "RemoveClientIDFromOpenIDConnectProvider" => providers::remove_client_id(iam, request),
        "GetAccountAuthorizationDetails" => details::read(iam, request),
        other => Err(AwsError::bad_request(
            "InvalidAction",
            format!("Could not find operation {other} for version 2010-05-08"),
        )),
    }
}
