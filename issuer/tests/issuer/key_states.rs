//! Key states over a real store: rotation, replicas, leases, revocation, crashes between any two steps.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::claims::TrustForm;
use driftwise_contract::{Kid, OrgId, RoleArn, SessionScope};
use driftwise_issuer::Error;
use driftwise_issuer::accounts::AwsAccount;
use driftwise_issuer::audit::{Actor, Chain, Event, KeyEvent, Ledger, LedgerEntry, LedgerFault, Record};
use driftwise_issuer::clock::Clock;
use driftwise_issuer::config::{KeyStoreKind, Keys};
use driftwise_issuer::federation::{
    Authority, Minted, Minter, Minting, RecentAssertions, Settings, SigningPool, SpeaksFor,
};
use driftwise_issuer::keyring::rotation::{Action, KeyRecord, KeyState, RotationSettings};
use driftwise_issuer::keyring::{
    Catalogue, KeyAlgorithm, KeySetId, KeyVault, Keyring, KeyringError, LostKeys, NotReady,
};
use driftwise_issuer::store::{Store, accounts, audit, authority, orgs, replicas, signing_keys};
use futures::FutureExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{NOW_S, TestClock};

const SET: KeySetId = KeySetId::Shared;
const HOUR: i64 = 3600;

async fn catalogue(directory: &Path, clock: Arc<dyn Clock>) -> Catalogue {
    let store = Store::open(&directory.join("issuer.db")).await.unwrap();
    let keys = Keys { directory: directory.join("keys"), ..Keys::default() };
    let vault = KeyVault::new(&keys, &"https://id.example.com".parse().unwrap(), &store);
    Catalogue::new(store, vault, clock, KeyAlgorithm::Es256, RotationSettings::default())
}

async fn replica(directory: &Path, clock: &Arc<TestClock>) -> Keyring {
    Keyring::open(catalogue(directory, clock.clone()).await, LostKeys::Refuse).await.unwrap()
}

async fn present(keyring: &Keyring) -> Vec<(Kid, KeyState)> {
    let records = keyring.catalogue().records().await.unwrap();
    records.into_iter().filter(|key| key.state != KeyState::Removed).map(|key| (key.kid, key.state)).collect()
}

fn signing(keyring: &Keyring) -> Kid {
    keyring.snapshot().signer(SET).unwrap().kid().clone()
}

fn published(keyring: &Keyring) -> Vec<Kid> {
    keyring.snapshot().published(SET).unwrap().keys.iter().map(|key| key.kid.clone()).collect()
}

/// Time passes in steps in which the keeper of the steady time does not lose its place.
async fn pass(clock: &TestClock, hours: i64, replicas: &[&Keyring]) {
    for _ in 0..hours {
        clock.advance(HOUR);
        for replica in replicas {
            replica.refresh().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_key_is_published_for_its_window_before_it_signs_and_after() {
    let directory = TempDir::new().unwrap();
    let clock = TestClock::at(NOW_S);
    let keyring = replica(directory.path(), &clock).await;
    let first = signing(&keyring);
    assert_eq!(keyring.rotate().await.unwrap(), []);
    pass(&clock, 28 * 24, &[&keyring]).await;
    assert_eq!(keyring.rotate().await.unwrap(), [(SET, Action::Stage)]);
    let second = published(&keyring)[1].clone();
    assert_eq!((signing(&keyring), published(&keyring).len()), (first.clone(), 2));
    pass(&clock, 47, &[&keyring]).await;
    assert_eq!(keyring.rotate().await.unwrap(), []);
    pass(&clock, 1, &[&keyring]).await;
    let activate = Action::Activate { kid: second.clone(), retires: Some(first.clone()) };
    assert_eq!(keyring.rotate().await.unwrap(), [(SET, activate)]);
    assert_eq!((signing(&keyring), published(&keyring)), (second.clone(), vec![second.clone(), first.clone()]));
    pass(&clock, 47, &[&keyring]).await;
    assert_eq!(keyring.rotate().await.unwrap(), []);
    pass(&clock, 1, &[&keyring]).await;
    assert_eq!(keyring.rotate().await.unwrap(), [(SET, Action::Remove { kid: first.clone() })]);
    assert_eq!(published(&keyring), std::slice::from_ref(&second));
    let sealed = keyring.catalogue().vault().sealed().await.unwrap();
    assert_eq!(sealed.iter().map(|key| key.kid().clone()).collect::<Vec<_>>(), [second]);

    let store = Store::open(&directory.path().join("issuer.db")).await.unwrap();
    let rows = audit::page(&mut store.connection().await.unwrap(), Chain::Platform, 0, 100).await.unwrap();
    let told = ["key_activated", "key_staged", "key_retired", "key_activated", "key_removed"];
    assert_eq!(rows.len(), told.len());
    for (row, event) in rows.iter().zip(told) {
        assert!(row.event.contains(event) && row.event.contains("issuer"), "{}", row.event);
    }
}

#[tokio::test]
async fn a_staged_key_that_must_be_seen_waits_until_it_was_seen_for_the_whole_window() {
    let directory = TempDir::new().unwrap();
    let clock = TestClock::at(NOW_S);
    let store = Store::open(&directory.path().join("issuer.db")).await.unwrap();
    let keys = Keys { store: KeyStoreKind::Database, directory: directory.path().join("keys"), ..Keys::default() };
    let vault = KeyVault::new(&keys, &"https://id.example.com".parse().unwrap(), &store);
    let settings = RotationSettings { must_be_seen: true, ..RotationSettings::default() };
    let catalogue = Catalogue::new(store.clone(), vault, clock.clone(), KeyAlgorithm::Es256, settings);
    let keyring = Keyring::open(catalogue, LostKeys::Refuse).await.unwrap();
    let staged = keyring.catalogue().stage(SET).await.unwrap().kid;
    let mut db = store.connection().await.unwrap();
    pass(&clock, 72, &[&keyring]).await;
    assert_eq!(keyring.rotate().await.unwrap(), [], "never seen");
    signing_keys::seen(&mut db, &staged, clock.now_ms()).await.unwrap();
    pass(&clock, 40, &[&keyring]).await;
    signing_keys::unseen(&mut db, &staged).await.unwrap();
    signing_keys::seen(&mut db, &staged, clock.now_ms()).await.unwrap();
    pass(&clock, 40, &[&keyring]).await;
    signing_keys::seen(&mut db, &staged, clock.now_ms()).await.unwrap();
    assert_eq!(keyring.rotate().await.unwrap(), [], "missed once, so seen anew for 40 hours only");
    pass(&clock, 9, &[&keyring]).await;
    assert_eq!(keyring.rotate().await.unwrap().len(), 1);
    assert_eq!(signing(&keyring), staged);
}

#[tokio::test]
async fn no_replica_signs_with_a_key_that_another_does_not_publish() {
    let directory = TempDir::new().unwrap();
    let clock = TestClock::at(NOW_S);
    let (one, two) = (replica(directory.path(), &clock).await, replica(directory.path(), &clock).await);
    let first = signing(&one);
    assert_eq!(signing(&two), first);
    let staged = one.catalogue().stage(SET).await.unwrap();
    one.refresh().await.unwrap();
    assert_eq!((published(&one).len(), published(&two).len()), (2, 1));
    let error = one.catalogue().activate_now(SET, &staged.kid).await.unwrap_err();
    assert!(matches!(error, KeyringError::Unpublished { count: 1, .. }), "{error}");
    assert_eq!(signing(&one), first);
    two.refresh().await.unwrap();
    one.catalogue().activate_now(SET, &staged.kid).await.unwrap();
    // Both orders of learning of it: each publishes both keys all the while.
    one.refresh().await.unwrap();
    assert_eq!((signing(&one), signing(&two)), (staged.kid.clone(), first.clone()));
    assert!(published(&one).contains(&first) && published(&two).contains(&staged.kid));
    two.refresh().await.unwrap();
    assert_eq!(signing(&two), staged.kid);
}

/// What a token is minted with, beside the keys.
struct Mint {
    store: Store,
    clock: Arc<TestClock>,
    settings: Settings,
    authority: Authority,
    recent: RecentAssertions,
    signing: SigningPool,
    ledger: Ledger,
    org: orgs::Org,
    role: RoleArn,
}

impl Mint {
    async fn new(directory: &Path, clock: &Arc<TestClock>) -> Self {
        let store = Store::open(&directory.join("issuer.db")).await.unwrap();
        let mut db = store.connection().await.unwrap();
        let id = OrgId::from_uuid(clock.new_uuid());
        orgs::insert(&mut db, id, &"Acme".parse().unwrap(), 1).await.unwrap();
        let org = orgs::find(&mut db, id).await.unwrap().unwrap();
        let role: RoleArn = "arn:aws:iam::123456789012:role/scan".parse().unwrap();
        let (account, region) = ("123456789012".parse().unwrap(), "eu-central-1".parse().unwrap());
        let account = AwsAccount::new(account, role.clone(), region, TrustForm::Subject).unwrap();
        accounts::upsert(&mut db, org.scope(), &account, 1).await.unwrap();
        drop(db);
        let audience = "sts.amazonaws.com".parse().unwrap();
        Self {
            settings: Settings { issuer: "https://id.example.com".parse().unwrap(), audience },
            authority: Authority::new(store.clone()),
            recent: RecentAssertions::default(),
            signing: SigningPool::new(1),
            ledger: Ledger::start(&store, clock.clone()).await.unwrap(),
            clock: clock.clone(),
            store,
            org,
            role,
        }
    }

    fn minter<'a>(&'a self, keyring: &'a Keyring) -> Minter<'a> {
        Minter {
            clock: &*self.clock,
            settings: &self.settings,
            keyring,
            authority: &self.authority,
            recent: &self.recent,
            signing: &self.signing,
            ledger: &self.ledger,
        }
    }

    async fn version(&self) -> i64 {
        authority::version(&mut self.store.connection().await.unwrap()).await.unwrap()
    }

    /// A caller that was looked up at that version.
    fn minting(&self, authority: i64) -> Minting {
        Minting {
            actor: Actor::Issuer,
            scope: self.org.scope(),
            authority,
            assertion: None,
            address: None,
            role: self.role.clone(),
            speaks_for: SpeaksFor::Org,
            session: SessionScope::Scan,
        }
    }
}

fn kid_of(token: &Minted) -> Value {
    let header = token.response.access_token.split('.').next().unwrap();
    serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()["kid"].take()
}

#[tokio::test]
async fn a_key_that_is_revoked_while_a_token_is_decided_signs_none_that_leaves() {
    let directory = TempDir::new().unwrap();
    let clock = TestClock::at(NOW_S);
    let keyring = replica(directory.path(), &clock).await;
    let mint = Mint::new(directory.path(), &clock).await;
    let elsewhere = catalogue(directory.path(), clock.clone()).await;
    for _ in 0..3 {
        let first = signing(&keyring);
        let staged = elsewhere.stage(SET).await.unwrap().kid;
        keyring.refresh().await.unwrap();
        // The caller is looked up after the revocation, the keys were read before it.
        let mut attempts = 0;
        let decide = || {
            attempts += 1;
            let (is_first, elsewhere, mint, first) = (attempts == 1, &elsewhere, &mint, first.clone());
            async move {
                if is_first {
                    elsewhere.revoke(&first).await.unwrap();
                }
                Ok::<_, Error>(mint.minting(mint.version().await))
            }
        };
        let token = mint.minter(&keyring).mint_for(decide).await.unwrap();
        assert_eq!(kid_of(&token), json!(staged));
    }
}

#[tokio::test]
async fn a_token_commits_at_the_version_that_its_keys_were_read_at_however_new_its_look_ups_are() {
    let directory = TempDir::new().unwrap();
    let clock = TestClock::at(NOW_S);
    let keyring = replica(directory.path(), &clock).await;
    let mint = Mint::new(directory.path(), &clock).await;
    let elsewhere = catalogue(directory.path(), clock.clone()).await;
    let first = signing(&keyring);
    let staged = elsewhere.stage(SET).await.unwrap().kid;
    keyring.refresh().await.unwrap();

    let keys = keyring.current_at(mint.version().await).await.unwrap();
    assert_eq!(keys.authority, mint.version().await);
    elsewhere.revoke(&first).await.unwrap();
    let looked_up = mint.version().await;
    assert!(keys.authority < looked_up);
    let signer = keys.snapshot.signer(SET).unwrap();
    assert_eq!(signer.kid(), &first);
    signer.sign(b"a token").await.unwrap();
    let entry = |authority| {
        let event = Event::KeyRetired(KeyEvent { kid: first.clone(), key_set: "shared".into(), algorithm: None });
        let record = Record::new(Chain::Platform, clock.now_ms(), Actor::Issuer, event);
        LedgerEntry { record, assertion: None, authority: Some(authority) }
    };
    let outcome = mint.ledger.commit(entry(looked_up.min(keys.authority))).await;
    assert!(matches!(outcome, Err(LedgerFault::AuthorityChanged)), "{outcome:?}");

    let keys = keyring.current_at(looked_up).await.unwrap();
    assert_eq!((keys.snapshot.signer(SET).unwrap().kid(), keys.authority), (&staged, looked_up));
    mint.ledger.commit(entry(keys.authority)).await.unwrap();
}

#[tokio::test]
async fn only_what_decides_about_tokens_changes_the_authority() {
    let directory = TempDir::new().unwrap();
    let clock = TestClock::at(NOW_S);
    let keyring = replica(directory.path(), &clock).await;
    let mint = Mint::new(directory.path(), &clock).await;
    let staged = keyring.catalogue().stage(SET).await.unwrap().kid;
    let before = mint.version().await;
    // Each refresh of these fills in time stamps or lets the key sign for longer.
    pass(&clock, 2, &[&keyring]).await;
    let mut db = mint.store.connection().await.unwrap();
    signing_keys::seen(&mut db, &staged, clock.now_ms()).await.unwrap();
    assert_eq!(mint.version().await, before);
    keyring.catalogue().activate_now(SET, &staged).await.unwrap();
    assert!(mint.version().await > before);
}

#[tokio::test]
async fn a_set_that_is_retired_signs_no_more_and_goes_after_its_window() {
    let directory = TempDir::new().unwrap();
    let clock = TestClock::at(NOW_S);
    let keyring = replica(directory.path(), &clock).await;
    let store = Store::open(&directory.path().join("issuer.db")).await.unwrap();
    let set = KeySetId::Org("0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21".parse().unwrap());
    keyring.ensure_set(set).await.unwrap();
    let own = keyring.snapshot().signer(set).unwrap().kid().clone();
    let staged = keyring.catalogue().stage(set).await.unwrap().kid;
    for is_left in [true, false] {
        let mut tx = store.begin().await.unwrap();
        assert_eq!(keyring.catalogue().retire_set(&mut tx, set).await.unwrap(), is_left);
        tx.commit().await.unwrap();
    }
    keyring.refresh().await.unwrap();
    assert!(keyring.snapshot().signer(set).is_err());
    let of_set = |keyring: &Keyring| -> Option<Vec<Kid>> {
        keyring.snapshot().published(set).map(|jwks| jwks.keys.iter().map(|key| key.kid.clone()).collect())
    };
    assert_eq!(of_set(&keyring), Some(vec![own.clone()]));
    pass(&clock, 47, &[&keyring]).await;
    assert_eq!(keyring.rotate().await.unwrap(), []);
    let sealed = keyring.catalogue().vault().sealed().await.unwrap();
    assert!(!sealed.iter().any(|key| key.kid() == &staged), "it signed nothing and is destroyed");
    pass(&clock, 1, &[&keyring]).await;
    assert_eq!(keyring.rotate().await.unwrap(), [(set, Action::Remove { kid: own })]);
    assert_eq!(of_set(&keyring), None);
    assert_eq!(keyring.rotate().await.unwrap(), []);
}

#[tokio::test]
async fn a_replica_that_slept_for_an_hour_signs_with_no_removed_key() {
    let directory = TempDir::new().unwrap();
    let clock = TestClock::at(NOW_S);
    let (awake, asleep) = (replica(directory.path(), &clock).await, replica(directory.path(), &clock).await);
    let first = signing(&awake);
    let old = asleep.snapshot();
    let staged = awake.catalogue().stage(SET).await.unwrap();
    let waits = awake.catalogue().activate_now(SET, &staged.kid).await.unwrap_err();
    assert!(matches!(waits, KeyringError::Unpublished { .. }), "{waits}");
    // The keeper's ticks count the other as gone once its lease is over by its own clock too.
    for _ in 0..8 {
        clock.advance(5);
        awake.refresh().await.unwrap();
    }
    let store = Store::open(&directory.path().join("issuer.db")).await.unwrap();
    assert_eq!(replicas::list(&mut store.connection().await.unwrap()).await.unwrap().len(), 1);
    assert_eq!(asleep.readiness(), Err(NotReady::Stale));
    awake.catalogue().revoke(&first).await.unwrap();
    awake.refresh().await.unwrap();
    assert_eq!(published(&awake), std::slice::from_ref(&staged.kid));

    clock.advance(HOUR);
    let refused = old.signer(SET).unwrap().sign(b"x").await.unwrap_err();
    assert!(matches!(refused, KeyringError::NotReady(NotReady::Stale)), "{refused}");
    let woken = asleep.current().await.unwrap();
    assert_eq!(woken.signer(SET).unwrap().kid(), &staged.kid);
    woken.signer(SET).unwrap().sign(b"x").await.unwrap();
    let refused = old.signer(SET).unwrap().sign(b"x").await.unwrap_err();
    assert!(matches!(refused, KeyringError::NotReady(NotReady::Stale)), "the old snapshot stays dead: {refused}");
    asleep.readiness().unwrap();
}

/// A second key directory, with the keys of now.
pub(crate) fn copy_of_keys(directory: &Path) -> PathBuf {
    let copy = directory.join("copy");
    std::fs::create_dir(&copy).unwrap();
    for file in std::fs::read_dir(directory.join("keys")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
    }
    copy
}

/// A replica over the same store whose key directory is a copy, which later keys are not in.
async fn replica_with_a_copy(directory: &Path, clock: &Arc<TestClock>) -> Keyring {
    let store = Store::open(&directory.join("issuer.db")).await.unwrap();
    let keys = Keys { directory: copy_of_keys(directory), ..Keys::default() };
    let vault = KeyVault::new(&keys, &"https://id.example.com".parse().unwrap(), &store);
    let catalogue = Catalogue::new(store, vault, clock.clone(), KeyAlgorithm::Es256, RotationSettings::default());
    Keyring::open(catalogue, LostKeys::Refuse).await.unwrap()
}

#[tokio::test]
async fn a_replica_that_can_not_open_a_new_key_holds_a_revocation_up_for_its_lease_and_no_longer() {
    let directory = TempDir::new().unwrap();
    let clock = TestClock::at(NOW_S);
    let well = replica(directory.path(), &clock).await;
    let sick = replica_with_a_copy(directory.path(), &clock).await;
    let first = signing(&well);
    let old = sick.snapshot();
    let staged = well.catalogue().stage(SET).await.unwrap();
    let begun_ms = clock.now_ms();
    let refresh = || async {
        clock.advance(5);
        well.refresh().await.unwrap();
        let error = sick.refresh().await.unwrap_err();
        assert!(matches!(error, KeyringError::KeyMissing { .. }), "{error}");
    };
    refresh().await;
    let error = well.catalogue().revoke(&first).await.unwrap_err();
    let told = error.to_string();
    assert!(matches!(error, KeyringError::Unpublished { count: 1, .. }) && told.contains("can't publish"), "{told}");
    old.signer(SET).unwrap().sign(b"x").await.expect("its lease runs, which is why it is waited for");
    // As `keys revoke` waits, while both go on refreshing.
    tokio::select! {
        waited = well.catalogue().published_everywhere(&staged) => waited.unwrap(),
        () = async {
            while !well.catalogue().unpublished_by(&staged).await.unwrap().is_empty() {
                refresh().await;
            }
            std::future::pending::<()>().await;
        } => {}
    }
    let waited_s = (clock.now_ms() - begun_ms) / 1000;
    assert!((30..=40).contains(&waited_s), "{waited_s}");
    let refused = old.signer(SET).unwrap().sign(b"x").await.unwrap_err();
    assert!(matches!(refused, KeyringError::NotReady(NotReady::Stale)), "{refused}");

    let left = well.catalogue().revoke(&first).await.unwrap();
    assert!(left.len() == 1 && left[0].fault.as_ref().unwrap().contains(staged.kid.as_str()), "{left:?}");
    refresh().await;
    assert_eq!((signing(&well), published(&well)), (staged.kid.clone(), vec![staged.kid.clone()]));
    assert_eq!(published(&sick), [], "it publishes the revoked key no more");
    assert!(sick.snapshot().signer(SET).is_err() && sick.readiness().is_err());
    // It stays named for as long as it says so, and the next rotation does not wait for it at all.
    for _ in 0..30 {
        refresh().await;
    }
    let rows = well.catalogue().replicas().await.unwrap();
    assert_eq!(rows.iter().filter(|row| row.fault.is_some() && !row.is_waited_for()).count(), 1, "{rows:?}");
    let third = well.catalogue().stage(SET).await.unwrap();
    well.refresh().await.unwrap();
    well.catalogue().activate_now(SET, &third.kid).await.unwrap();

    // Mended, it signs again.
    for file in std::fs::read_dir(directory.path().join("keys")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), directory.path().join("copy").join(file.file_name())).unwrap();
    }
    sick.refresh().await.unwrap();
    sick.readiness().unwrap();
    assert_eq!(signing(&sick), third.kid);
    assert!(well.catalogue().replicas().await.unwrap().iter().all(|row| row.fault.is_none() && row.is_waited_for()));
}

#[tokio::test]
async fn a_forced_revocation_waits_for_no_replica_and_leaves_an_active_key() {
    let directory = TempDir::new().unwrap();
    let clock = TestClock::at(NOW_S);
    let (well, late) = (replica(directory.path(), &clock).await, replica(directory.path(), &clock).await);
    let sick = replica_with_a_copy(directory.path(), &clock).await;
    let first = signing(&well);
    let elsewhere = catalogue(directory.path(), clock.clone()).await;
    let error = elsewhere.revoke_at_once(&first).await.unwrap_err();
    assert!(matches!(error, KeyringError::Changed { .. }), "no successor: {error}");
    assert_eq!(present(&well).await, [(first.clone(), KeyState::Active)]);

    let staged = elsewhere.stage(SET).await.unwrap().kid;
    let error = sick.catalogue().revoke_at_once(&first).await.unwrap_err();
    assert!(matches!(error, KeyringError::KeyMissing { .. }), "nobody can tell that the successor is there: {error}");
    well.refresh().await.unwrap();
    sick.refresh().await.unwrap_err();
    let left = elsewhere.revoke_at_once(&first).await.unwrap();
    assert_eq!((left.len(), left.iter().filter(|row| row.fault.is_some()).count()), (2, 1), "{left:?}");
    assert_eq!(present(&well).await, [(staged.clone(), KeyState::Active)]);
    for replica in [&well, &late] {
        replica.refresh().await.unwrap();
        assert_eq!((signing(replica), published(replica)), (staged.clone(), vec![staged.clone()]));
    }
    sick.refresh().await.unwrap_err();
    assert!(published(&sick).is_empty() && sick.snapshot().signer(SET).is_err());
}

#[tokio::test]
async fn a_replica_that_fails_at_once_after_its_start_is_never_waited_for() {
    let directory = TempDir::new().unwrap();
    let clock = TestClock::at(NOW_S);
    let well = replica(directory.path(), &clock).await;
    let staged = well.catalogue().stage(SET).await.unwrap();
    well.refresh().await.unwrap();
    let store = Store::open(&directory.path().join("issuer.db")).await.unwrap();
    let mut db = store.connection().await.unwrap();
    replicas::fail(&mut db, "new", 0, clock.now_ms(), 30_000, "a key is missing").await.unwrap();
    assert_eq!(well.catalogue().unpublished_by(&staged).await.unwrap(), []);
    well.catalogue().activate_now(SET, &staged.kid).await.unwrap();
    // It ended: its row goes after another lease.
    for _ in 0..8 {
        clock.advance(5);
        well.refresh().await.unwrap();
    }
    assert_eq!(replicas::list(&mut db).await.unwrap().len(), 1);
}

#[tokio::test]
async fn replicas_that_rotate_at_once_do_each_thing_once() {
    let directory = TempDir::new().unwrap();
    let clock = TestClock::at(NOW_S);
    let (one, two) = (replica(directory.path(), &clock).await, replica(directory.path(), &clock).await);
    for _ in 0..3 {
        pass(&clock, 29 * 24, &[&one, &two]).await;
        let (left, right) = tokio::join!(one.rotate(), two.rotate());
        let staged = [left.unwrap(), right.unwrap()].concat();
        assert_eq!(staged.iter().filter(|(_, action)| *action == Action::Stage).count(), 1, "{staged:?}");
        pass(&clock, 50, &[&one, &two]).await;
        let (left, right) = tokio::join!(one.rotate(), two.rotate());
        assert_eq!([left.unwrap(), right.unwrap()].concat().len(), 1);
        pass(&clock, 50, &[&one, &two]).await;
        let _ = tokio::join!(one.rotate(), two.rotate());
        one.refresh().await.unwrap();
        two.refresh().await.unwrap();
        assert_eq!((signing(&one), published(&one)), (signing(&two), published(&two)));
    }
    let sealed = one.catalogue().vault().sealed().await.unwrap();
    assert_eq!(sealed.len(), published(&one).len(), "no material is left over");
}

#[tokio::test]
async fn a_start_that_ends_between_any_two_steps_is_put_right_by_the_next() {
    // A future that is dropped after so many polls ends like a process that is killed there.
    let directory = TempDir::new().unwrap();
    let clock = TestClock::at(NOW_S);
    let keyring = replica(directory.path(), &clock).await;
    let mut polls = 0;
    for round in 0..40 {
        pass(&clock, 24, &[&keyring]).await;
        if round % 10 == 9 {
            pass(&clock, 28 * 24, &[&keyring]).await;
        }
        let mut rotation = Box::pin(keyring.rotate());
        for _ in 0..=(polls % 23) {
            if (&mut rotation).now_or_never().is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(rotation);
        polls += 7;
        keyring.refresh().await.unwrap();
        let keys = present(&keyring).await;
        assert_eq!(keys.iter().filter(|(_, state)| *state == KeyState::Active).count(), 1, "{keys:?}");
        assert!(keys.len() <= 3, "{keys:?}");
        let kids: Vec<Kid> = keys.into_iter().map(|(kid, _)| kid).collect();
        assert!(published(&keyring).iter().all(|kid| kids.contains(kid)));
    }
    keyring.close().await.unwrap();
    // The next start adopts or destroys what is left over, and works.
    let keyring = replica(directory.path(), &clock).await;
    keyring.rotate().await.unwrap();
    let sealed = keyring.catalogue().vault().sealed().await.unwrap();
    assert_eq!(sealed.len(), present(&keyring).await.len());
    keyring.snapshot().signer(SET).unwrap().sign(b"x").await.unwrap();
}

#[tokio::test]
async fn orphans_of_a_crash_are_adopted_or_destroyed() {
    let directory = TempDir::new().unwrap();
    let clock = TestClock::at(NOW_S);
    let keyring = replica(directory.path(), &clock).await;
    let vault = keyring.catalogue().vault().clone();
    // Material was made, the row was not.
    let orphan = vault.make(KeyAlgorithm::Es256, NOW_S).await.unwrap().kid().clone();
    keyring.rotate().await.unwrap();
    assert!(present(&keyring).await.contains(&(orphan.clone(), KeyState::Staged)));
    let second = vault.make(KeyAlgorithm::Es256, NOW_S).await.unwrap().kid().clone();
    keyring.rotate().await.unwrap();
    assert!(!vault.sealed().await.unwrap().iter().any(|key| key.kid() == &second), "one is staged already");
    // The row says removed, the material is still there.
    let store = Store::open(&directory.path().join("issuer.db")).await.unwrap();
    signing_keys::remove(&mut store.connection().await.unwrap(), &orphan, clock.now_ms()).await.unwrap();
    keyring.rotate().await.unwrap();
    assert_eq!(vault.sealed().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_whose_material_is_lost_stops_the_start_and_makes_a_replica_unready() {
    let directory = TempDir::new().unwrap();
    let clock = TestClock::at(NOW_S);
    let keyring = replica(directory.path(), &clock).await;
    let staged = keyring.catalogue().stage(SET).await.unwrap().kid;
    keyring.catalogue().vault().remove(&staged).await.unwrap();
    let error = keyring.refresh().await.unwrap_err();
    assert!(error.to_string().contains(staged.as_str()) && error.hint().unwrap().contains("keys revoke"), "{error}");
    assert!(matches!(keyring.readiness(), Err(NotReady::Unpublishable(_))));
    let error = Keyring::open(catalogue(directory.path(), clock.clone()).await, LostKeys::Refuse).await.unwrap_err();
    assert!(matches!(error, KeyringError::KeyMissing { .. }), "{error}");
    keyring.catalogue().revoke(&staged).await.unwrap();
    keyring.refresh().await.unwrap();
    keyring.readiness().unwrap();
}

#[tokio::test]
async fn a_set_never_has_more_than_a_handful_of_keys() {
    let directory = TempDir::new().unwrap();
    let clock = TestClock::at(NOW_S);
    let keyring = replica(directory.path(), &clock).await;
    let full = loop {
        match keyring.catalogue().stage(SET).await {
            Ok(staged) => {
                keyring.refresh().await.unwrap();
                keyring.catalogue().activate_now(SET, &staged.kid).await.unwrap();
                keyring.refresh().await.unwrap();
            }
            Err(error) => break error,
        }
    };
    assert!(matches!(full, KeyringError::Full { .. }), "{full}");
    assert_eq!(published(&keyring).len(), 6);
}

#[tokio::test]
async fn the_keys_of_an_org_are_made_by_name_and_rotate_by_themselves() {
    let directory = TempDir::new().unwrap();
    let clock = TestClock::at(NOW_S);
    let keyring = replica(directory.path(), &clock).await;
    let org = KeySetId::Org("0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21".parse().unwrap());
    assert!(keyring.snapshot().signer(org).is_err(), "never the shared key");
    keyring.ensure_set(org).await.unwrap();
    keyring.ensure_set(org).await.unwrap();
    let own = keyring.snapshot().signer(org).unwrap().kid().clone();
    assert_ne!(own, signing(&keyring));
    assert_eq!(keyring.snapshot().published(org).unwrap().keys.len(), 1);
    pass(&clock, 29 * 24, &[&keyring]).await;
    let mut sets: Vec<KeySetId> = keyring.rotate().await.unwrap().into_iter().map(|(set, _)| set).collect();
    sets.sort();
    assert_eq!(sets, [SET, org]);
}

#[tokio::test]
async fn a_clock_that_is_set_ahead_by_a_year_neither_ends_a_window_nor_strands_a_token() {
    /// A host's clock that can be set; its monotonic time is not.
    #[derive(Debug)]
    struct Host {
        real: Arc<TestClock>,
        offset_ms: AtomicI64,
    }

    impl Clock for Host {
        fn now_ms(&self) -> i64 {
            self.real.now_ms() + self.offset_ms.load(Ordering::SeqCst)
        }

        fn uptime(&self) -> Duration {
            Duration::from_millis(self.real.now_ms().unsigned_abs())
        }
    }

    let directory = TempDir::new().unwrap();
    let real = TestClock::at(NOW_S);
    let host = Arc::new(Host { real: real.clone(), offset_ms: AtomicI64::new(0) });
    let keyring = Keyring::open(catalogue(directory.path(), host.clone()).await, LostKeys::Refuse).await.unwrap();
    let first = signing(&keyring);
    let staged = keyring.catalogue().stage(SET).await.unwrap().kid;
    keyring.refresh().await.unwrap();
    let year_ms = 365 * 24 * HOUR * 1000;
    host.offset_ms.store(year_ms, Ordering::SeqCst);
    assert_eq!(keyring.readiness(), Err(NotReady::Stale), "nothing is signed before the store knows of the new time");
    keyring.current().await.unwrap();
    assert_eq!(keyring.rotate().await.unwrap(), [], "the window is not over");
    pass(&real, 49, &[&keyring]).await;
    assert_eq!(keyring.rotate().await.unwrap().len(), 1);
    assert_eq!(signing(&keyring), staged);
    host.offset_ms.store(0, Ordering::SeqCst);
    pass(&real, 72, &[&keyring]).await;
    keyring.rotate().await.unwrap();
    assert!(published(&keyring).contains(&first), "it may have signed a token that is dated a year ahead");
    let kept: Vec<KeyRecord> = keyring.catalogue().records().await.unwrap();
    assert!(kept.iter().any(|key| key.kid == first && key.signs_until_ms > Some(real.now_ms() + year_ms / 2)));
}
