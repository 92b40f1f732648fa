//! Buckets and what lies in them.

use std::collections::BTreeMap;

use driftwise_contract::policy::PolicyDocument;
use time::OffsetDateTime;

use super::{ObjectVersion, Put};
use crate::sandbox::World;

/// The buckets of an account, by name. Names are unique across all accounts of a world.
#[derive(Debug, Default)]
pub struct Buckets {
    buckets: BTreeMap<String, Bucket>,
}

impl Buckets {
    /// Makes a bucket (or gives back the one that is there).
    pub fn create(&mut self, name: &str, region: &str, now: OffsetDateTime) -> &mut Bucket {
        self.buckets.entry(name.to_owned()).or_insert_with(|| Bucket::new(name, region, now))
    }

    /// A bucket by name.
    pub fn get(&self, name: &str) -> Option<&Bucket> {
        self.buckets.get(name)
    }

    /// A bucket by name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Bucket> {
        self.buckets.get_mut(name)
    }

    /// All buckets, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = &Bucket> {
        self.buckets.values()
    }
}

/// One bucket.
#[derive(Debug)]
pub struct Bucket {
    /// The name.
    pub name: String,
    /// The region.
    pub region: String,
    /// When it was made.
    pub created: OffsetDateTime,
    /// Whether overwritten objects stay as old versions.
    pub is_versioned: bool,
    /// The bucket policy, as JSON.
    pub policy: Option<String>,
    /// The KMS key (ARN) that encrypts objects which name none.
    pub default_kms_key: Option<String>,
    /// Whether KMS is asked for the bucket instead of for each object (an S3 Bucket Key).
    pub has_bucket_key: bool,
    /// Each key's versions, oldest first; never empty.
    pub(super) objects: BTreeMap<String, Vec<ObjectVersion>>,
    versions_made: u64,
}

impl Bucket {
    fn new(name: &str, region: &str, now: OffsetDateTime) -> Self {
        Self {
            name: name.to_owned(),
            region: region.to_owned(),
            created: now,
            is_versioned: false,
            policy: None,
            default_kms_key: None,
            has_bucket_key: false,
            objects: BTreeMap::new(),
            versions_made: 0,
        }
    }

    /// Stores an object and returns its version id, `null` in a bucket without versions.
    pub fn put(&mut self, key: &str, put: Put, now: OffsetDateTime) -> String {
        self.versions_made += 1;
        let kms_key = put.kms_key.or_else(|| self.default_kms_key.clone());
        let mut version = ObjectVersion::new(
            &self.name,
            key,
            put.body,
            put.content_type,
            kms_key,
            self.is_versioned.then_some(self.versions_made),
            now,
        );
        version.cache_control = put.cache_control;
        let id = version.id.clone();
        let versions = self.objects.entry(key.to_owned()).or_default();
        if !self.is_versioned {
            versions.retain(|old| old.id != id);
        }
        versions.push(version);
        id
    }

    /// The current version of an object.
    pub fn current(&self, key: &str) -> Option<&ObjectVersion> {
        self.objects.get(key)?.last()
    }

    /// One version of an object.
    pub fn version(&self, key: &str, id: &str) -> Option<&ObjectVersion> {
        self.objects.get(key)?.iter().find(|version| version.id == id)
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.objects.keys().map(String::as_str)
    }

    /// The parsed policy; one that a test wrote by hand and that can't be read grants nothing.
    pub(super) fn policy_document(&self) -> Option<PolicyDocument> {
        self.policy.as_deref().and_then(|text| PolicyDocument::parse(text).ok())
    }

    /// The ARN.
    pub fn arn(&self) -> String {
        format!("arn:aws:s3:::{}", self.name)
    }
}

/// Reads a bucket of any account, with its owner's id.
pub(super) fn with_bucket<T>(world: &World, name: &str, read: impl FnOnce(&str, &Bucket) -> T) -> Option<T> {
    let accounts = world.accounts();
    let (owner, bucket) = accounts.values().find_map(|account| Some((&account.id, account.buckets.get(name)?)))?;
    Some(read(owner, bucket))
}

/// Changes a bucket of any account.
pub(super) fn with_bucket_mut<T>(world: &World, name: &str, change: impl FnOnce(&mut Bucket) -> T) -> Option<T> {
    world.accounts_mut().values_mut().find_map(|account| account.buckets.get_mut(name)).map(change)
}
