//! What tokens are decided by, kept in memory: which agent has which key, and which roles an org registered. A look-up in the
//! store costs about as much as verifying a signature; from here it costs a hash.
//!
//! Nothing here is trusted for long. The store counts every change of what is kept here ([`crate::store::authority`]); each
//! look-up is given out with the number that it was read at, and a token leaves only if the number still holds when its
//! audit row is committed ([`crate::audit::Ledger::commit`]). So a revocation counts at the very next token, whichever
//! process made it, although nobody tells this one.
//!
//! Invariant: an entry's number was read before its row. What is not there is never kept: a flood of unknown ids takes no
//! memory. Each map is bounded; a full one is emptied, which costs a look-up per entry that is used again.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};

use driftwise_contract::{AgentId, Kid, OrgId, RoleArn};

use super::CanaryOrg;
use crate::Error;
use crate::accounts::{AwsAccount, DisplayName, VerificationKey};
use crate::audit::UsedAssertion;
use crate::clock::Clock;
use crate::store::{OrgScope, Store, accounts, agents, authority, used_assertions};

/// How many agents, and how many roles, are kept. With an RSA key of 4,096 bits an agent takes about 2 KiB.
const ENTRIES_MAX: usize = 16_384;

/// An agent with one of its keys. Its scope counts only once an assertion was verified with the key.
#[derive(Debug)]
pub struct KnownAgent {
    /// The right to touch its org's rows.
    pub scope: OrgScope,
    /// The org's name.
    pub org_name: DisplayName,
    /// The registered key.
    pub key: VerificationKey,
}

/// A look-up, and the authority's version that it was read at.
#[derive(Debug)]
pub struct Found<T> {
    /// What was looked up.
    pub value: Arc<T>,
    /// The version.
    pub version: i64,
    /// Whether it came from memory.
    pub was_kept: bool,
}

/// The look-ups.
#[derive(Debug)]
pub struct Authority {
    store: Store,
    kept: RwLock<Kept>,
}

/// Look-ups that were all read at one version.
#[derive(Debug, Default)]
struct Kept {
    version: i64,
    agents: HashMap<(AgentId, Kid), Arc<KnownAgent>>,
    /// By role in lower case: IAM takes `role/Scan` and `role/scan` for one.
    accounts: HashMap<(OrgId, String), Arc<AwsAccount>>,
}

impl Authority {
    /// Look-ups in that store. Nothing is read yet.
    pub fn new(store: Store) -> Self {
        Self { store, kept: RwLock::default() }
    }

    /// The agent that claims an id and a key, if it has both.
    pub async fn agent(&self, id: AgentId, kid: &Kid) -> Result<Option<Found<KnownAgent>>, Error> {
        let place = (id, kid.clone());
        if let Some(found) = self.kept(|kept| kept.agents.get(&place).cloned()) {
            return Ok(Some(found));
        }
        self.read_agent(id, kid).await
    }

    /// The same, read from the store whatever is in memory. For refusals: an agent that is not there is never in memory, so one
    /// that is there is looked up too before it is refused, and both have waited for the same.
    pub async fn read_agent(&self, id: AgentId, kid: &Kid) -> Result<Option<Found<KnownAgent>>, Error> {
        let mut db = self.store.connection().await?;
        let version = authority::version(&mut db).await?;
        let Some(agent) = agents::find_by_key(&mut db, id, kid).await? else { return Ok(None) };
        let known = KnownAgent { scope: agent.scope, org_name: agent.org_name, key: agent.key.prepare()? };
        Ok(Some(self.keep(version, known, |kept| &mut kept.agents, (id, kid.clone()))))
    }

    /// The org's account that has that role.
    pub async fn account(&self, scope: OrgScope, role: &RoleArn) -> Result<Option<Found<AwsAccount>>, Error> {
        let place = (scope.org(), role.as_str().to_ascii_lowercase());
        if let Some(found) = self.kept(|kept| kept.accounts.get(&place).cloned()) {
            return Ok(Some(found));
        }
        let mut db = self.store.connection().await?;
        let version = authority::version(&mut db).await?;
        let Some(account) = accounts::find_by_role(&mut db, scope, role).await? else { return Ok(None) };
        Ok(Some(self.keep(version, account, |kept| &mut kept.accounts, place)))
    }

    /// Notes the use of an assertion by which no token is minted. False when it was used before.
    pub async fn note_use(&self, used: &UsedAssertion) -> Result<bool, Error> {
        let mut db = self.store.connection().await?;
        Ok(used_assertions::insert(&mut db, used).await?)
    }

    /// An org that does not exist, for a canary token that an agent of `asking` wants. Never kept: each token has another one.
    pub async fn canary(&self, clock: &dyn Clock, asking: OrgId) -> Result<CanaryOrg, Error> {
        CanaryOrg::draw(&self.store, clock, asking).await
    }

    /// Whether nothing has changed since that version.
    pub async fn is_current(&self, version: i64) -> Result<bool, Error> {
        Ok(authority::version(&mut *self.store.connection().await?).await? == version)
    }

    /// Forgets everything that was read at that version or before: it was found to be out of date.
    pub fn forget(&self, version: i64) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.version <= version {
            *kept = Kept::default();
        }
    }

    fn kept<T>(&self, find: impl Fn(&Kept) -> Option<Arc<T>>) -> Option<Found<T>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        find(&kept).map(|value| Found { value, version: kept.version, was_kept: true })
    }

    fn keep<K: Eq + Hash, T>(
        &self,
        version: i64,
        value: T,
        map: impl Fn(&mut Kept) -> &mut HashMap<K, Arc<T>>,
        place: K,
    ) -> Found<T> {
        let value = Arc::new(value);
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if version > kept.version {
            *kept = Kept { version, ..Kept::default() };
        }
        // Read at an older version than the rest: used once, not kept.
        if version == kept.version {
            let entries = map(&mut kept);
            if entries.len() >= ENTRIES_MAX {
                entries.clear();
            }
            entries.insert(place, value.clone());
        }
        Found { value, version, was_kept: false }
    }
}

#[cfg(test)]
mod tests {
    use driftwise_contract::claims::TrustForm;
    use uuid::Uuid;

    use super::*;
    use crate::store::orgs;

    async fn scratch() -> (tempfile::TempDir, Store, OrgScope, AwsAccount) {
        let directory = tempfile::TempDir::new().unwrap();
        let store = Store::open(&directory.path().join("issuer.db")).await.unwrap();
        let id = OrgId::from_uuid(Uuid::new_v4());
        let mut db = store.connection().await.unwrap();
        orgs::insert(&mut db, id, &"Acme".parse().unwrap(), 1).await.unwrap();
        let scope = orgs::find(&mut db, id).await.unwrap().unwrap().scope();
        let role = "arn:aws:iam::123456789012:role/Scan".parse().unwrap();
        let region = "eu-central-1".parse().unwrap();
        let account = AwsAccount::new("123456789012".parse().unwrap(), role, region, TrustForm::Subject).unwrap();
        accounts::upsert(&mut db, scope, &account, 1).await.unwrap();
        drop(db);
        (directory, store, scope, account)
    }

    #[tokio::test]
    async fn a_look_up_keeps_its_version_until_it_is_forgotten() {
        let (_directory, store, scope, account) = scratch().await;
        let authority = Authority::new(store.clone());
        let role: RoleArn = "arn:aws:iam::123456789012:role/scan".parse().unwrap();
        let first = authority.account(scope, &role).await.unwrap().unwrap();
        assert_eq!(*first.value, account);

        let mut db = store.connection().await.unwrap();
        accounts::remove(&mut db, scope, account.account_id()).await.unwrap();
        let now = authority::version(&mut db).await.unwrap();
        drop(db);
        let stale = authority.account(scope, &role).await.unwrap().unwrap();
        assert_eq!(stale.version, first.version);
        assert!(stale.version < now, "so the ledger refuses what is decided by it");

        authority.forget(stale.version);
        assert!(authority.account(scope, &role).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_was_read_later_is_not_forgotten_for_what_was_read_before() {
        let (_directory, store, scope, account) = scratch().await;
        let authority = Authority::new(store.clone());
        let first = authority.account(scope, account.role_arn()).await.unwrap().unwrap();
        authority.forget(first.version - 1);
        assert!(authority.kept.read().unwrap().accounts.len() == 1);
        authority.forget(first.version);
        assert!(authority.kept.read().unwrap().accounts.is_empty());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (_directory, store, _, account) = runtime.block_on(scratch());
        let authority = Authority::new(store);
        for number in 0..=ENTRIES_MAX {
            let place = (OrgId::from_uuid(Uuid::from_u128(number as u128)), String::new());
            authority.keep(1, account.clone(), |kept| &mut kept.accounts, place);
        }
        assert_eq!(authority.kept.read().unwrap().accounts.len(), 1);
    }
}
