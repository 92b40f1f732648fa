//! Changing the master key: every sealed secret is opened with an old master key and sealed under the new one, one by one,
//! each replaced whole.
//!
//! Invariant: at each moment every secret opens with the new master key or with an old one, so a crash leaves nothing that
//! can't be opened by one who has both; running it again does the rest. A running issuer is not disturbed: it reads what it
//! needs anew, and `keys.previous_master_key_file` lets it open both while the change lasts.
//!
//! To add a kind of secret, seal it with [`super::seal_secret`] and implement [`SealedSecrets`] for the place it lies in.

use std::fmt::Debug;

use futures::future::BoxFuture;

use super::envelope::{self, ResealFault};
use super::{KeyStore, KeyringError, MasterKey, MasterKeys, SealedKey};

/// How often it looks for secrets. An issuer makes a key in weeks, not in each of these moments.
const ROUNDS_MAX: usize = 3;

/// A place of sealed secrets that are not signing keys.
pub trait SealedSecrets: Debug + Send + Sync {
    /// Every secret: its name, and the JWE.
    fn read_all(&self) -> BoxFuture<'_, Result<Vec<SealedSecret>, KeyringError>>;

    /// Replaces `old` by `new`, whole or not at all; where the secret is not `old` any more, it stays as it is.
    fn replace<'a>(&'a self, old: &'a SealedSecret, new: &'a str) -> BoxFuture<'a, Result<(), KeyringError>>;
}

/// A sealed secret with a name for people: `the API key pepper`.
#[derive(Clone)]
pub struct SealedSecret {
    /// What it is, for messages.
    pub name: String,
    /// The JWE.
    pub jwe: String,
}

impl Debug for SealedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedSecret").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What was done, or would be done, with one secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resealed {
    /// The kid of a key, or the name of another secret.
    pub name: String,
    /// Whether it was sealed anew; else it was sealed under the new master key already.
    pub is_changed: bool,
}

/// A change of the master key.
#[derive(Debug)]
pub struct Reseal<'a> {
    /// What opens the secrets now: the configured master key, and the previous one.
    pub from: &'a MasterKeys,
    /// What shall open them.
    pub to: &'a MasterKey,
    /// Changes nothing, but opens everything.
    pub is_dry_run: bool,
}

impl Reseal<'_> {
    /// Seals every key and every other secret anew. Opens all of them first: where one can't be opened, nothing is changed.
    /// Then looks again, for what a running issuer sealed under the old master key meanwhile.
    pub async fn run(&self, keys: &dyn KeyStore, others: &[&dyn SealedSecrets]) -> Result<Vec<Resealed>, KeyringError> {
        let mut done = self.round(keys, others).await?;
        for _ in 1..ROUNDS_MAX {
            if self.is_dry_run {
                break;
            }
            let again: Vec<Resealed> =
                self.round(keys, others).await?.into_iter().filter(|resealed| resealed.is_changed).collect();
            if again.is_empty() {
                break;
            }
            done.retain(|resealed| again.iter().all(|other| other.name != resealed.name));
            done.extend(again);
        }
        Ok(done)
    }

    async fn round(&self, keys: &dyn KeyStore, others: &[&dyn SealedSecrets]) -> Result<Vec<Resealed>, KeyringError> {
        let mut plan: Vec<(SealedKey, Option<SealedKey>)> = Vec::new();
        for sealed in keys.read_all().await? {
            let new = sealed.reseal(self.from, self.to)?;
            plan.push((sealed, new));
        }
        let mut other_plan = Vec::new();
        for place in others {
            for secret in place.read_all().await? {
                let new = envelope::reseal(&secret.jwe, self.from, self.to).map_err(|fault| match fault {
                    ResealFault::Open(cause) => KeyringError::SealedSecret { name: secret.name.clone(), cause },
                    ResealFault::Seal(error) => error,
                })?;
                other_plan.push((*place, secret, new));
            }
        }
        let mut done = Vec::new();
        for (old, new) in plan {
            if let Some(new) = new.as_ref().filter(|_| !self.is_dry_run) {
                keys.replace(new).await?;
            }
            done.push(Resealed { name: old.kid().to_string(), is_changed: new.is_some() });
        }
        for (place, old, new) in other_plan {
            if let Some(new) = new.as_ref().filter(|_| !self.is_dry_run) {
                place.replace(&old, new).await?;
            }
            done.push(Resealed { name: old.name, is_changed: new.is_some() });
        }
        Ok(done)
    }
}
