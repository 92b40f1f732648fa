//! Instance profiles: how an EC2 instance gets a role.

use super::{
    IamRequest, IamState, InstanceProfile,
    paging::Page,
    state::{already_exists, no_such_entity},
    validate, write,
};
use crate::sandbox::{Answer, AwsError, auth::unique_id};

pub(super) fn create(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let name = validate::name(&request.params, "InstanceProfileName", 128)?;
    let path = validate::path(&request.params)?;
    if iam.instance_profiles.contains_key(name) {
        return Err(already_exists("Instance Profile", name));
    }
    let profile = InstanceProfile {
        name: name.to_owned(),
        id: unique_id("AIPA", 21),
        arn: request.arn("instance-profile", &path, name),
        path,
        created: request.now,
        role: None,
    };
    let answer = request.reply(|xml| {
        xml.within("InstanceProfile", |xml| write::instance_profile(xml, &profile, iam));
    });
    iam.instance_profiles.insert(profile.name.clone(), profile);
    Ok(answer)
}

pub(super) fn add_role(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let role = iam.role(request.params.required("RoleName")?)?.name.clone();
    let name = request.params.required("InstanceProfileName")?;
    let profile = iam
        .instance_profiles
        .get_mut(name)
        .ok_or_else(|| no_such_entity(format!("Instance Profile {name} cannot be found.")))?;
    if profile.role.is_some() {
        return Err(AwsError::new(
            409,
            "LimitExceeded",
            "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
        ));
    }
    profile.role = Some(role);
    Ok(request.acknowledge())
}

pub(super) fn list_for_role(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let role = iam.role(request.params.required("RoleName")?)?.name.clone();
    let profiles: Vec<_> =
        iam.instance_profiles.values().filter(|profile| profile.role.as_ref() == Some(&role)).collect();
    let page = Page::cut(profiles, &request.params)?;
    Ok(request.reply(|xml| {
        xml.list("InstanceProfiles", page.items, |xml, profile| write::instance_profile(xml, profile, iam));
        Page::<InstanceProfile>::write_end(page.marker.as_deref(), xml);
    }))
}
