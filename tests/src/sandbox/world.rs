//! The state behind a sandbox.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU32, Ordering},
    },
};

use time::OffsetDateTime;

use super::{
    Faults, LogEntry, SandboxClock,
    auth::{AccessKey, Session},
    iam::IamState,
    inventory::Inventory,
    kms::KmsKeys,
    log::{RequestLog, lock},
    organization::Membership,
    s3::Buckets,
};

/// One AWS account.
#[derive(Debug)]
pub struct Account {
    /// The 12 digits.
    pub id: String,
    /// The access key of the account's root user, which may do everything in the account. Being no IAM user, it appears in no
    /// listing, so that what tests set up with it adds no principal of its own.
    pub root_key: AccessKey,
    /// Users, roles, groups, policies, providers.
    pub iam: IamState,
    /// Resources, and how Resource Explorer is set up.
    pub inventory: Inventory,
    /// KMS keys.
    pub kms: KmsKeys,
    /// S3 buckets.
    pub buckets: Buckets,
    /// Its place in an organization; `None` for an account that stands alone.
    pub organization: Option<Membership>,
}

impl Account {
    /// An empty account.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            root_key: AccessKey::generate("AKIA"),
            iam: IamState::default(),
            inventory: Inventory::default(),
            kms: KmsKeys::default(),
            buckets: Buckets::default(),
            organization: None,
        }
    }
}

/// Everything that one sandbox knows. Locks are short and never held across an await.
#[derive(Debug, Default)]
pub struct World {
    /// The accounts by their 12 digits.
    pub accounts: RwLock<BTreeMap<String, Account>>,
    /// Planted faults.
    pub faults: Faults,
    /// The time that the sandbox goes by.
    pub clock: SandboxClock,
    /// What was called.
    pub log: RequestLog,
    /// How often a role refuses to be assumed by web identity after its creation, as IAM's propagation does (about three
    /// times in 11 s on AWS). 0 by default.
    pub new_role_delay: AtomicU32,
    /// Temporary credentials by access key id.
    pub(super) sessions: Mutex<BTreeMap<String, Session>>,
    /// The first account added.
    primary: OnceLock<String>,
}

impl World {
    /// A world with one empty account.
    pub fn with_account(id: &str) -> Self {
        let world = Self::default();
        world.add_account(Account::new(id));
        world
    }

    /// Adds (or replaces) an account. The first one is the primary account, whose root credentials
    /// [`super::Sandbox::root_env`] hands out.
    pub fn add_account(&self, account: Account) {
        let _ = self.primary.set(account.id.clone());
        self.accounts_mut().insert(account.id.clone(), account);
    }

    /// The account added first; `None` in an empty world.
    pub fn primary_account(&self) -> Option<&str> {
        self.primary.get().map(String::as_str)
    }

    /// The accounts, for reading.
    pub fn accounts(&self) -> RwLockReadGuard<'_, BTreeMap<String, Account>> {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The accounts, for writing.
    pub fn accounts_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Account>> {
        self.accounts.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads one account.
    pub fn account<T>(&self, id: &str, read: impl FnOnce(&Account) -> T) -> Option<T> {
        self.accounts().get(id).map(read)
    }

    /// Changes one account.
    pub fn account_mut<T>(&self, id: &str, change: impl FnOnce(&mut Account) -> T) -> Option<T> {
        self.accounts_mut().get_mut(id).map(change)
    }

    /// The sandbox's now.
    pub fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// Lets roles created from now on refuse the first `attempts` web identities.
    pub fn delay_new_roles(&self, attempts: u32) {
        self.new_role_delay.store(attempts, Ordering::Relaxed);
    }

    /// How many requests of one operation ended, refusals included.
    pub fn calls(&self, service: &str, operation: &str) -> usize {
        self.log.calls(service, operation)
    }

    /// A copy of the request log.
    pub fn requests(&self) -> Vec<LogEntry> {
        self.log.entries()
    }

    /// A copy of every session that was ever opened, the last opened last.
    pub fn sessions(&self) -> Vec<Session> {
        let mut sessions: Vec<Session> = lock(&self.sessions).values().cloned().collect();
        sessions.sort_by_key(|session| session.issued_at);
        sessions
    }

    /// Makes every session expired from now on.
    pub fn expire_sessions(&self) {
        let now = self.now();
        for session in lock(&self.sessions).values_mut() {
            session.expires_at = now;
        }
    }
}
