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

mod algorithm;
mod der;
mod envelope;
mod error;
mod generate;
mod jwk;
mod kms;
mod local_signer;
mod maker;
mod master_key;
mod master_key_command;
mod permissions;
mod private_jwk;
mod reseal;
mod sealed;
mod signer;
mod signing_key;
mod snapshot;
mod store;
mod vault;
mod x5c;

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use driftwise_contract::Kid;

pub use algorithm::{KeyAlgorithm, UnknownAlgorithm};
pub use envelope::{open_secret, seal_secret};
pub use error::{KeyringError, SealFault};
pub use jwk::{PublishedJwk, PublishedJwks, thumbprint};
pub use kms::{Kms, KmsKeyMaker, KmsSettings};
pub use maker::{KeyMaker, LocalKeyMaker};
pub use master_key::{MasterKey, MasterKeySource, MasterKeys};
pub use master_key_command::MasterKeyCommand;
pub use reseal::{Reseal, Resealed, SealedSecret, SealedSecrets};
pub use sealed::SealedKey;
pub use signer::Signer;
pub use signing_key::SigningKey;
pub use snapshot::{KeySet, KeySetId, KeySnapshot};
pub use store::{DatabaseKeys, KeyDirectory, KeyStore};
pub use vault::KeyVault;

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
        let key = SigningKey::generate(KeyAlgorithm::default(), clock.now_s())?;
        directory.add(&SealedKey::seal(&key, &master_key)?)?;
        tracing::info!(key.kid = %key.kid(), path = %directory.path().display(), "made the first signing key");
        Self::of_keys(vec![Arc::new(key)]).ok_or(KeyringError::NoSigningKey { set: KeySetId::Shared })
    }

    /// Opens every key of the directory; none when there is no key yet. Changes nothing.
    pub fn open(directory: &KeyDirectory, source: &MasterKeySource) -> Result<Option<Self>, KeyringError> {
        permissions::check(directory.path())?;
        let sealed = directory.read()?;
        if sealed.is_empty() {
            return Ok(None);
        }
        let master_keys = MasterKeys::new(source.load(directory)?, None);
        let kms = Kms::new(KmsSettings::default());
        let mut keys = Vec::with_capacity(sealed.len());
        for sealed_key in sealed {
            keys.push(Arc::new(sealed_key.open(&master_keys, &kms)?));
        }
        keys.sort_by(|a, b| (a.created_at_s(), a.kid()).cmp(&(b.created_at_s(), b.kid())));
        Ok(Self::of_keys(keys))
    }

    /// A keyring of given keys, oldest first; none when there is no key.
    pub fn of_keys(keys: Vec<Arc<SigningKey>>) -> Option<Self> {
        let signer: Arc<dyn Signer> = keys.first()?.signer();
        let published = PublishedJwks { keys: keys.iter().map(|key| key.published(false)).collect() };
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
