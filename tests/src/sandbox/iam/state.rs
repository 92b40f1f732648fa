//! What IAM knows of an account.

use std::collections::BTreeMap;

use crate::sandbox::auth::AccessKey;

/// The IAM part of an account.
#[derive(Debug, Default)]
pub struct IamState {
    /// Users by name.
    pub users: BTreeMap<String, User>,
}

/// An IAM user.
#[derive(Debug, Clone)]
pub struct User {
    /// The name.
    pub name: String,
    /// `AIDA…`.
    pub id: String,
    /// The ARN, path included.
    pub arn: String,
    /// The user's tags.
    pub tags: BTreeMap<String, String>,
    /// Access keys.
    pub access_keys: Vec<AccessKey>,
}

impl IamState {
    /// The user that an access key belongs to, and the key.
    pub fn key_owner(&self, access_key_id: &str) -> Option<(&User, &AccessKey)> {
        self.users.values().find_map(|user| {
            user.access_keys.iter().find(|key| key.id == access_key_id).map(|key| (user, key))
        })
    }
}
