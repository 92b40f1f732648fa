//! Sealed keys in the issuer's database: what replicas without a shared volume use.

use driftwise_contract::Kid;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::KeyStore;
use crate::keyring::{KeyringError, SealedKey};
use crate::store::{Store, sealed_keys};

const PLACE: &str = "the table sealed_keys";

/// The table of sealed keys.
#[derive(Debug, Clone)]
pub struct DatabaseKeys {
    store: Store,
}

impl DatabaseKeys {
    /// The keys of a store.
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

impl KeyStore for DatabaseKeys {
    fn read_all(&self) -> BoxFuture<'_, Result<Vec<SealedKey>, KeyringError>> {
        async {
            let rows = sealed_keys::list(&mut *self.store.connection().await?).await?;
            let open = |row: sealed_keys::SealedKeyRow| {
                let place = format!("{PLACE}, key {}", row.kid);
                SealedKey::from_text(row.kid, &row.jwe, &place)
            };
            Ok(rows.into_iter().map(open).collect())
        }
        .boxed()
    }

    fn write<'a>(&'a self, key: &'a SealedKey) -> BoxFuture<'a, Result<(), KeyringError>> {
        async { Ok(sealed_keys::insert(&mut *self.store.connection().await?, key.kid(), key.as_str()).await?) }.boxed()
    }

    fn replace<'a>(&'a self, key: &'a SealedKey) -> BoxFuture<'a, Result<(), KeyringError>> {
        async { Ok(sealed_keys::replace(&mut *self.store.connection().await?, key.kid(), key.as_str()).await?) }.boxed()
    }

    fn remove<'a>(&'a self, kid: &'a Kid) -> BoxFuture<'a, Result<(), KeyringError>> {
        async { Ok(sealed_keys::delete(&mut *self.store.connection().await?, kid).await?) }.boxed()
    }

    fn place(&self) -> String {
        PLACE.into()
    }
}
