//! Where sealed keys lie: a directory of this machine, or the issuer's database, which replicas share.
//!
//! To add a place, implement [`KeyStore`]: what it holds is sealed, so it needs no secrecy of its own; what it must have is
//! durability (a key that `write` told of is there after a power cut) and whole values (a reader sees the old text or the new).

mod database;
mod directory;

use std::fmt::Debug;

use driftwise_contract::Kid;
use futures::future::BoxFuture;

use super::{KeyringError, SealedKey};

pub use database::DatabaseKeys;
pub use directory::KeyDirectory;

/// A place for sealed keys.
pub trait KeyStore: Debug + Send + Sync {
    /// Every sealed key, by kid.
    fn read_all(&self) -> BoxFuture<'_, Result<Vec<SealedKey>, KeyringError>>;

    /// Adds a key; durable when it returns. An existing one is an error, and stays as it is.
    fn write<'a>(&'a self, key: &'a SealedKey) -> BoxFuture<'a, Result<(), KeyringError>>;

    /// Replaces a key's text, whole or not at all. One that is gone stays gone.
    fn replace<'a>(&'a self, key: &'a SealedKey) -> BoxFuture<'a, Result<(), KeyringError>>;

    /// Removes a key. One that is gone is fine.
    fn remove<'a>(&'a self, kid: &'a Kid) -> BoxFuture<'a, Result<(), KeyringError>>;

    /// The place's name, for messages.
    fn place(&self) -> String;
}
