//! Users and their access keys.

use std::collections::BTreeSet;

use super::{
    IamRequest, IamState, User,
    grants::check_policy_exists,
    paging::Page,
    state::{already_exists, delete_conflict},
    validate, write,
};
use crate::sandbox::{
    Answer, AwsError,
    auth::{AccessKey, unique_id},
    query::iso8601,
};

const ACCESS_KEYS_MAX: usize = 2;

pub(super) fn create(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let name = validate::name(&request.params, "UserName", 64)?;
    let path = validate::path(&request.params)?;
    if iam.users.contains_key(name) {
        return Err(already_exists("User", name));
    }
    let boundary = request.params.optional("PermissionsBoundary").map(str::to_owned);
    if let Some(arn) = &boundary {
        check_policy_exists(iam, arn)?;
    }
    let user = User {
        name: name.to_owned(),
        id: unique_id("AIDA", 21),
        arn: request.arn("user", &path, name),
        path,
        created: request.now,
        tags: request.params.tags("Tags")?.into_iter().collect(),
        access_keys: Vec::new(),
        grants: super::Grants::default(),
        boundary,
        groups: BTreeSet::new(),
    };
    let answer = request.reply(|xml| xml.within("User", |xml| write_full(xml, &user)));
    iam.users.insert(user.name.clone(), user);
    Ok(answer)
}

fn write_full(xml: &mut crate::sandbox::query::Xml, user: &User) {
    write::user(xml, user);
    write::boundary(xml, user.boundary.as_deref());
    write::tags(xml, &user.tags);
}

/// The user named, or else the caller.
fn named_or_caller<'a>(request: &'a IamRequest<'_>) -> Result<&'a str, AwsError> {
    match (request.params.optional("UserName"), request.caller_user) {
        (Some(name), _) => Ok(name),
        (None, Some(caller)) => Ok(caller),
        (None, None) => Err(AwsError::validation("Must specify userName when calling with non-User credentials")),
    }
}

pub(super) fn read(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let user = iam.user(named_or_caller(request)?)?;
    Ok(request.reply(|xml| xml.within("User", |xml| write_full(xml, user))))
}

pub(super) fn delete(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let name = request.params.required("UserName")?;
    let user = iam.user(name)?;
    if !user.grants.attached.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must detach all policies first."));
    }
    if !user.grants.inline.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must delete policies first."));
    }
    if !user.access_keys.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must delete access keys first."));
    }
    if !user.groups.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must remove users from group first."));
    }
    iam.users.remove(name);
    Ok(request.acknowledge())
}

pub(super) fn list(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let prefix = request.params.optional("PathPrefix").unwrap_or("/");
    let users: Vec<_> = iam.users.values().filter(|user| user.path.starts_with(prefix)).collect();
    let page = Page::cut(users, &request.params)?;
    Ok(request.reply(|xml| {
        xml.list("Users", page.items, write::user);
        Page::<User>::write_end(page.marker.as_deref(), xml);
    }))
}

pub(super) fn tag(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let tags = request.params.tags("Tags")?;
    iam.user(request.params.required("UserName")?)?.tags.extend(tags);
    Ok(request.acknowledge())
}

pub(super) fn put_boundary(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let arn = request.params.required("PermissionsBoundary")?;
    check_policy_exists(iam, arn)?;
    iam.user(request.params.required("UserName")?)?.boundary = Some(arn.to_owned());
    Ok(request.acknowledge())
}

pub(super) fn create_access_key(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let user = iam.user(named_or_caller(request)?)?;
    if user.access_keys.len() >= ACCESS_KEYS_MAX {
        return Err(AwsError::new(409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2"));
    }
    let key = AccessKey::generate("AKIA");
    let answer = request.reply(|xml| {
        xml.within("AccessKey", |xml| {
            xml.text("UserName", &user.name);
            xml.text("AccessKeyId", &key.id);
            xml.text("Status", "Active");
            xml.text("SecretAccessKey", &key.secret);
            xml.text("CreateDate", iso8601(request.now));
        });
    });
    user.access_keys.push((key, request.now));
    Ok(answer)
}

pub(super) fn list_access_keys(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let user = iam.user(named_or_caller(request)?)?;
    Ok(request.reply(|xml| {
        xml.list("AccessKeyMetadata", &user.access_keys, |xml, (key, created)| {
            xml.text("UserName", &user.name);
            xml.text("AccessKeyId", &key.id);
            xml.text("Status", "Active");
            xml.text("CreateDate", iso8601(*created));
        });
        Page::<User>::write_end(None, xml);
    }))
}
