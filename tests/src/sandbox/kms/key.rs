//! Keys and their states.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::spec::{Pair, Spec};
use crate::sandbox::AwsError;

/// A key of an account.
#[derive(Debug, Clone)]
pub struct KmsKey {
    /// The id: a UUID.
    pub id: String,
    /// `arn:aws:kms:REGION:ACCOUNT:key/ID`
    pub arn: String,
    /// Where it exists.
    pub region: String,
    /// What its maker said of it.
    pub description: String,
    /// Its policy, as JSON.
    pub policy: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Whether it may be used.
    pub is_enabled: bool,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it is gone, if its deletion is scheduled.
    pub deletion_at: Option<OffsetDateTime>,
    pub(super) spec: Spec,
    pub(super) pair: Arc<Pair>,
}

/// What may be done with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Enabled,
    Disabled,
    PendingDeletion,
}

impl State {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingDeletion => "PendingDeletion",
        }
    }
}

impl KmsKey {
    pub(super) fn state(&self) -> State {
        match self.deletion_at {
            Some(_) => State::PendingDeletion,
            None if self.is_enabled => State::Enabled,
            None => State::Disabled,
        }
    }

    /// Refuses a key that is disabled or pending deletion, in the words of the developer guide's table of key states.
    pub(super) fn require_usable(&self) -> Result<(), AwsError> {
        match self.state() {
            State::Enabled => Ok(()),
            State::Disabled => Err(AwsError::bad_request("DisabledException", format!("{} is disabled.", self.arn))),
            State::PendingDeletion => Err(self.is_pending()),
        }
    }

    pub(super) fn is_pending(&self) -> AwsError {
        AwsError::bad_request("KMSInvalidStateException", format!("{} is pending deletion.", self.arn))
    }

    pub(super) fn metadata(&self, account_id: &str, now: OffsetDateTime) -> Value {
        let mut metadata = json!({
            "AWSAccountId": account_id, "KeyId": self.id, "Arn": self.arn, "CreationDate": self.created_at.unix_timestamp(),
            "Enabled": self.state() == State::Enabled, "Description": self.description, "KeyUsage": self.spec.usage(),
            "KeyState": self.state().name(), "Origin": "AWS_KMS", "KeyManager": "CUSTOMER", "KeySpec": self.spec.name(),
            "CustomerMasterKeySpec": self.spec.name(), "MultiRegion": false,
        });
        match self.spec {
            Spec::Symmetric => metadata["EncryptionAlgorithms"] = json!([self.spec.name()]),
            _ => metadata["SigningAlgorithms"] = json!(self.spec.algorithms()),
        }
        if let Some(deletion_at) = self.deletion_at.filter(|at| *at > now) {
            metadata["DeletionDate"] = deletion_at.unix_timestamp().into();
        }
        metadata
    }
}

/// The keys of an account, by id.
#[derive(Debug, Default)]
pub struct KmsKeys {
    keys: BTreeMap<String, KmsKey>,
}

impl KmsKeys {
    /// All keys that are there at a time, by id.
    pub fn iter(&self, now: OffsetDateTime) -> impl Iterator<Item = &KmsKey> {
        self.keys.values().filter(move |key| key.deletion_at.is_none_or(|at| at > now))
    }

    /// A key by id, unless it is deleted by that time.
    pub fn get(&self, id: &str, now: OffsetDateTime) -> Option<&KmsKey> {
        self.keys.get(id).filter(|key| key.deletion_at.is_none_or(|at| at > now))
    }

    /// Enables or disables every key.
    pub fn set_enabled(&mut self, is_enabled: bool) {
        for key in self.keys.values_mut() {
            key.is_enabled = is_enabled;
        }
    }

    pub(super) fn insert(&mut self, key: KmsKey) {
        self.keys.insert(key.id.clone(), key);
    }

    pub(super) fn set_policy(&mut self, id: &str, policy: String) {
        if let Some(key) = self.keys.get_mut(id) {
            key.policy = policy;
        }
    }

    pub(super) fn schedule_deletion(&mut self, id: &str, at: OffsetDateTime) {
        if let Some(key) = self.keys.get_mut(id) {
            key.deletion_at = Some(at);
        }
    }
}
