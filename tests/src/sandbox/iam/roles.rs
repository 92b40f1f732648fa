//! Roles and their trust policies.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    Grants, IamRequest, IamState, Role,
    grants::check_policy_exists,
    paging::Page,
    state::{already_exists, delete_conflict},
    validate::{self, check_trust_policy},
    write,
};
use crate::sandbox::{Answer, AwsError, auth::unique_id, query::Xml};

pub(super) fn create(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let params = &request.params;
    let name = validate::name(params, "RoleName", 64)?;
    let path = validate::path(params)?;
    let trust_policy = params.required("AssumeRolePolicyDocument")?;
    let max_session_s = params.integer_within("MaxSessionDuration", 3_600..=43_200)?.unwrap_or(3_600);
    check_trust_policy(trust_policy)?;
    if path.starts_with("/aws-service-role/") {
        return Err(AwsError::validation(
            "Roles below the path /aws-service-role/ are made by CreateServiceLinkedRole only.",
        ));
    }
    if iam.roles.contains_key(name) {
        return Err(already_exists("Role", name));
    }
    let boundary = params.optional("PermissionsBoundary").map(str::to_owned);
    if let Some(arn) = &boundary {
        check_policy_exists(iam, arn)?;
    }
    let role = Role {
        name: name.to_owned(),
        id: unique_id("AROA", 21),
        arn: request.arn("role", &path, name),
        path,
        created: request.now,
        trust_policy: trust_policy.to_owned(),
        description: params.optional("Description").map(str::to_owned),
        max_session_s,
        tags: params.tags("Tags")?.into_iter().collect(),
        grants: Grants::default(),
        boundary,
        last_used: None,
        refusals_left: request.new_role_delay,
    };
    let answer = request.reply(|xml| xml.within("Role", |xml| write_full(xml, &role)));
    iam.roles.insert(role.name.clone(), role);
    Ok(answer)
}

/// A role that only one AWS service may assume, below a path that no other role can have.
pub(super) fn create_service_linked(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let service = request.params.required("AWSServiceName")?;
    let label = service.strip_suffix(".amazonaws.com").filter(|label| !label.is_empty()).ok_or_else(|| {
        AwsError::bad_request("InvalidInput", format!("Service principal {service} is not a valid service principal."))
    })?;
    let (name, path) = (format!("AWSServiceRoleFor{label}"), format!("/aws-service-role/{service}/"));
    if iam.roles.contains_key(&name) {
        let said = format!("Service role name {name} has been taken in this account, please try a different suffix.");
        return Err(AwsError::bad_request("InvalidInput", said));
    }
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    ]});
    let role = Role {
        id: unique_id("AROA", 21),
        arn: request.arn("role", &path, &name),
        name,
        path,
        created: request.now,
        trust_policy: trust.to_string(),
        description: request.params.optional("Description").map(str::to_owned),
        max_session_s: 3_600,
        tags: BTreeMap::new(),
        grants: Grants::default(),
        boundary: None,
        last_used: None,
        refusals_left: 0,
    };
    let answer = request.reply(|xml| xml.within("Role", |xml| write_listed(xml, &role)));
    iam.roles.insert(role.name.clone(), role);
    Ok(answer)
}

/// All that `GetRole` returns.
fn write_full(xml: &mut Xml, role: &Role) {
    write_listed(xml, role);
    write::boundary(xml, role.boundary.as_deref());
    write::tags(xml, &role.tags);
    write::role_last_used(xml, role);
}

/// What `ListRoles` returns: no boundary, no tags, no last use.
fn write_listed(xml: &mut Xml, role: &Role) {
    write::role(xml, role);
    xml.optional("Description", role.description.as_ref());
    xml.text("MaxSessionDuration", role.max_session_s.to_string());
}

pub(super) fn read(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let role = iam.role(request.params.required("RoleName")?)?;
    Ok(request.reply(|xml| xml.within("Role", |xml| write_full(xml, role))))
}

pub(super) fn delete(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let name = request.params.required("RoleName")?;
    let role = iam.role(name)?;
    if !role.grants.attached.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must detach all policies first."));
    }
    if !role.grants.inline.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must delete policies first."));
    }
    if iam.instance_profiles.values().any(|profile| profile.role.as_deref() == Some(name)) {
        return Err(delete_conflict("Cannot delete entity, must remove roles from instance profile first."));
    }
    iam.roles.remove(name);
    Ok(request.acknowledge())
}

pub(super) fn list(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let prefix = request.params.optional("PathPrefix").unwrap_or("/");
    let roles: Vec<_> = iam.roles.values().filter(|role| role.path.starts_with(prefix)).collect();
    let page = Page::cut(roles, &request.params)?;
    Ok(request.reply(|xml| {
        xml.list("Roles", page.items, write_listed);
        Page::<Role>::write_end(page.marker.as_deref(), xml);
    }))
}

pub(super) fn tag(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let tags = request.params.tags("Tags")?;
    iam.role(request.params.required("RoleName")?)?.tags.extend(tags);
    Ok(request.acknowledge())
}

/// Description and longest session; each only where it is given.
pub(super) fn update(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let role = iam.role(request.params.required("RoleName")?)?;
    let max_session_s = request.params.integer_within("MaxSessionDuration", 3_600..=43_200)?;
    if let Some(description) = request.params.optional("Description") {
        role.description = Some(description.to_owned());
    }
    role.max_session_s = max_session_s.unwrap_or(role.max_session_s);
    Ok(request.reply(|_| {}))
}

pub(super) fn update_trust(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let document = request.params.required("PolicyDocument")?;
    let role = iam.role(request.params.required("RoleName")?)?;
    check_trust_policy(document)?;
    document.clone_into(&mut role.trust_policy);
    Ok(request.acknowledge())
}

pub(super) fn put_boundary(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let arn = request.params.required("PermissionsBoundary")?;
    check_policy_exists(iam, arn)?;
    iam.role(request.params.required("RoleName")?)?.boundary = Some(arn.to_owned());
    Ok(request.acknowledge())
}
