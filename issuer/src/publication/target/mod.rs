//! Where documents are published to.

mod directory;
mod s3;

use std::fmt::Debug;

use futures::future::BoxFuture;

pub use directory::DirectoryTarget;
pub use s3::S3Target;

use crate::federation::Document;

/// A place that something serves under the issuer URL.
pub trait Target: Debug + Send + Sync {
    /// `directory` or `bucket`: the label of metrics.
    fn kind(&self) -> &'static str;

    /// Where it lies, for people.
    fn place(&self) -> String;

    /// Puts a document at a path below the target's root, whole or not at all, and keeps the version that it replaces. False
    /// when it is there already as it should be.
    fn put<'a>(&'a self, path: &'a str, document: &'a Document) -> BoxFuture<'a, Result<bool, TargetError>>;
}

/// A document that could not be published: which, where, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("can't publish {path} to {place}: {cause}")]
pub struct TargetError {
    /// The path below the target's root.
    pub path: String,
    /// The target.
    pub place: String,
    /// Why not.
    pub cause: String,
    /// What to do about it, where that is known.
    pub hint: Option<&'static str>,
}
