//! The vault: makes, seals, stores, opens and removes signing keys. What is done with a key (when it signs, whether it is
//! published) is decided elsewhere.
//!
//! The master key is read when a key is sealed or opened, and dropped after: a running issuer does not hold it.

use std::sync::Arc;

use driftwise_contract::{IssuerUrl, Kid};

use super::master_key::MasterKeys;
use super::{
    DatabaseKeys, KeyAlgorithm, KeyDirectory, KeyMaker, KeyStore, KeyringError, Kms, KmsKeyMaker, LocalKeyMaker,
    MasterKeySource, PublishedJwk, Reseal, Resealed, SealedKey, SealedSecrets, SigningKey,
};
use crate::config::{KeyBackend, KeyStoreKind, Keys};
use crate::store::Store;

/// Where signing keys lie, what makes them, and what opens them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct KeyVault {
    store: Arc<dyn KeyStore>,
    maker: Arc<dyn KeyMaker>,
    kms: Kms,
    master_key: MasterKeySource,
    previous_master_key: Option<MasterKeySource>,
    directory: KeyDirectory,
    publishes_certificates: bool,
}

impl KeyVault {
    /// The vault that the configuration describes.
    pub fn new(keys: &Keys, issuer: &IssuerUrl, store: &Store) -> Self {
        let kms = Kms::new(keys.kms.clone());
        Self::with_kms(keys, issuer, store, kms)
    }

    /// The same with a connection to KMS that is there.
    pub fn with_kms(keys: &Keys, issuer: &IssuerUrl, store: &Store, kms: Kms) -> Self {
        let directory = KeyDirectory::new(&keys.directory);
        Self {
            store: match keys.store {
                KeyStoreKind::Directory => Arc::new(directory.clone()),
                KeyStoreKind::Database => Arc::new(DatabaseKeys::new(store.clone())),
            },
            maker: match keys.backend {
                KeyBackend::Local => Arc::new(LocalKeyMaker),
                KeyBackend::Kms => Arc::new(KmsKeyMaker::new(kms.clone(), issuer.clone())),
            },
            kms,
            master_key: keys.master_key.clone(),
            previous_master_key: keys.previous_master_key.clone(),
            directory,
            publishes_certificates: false,
        }
    }

    /// Has keys published with their certificates (`federation.x5c`), or without them, which is the default.
    #[must_use]
    pub fn with_certificates(mut self, x5c: bool) -> Self {
        self.publishes_certificates = x5c;
        self
    }

    /// Where the sealed keys lie.
    pub fn store(&self) -> &dyn KeyStore {
        &*self.store
    }

    /// Every sealed key, by kid. Opens none.
    pub async fn sealed(&self) -> Result<Vec<SealedKey>, KeyringError> {
        self.store.read_all().await
    }

    /// Opens sealed keys, in their order. One that can't be opened is an error: it is never skipped, because tokens and
    /// trust hang on it.
    pub async fn open(&self, sealed: Vec<SealedKey>) -> Result<Vec<SigningKey>, KeyringError> {
        if sealed.is_empty() {
            return Ok(Vec::new());
        }
        let master_keys = self.master_keys().await?;
        let kms = self.kms.clone();
        blocking(move || sealed.iter().map(|key| key.open(&master_keys, &kms)).collect()).await
    }

    /// The public half of a key, as this issuer publishes it.
    pub fn published(&self, key: &SigningKey) -> PublishedJwk {
        key.published(self.publishes_certificates)
    }

    /// Makes a key: sealed and durable in the key store when this returns. The first one makes the master key too, where
    /// none is configured.
    pub async fn make(&self, algorithm: KeyAlgorithm, created_at_s: i64) -> Result<SigningKey, KeyringError> {
        let is_first = self.sealed().await?.is_empty();
        // Before the key is made: a key in KMS that can't be sealed would be left behind.
        let master_keys = if is_first { self.master_keys_or_new().await? } else { self.master_keys().await? };
        let key = self.maker.make(algorithm, created_at_s).await?;
        let written = match SealedKey::seal(&key, master_keys.current()) {
            Ok(sealed) => self.store.write(&sealed).await,
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            self.give_up(&key).await;
            return Err(error);
        }
        tracing::info!(key.kid = %key.kid(), key.algorithm = %key.algorithm(), place = %self.store.place(), "made a signing key");
        Ok(key)
    }

    /// Removes a key for good: its material here, and in KMS the key itself, as far as the settings allow. It must neither
    /// sign nor be published any more. Doing it again does no harm.
    pub async fn remove(&self, kid: &Kid) -> Result<(), KeyringError> {
        let sealed = self.sealed().await?.into_iter().find(|sealed| sealed.kid() == kid);
        let Some(sealed) = sealed else { return Ok(()) };
        let opened = self.open(vec![sealed]).await?;
        for key_arn in opened.iter().filter_map(SigningKey::key_arn) {
            self.kms.schedule_deletion(key_arn).await?;
        }
        self.store.remove(kid).await
    }

    /// Seals every key and every other secret under a new master key; under the configured one where none is given. Without
    /// any secret there is nothing to do, and no master key is needed.
    pub async fn reseal(
        &self,
        new: Option<&MasterKeySource>,
        others: &[&dyn SealedSecrets],
        is_dry_run: bool,
    ) -> Result<Vec<Resealed>, KeyringError> {
        let mut is_empty = self.sealed().await?.is_empty();
        for place in others {
            is_empty &= place.read_all().await?.is_empty();
        }
        if is_empty {
            return Ok(Vec::new());
        }
        let from = self.master_keys().await?;
        let new = match new.cloned() {
            Some(source) => {
                let directory = self.directory.clone();
                Some(blocking(move || source.load(&directory)).await?)
            }
            None => None,
        };
        let reseal = Reseal { from: &from, to: new.as_ref().unwrap_or(from.current()), is_dry_run };
        reseal.run(&*self.store, others).await
    }

    /// What opens sealed secrets, read anew.
    pub async fn master_keys(&self) -> Result<MasterKeys, KeyringError> {
        let this = self.clone();
        blocking(move || {
            let current = this.master_key.load(&this.directory)?;
            this.with_previous(current)
        })
        .await
    }

    /// Whether the configured master keys can be read, before anything is made that needs them. One that lies in the key
    /// directory is not asked for: the first start makes it.
    pub async fn check_master_key(keys: &Keys) -> Result<(), KeyringError> {
        let directory = KeyDirectory::new(&keys.directory);
        let sources = [Some(keys.master_key.clone()), keys.previous_master_key.clone()];
        blocking(move || {
            let mut configured =
                sources.iter().flatten().filter(|source| !matches!(source, MasterKeySource::KeyDirectory));
            configured.try_for_each(|source| source.load(&directory).map(drop))
        })
        .await
    }

    /// The same as [`Self::master_keys`], made where none is configured and no key was sealed yet. The caller knows that none was.
    async fn master_keys_or_new(&self) -> Result<MasterKeys, KeyringError> {
        let this = self.clone();
        blocking(move || {
            let makes = matches!(this.master_key, MasterKeySource::KeyDirectory);
            let _lock = if makes {
                this.directory.create()?;
                Some(this.directory.lock()?)
            } else {
                None
            };
            let current = this.master_key.load_or_create(&this.directory)?;
            this.with_previous(current)
        })
        .await
    }

    fn with_previous(&self, current: super::MasterKey) -> Result<MasterKeys, KeyringError> {
        let previous = self.previous_master_key.as_ref().map(|source| source.load(&self.directory)).transpose()?;
        Ok(MasterKeys::new(current, previous))
    }

    /// What a key that could not be stored has left behind.
    async fn give_up(&self, key: &SigningKey) {
        let Some(key_arn) = key.key_arn() else { return };
        if let Err(error) = self.kms.schedule_deletion(key_arn).await {
            tracing::warn!(key.arn = %key_arn, error = %error, "a key in KMS is not used and could not be given up");
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KeyringError> + Send + 'static,
) -> Result<T, KeyringError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| KeyringError::Interrupted(error.to_string()))?
}
