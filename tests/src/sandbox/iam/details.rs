//! `GetAccountAuthorizationDetails`: every principal, its grants and every policy in use, in pages.

use super::{
    Grants, Group, IamRequest, IamState, ManagedPolicy, Role, User, managed, paging::Page, policies::write_version,
    write,
};
use crate::sandbox::{Answer, AwsError, query::Xml};

const FILTERS: [&str; 5] = ["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"];

/// One entry of the answer. The pages run over all kinds together.
enum Entry<'a> {
    User(&'a User),
    Group(&'a Group),
    Role(&'a Role),
    Policy(ManagedPolicy),
}

pub(super) fn read(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let iam: &IamState = iam;
    let filter = request.params.strings("Filter");
    if let Some(unknown) = filter.iter().find(|word| !FILTERS.contains(&word.as_str())) {
        return Err(AwsError::validation(format!(
            "1 validation error detected: Value '[{unknown}]' at 'filter' failed to satisfy constraint: Member must satisfy \
             constraint: [Member must satisfy enum value set: [Role, AWSManagedPolicy, User, LocalManagedPolicy, Group]]"
        )));
    }
    let page = Page::cut(entries(iam, &filter), &request.params)?;
    Ok(request.reply(|xml| {
        xml.list("UserDetailList", page.items.iter().filter_map(Entry::user), write_user);
        xml.list("GroupDetailList", page.items.iter().filter_map(Entry::group), write_group);
        xml.list("RoleDetailList", page.items.iter().filter_map(Entry::role), |xml, role| write_role(xml, role, iam));
        xml.list("Policies", page.items.iter().filter_map(Entry::policy), |xml, policy| write_policy(xml, policy, iam));
        Page::<Entry<'_>>::write_end(page.marker.as_deref(), xml);
    }))
}

fn entries<'a>(iam: &'a IamState, filter: &[String]) -> Vec<Entry<'a>> {
    let wants = |word: &str| filter.is_empty() || filter.iter().any(|wanted| wanted == word);
    let mut entries = Vec::new();
    if wants("User") {
        entries.extend(iam.users.values().map(Entry::User));
    }
    if wants("Group") {
        entries.extend(iam.groups.values().map(Entry::Group));
    }
    if wants("Role") {
        entries.extend(iam.roles.values().map(Entry::Role));
    }
    if wants("LocalManagedPolicy") {
        entries.extend(iam.policies.values().cloned().map(Entry::Policy));
    }
    if wants("AWSManagedPolicy") {
        // Of AWS's policies only the attached ones are returned, boundaries included.
        let used = managed::all().filter(|policy| iam.attached_to(&policy.arn) != super::AttachedTo::default());
        entries.extend(used.map(Entry::Policy));
    }
    entries
}

impl Entry<'_> {
    fn user(&self) -> Option<&User> {
        if let Self::User(user) = self { Some(user) } else { None }
    }

    fn group(&self) -> Option<&Group> {
        if let Self::Group(group) = self { Some(group) } else { None }
    }

    fn role(&self) -> Option<&Role> {
        if let Self::Role(role) = self { Some(role) } else { None }
    }

    fn policy(&self) -> Option<&ManagedPolicy> {
        if let Self::Policy(policy) = self { Some(policy) } else { None }
    }
}

fn write_user(xml: &mut Xml, user: &User) {
    write::user(xml, user);
    write_inline(xml, "UserPolicyList", &user.grants);
    xml.strings("GroupList", &user.groups);
    write::attached(xml, "AttachedManagedPolicies", &user.grants.attached);
    write::boundary(xml, user.boundary.as_deref());
    write::tags(xml, &user.tags);
}

fn write_group(xml: &mut Xml, group: &Group) {
    write::group(xml, group);
    write_inline(xml, "GroupPolicyList", &group.grants);
    write::attached(xml, "AttachedManagedPolicies", &group.grants.attached);
}

/// A role without description and longest session: those come from `ListRoles` and `GetRole` only.
fn write_role(xml: &mut Xml, role: &Role, iam: &IamState) {
    write::role(xml, role);
    let profiles = iam.instance_profiles.values().filter(|profile| profile.role.as_ref() == Some(&role.name));
    xml.list("InstanceProfileList", profiles, |xml, profile| write::instance_profile(xml, profile, iam));
    write_inline(xml, "RolePolicyList", &role.grants);
    write::attached(xml, "AttachedManagedPolicies", &role.grants.attached);
    write::boundary(xml, role.boundary.as_deref());
    write::tags(xml, &role.tags);
    write::role_last_used(xml, role);
}

fn write_policy(xml: &mut Xml, policy: &ManagedPolicy, iam: &IamState) {
    write::policy(xml, policy, iam);
    xml.optional("Description", policy.description.as_ref());
    xml.list("PolicyVersionList", &policy.versions, |xml, version| {
        xml.text("Document", write::encoded(&version.document));
        write_version(xml, version);
    });
}

fn write_inline(xml: &mut Xml, list: &str, grants: &Grants) {
    xml.list(list, &grants.inline, |xml, (name, document)| {
        xml.text("PolicyName", name);
        xml.text("PolicyDocument", write::encoded(document));
    });
}
