//! How IAM writes its things.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Group, IamState, InstanceProfile, ManagedPolicy, Role, User};
use crate::sandbox::query::{Xml, iso8601};

/// Everything but the unreserved characters of RFC 3986, 2.3: "policies returned by this operation are URL-encoded compliant
/// with RFC 3986".
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A policy document as IAM returns it.
pub(super) fn encoded(document: &str) -> String {
    utf8_percent_encode(document, RESERVED).to_string()
}

/// A list of tags, left out when empty.
pub(super) fn tags(xml: &mut Xml, tags: &BTreeMap<String, String>) {
    if !tags.is_empty() {
        xml.list("Tags", tags, |tag, (key, value)| {
            tag.text("Key", key);
            tag.text("Value", value);
        });
    }
}

/// The permissions boundary, left out when there is none.
pub(super) fn boundary(xml: &mut Xml, boundary: Option<&str>) {
    if let Some(arn) = boundary {
        xml.within("PermissionsBoundary", |xml| {
            xml.text("PermissionsBoundaryType", "Policy");
            xml.text("PermissionsBoundaryArn", arn);
        });
    }
}

/// The members that every listing of a user has.
pub(super) fn user(xml: &mut Xml, user: &User) {
    xml.text("Path", &user.path);
    xml.text("UserName", &user.name);
    xml.text("UserId", &user.id);
    xml.text("Arn", &user.arn);
    xml.text("CreateDate", iso8601(user.created));
}

/// A group's members.
pub(super) fn group(xml: &mut Xml, group: &Group) {
    xml.text("Path", &group.path);
    xml.text("GroupName", &group.name);
    xml.text("GroupId", &group.id);
    xml.text("Arn", &group.arn);
    xml.text("CreateDate", iso8601(group.created));
}

/// The members that every listing of a role has.
pub(super) fn role(xml: &mut Xml, role: &Role) {
    xml.text("Path", &role.path);
    xml.text("RoleName", &role.name);
    xml.text("RoleId", &role.id);
    xml.text("Arn", &role.arn);
    xml.text("CreateDate", iso8601(role.created));
    xml.text("AssumeRolePolicyDocument", encoded(&role.trust_policy));
}

/// When a role was last used; an empty element for one that never was, as IAM writes it.
pub(super) fn role_last_used(xml: &mut Xml, role: &Role) {
    xml.within("RoleLastUsed", |xml| {
        if let Some(used) = &role.last_used {
            xml.text("LastUsedDate", iso8601(used.at));
            xml.text("Region", &used.region);
        }
    });
}

/// An instance profile with its role.
pub(super) fn instance_profile(xml: &mut Xml, profile: &InstanceProfile, iam: &IamState) {
    xml.text("Path", &profile.path);
    xml.text("InstanceProfileName", &profile.name);
    xml.text("InstanceProfileId", &profile.id);
    xml.text("Arn", &profile.arn);
    xml.text("CreateDate", iso8601(profile.created));
    let roles = profile.role.iter().filter_map(|name| iam.roles.get(name));
    xml.list("Roles", roles, role);
}

/// The members that every listing of a managed policy has.
pub(super) fn policy(xml: &mut Xml, policy: &ManagedPolicy, iam: &IamState) {
    let uses = iam.attached_to(&policy.arn);
    let default = policy.versions.iter().find(|version| version.is_default);
    xml.text("PolicyName", &policy.name);
    xml.text("PolicyId", &policy.id);
    xml.text("Arn", &policy.arn);
    xml.text("Path", &policy.path);
    xml.optional("DefaultVersionId", default.map(|version| &version.id));
    xml.text("AttachmentCount", uses.principals.to_string());
    xml.text("PermissionsBoundaryUsageCount", uses.boundaries.to_string());
    xml.text("IsAttachable", "true");
    xml.text("CreateDate", iso8601(policy.created));
    xml.text("UpdateDate", iso8601(policy.updated));
}

/// The attached policies by name and ARN.
pub(super) fn attached(xml: &mut Xml, list: &str, arns: &[String]) {
    xml.list(list, arns, |xml, arn| {
        xml.text("PolicyName", arn.rsplit('/').next().unwrap_or_default());
        xml.text("PolicyArn", arn);
    });
}
