//! The keyring of a running issuer: the newest snapshot of the catalogue that this process could open and publish, and the
//! lease under which it signs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use driftwise_contract::Kid;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::{Mutex, watch};

use super::catalogue::Catalogue;
use super::replicas::{self, Keeper, Lease, SIGNS_AHEAD};
use super::rotation::{Action, KeyRecord, KeyState, millis};
use super::{KeySet, KeySetId, KeySnapshot, KeyringError, NotReady, PublishedJwks, Signer, SigningKey};
use crate::clock::Clock;
use crate::store::{authority, key_catalogue, replicas as replica_rows, signing_keys};

/// How often a refresh begins anew when the keys changed while it built them.
const ATTEMPTS: u32 = 5;

/// How much of a fault the store is told, characters.
const MAX_FAULT: usize = 400;

/// Opened keys, by kid.
pub type OpenKeys = BTreeMap<Kid, Arc<SigningKey>>;

/// What a start does when the store knows of signing keys and the key store holds none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LostKeys {
    /// Refuse to start: most likely a volume is not mounted.
    #[default]
    Refuse,
    /// Make a new key. Tokens signed by the old ones stop verifying. Refused while the key store does hold keys.
    GiveUp,
}

/// Publishes [`Keyring::snapshot`]. Says why it can't.
pub type Publisher = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// The keys of a running issuer. Cheap to clone.
#[derive(Clone)]
pub struct Keyring {
    inner: Arc<Inner>,
}

struct Inner {
    id: String,
    catalogue: Catalogue,
    current: watch::Sender<Arc<Current>>,
    snapshots: watch::Sender<Arc<KeySnapshot>>,
    publisher: OnceLock<Publisher>,
    /// Held through a refresh: one at a time.
    refresh: Mutex<Refresh>,
}

/// The keys to sign one token with.
#[derive(Debug, Clone)]
pub struct KeysToSign {
    /// The keys.
    pub snapshot: Arc<KeySnapshot>,
    /// The authority's version ([`crate::store::authority`]) at which they were the store's: what they sign may leave only
    /// while that version holds.
    pub authority: i64,
}

/// A snapshot, and until when it may sign.
struct Current {
    snapshot: Arc<KeySnapshot>,
    /// The newest authority version at which the snapshot's keys were found to be the store's.
    authority: Arc<AtomicI64>,
    lease: Arc<Lease>,
    kids: Vec<Kid>,
    version: i64,
    fault: Option<String>,
}

#[derive(Default)]
struct Refresh {
    keeper: Keeper,
    open: OpenKeys,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let current = self.inner.current.borrow();
        f.debug_struct("Keyring")
            .field("keys", &current.kids)
            .field("version", &current.version)
            .finish_non_exhaustive()
    }
}

impl Keyring {
    /// Opens every key, gives a state to those that have none, and makes the first key of the shared set where there is none,
    /// which takes a second or two. From then on this process counts as a replica until [`Keyring::close`].
    pub async fn open(catalogue: Catalogue, lost_keys: LostKeys) -> Result<Self, KeyringError> {
        let open = catalogue.open_all(&OpenKeys::new()).await?;
        let present = catalogue.records().await?.into_iter().filter(|key| key.state != KeyState::Removed).count();
        match lost_keys {
            LostKeys::GiveUp if !open.is_empty() => {
                return Err(KeyringError::KeysPresent { place: catalogue.vault().store().place() });
            }
            LostKeys::GiveUp if present > 0 => {
                for set in catalogue.give_up_all().await? {
                    catalogue.ensure_set(set).await?;
                }
                tracing::warn!(
                    "the old signing keys were given up: tokens signed by them stop verifying, and new ones are taken once \
                     AWS has read the new key set"
                );
            }
            LostKeys::Refuse if open.is_empty() && present > 0 => {
                return Err(KeyringError::KeysGone {
                    place: catalogue.vault().store().place(),
                    count: if present == 1 { "1 was".into() } else { format!("{present} were") },
                });
            }
            LostKeys::GiveUp | LostKeys::Refuse => {}
        }
        catalogue.reconcile(&open).await?;
        catalogue.ensure_set(KeySetId::Shared).await?;
        let nothing = Current {
            snapshot: Arc::default(),
            authority: Arc::default(),
            lease: Arc::new(Lease::over(Duration::ZERO)),
            kids: Vec::new(),
            version: 0,
            fault: None,
        };
        let keyring = Self {
            inner: Arc::new(Inner {
                id: catalogue.clock().new_uuid().to_string(),
                catalogue,
                current: watch::Sender::new(Arc::new(nothing)),
                snapshots: watch::Sender::default(),
                publisher: OnceLock::new(),
                refresh: Mutex::new(Refresh { open, ..Refresh::default() }),
            }),
        };
        keyring.refresh().await?;
        Ok(keyring)
    }

    /// Has every later snapshot published by `publisher`, before it is noted as published and before its keys sign. The first
    /// publisher stays.
    pub fn publish_with(&self, publisher: Publisher) {
        let _ = self.inner.publisher.set(publisher);
    }

    /// The keys as they are now. Take it once per request or document: two takes may differ. To sign, take
    /// [`Keyring::current_at`].
    pub fn snapshot(&self) -> Arc<KeySnapshot> {
        self.inner.current.borrow().snapshot.clone()
    }

    /// The keys to sign with: refreshed first where the lease is over, as after a pause. Fails closed.
    pub async fn current(&self) -> Result<Arc<KeySnapshot>, KeyringError> {
        if self.check_lease().is_err() {
            self.refresh().await?;
            self.check_lease()?;
        }
        Ok(self.snapshot())
    }

    /// The keys to sign a token with that was decided at that version of the authority. Where they were read before it, the
    /// store is asked first whether they still are its keys, which is cheap where they are; a newer state is taken up.
    ///
    /// The version that comes with them may still be the older one, if the keys change meanwhile: commit the token by the
    /// older of the two, and it does not leave.
    pub async fn current_at(&self, authority: i64) -> Result<KeysToSign, KeyringError> {
        if self.inner.current.borrow().authority.load(Ordering::Acquire) < authority {
            self.catch_up().await?;
        }
        self.current().await?;
        // Both from one state: a refresh may come between.
        let current = self.inner.current.borrow().clone();
        let authority = current.authority.load(Ordering::Acquire);
        Ok(KeysToSign { snapshot: current.snapshot.clone(), authority })
    }

    /// Every new snapshot.
    pub fn subscribe(&self) -> watch::Receiver<Arc<KeySnapshot>> {
        self.inner.snapshots.subscribe()
    }

    /// Whether this issuer may sign: it has an active key, and its last refresh is not too long ago.
    pub fn readiness(&self) -> Result<(), NotReady> {
        let current = self.inner.current.borrow().clone();
        if let Some(fault) = &current.fault {
            return Err(NotReady::Unpublishable(fault.clone()));
        }
        if current.snapshot.signer(KeySetId::Shared).is_err() {
            return Err(NotReady::NoActiveKey);
        }
        self.check_lease()
    }

    /// The states of the keys.
    pub fn catalogue(&self) -> &Catalogue {
        &self.inner.catalogue
    }

    /// Notes in the store that this issuer lives, learns of changes, publishes them and renews the lease. To be called every
    /// few seconds.
    pub async fn refresh(&self) -> Result<(), KeyringError> {
        let mut refresh = self.inner.refresh.lock().await;
        for _ in 0..ATTEMPTS {
            match self.refresh_locked(&mut refresh).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => {
                    if !matches!(error, KeyringError::Store(_)) {
                        self.fail(&error).await;
                    }
                    return Err(error);
                }
            }
        }
        Err(NotReady::Stale.into())
    }

    /// Notes, here and for the others, why the newest keys can't be published.
    async fn fail(&self, error: &KeyringError) {
        let Inner { id, catalogue, .. } = &*self.inner;
        let fault = error.to_string();
        let current = self.inner.current.borrow().clone();
        if current.fault.as_ref() != Some(&fault) {
            tracing::error!(
                replica.id = id,
                fault,
                "this issuer can't publish the newest keys: it signs until its lease is over, and is not waited for after that"
            );
        }
        let told: String = fault.chars().take(MAX_FAULT).collect();
        self.inner.current.send_modify(|current| {
            *current = Arc::new(Current { fault: Some(fault), ..current.parts() });
        });
        let lease_ms = millis(replicas::lease(catalogue.settings().refresh));
        let noted = async {
            let mut db = catalogue.store().connection().await?;
            replica_rows::fail(&mut db, id, current.version, catalogue.clock().now_ms(), lease_ms, &told).await
        };
        if let Err(error) = noted.await {
            tracing::warn!(replica.id = id, error = %error, "can't tell the other issuers of the fault");
        }
    }

    /// Takes away the keys that were removed, where what came instead can't be published: the removed ones may be stolen.
    fn withdraw(&self, current: &Current, keys: &[KeyRecord]) {
        let is_present = |kid: &Kid| keys.iter().any(|key| &key.kid == kid);
        if current.kids.iter().all(is_present) {
            return;
        }
        current.lease.revoke();
        let snapshot = Arc::new(current.snapshot.only(is_present));
        let kids = current.kids.iter().filter(|kid| is_present(kid)).cloned().collect();
        self.inner.current.send_replace(Arc::new(Current { snapshot: snapshot.clone(), kids, ..current.parts() }));
        if let Some(Err(fault)) = self.inner.publisher.get().map(|publish| publish()) {
            tracing::error!(fault, "can't publish the keys without those that were removed");
        }
        self.inner.snapshots.send_replace(snapshot);
    }

    /// False where the keys changed meanwhile and nobody waited for this issuer: it must look again before it signs.
    async fn refresh_locked(&self, refresh: &mut Refresh) -> Result<bool, KeyringError> {
        let Inner { id, catalogue, .. } = &*self.inner;
        let clock = &**catalogue.clock();
        let (mono_ms, wall_ms) = (replicas::mono_ms(clock), clock.now_ms());
        let lease_length = replicas::lease(catalogue.settings().refresh);
        let lease_ms = millis(lease_length);
        let current = self.inner.current.borrow().clone();
        let mut tx = catalogue.store().begin().await?;
        let row = replicas::beat(&mut tx, &mut refresh.keeper, id, mono_ms).await?;
        let is_newest = row.version == current.version && current.fault.is_none();
        if is_newest {
            replica_rows::refresh(&mut tx, id, current.version, wall_ms, row.beat, lease_ms).await?;
        }
        let mut keys = signing_keys::present(&mut tx).await?;
        // In the transaction that holds the catalogue's row: no key changes between the two.
        let authority = authority::version(&mut tx).await?;
        let soon_ms = wall_ms.saturating_add(millis(SIGNS_AHEAD / 2));
        let active = |key: &&mut KeyRecord| key.state == KeyState::Active;
        if keys.iter_mut().filter(active).any(|key| key.signs_until_ms.is_none_or(|until| until < soon_ms)) {
            let until_ms = wall_ms.saturating_add(millis(SIGNS_AHEAD));
            signing_keys::extend(&mut tx, until_ms).await?;
            for key in keys.iter_mut().filter(active) {
                key.signs_until_ms = key.signs_until_ms.max(Some(until_ms));
            }
        }
        tx.commit().await?;
        replicas::committed(&mut refresh.keeper, id, &row, mono_ms);

        let signs_until_ms =
            keys.iter().filter(|key| key.state == KeyState::Active).filter_map(|key| key.signs_until_ms).min();
        let renew = |lease: &Lease| lease.renew(mono_ms, wall_ms, signs_until_ms.unwrap_or(i64::MIN));
        if is_newest {
            current.authority.fetch_max(authority, Ordering::AcqRel);
            renew(&current.lease);
            return Ok(true);
        }
        let lease = Arc::new(Lease::over(lease_length));
        let built = build(&self.inner.catalogue, &mut refresh.open, &keys, &lease).await;
        let snapshot = built.inspect_err(|_| self.withdraw(&current, &keys))?;
        let snapshot = Arc::new(snapshot.of_version(row.version));
        let authority = Arc::new(AtomicI64::new(authority));
        let kids: Vec<Kid> = keys.into_iter().map(|key| key.kid).collect();
        if current.kids.iter().any(|kid| !kids.contains(kid)) {
            // A key was removed: whoever still holds the old snapshot must not sign with it.
            current.lease.revoke();
        }
        // Until it is published, the new snapshot's lease is over and its version counts as not reached.
        let next = Current { snapshot: snapshot.clone(), authority, lease: lease.clone(), kids, ..current.parts() };
        self.inner.current.send_replace(Arc::new(next.parts()));
        if let Some(publish) = self.inner.publisher.get() {
            publish().map_err(NotReady::Unpublishable)?;
        }
        // The row says so only now: what can't be built or published renews no lease, so nobody waits for it for ever. Whoever
        // counted as gone meanwhile may have been passed over by a newer version, and must not sign by this one.
        let mut tx = catalogue.store().begin().await?;
        let latest = key_catalogue::lock(&mut tx).await?;
        let version = row.version;
        let rows = replica_rows::list(&mut tx).await?;
        if latest.version != version && !rows.iter().any(|replica| &replica.id == id && replica.is_waited_for()) {
            return Ok(false);
        }
        replica_rows::refresh(&mut tx, id, version, wall_ms, latest.beat, lease_ms).await?;
        tx.commit().await?;
        renew(&lease);
        self.inner.current.send_replace(Arc::new(Current { version, fault: None, ..next }));
        self.inner.snapshots.send_replace(snapshot);
        Ok(true)
    }

    /// What a running issuer publishes, for a command that looks and does not sign: no replica is counted, and no key of the
    /// snapshot signs.
    pub async fn look(catalogue: &Catalogue) -> Result<KeySnapshot, KeyringError> {
        let mut db = catalogue.store().connection().await?;
        // The version first: keys that change meanwhile make the snapshot look older than it is, never newer.
        let version = key_catalogue::read(&mut db).await?.version;
        let keys = signing_keys::present(&mut db).await?;
        drop(db);
        let snapshot = build(catalogue, &mut OpenKeys::new(), &keys, &Arc::new(Lease::over(Duration::ZERO))).await?;
        Ok(snapshot.of_version(version))
    }

    /// Learns at once of what another process changed: for whoever was told that something has changed. Cheap where the keys
    /// did not.
    pub async fn catch_up(&self) -> Result<(), KeyringError> {
        let current = self.inner.current.borrow().clone();
        let mut db = self.inner.catalogue.store().connection().await?;
        // The authority first: at its version the keys were no newer than the catalogue says after it.
        let authority = authority::version(&mut db).await?;
        let row = key_catalogue::read(&mut db).await?;
        drop(db);
        if row.version != current.version {
            return self.refresh().await;
        }
        current.authority.fetch_max(authority, Ordering::AcqRel);
        Ok(())
    }

    /// One pass of rotation over every set, and a refresh.
    pub async fn rotate(&self) -> Result<Vec<(KeySetId, Action)>, KeyringError> {
        let known = self.inner.refresh.lock().await.open.clone();
        let open = self.inner.catalogue.open_all(&known).await?;
        self.inner.catalogue.reconcile(&open).await?;
        self.refresh().await?;
        let done = self.inner.catalogue.rotate().await?;
        self.refresh().await?;
        Ok(done)
    }

    /// Makes sure that the set has a key that signs, and that this issuer signs with it.
    pub async fn ensure_set(&self, set: KeySetId) -> Result<(), KeyringError> {
        self.inner.catalogue.ensure_set(set).await?;
        self.refresh().await
    }

    /// Ends this replica: others need not wait for it any more. It signs nothing from now on.
    pub async fn close(&self) -> Result<(), KeyringError> {
        self.inner.current.borrow().lease.revoke();
        let mut db = self.inner.catalogue.store().connection().await?;
        Ok(replica_rows::remove(&mut db, &self.inner.id).await?)
    }

    fn check_lease(&self) -> Result<(), NotReady> {
        self.inner.current.borrow().lease.check(&**self.inner.catalogue.clock())
    }
}

/// The snapshot of these keys, which sign under the lease. Keys that are not open yet are opened; others are forgotten.
async fn build(
    catalogue: &Catalogue,
    open: &mut OpenKeys,
    keys: &[KeyRecord],
    lease: &Arc<Lease>,
) -> Result<KeySnapshot, KeyringError> {
    if keys.iter().any(|key| !open.contains_key(&key.kid)) {
        *open = catalogue.open_all(open).await?;
    }
    open.retain(|kid, _| keys.iter().any(|key| &key.kid == kid));
    let mut sets: BTreeMap<KeySetId, Vec<(&KeyRecord, &Arc<SigningKey>)>> = BTreeMap::new();
    for key in keys {
        let open = open.get(&key.kid).ok_or_else(|| KeyringError::KeyMissing {
            kid: key.kid.clone(),
            state: key.state,
            place: catalogue.vault().store().place(),
        })?;
        sets.entry(key.set).or_default().push((key, open));
    }
    let sets = sets.into_iter().map(|(set, mut keys)| {
        // The signing key first: some verifiers take the first whatever the kid. Then the next, then the youngest.
        let rank = |state| match state {
            KeyState::Active => 0,
            KeyState::Staged => 1,
            KeyState::Unplaced | KeyState::Retired | KeyState::Removed => 2,
        };
        keys.sort_by_key(|(key, _)| (rank(key.state), std::cmp::Reverse(key.created_at_ms), key.kid.clone()));
        let signer = keys.first().filter(|(key, _)| key.state == KeyState::Active).map(|(_, open)| {
            let leased = Leased { key: open.signer(), lease: lease.clone(), clock: catalogue.clock().clone() };
            Arc::new(leased) as Arc<dyn Signer>
        });
        let published =
            PublishedJwks { keys: keys.iter().map(|(_, open)| catalogue.vault().published(open)).collect() };
        (set, KeySet { signer, published })
    });
    Ok(KeySnapshot::new(sets.collect()))
}

impl Current {
    fn parts(&self) -> Self {
        Self {
            snapshot: self.snapshot.clone(),
            authority: self.authority.clone(),
            lease: self.lease.clone(),
            kids: self.kids.clone(),
            version: self.version,
            fault: self.fault.clone(),
        }
    }
}

/// A key that signs under a lease only.
#[derive(Debug)]
struct Leased {
    key: Arc<dyn Signer>,
    lease: Arc<Lease>,
    clock: Arc<dyn Clock>,
}

impl Signer for Leased {
    fn kid(&self) -> &Kid {
        self.key.kid()
    }

    fn algorithm(&self) -> &'static str {
        self.key.algorithm()
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, KeyringError>> {
        match self.lease.check(&*self.clock) {
            Ok(()) => self.key.sign(message),
            Err(not_ready) => std::future::ready(Err(not_ready.into())).boxed(),
        }
    }
}
