//! Seals: what makes a rewritten history show. A chain's hashes need no secret, so whoever writes the store can compute them
//! anew. A seal is HMAC-SHA-256 over a chain, a row's number, its hash and the time, under a key derived from the API key
//! pepper, which lies in the store under the master key alone.
//!
//! A running issuer seals each chain that grew, every minute and when it stops. It goes through the new rows first, and
//! remembers what it sealed: while it runs, it seals no history that does not continue the one that it sealed before.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;

use super::verify::{ChainFault, VerifyError, follow, told};
use super::{Chain, Head};
use crate::accounts::Pepper;
use crate::store::audit_seals::{self, StoredSeal};
use crate::store::{Connection, StoreError, audit};

/// What the seal key is derived for; no API key's message begins so.
const LABEL: &[u8] = b"driftwise.audit-seal/1";

/// How many rows are read at once.
const PAGE: u16 = 1000;

/// The key that seals are made and checked with. Its Debug shows no byte of it.
#[derive(Debug, Clone)]
pub struct SealKey(hmac::Key);

impl SealKey {
    /// The key that belongs to a pepper.
    pub fn of(pepper: &Pepper) -> Self {
        Self(pepper.derived_key(LABEL))
    }

    fn seal(&self, chain: Chain, head: Head, at_ms: i64) -> StoredSeal {
        let hash = head.hash.to_string();
        let tag = hmac::sign(&self.0, message(chain, head.seq, &hash, at_ms).as_bytes());
        StoredSeal { seq: head.seq, hash, at_ms, mac: super::chain::hex(tag.as_ref()) }
    }

    /// Whether the seal was made with this key, for this chain.
    pub(super) fn made(&self, chain: Chain, seal: &StoredSeal) -> bool {
        let message = message(chain, seal.seq, &seal.hash, seal.at_ms);
        let Ok(mac) = seal.mac.parse::<super::RowHash>() else { return false };
        hmac::verify(&self.0, message.as_bytes(), mac.as_bytes()).is_ok()
    }
}

/// No part holds a line feed.
fn message(chain: Chain, seq: i64, hash: &str, at_ms: i64) -> String {
    format!("{chain}\n{seq}\n{hash}\n{at_ms}")
}

/// Seals the ends of chains, and remembers which.
#[derive(Debug)]
pub struct Sealer {
    key: SealKey,
    sealed: Mutex<HashMap<Chain, Head>>,
}

impl Sealer {
    /// One that remembers nothing yet.
    pub fn new(key: SealKey) -> Self {
        Self { key, sealed: Mutex::default() }
    }

    /// The key that it seals with.
    pub fn key(&self) -> &SealKey {
        &self.key
    }

    /// Seals every chain that grew. Those that can't be sealed, with the reason; the others are.
    pub async fn seal(&self, db: &mut Connection, now_ms: i64) -> Result<Vec<(Chain, ChainFault)>, StoreError> {
        let mut faults = Vec::new();
        for (chain, head) in audit_seals::unsealed(db).await? {
            match self.seal_chain(db, chain, head, now_ms).await {
                Ok(()) => {}
                Err(VerifyError::Broken(fault)) => faults.push((chain, fault)),
                Err(VerifyError::Store(error)) => return Err(error),
            }
        }
        Ok(faults)
    }

    async fn seal_chain(&self, db: &mut Connection, chain: Chain, head: Head, now_ms: i64) -> Result<(), VerifyError> {
        let last = audit_seals::last(db, chain).await.map_err(|error| told(0, error))?;
        if let Some(seal) = &last
            && !self.key.made(chain, seal)
        {
            return Err(ChainFault::ForgedSeal { seq: seal.seq }.into());
        }
        let in_store = last.map(|seal| {
            let hash = seal.hash.parse().map_err(|_| ChainFault::ForgedSeal { seq: seal.seq })?;
            Ok::<Head, ChainFault>(Head { seq: seal.seq, hash })
        });
        let in_store = in_store.transpose()?;
        let remembered = self.remembered().get(&chain).copied();
        if let Some(remembered) = remembered
            && in_store.is_none_or(|seal| seal.seq < remembered.seq)
        {
            return Err(ChainFault::SealGone { seq: remembered.seq }.into());
        }
        let mut at = remembered.or(in_store).unwrap_or(Head::EMPTY);
        let fits = |at: Head| in_store.is_none_or(|seal| seal.seq != at.seq || seal.hash == at.hash);
        if !fits(at) {
            return Err(ChainFault::NotAsSealed { seq: at.seq }.into());
        }
        while at.seq < head.seq {
            let rows = audit::page(db, chain, at.seq, PAGE).await.map_err(|error| told(at.seq, error))?;
            if rows.is_empty() {
                return Err(ChainFault::Cut { head: head.seq, last: at.seq }.into());
            }
            for row in rows.iter().filter(|row| row.seq <= head.seq) {
                at = follow(at, chain, row)?;
                if !fits(at) {
                    return Err(ChainFault::NotAsSealed { seq: at.seq }.into());
                }
            }
        }
        if at.hash != head.hash {
            return Err(ChainFault::OtherHead { seq: at.seq }.into());
        }
        audit_seals::insert(db, chain, &self.key.seal(chain, head, now_ms)).await.map_err(VerifyError::Store)?;
        self.remembered().insert(chain, head);
        Ok(())
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<Chain, Head>> {
        self.sealed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
