//! Secrets of the issuer itself that lie in the store under the master key, other than signing keys: the pepper of the API
//! keys. It is made when it is first needed, by `serve` or by the command line, whichever comes first.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use secrecy::ExposeSecret as _;

use crate::Error;
use crate::accounts::Pepper;
use crate::keyring::{
    KeyringError, MasterKey, MasterKeys, SealFault, SealedSecret, SealedSecrets, open_secret, seal_secret,
};
use crate::store::{Store, StoreError, sealed_secrets};

/// What the seal is for; part of what the seal authenticates.
const PURPOSE: &str = "driftwise secret";
/// The pepper's name in the store, in its seal and in messages.
const PEPPER: &str = "the API key pepper";

/// The pepper, made where there is none.
pub async fn pepper(store: &Store, master_keys: &MasterKeys, now_ms: i64) -> Result<Pepper, Error> {
    let mut db = store.connection().await?;
    let jwe = if let Some(jwe) = sealed_secrets::find(&mut db, PEPPER).await? {
        jwe
    } else {
        let jwe = seal(&Pepper::generate()?, master_keys.current())?;
        sealed_secrets::insert(&mut db, PEPPER, &jwe, now_ms).await?;
        // Another process may have been first: what lies in the store counts.
        sealed_secrets::find(&mut db, PEPPER).await?.unwrap_or(jwe)
    };
    open(&jwe, master_keys)
}

/// The pepper, where there is one.
pub async fn existing_pepper(store: &Store, master_keys: &MasterKeys) -> Result<Option<Pepper>, Error> {
    let jwe = sealed_secrets::find(&mut *store.connection().await?, PEPPER).await?;
    jwe.map(|jwe| open(&jwe, master_keys)).transpose()
}

fn open(jwe: &str, master_keys: &MasterKeys) -> Result<Pepper, Error> {
    let fault = |cause| KeyringError::SealedSecret { name: PEPPER.into(), cause };
    let secret = open_secret(PURPOSE, PEPPER, jwe, master_keys).map_err(fault)?;
    Ok(Pepper::from_secret(secret.expose_secret()).ok_or_else(|| fault(SealFault::Format))?)
}

/// A new pepper in place of one that can't be opened any more, because its master key was given up: every API key made so
/// far stops working.
pub async fn replace_pepper(store: &Store, master_keys: &MasterKeys) -> Result<Pepper, Error> {
    let pepper = Pepper::generate()?;
    let jwe = seal(&pepper, master_keys.current())?;
    let mut tx = store.begin().await?;
    if let Some(old) = sealed_secrets::find(&mut tx, PEPPER).await? {
        sealed_secrets::replace(&mut tx, PEPPER, &old, &jwe).await?;
    }
    tx.commit().await?;
    Ok(pepper)
}

fn seal(pepper: &Pepper, master_key: &MasterKey) -> Result<String, KeyringError> {
    seal_secret(PURPOSE, PEPPER, pepper.expose_secret(), master_key)
}

/// The issuer's own secrets in a store, for `keys reseal`.
#[derive(Debug)]
pub struct StoredSecrets(Store);

impl StoredSecrets {
    /// Those of that store.
    pub fn new(store: Store) -> Self {
        Self(store)
    }
}

impl SealedSecrets for StoredSecrets {
    fn read_all(&self) -> BoxFuture<'_, Result<Vec<SealedSecret>, KeyringError>> {
        async {
            let mut db = self.0.connection().await.map_err(unstored)?;
            let pepper = sealed_secrets::find(&mut db, PEPPER).await.map_err(unstored)?;
            Ok(pepper.map(|jwe| SealedSecret { name: PEPPER.into(), jwe }).into_iter().collect())
        }
        .boxed()
    }

    fn replace<'a>(&'a self, old: &'a SealedSecret, new: &'a str) -> BoxFuture<'a, Result<(), KeyringError>> {
        async move {
            let mut db = self.0.connection().await.map_err(unstored)?;
            // Where somebody else was faster, it lies under the new master key already.
            sealed_secrets::replace(&mut db, &old.name, &old.jwe, new).await.map(drop).map_err(unstored)
        }
        .boxed()
    }
}

fn unstored(error: StoreError) -> KeyringError {
    KeyringError::from(error)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::accounts::{ApiKey, ApiKeyId};
    use crate::keyring::{DatabaseKeys, Reseal};

    #[tokio::test]
    async fn the_pepper_is_made_once_and_survives_a_change_of_the_master_key() {
        let directory = tempfile::TempDir::new().unwrap();
        let store = Store::open(&directory.path().join("issuer.db")).await.unwrap();
        let text = |byte: char| format!("{byte}{}", "0123456789abcdef".repeat(4).split_off(1));
        let master_key = |byte| MasterKey::parse(&text(byte), "test").unwrap();
        let old = MasterKeys::new(master_key('a'), None);
        let new = MasterKeys::new(master_key('b'), None);
        let key = ApiKey::generate(ApiKeyId::from_uuid(Uuid::new_v4())).unwrap();
        let hash = key.hash(&pepper(&store, &old, 1).await.unwrap());
        assert!(key.fits(&pepper(&store, &old, 2).await.unwrap(), Some(&hash)));
        let refused = pepper(&store, &new, 3).await.unwrap_err();
        assert!(refused.to_string().contains(PEPPER) && refused.hint().is_some(), "{refused}");

        let to = master_key('b');
        let reseal = Reseal { from: &old, to: &to, is_dry_run: false };
        let (keys, secrets) = (DatabaseKeys::new(store.clone()), StoredSecrets::new(store.clone()));
        for changed in [true, false] {
            let done = reseal.run(&keys, &[&secrets]).await.unwrap();
            assert_eq!((done.len(), done[0].is_changed), (1, changed));
        }
        assert!(key.fits(&pepper(&store, &new, 4).await.unwrap(), Some(&hash)));
        assert!(pepper(&store, &old, 5).await.is_err());

        let replaced = replace_pepper(&store, &old).await.unwrap();
        assert!(!key.fits(&replaced, Some(&hash)), "keys of the old pepper end with it");
        assert_eq!(pepper(&store, &old, 6).await.unwrap().expose_secret(), replaced.expose_secret());
    }
}
