//! The keys' states in the store, and everything that changes them. Each change is one transaction that holds the catalogue's
//! row, reads the keys, and does only what is right for what it read: two processes never do the same thing twice.
//!
//! What a crash leaves is put right by the next pass, because of two orders:
//! - Material is durable before its row. A crash between leaves an *orphan*: a key that no row names. It is adopted, or
//!   destroyed where there is no place for it. It has signed nothing.
//! - A row says `removed` before its material goes. A crash between leaves material of a removed key, which goes then.

mod adopt;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use driftwise_contract::{Kid, OrgId};

use super::replicas::{Keeper, SIGNS_AHEAD, beat, committed, mono_ms, names};
use super::ring::OpenKeys;
use super::rotation::{self, Action, KeyRecord, KeyState, Moment, RotationSettings, millis};
use super::{KeyAlgorithm, KeySetId, KeyVault, KeyringError, SigningKey};
use crate::accounts::IssuerKeys;
use crate::audit::{self, Actor, Chain, Event, Record};
use crate::clock::Clock;
use crate::store::replicas::ReplicaRow;
use crate::store::{Connection, Store, Tx, key_catalogue, orgs, replicas, signing_keys};

/// How often making a key begins anew when another process took the new one.
const ATTEMPTS: u32 = 3;

/// How many leases to wait for the running issuers to publish a key: a keeper's and a replica's patience, and some refreshes.
const PATIENCE: i64 = 3;

/// The least of it, milliseconds.
const MIN_PATIENCE_MS: i64 = 90_000;

/// How often to look whether they do.
const POLL: Duration = Duration::from_millis(500);

/// The states of the keys, and the keys.
#[derive(Debug, Clone)]
pub struct Catalogue {
    store: Store,
    vault: KeyVault,
    clock: Arc<dyn Clock>,
    algorithm: KeyAlgorithm,
    settings: RotationSettings,
    actor: Actor,
}

impl Catalogue {
    /// Puts the parts together; nothing is touched yet.
    /// Changes are put on record as the issuer's own.
    pub fn new(
        store: Store,
        vault: KeyVault,
        clock: Arc<dyn Clock>,
        algorithm: KeyAlgorithm,
        settings: RotationSettings,
    ) -> Self {
        Self { store, vault, clock, algorithm, settings, actor: Actor::Issuer }
    }

    /// The same, for changes that somebody else makes.
    #[must_use]
    pub fn by(self, actor: Actor) -> Self {
        Self { actor, ..self }
    }

    /// The windows.
    pub fn settings(&self) -> &RotationSettings {
        &self.settings
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Where keys lie, are made and opened.
    pub fn vault(&self) -> &KeyVault {
        &self.vault
    }

    /// Opens every key that lies in the key store but those of `known`, which are taken over.
    pub(super) async fn open_all(&self, known: &OpenKeys) -> Result<OpenKeys, KeyringError> {
        let sealed = self.vault.sealed().await?;
        let mut open: OpenKeys = known
            .iter()
            .filter(|(kid, _)| sealed.iter().any(|key| key.kid() == *kid))
            .map(|(kid, key)| (kid.clone(), key.clone()))
            .collect();
        let unknown = sealed.into_iter().filter(|key| !open.contains_key(key.kid())).collect();
        for key in self.vault.open(unknown).await? {
            open.insert(key.kid().clone(), Arc::new(key));
        }
        Ok(open)
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Every key that was ever made, oldest first.
    pub async fn records(&self) -> Result<Vec<KeyRecord>, KeyringError> {
        Ok(signing_keys::list(&mut *self.store.connection().await?).await?)
    }

    /// The time, by both clocks. The steady one is that of the last tick.
    pub async fn moment(&self) -> Result<Moment, KeyringError> {
        let row = key_catalogue::read(&mut *self.store.connection().await?).await?;
        Ok(Moment { steady_ms: row.steady_ms, wall_ms: self.clock.now_ms() })
    }

    /// The running issuers, and those that told a fault lately.
    pub async fn replicas(&self) -> Result<Vec<ReplicaRow>, KeyringError> {
        Ok(replicas::list(&mut *self.store.connection().await?).await?)
    }

    /// The running issuers that do not publish the key yet, and have to before it signs.
    pub async fn unpublished_by(&self, key: &KeyRecord) -> Result<Vec<ReplicaRow>, KeyringError> {
        unpublished(&mut *self.store.connection().await?, key).await
    }

    /// Waits until every running issuer publishes the key; one that is paused, was killed or can't publish it is not waited
    /// for after its lease.
    pub async fn published_everywhere(&self, key: &KeyRecord) -> Result<(), KeyringError> {
        let (id, mut keeper) = (self.clock.new_uuid().to_string(), Keeper::default());
        let begun_ms = mono_ms(&*self.clock);
        loop {
            let behind = self.unpublished_by(key).await?;
            let Some(lease_ms) = behind.iter().map(|replica| replica.lease_ms).max() else { return Ok(()) };
            let patience_ms = lease_ms.saturating_mul(PATIENCE).max(MIN_PATIENCE_MS);
            if mono_ms(&*self.clock).saturating_sub(begun_ms) > patience_ms {
                return Err(not_published(key, &behind));
            }
            // Where no issuer keeps the steady time, nobody would count the others as gone.
            let now_ms = mono_ms(&*self.clock);
            let mut tx = self.store.begin().await?;
            let row = beat(&mut tx, &mut keeper, &id, now_ms).await?;
            tx.commit().await?;
            committed(&mut keeper, &id, &row, now_ms);
            tokio::time::sleep(POLL).await;
        }
    }

    /// Makes sure that the set has a key that signs: its first key is made where there is none, and is active at once. Verifiers
    /// know of no older copy of a key set that is new.
    pub async fn ensure_set(&self, set: KeySetId) -> Result<(), KeyringError> {
        for _ in 0..ATTEMPTS {
            let mut tx = self.store.begin().await?;
            key_catalogue::lock(&mut tx).await?;
            let keys = of_set(signing_keys::present(&mut tx).await?, set);
            if in_state(&keys, KeyState::Active).is_some() {
                return Ok(());
            }
            if let Some(staged) = in_state(&keys, KeyState::Staged) {
                self.activate_in(&mut tx, staged, None).await?;
                return Ok(tx.commit().await?);
            }
            drop(tx);
            let key = self.vault.make(self.algorithm, self.clock.now_s()).await?;
            let mut tx = self.store.begin().await?;
            key_catalogue::lock(&mut tx).await?;
            let version = key_catalogue::bump(&mut tx).await?;
            let record = self.active(&key, set, version);
            if signing_keys::insert(&mut tx, &record).await? {
                let event = |event| Event::KeyActivated(with_algorithm(event, record.algorithm));
                self.note(&mut tx, event, &record.kid, set).await?;
                return Ok(tx.commit().await?);
            }
            drop(tx);
            self.discard(&key, set).await?;
        }
        Err(KeyringError::Changed { set })
    }

    /// One pass over every set: does what [`rotation::plan`] says, as far as the running issuers are ready for it.
    pub async fn rotate(&self) -> Result<Vec<(KeySetId, Action)>, KeyringError> {
        let keys = signing_keys::present(&mut *self.store.connection().await?).await?;
        let sets: BTreeSet<KeySetId> = keys.iter().map(|key| key.set).collect();
        let mut done = Vec::new();
        for set in sets {
            done.extend(self.rotate_set(set).await?.into_iter().map(|action| (set, action)));
        }
        Ok(done)
    }

    /// One pass over one set.
    pub async fn rotate_set(&self, set: KeySetId) -> Result<Vec<Action>, KeyringError> {
        let mut tx = self.store.begin().await?;
        let now = Moment { steady_ms: key_catalogue::lock(&mut tx).await?.steady_ms, wall_ms: self.clock.now_ms() };
        let keys = of_set(signing_keys::present(&mut tx).await?, set);
        let mut done = Vec::new();
        let mut stage = false;
        for action in rotation::plan(&keys, now, &self.settings) {
            match &action {
                Action::Stage => {
                    stage = true;
                    continue;
                }
                Action::Activate { kid, retires } => {
                    let Some(staged) = keys.iter().find(|key| &key.kid == kid) else { continue };
                    let behind = unpublished(&mut tx, staged).await?;
                    if !behind.is_empty() {
                        tracing::info!(key.kid = %kid, replicas = names(&behind), "issuers do not publish the staged key yet");
                        continue;
                    }
                    self.activate_in(&mut tx, staged, retires.as_ref()).await?;
                }
                Action::Remove { kid } => self.remove_in(&mut tx, kid, set, Event::KeyRemoved).await?,
            }
            done.push(action);
        }
        tx.commit().await?;
        for action in &done {
            if let Action::Remove { kid } = action {
                self.vault.remove(kid).await?;
            }
        }
        if stage
            && self
                .stage_if(set, |keys, now| rotation::plan(keys, now, &self.settings).contains(&Action::Stage))
                .await?
                .is_some()
        {
            done.push(Action::Stage);
        }
        Ok(done)
    }

    /// Makes a key and publishes it, whether or not it is time. The set's staged key where it has one.
    pub async fn stage(&self, set: KeySetId) -> Result<KeyRecord, KeyringError> {
        for _ in 0..ATTEMPTS {
            let keys = of_set(self.records().await?, set);
            if let Some(staged) = in_state(&keys, KeyState::Staged) {
                return Ok(staged.clone());
            }
            if !rotation::has_room(&keys) {
                return Err(KeyringError::Full { set });
            }
            if let Some(staged) = self.stage_if(set, |keys, _| rotation::has_room(keys)).await? {
                return Ok(staged);
            }
        }
        Err(KeyringError::Changed { set })
    }

    /// Makes a key and publishes it if the set has no staged one and `still` holds.
    async fn stage_if(
        &self,
        set: KeySetId,
        still: impl Fn(&[KeyRecord], Moment) -> bool,
    ) -> Result<Option<KeyRecord>, KeyringError> {
        let key = self.vault.make(self.algorithm, self.clock.now_s()).await?;
        let mut tx = self.store.begin().await?;
        let now = Moment { steady_ms: key_catalogue::lock(&mut tx).await?.steady_ms, wall_ms: self.clock.now_ms() };
        let keys = of_set(signing_keys::present(&mut tx).await?, set);
        let version = key_catalogue::bump(&mut tx).await?;
        let record = self.staged(&key, set, version);
        if still(&keys, now) && signing_keys::insert(&mut tx, &record).await? {
            let event = |event| Event::KeyStaged(with_algorithm(event, record.algorithm));
            self.note(&mut tx, event, &record.kid, set).await?;
            tx.commit().await?;
            return Ok(Some(record));
        }
        drop(tx);
        self.discard(&key, set).await?;
        Ok(None)
    }

    /// Lets the staged key sign before its window is over, if every running issuer publishes it.
    pub async fn activate_now(&self, set: KeySetId, kid: &Kid) -> Result<(), KeyringError> {
        let mut tx = self.store.begin().await?;
        key_catalogue::lock(&mut tx).await?;
        let keys = of_set(signing_keys::present(&mut tx).await?, set);
        let Some(staged) = in_state(&keys, KeyState::Staged).filter(|key| &key.kid == kid) else {
            return Err(KeyringError::Changed { set });
        };
        publishable(&mut tx, staged).await?;
        self.activate_in(&mut tx, staged, in_state(&keys, KeyState::Active).map(|key| &key.kid)).await?;
        Ok(tx.commit().await?)
    }

    /// Takes a key away before its time: published no more, destroyed, whatever it signed. Where it signs, the set's staged key
    /// takes its place in the same moment, and every running issuer must publish that one. Gives the issuers that can't: their
    /// leases are over.
    pub async fn revoke(&self, kid: &Kid) -> Result<Vec<ReplicaRow>, KeyringError> {
        self.revoke_unless(kid, |staged, behind| {
            if behind.iter().any(ReplicaRow::is_waited_for) { Err(not_published(staged, behind)) } else { Ok(()) }
        })
        .await
    }

    /// The same without waiting: gives the issuers that do not publish the successor yet, or can't. Until
    /// they do, their JWKS lacks the key that signs.
    pub async fn revoke_at_once(&self, kid: &Kid) -> Result<Vec<ReplicaRow>, KeyringError> {
        let keys = self.records().await?;
        if let Some(key) = keys.iter().find(|key| &key.kid == kid && key.state == KeyState::Active) {
            let keys = of_set(keys.clone(), key.set);
            let staged = in_state(&keys, KeyState::Staged).ok_or(KeyringError::Changed { set: key.set })?;
            // No issuer may have shown that it can open it, so this process looks.
            if !self.vault.sealed().await?.iter().any(|sealed| sealed.kid() == &staged.kid) {
                return Err(KeyringError::KeyMissing {
                    kid: staged.kid.clone(),
                    state: staged.state,
                    place: self.vault.store().place(),
                });
            }
        }
        self.revoke_unless(kid, |_, _| Ok(())).await
    }

    async fn revoke_unless(
        &self,
        kid: &Kid,
        check: impl Fn(&KeyRecord, &[ReplicaRow]) -> Result<(), KeyringError>,
    ) -> Result<Vec<ReplicaRow>, KeyringError> {
        let mut tx = self.store.begin().await?;
        key_catalogue::lock(&mut tx).await?;
        let keys = signing_keys::present(&mut tx).await?;
        let Some(key) = keys.iter().find(|key| &key.kid == kid) else {
            return Err(KeyringError::KidUnknown(kid.clone()));
        };
        let set = key.set;
        let signs = key.state == KeyState::Active;
        let mut behind = Vec::new();
        self.remove_in(&mut tx, kid, set, Event::KeyRevoked).await?;
        if signs {
            let keys = of_set(keys, set);
            let staged = in_state(&keys, KeyState::Staged).ok_or(KeyringError::Changed { set })?;
            behind = replicas::list(&mut tx).await?;
            behind.retain(|replica| is_behind(replica, staged));
            check(staged, &behind)?;
            self.activate_in(&mut tx, staged, None).await?;
        }
        tx.commit().await?;
        self.vault.remove(kid).await?;
        Ok(behind)
    }

    /// Retires a set in the caller's transaction: its active key signs no more and stays published for its window, its staged
    /// key, which signed nothing, is removed. Nothing is left of the set after the window. Says whether there was anything to
    /// retire.
    pub async fn retire_set(&self, tx: &mut Tx, set: KeySetId) -> Result<bool, KeyringError> {
        key_catalogue::lock(tx).await?;
        let keys = of_set(signing_keys::present(tx).await?, set);
        let (active, staged) = (in_state(&keys, KeyState::Active), in_state(&keys, KeyState::Staged));
        if let Some(active) = active {
            key_catalogue::bump(tx).await?;
            signing_keys::retire(tx, &active.kid, self.clock.now_ms()).await?;
            self.note(tx, Event::KeyRetired, &active.kid, set).await?;
        }
        if let Some(staged) = staged {
            // The sealed key is destroyed by the next pass of a running issuer, which has what opens it.
            self.remove_in(tx, &staged.kid, set, Event::KeyRemoved).await?;
        }
        Ok(active.or(staged).is_some())
    }

    /// Retires the set of an org that has no issuer with keys of its own (any more). An issuer that had not heard of it may
    /// have made a key since the set was retired.
    pub async fn retire_unowned(&self, org: OrgId) -> Result<bool, KeyringError> {
        let mut tx = self.store.begin().await?;
        let owner = orgs::find(&mut tx, org).await?;
        if owner.is_some_and(|org| org.issuer_keys == Some(IssuerKeys::Own)) {
            return Ok(false);
        }
        let is_retired = self.retire_set(&mut tx, KeySetId::Org(org)).await?;
        tx.commit().await?;
        Ok(is_retired)
    }

    /// Gives up every key of the store: for a key store that was lost. Gives the sets that they were of.
    pub(super) async fn give_up_all(&self) -> Result<BTreeSet<KeySetId>, KeyringError> {
        let mut tx = self.store.begin().await?;
        key_catalogue::lock(&mut tx).await?;
        let keys = signing_keys::present(&mut tx).await?;
        for key in &keys {
            self.remove_in(&mut tx, &key.kid, key.set, Event::KeyRevoked).await?;
        }
        tx.commit().await?;
        Ok(keys.iter().map(|key| key.set).collect())
    }

    async fn activate_in(&self, tx: &mut Tx, staged: &KeyRecord, retires: Option<&Kid>) -> Result<(), KeyringError> {
        let now_ms = self.clock.now_ms();
        key_catalogue::bump(tx).await?;
        if let Some(retires) = retires {
            signing_keys::retire(tx, retires, now_ms).await?;
            self.note(tx, Event::KeyRetired, retires, staged.set).await?;
        }
        if !signing_keys::activate(tx, &staged.kid, now_ms, now_ms.saturating_add(millis(SIGNS_AHEAD))).await? {
            return Err(KeyringError::Changed { set: staged.set });
        }
        self.note(tx, Event::KeyActivated, &staged.kid, staged.set).await
    }

    async fn remove_in(
        &self,
        tx: &mut Tx,
        kid: &Kid,
        set: KeySetId,
        event: fn(audit::KeyEvent) -> Event,
    ) -> Result<(), KeyringError> {
        key_catalogue::bump(tx).await?;
        signing_keys::remove(tx, kid, self.clock.now_ms()).await?;
        self.note(tx, event, kid, set).await
    }

    /// Puts on record what happened to a key, in the transaction in which it happened.
    async fn note(
        &self,
        tx: &mut Tx,
        event: impl FnOnce(audit::KeyEvent) -> Event,
        kid: &Kid,
        set: KeySetId,
    ) -> Result<(), KeyringError> {
        let event = event(audit::KeyEvent { kid: kid.clone(), key_set: set.to_string(), algorithm: None });
        tracing::info!(key.kid = %kid, key.set = %set, event = event.name(), "a signing key changed");
        let chain = match set {
            KeySetId::Shared => Chain::Platform,
            KeySetId::Org(org) => Chain::Org(org),
        };
        audit::append(tx, Record::new(chain, self.clock.now_ms(), self.actor.clone(), event)).await?;
        Ok(())
    }

    fn staged(&self, key: &SigningKey, set: KeySetId, version: i64) -> KeyRecord {
        let (created_at_ms, now_ms) = (key.created_at_s().saturating_mul(1000), self.clock.now_ms());
        let mut record = KeyRecord::staged(key.kid().clone(), set, key.algorithm(), created_at_ms, now_ms);
        record.published_version = version;
        record
    }

    fn active(&self, key: &SigningKey, set: KeySetId, version: i64) -> KeyRecord {
        let mut record = self.staged(key, set, version);
        let now_ms = self.clock.now_ms();
        record.state = KeyState::Active;
        record.activated_at_ms = Some(now_ms);
        record.signs_until_ms = Some(now_ms.saturating_add(millis(SIGNS_AHEAD)));
        record
    }
}

/// What is put on record of a key for the first time names its algorithm.
fn with_algorithm(event: audit::KeyEvent, algorithm: KeyAlgorithm) -> audit::KeyEvent {
    audit::KeyEvent { algorithm: Some(algorithm.as_str().to_owned()), ..event }
}

/// The keys of one set.
pub fn of_set(keys: Vec<KeyRecord>, set: KeySetId) -> Vec<KeyRecord> {
    keys.into_iter().filter(|key| key.set == set).collect()
}

/// The first key in that state.
pub fn in_state(keys: &[KeyRecord], state: KeyState) -> Option<&KeyRecord> {
    keys.iter().find(|key| key.state == state)
}

/// Whether that issuer does not publish the key.
pub fn is_behind(replica: &ReplicaRow, key: &KeyRecord) -> bool {
    replica.version < key.published_version
}

async fn unpublished(db: &mut Connection, key: &KeyRecord) -> Result<Vec<ReplicaRow>, KeyringError> {
    let mut running = replicas::list(db).await?;
    running.retain(|replica| replica.is_waited_for() && is_behind(replica, key));
    Ok(running)
}

async fn publishable(tx: &mut Tx, key: &KeyRecord) -> Result<(), KeyringError> {
    let behind = unpublished(tx, key).await?;
    if behind.is_empty() { Ok(()) } else { Err(not_published(key, &behind)) }
}

fn not_published(key: &KeyRecord, behind: &[ReplicaRow]) -> KeyringError {
    let waited: Vec<ReplicaRow> = behind.iter().filter(|replica| replica.is_waited_for()).cloned().collect();
    KeyringError::Unpublished { kid: key.kid.clone(), count: waited.len(), replicas: names(&waited) }
}
