//! Publication: the public documents, copied to where the issuer URL leads, and read back from there.
//!
//! Words:
//! - *target*: a directory or a bucket that something else serves under the issuer URL, so that the issuer itself needs no
//!   inbound traffic. Paths in a target are those below the issuer URL.
//! - *publish*: write what differs, keys before the discovery documents that lead to them. A document appears whole or not at
//!   all, and what it replaces is kept once, as `.previous` or below `previous/`.
//! - *read back*: ask the **public** URL for the documents, as AWS does, and note which keys stand there. A staged key signs
//!   only after it was seen for the whole window.
//! - *check*: say what AWS would see and what would keep it from trusting the issuer.
//!
//! Invariants: what is published is the bytes that the issuer serves; nothing secret comes near this module, which knows
//! [`Publications`] and no keys. Documents of older keys never stay in the place of newer ones: several issuers may publish to
//! one target, and each asks the store before and after what it writes. The AWS SDK for S3 is imported in [`target`] only. To add a target, implement
//! [`Target`] and open it in [`Publisher::open`].

mod chain;
pub mod check;
mod public_url;
pub mod read_back;
mod schedule;
pub mod target;

use driftwise_contract::OrgId;

pub(crate) use public_url::read_certificates;
pub use public_url::{Fault, PublicUrl};
pub(crate) use schedule::{Publishing, SEEN_LASTS_S};
use target::{DirectoryTarget, S3Target, Target, TargetError};

use crate::config;
use crate::federation::{Document, Publications, org_path};
use crate::store::{Store, StoreError, key_catalogue};

/// Every target.
#[derive(Debug, Default)]
pub struct Publisher {
    targets: Vec<Box<dyn Target>>,
}

/// What became of one target.
#[derive(Debug)]
pub struct Published {
    /// `directory` or `bucket`.
    pub kind: &'static str,
    /// Where it lies, for people.
    pub place: String,
    /// How many documents were written, and how many were there already; or the first that could not be written.
    pub outcome: Result<Written, TargetError>,
}

/// How many documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Written, because they differed or were not there.
    pub written: usize,
    /// Left as they were.
    pub unchanged: usize,
}

impl Publisher {
    /// Opens the configured targets; asks none of them anything yet.
    pub async fn open(config: &config::Publication) -> Self {
        let mut targets: Vec<Box<dyn Target>> = Vec::new();
        if let Some(directory) = &config.directory {
            targets.push(Box::new(DirectoryTarget::new(directory)));
        }
        if let Some(bucket) = &config.bucket {
            targets.push(Box::new(S3Target::open(bucket).await));
        }
        Self { targets }
    }

    /// Whether there is no target.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Publishes to every target. One that fails does not keep the others from it; within it, nothing is written after what
    /// failed: a discovery document never leads to keys that are not there.
    ///
    /// Documents whose keys are older than those of `store` are not published. Publish anew after an error: an issuer that was
    /// held up in the middle of a write may have put an older document over another issuer's newer one, and says so.
    pub async fn publish(&self, publications: &Publications, store: &Store) -> Vec<Published> {
        let mut published = Vec::new();
        for target in &self.targets {
            let outcome = publish_to(&**target, publications, store).await;
            published.push(Published { kind: target.kind(), place: target.place(), outcome });
        }
        published
    }
}

async fn publish_to(target: &dyn Target, publications: &Publications, store: &Store) -> Result<Written, TargetError> {
    let mut count = Written::default();
    for place_in_order in 0..3 {
        for (org, documents) in publications.all() {
            let document = documents.in_order_of_publication()[place_in_order];
            let path = path_in_target(org, document);
            check_newest(target, &path, publications, store).await?;
            let is_written = target.put(&path, document).await?;
            if is_written {
                // It may have become older in the meantime.
                check_newest(target, &path, publications, store).await?;
                count.written += 1;
            } else {
                count.unchanged += 1;
            }
        }
    }
    Ok(count)
}

/// Whether the store has no newer keys than the documents. Several issuers may publish to one target.
async fn check_newest(
    target: &dyn Target,
    path: &str,
    publications: &Publications,
    store: &Store,
) -> Result<(), TargetError> {
    let fault = |cause: String, hint| TargetError { path: path.to_owned(), place: target.place(), cause, hint };
    let newest = async { Ok::<_, StoreError>(key_catalogue::read(&mut *store.connection().await?).await?.version) };
    let newest = newest.await.map_err(|error| fault(format!("the store does not answer: {error}"), None))?;
    let version = publications.keys().version();
    if newest > version {
        let cause =
            format!("the keys changed meanwhile: the store has version {newest}, these documents are of {version}");
        return Err(fault(
            cause,
            Some("A running issuer publishes the newer ones within seconds; else publish again."),
        ));
    }
    Ok(())
}

/// The path below the target's root: that of the URL below the issuer URL.
fn path_in_target(org: Option<OrgId>, document: &Document) -> String {
    let path = format!("{}{}", org.map(org_path).unwrap_or_default(), document.path);
    path.trim_start_matches('/').to_owned()
}
