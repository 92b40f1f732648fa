//! The keys that sign federation tokens.
//!
//! Words:
//! - *signing key*: an RSA key pair of 2,048 bits whose `kid` is its RFC 7638 thumbprint. The private half leaves memory
//!   only *sealed*.
//! - *sealed*: encrypted as a JWE under the *master key*, with the kid and the purpose in the authenticated header, so that
//!   a file can neither be read, changed, nor renamed into another key.
//! - *key directory*: one file per sealed key, and a lock that lets one process at a time make keys.
//! - *signer*: bytes in, signature out. A signer never sees claims, let alone decides them.
//!
//! Invariants: every signing key in the directory is published; exactly one, the oldest, signs. A key that can't be opened
//! stops the issuer: it is never skipped and never replaced, because tokens and trust hang on it.

mod directory;
mod error;
mod generate;
mod jwk;
mod master_key;
mod permissions;
mod sealed;
mod signer;
mod signing_key;
mod snapshot;

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use driftwise_contract::Kid;

pub use directory::KeyDirectory;
pub use error::KeyringError;
pub use jwk::{PublishedJwk, PublishedJwks, thumbprint};
pub use master_key::{MasterKey, MasterKeySource};
pub use sealed::SealedKey;
pub use signer::Signer;
pub use signing_key::SigningKey;
pub use snapshot::{KeySet, KeySetId, KeySnapshot};

use crate::clock::Clock;

/// The opened keys: which one signs, which are published.
pub struct Keyring {
    /// Oldest first; never empty.
    keys: Vec<Arc<SigningKey>>,
    snapshot: ArcSwap<KeySnapshot>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl Keyring {
    /// Opens every key of the directory. The first start makes the master key, if none is configured, and a signing key.
    ///
    /// Takes seconds when it makes an RSA key: call it off the async threads.
    pub fn open_or_create(
        directory: &KeyDirectory,
        source: &MasterKeySource,
        clock: &dyn Clock,
    ) -> Result<Self, KeyringError> {
        // A directory that holds keys is only read: it may be mounted read-only.
        if let Some(keyring) = Self::open(directory, source)? {
            return Ok(keyring);
        }
        directory.create()?;
        // Two starting processes would otherwise each make a key and sign with what the other does not publish.
        let _lock = directory.lock()?;
        if let Some(keyring) = Self::open(directory, source)? {
            return Ok(keyring);
        }
        let master_key = source.load_or_create(directory)?;
        let key = SigningKey::generate(clock.now_s())?;
        let path = directory.write(&SealedKey::seal(&key, &master_key)?)?;
        tracing::info!(key.kid = %key.kid(), path = %path.display(), "made the first signing key");
        Self::of_keys(vec![Arc::new(key)]).ok_or(KeyringError::NoSigningKey { set: KeySetId::Shared })
    }

    /// Opens every key of the directory; none when there is no key yet. Changes nothing.
    pub fn open(directory: &KeyDirectory, source: &MasterKeySource) -> Result<Option<Self>, KeyringError> {
        permissions::check(directory.path())?;
        let sealed = directory.read_all()?;
        if sealed.is_empty() {
            return Ok(None);
        }
        let master_key = source.load(directory)?;
        let mut keys = Vec::with_capacity(sealed.len());
        for (path, sealed_key) in sealed {
            let key = sealed_key.open(&master_key).map_err(|cause| KeyringError::Sealed { path, cause })?;
            keys.push(Arc::new(key));
        }
        keys.sort_by(|a, b| (a.created_at_s(), a.kid()).cmp(&(b.created_at_s(), b.kid())));
        Ok(Self::of_keys(keys))
    }

    /// A keyring of given keys, oldest first; none when there is no key.
    pub fn of_keys(keys: Vec<Arc<SigningKey>>) -> Option<Self> {
        let signer: Arc<dyn Signer> = keys.first()?.clone();
        let published = PublishedJwks { keys: keys.iter().map(|key| key.published()).collect() };
        let shared = KeySet { signer: Some(signer), published };
        let snapshot = KeySnapshot::new([(KeySetId::Shared, shared)].into());
        Some(Self { keys, snapshot: ArcSwap::from_pointee(snapshot) })
    }

    /// The keys as they are now. Take it once per request or document: two takes may differ.
    pub fn snapshot(&self) -> Arc<KeySnapshot> {
        self.snapshot.load_full()
    }

    /// Every key, the signing one first.
    pub fn keys(&self) -> impl Iterator<Item = &SigningKey> {
        self.keys.iter().map(AsRef::as_ref)
    }

    /// The kid of the key that signs.
    pub fn signing_kid(&self) -> &Kid {
        self.keys[0].kid()
    }
}
