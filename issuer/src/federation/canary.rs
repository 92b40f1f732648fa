//! Canary orgs: what a canary token speaks for. The reasons are in docs/decisions, "Canary tokens".
//!
//! A canary org is none: no row has its id, so that no agent, account, API key or enrolment code can be its own, and the
//! token endpoint can't mint for it. Each canary token has another one, drawn when it is minted and used for nothing else:
//! - No policy can name it, by mistake or to pass a proof.
//! - It differs from the asking org in its last 48 bits alone. So a wildcard that is wide enough for another org whose id begins
//!   alike lets the canary in too, and shows.

use driftwise_contract::OrgId;
use uuid::Uuid;

use crate::Error;
use crate::clock::Clock;
use crate::store::{Store, authority, orgs};

/// How often an id is drawn that some org has. One in 2^48 does, if two orgs have ids so alike at all.
const DRAWS: u32 = 3;

/// The first bytes of an org's id, which its canaries have too.
const SHARED_BYTES: usize = 10;

/// An org that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CanaryOrg {
    id: OrgId,
    authority: i64,
}

impl CanaryOrg {
    /// Draws one for a token that an agent of `asking` wants.
    pub async fn draw(store: &Store, clock: &dyn Clock, asking: OrgId) -> Result<Self, Error> {
        let mut db = store.connection().await?;
        let authority = authority::version(&mut db).await?;
        for _ in 0..DRAWS {
            let id = beside(asking, clock.new_uuid());
            if id != asking && orgs::find(&mut db, id).await?.is_none() {
                return Ok(Self { id, authority });
            }
        }
        Err(Error::Busy)
    }

    /// Its id.
    pub fn id(&self) -> OrgId {
        self.id
    }

    /// The authority's version at which no org had the id.
    pub fn authority(&self) -> i64 {
        self.authority
    }
}

/// The first 80 bits of an org's id and the last 48 of a fresh UUID, which are random in versions 4 and 7 (RFC 9562).
fn beside(org: OrgId, fresh: Uuid) -> OrgId {
    let mut bytes = *fresh.as_bytes();
    bytes[..SHARED_BYTES].copy_from_slice(&org.as_uuid().as_bytes()[..SHARED_BYTES]);
    OrgId::from_uuid(Uuid::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A clock whose next UUIDs a test says.
    #[derive(Debug)]
    struct Drawing(Mutex<Vec<u128>>);

    impl Clock for Drawing {
        fn now_ms(&self) -> i64 {
            1_800_000_000_000
        }

        fn new_uuid(&self) -> Uuid {
            Uuid::from_u128(self.0.lock().unwrap().pop().unwrap())
        }
    }

    async fn scratch(ids: &[OrgId]) -> (tempfile::TempDir, Store) {
        let directory = tempfile::TempDir::new().unwrap();
        let store = Store::open(&directory.path().join("issuer.db")).await.unwrap();
        let mut db = store.connection().await.unwrap();
        for id in ids {
            orgs::insert(&mut db, *id, &"Acme".parse().unwrap(), 1).await.unwrap();
        }
        drop(db);
        (directory, store)
    }

    fn org(text: &str) -> OrgId {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_canary_is_neither_its_org_nor_any_other() {
        let asking = org("0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21");
        let neighbour = org("0198c5e2-7c1a-7b3e-9d52-000000000001");
        let (_directory, store) = scratch(&[asking, neighbour]).await;
        let clock = Drawing(Mutex::new(vec![2, 1, 0x6f0e_5a4b_3c21]));
        let canary = CanaryOrg::draw(&store, &clock, asking).await.unwrap();
        assert_eq!(canary.id(), org("0198c5e2-7c1a-7b3e-9d52-000000000002"));
        let clock = Drawing(Mutex::new(vec![1, 1, 1]));
        let error = CanaryOrg::draw(&store, &clock, asking).await.unwrap_err();
        assert!(matches!(error, Error::Busy), "{error}");
    }

    #[test]
    fn two_canaries_of_an_org_differ_from_each_other_and_in_nothing_but_their_last_48_bits_from_it() {
        let asking = org("0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21");
        let clock = crate::clock::TurnedClock::at(1_800_000_000_000);
        let [first, second] = [(); 2].map(|()| beside(asking, clock.new_uuid()));
        assert_ne!(first, second);
        for canary in [first, second] {
            let (canary, asking) = (canary.to_string(), asking.to_string());
            let (shared, own) = canary.split_at(24);
            assert_eq!(shared, &asking[..24]);
            assert_ne!(own, &asking[24..]);
        }
    }
}
