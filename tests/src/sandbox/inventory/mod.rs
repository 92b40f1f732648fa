//! The resources of an account, and how Resource Explorer is set up in it.
//!
//! Two services look at the same resources in two ways. Cloud Control sees what **exists**, at once. Resource Explorer sees
//! what is **listed** in its index, which may lag behind in both directions. Each [`LiveResource`] says both of itself.
//!
//! Words:
//! * *key* – what a resource is called here: its ARN, or, for a part that has none (a route, a bucket policy), its type,
//!   region and identifier.
//! * *part* – a resource without an ARN; Resource Explorer never lists it.
//!
//! Invariants: keys are unique, and type, region and identifier together name at most one resource. IAM's entities are kept
//! in [`super::iam::IamState`] only; [`entities`] shows them as resources, so that both always agree.

mod entities;
mod registry;
mod resource;
mod setup;

use std::collections::BTreeMap;

use time::Duration;

pub use entities::entities;
pub use registry::{Registry, TypeInfo};
pub use resource::{GLOBAL, LiveResource};
pub use setup::{Coverage, Index, IndexKind, IndexState, View};

/// Everything in an account that is no IAM principal and no S3 object.
#[derive(Debug, Default)]
pub struct Inventory {
    resources: BTreeMap<String, LiveResource>,
    by_identifier: BTreeMap<(String, String, String), String>,
    /// Resource Explorer's indexes by region.
    pub indexes: BTreeMap<String, Index>,
    /// Its views by ARN.
    pub views: BTreeMap<String, View>,
    /// The ARN of each region's default view.
    pub default_views: BTreeMap<String, String>,
    /// How much of the account Resource Explorer shows.
    pub coverage: Coverage,
    /// How long a new IAM entity stays out of the index. AWS says "typically less than two hours" for what has no indexed
    /// tags, and the tags of IAM are never indexed.
    pub iam_lag: Duration,
}

impl Inventory {
    /// Adds a resource; one of the same key is replaced.
    pub fn insert(&mut self, resource: LiveResource) {
        let key = resource.key();
        self.remove(&key);
        if let Some(place) = resource.place() {
            self.by_identifier.insert(place, key.clone());
        }
        self.resources.insert(key, resource);
    }

    /// Takes a resource away.
    pub fn remove(&mut self, key: &str) -> Option<LiveResource> {
        let resource = self.resources.remove(key)?;
        if let Some(place) = resource.place() {
            self.by_identifier.remove(&place);
        }
        Some(resource)
    }

    /// A resource by its key.
    pub fn get(&self, key: &str) -> Option<&LiveResource> {
        self.resources.get(key)
    }

    /// Changes a resource; false when there is none of this key.
    pub fn change(&mut self, key: &str, change: impl FnOnce(&mut LiveResource)) -> bool {
        let Some(mut resource) = self.remove(key) else { return false };
        change(&mut resource);
        self.insert(resource);
        true
    }

    /// The resource that Cloud Control calls by this identifier in this region. Global resources answer in every region.
    pub fn find(&self, cfn_type: &str, region: &str, identifier: &str) -> Option<&LiveResource> {
        let at =
            |region: &str| self.by_identifier.get(&(cfn_type.to_owned(), region.to_owned(), identifier.to_owned()));
        at(region).or_else(|| at(GLOBAL)).and_then(|key| self.resources.get(key))
    }

    /// All resources, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = &LiveResource> {
        self.resources.values()
    }

    /// How many resources there are, parts included.
    pub fn len(&self) -> usize {
        self.resources.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    /// The region whose index gathers all others, if there is one.
    pub fn aggregator_region(&self) -> Option<&str> {
        self.indexes.values().find(|index| index.kind == IndexKind::Aggregator).map(|index| index.region.as_str())
    }
}
