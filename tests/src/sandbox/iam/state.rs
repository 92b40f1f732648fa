//! What IAM knows of an account. Everything is kept by name, as IAM's names are unique within an account whatever their path.

use std::collections::{BTreeMap, BTreeSet};

use time::OffsetDateTime;

use super::managed;
use crate::sandbox::{AwsError, auth::AccessKey};

/// The IAM part of an account.
#[derive(Debug, Default)]
pub struct IamState {
    /// Users by name.
    pub users: BTreeMap<String, User>,
    /// Groups by name.
    pub groups: BTreeMap<String, Group>,
    /// Roles by name.
    pub roles: BTreeMap<String, Role>,
    /// The account's own managed policies by ARN.
    pub policies: BTreeMap<String, ManagedPolicy>,
    /// Instance profiles by name.
    pub instance_profiles: BTreeMap<String, InstanceProfile>,
    /// OIDC providers by ARN.
    pub providers: BTreeMap<String, OidcProvider>,
}

/// What a user, group or role may do.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    /// Inline policies: name and document.
    pub inline: BTreeMap<String, String>,
    /// ARNs of attached managed policies, in the order of attachment.
    pub attached: Vec<String>,
}

/// An IAM user.
#[derive(Debug, Clone)]
pub struct User {
    /// The name.
    pub name: String,
    /// The path, `/` or `/…/`.
    pub path: String,
    /// `AIDA…`.
    pub id: String,
    /// The ARN, path included.
    pub arn: String,
    /// When it was made.
    pub created: OffsetDateTime,
    /// The user's tags.
    pub tags: BTreeMap<String, String>,
    /// Access keys, with the time each was made.
    pub access_keys: Vec<(AccessKey, OffsetDateTime)>,
    /// The user's own grants.
    pub grants: Grants,
    /// The ARN of the permissions boundary.
    pub boundary: Option<String>,
    /// Names of the groups that the user is in.
    pub groups: BTreeSet<String>,
}

/// A group.
#[derive(Debug, Clone)]
pub struct Group {
    /// The name.
    pub name: String,
    /// The path.
    pub path: String,
    /// `AGPA…`.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// When it was made.
    pub created: OffsetDateTime,
    /// What its members may do.
    pub grants: Grants,
}

/// A role.
#[derive(Debug, Clone)]
pub struct Role {
    /// The name.
    pub name: String,
    /// The path.
    pub path: String,
    /// `AROA…`.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// When it was made.
    pub created: OffsetDateTime,
    /// The trust policy, as JSON.
    pub trust_policy: String,
    /// The description.
    pub description: Option<String>,
    /// The longest session that may be asked for, in seconds: 3,600 to 43,200.
    pub max_session_s: i64,
    /// The role's tags.
    pub tags: BTreeMap<String, String>,
    /// What sessions of it may do.
    pub grants: Grants,
    /// The ARN of the permissions boundary.
    pub boundary: Option<String>,
    /// When and where it was last used.
    pub last_used: Option<RoleUse>,
    /// How many web identities it still refuses because it is new.
    pub refusals_left: u32,
}

/// The last use of a role.
#[derive(Debug, Clone)]
pub struct RoleUse {
    /// When.
    pub at: OffsetDateTime,
    /// In which region.
    pub region: String,
}

/// A managed policy of the account.
#[derive(Debug, Clone)]
pub struct ManagedPolicy {
    /// The name.
    pub name: String,
    /// The path.
    pub path: String,
    /// `ANPA…`.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// The description.
    pub description: Option<String>,
    /// When it was made.
    pub created: OffsetDateTime,
    /// When its newest version was made.
    pub updated: OffsetDateTime,
    /// At most five versions, oldest first, exactly one of them the default.
    pub versions: Vec<PolicyVersion>,
    /// The policy's tags.
    pub tags: BTreeMap<String, String>,
}

/// One version of a managed policy.
#[derive(Debug, Clone)]
pub struct PolicyVersion {
    /// `v1`, `v2`, …
    pub id: String,
    /// The document, as JSON.
    pub document: String,
    /// Whether it is the one in force.
    pub is_default: bool,
    /// When it was made.
    pub created: OffsetDateTime,
}

/// An instance profile.
#[derive(Debug, Clone)]
pub struct InstanceProfile {
    /// The name.
    pub name: String,
    /// The path.
    pub path: String,
    /// `AIPA…`.
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// When it was made.
    pub created: OffsetDateTime,
    /// The name of its role; at most one.
    pub role: Option<String>,
}

/// An OIDC identity provider.
#[derive(Debug, Clone)]
pub struct OidcProvider {
    /// The ARN: `arn:aws:iam::<account>:oidc-provider/<url>`.
    pub arn: String,
    /// The issuer without its scheme, as IAM stores it.
    pub url: String,
    /// The issuer in full, as the token's `iss` must be.
    pub issuer: String,
    /// The registered audiences.
    pub client_ids: Vec<String>,
    /// Certificate thumbprints.
    pub thumbprints: Vec<String>,
    /// When it was registered.
    pub created: OffsetDateTime,
    /// The provider's tags.
    pub tags: BTreeMap<String, String>,
}

/// How often a managed policy is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AttachedTo {
    /// Attachments to users, groups and roles.
    pub principals: usize,
    /// Uses as a permissions boundary.
    pub boundaries: usize,
}

impl IamState {
    /// The user that an access key belongs to, and the key.
    pub fn key_owner(&self, access_key_id: &str) -> Option<(&User, &AccessKey)> {
        self.users.values().find_map(|user| {
            user.access_keys.iter().find(|(key, _)| key.id == access_key_id).map(|(key, _)| (user, key))
        })
    }

    /// The document in force of a managed policy, be it the account's or AWS's.
    pub fn managed_document(&self, arn: &str) -> Option<&str> {
        match self.policies.get(arn) {
            Some(policy) => {
                policy.versions.iter().find(|version| version.is_default).map(|version| version.document.as_str())
            }
            None => managed::document(arn),
        }
    }

    /// How often a managed policy is used.
    pub fn attached_to(&self, arn: &str) -> AttachedTo {
        let grants = (self.users.values().map(|user| &user.grants))
            .chain(self.groups.values().map(|group| &group.grants))
            .chain(self.roles.values().map(|role| &role.grants));
        let boundaries =
            (self.users.values().map(|user| &user.boundary)).chain(self.roles.values().map(|role| &role.boundary));
        AttachedTo {
            principals: grants.filter(|grants| grants.attached.iter().any(|attached| attached == arn)).count(),
            boundaries: boundaries.filter(|boundary| boundary.as_deref() == Some(arn)).count(),
        }
    }

    /// A user by name, or AWS's refusal.
    pub fn user(&mut self, name: &str) -> Result<&mut User, AwsError> {
        self.users.get_mut(name).ok_or_else(|| missing("user", name))
    }

    /// A group by name, or AWS's refusal.
    pub fn group(&mut self, name: &str) -> Result<&mut Group, AwsError> {
        self.groups.get_mut(name).ok_or_else(|| missing("group", name))
    }

    /// A role by name, or AWS's refusal.
    pub fn role(&mut self, name: &str) -> Result<&mut Role, AwsError> {
        self.roles.get_mut(name).ok_or_else(|| missing("role", name))
    }
}

fn missing(kind: &str, name: &str) -> AwsError {
    no_such_entity(format!("The {kind} with name {name} cannot be found."))
}

/// `NoSuchEntity`, status 404.
pub(super) fn no_such_entity(message: String) -> AwsError {
    AwsError::new(404, "NoSuchEntity", message)
}

/// `EntityAlreadyExists`, status 409.
pub(super) fn already_exists(kind: &str, name: &str) -> AwsError {
    AwsError::new(409, "EntityAlreadyExists", format!("{kind} with name {name} already exists."))
}

/// `DeleteConflict`, status 409.
pub(super) fn delete_conflict(message: &str) -> AwsError {
    AwsError::new(409, "DeleteConflict", message)
}
