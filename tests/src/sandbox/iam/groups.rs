//! Groups and their members.

use super::{
    Grants, Group, IamRequest, IamState,
    paging::Page,
    state::{already_exists, delete_conflict},
    validate, write,
};
use crate::sandbox::{Answer, AwsError, auth::unique_id};

pub(super) fn create(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let name = validate::name(&request.params, "GroupName", 128)?;
    let path = validate::path(&request.params)?;
    if iam.groups.contains_key(name) {
        return Err(already_exists("Group", name));
    }
    let group = Group {
        name: name.to_owned(),
        id: unique_id("AGPA", 21),
        arn: request.arn("group", &path, name),
        path,
        created: request.now,
        grants: Grants::default(),
    };
    let answer = request.reply(|xml| xml.within("Group", |xml| write::group(xml, &group)));
    iam.groups.insert(group.name.clone(), group);
    Ok(answer)
}

pub(super) fn read(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let group = iam.group(request.params.required("GroupName")?)?.clone();
    let members: Vec<_> = iam.users.values().filter(|user| user.groups.contains(&group.name)).collect();
    let page = Page::cut(members, &request.params)?;
    Ok(request.reply(|xml| {
        xml.within("Group", |xml| write::group(xml, &group));
        xml.list("Users", page.items, write::user);
        Page::<Group>::write_end(page.marker.as_deref(), xml);
    }))
}

pub(super) fn delete(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let name = request.params.required("GroupName")?;
    let group = iam.group(name)?;
    if !group.grants.attached.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must detach all policies first."));
    }
    if !group.grants.inline.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must delete policies first."));
    }
    if iam.users.values().any(|user| user.groups.contains(name)) {
        return Err(delete_conflict("Cannot delete entity, must remove users from group first."));
    }
    iam.groups.remove(name);
    Ok(request.acknowledge())
}

pub(super) fn list(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let prefix = request.params.optional("PathPrefix").unwrap_or("/");
    let groups: Vec<_> = iam.groups.values().filter(|group| group.path.starts_with(prefix)).collect();
    write_page(groups, request)
}

pub(super) fn list_for_user(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let names = iam.user(request.params.required("UserName")?)?.groups.clone();
    write_page(names.iter().filter_map(|name| iam.groups.get(name)).collect(), request)
}

fn write_page(groups: Vec<&Group>, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let page = Page::cut(groups, &request.params)?;
    Ok(request.reply(|xml| {
        xml.list("Groups", page.items, write::group);
        Page::<Group>::write_end(page.marker.as_deref(), xml);
    }))
}

pub(super) fn add_user(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let group = iam.group(request.params.required("GroupName")?)?.name.clone();
    iam.user(request.params.required("UserName")?)?.groups.insert(group);
    Ok(request.acknowledge())
}

pub(super) fn remove_user(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let group = iam.group(request.params.required("GroupName")?)?.name.clone();
    iam.user(request.params.required("UserName")?)?.groups.remove(&group);
    Ok(request.acknowledge())
}
