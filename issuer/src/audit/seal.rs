//! Seals: what makes a rewritten history show. A chain's hashes need no secret, so whoever writes the store can compute them
//! anew. A seal is HMAC-SHA-256 over a chain, a row's number, its hash and the time, under a key derived from the API key
//! pepper, which lies in the store under the master key alone.
//!
//! A running issuer seals each chain that grew, every minute and when it stops. It goes through the new rows first, and
//! remembers what it sealed: while it runs, it seals no history that does not continue the one that it sealed before.
//! Each time it looks at every chain's last seal and head, of chains that did not grow too: a seal that nobody with the key
//! made says nothing about what is sealed.

use std::collections::{HashMap, HashSet};

use aws_lc_rs::hmac;
use tokio::sync::Mutex;

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
    /// Held while sealing: what is read of the store then is never older than what is remembered.
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

    /// Seals every chain that grew. Says which chains have a last seal or head that is not in order, or can't be sealed, with
    /// the reason; the others are sealed.
    pub async fn seal(&self, db: &mut Connection, now_ms: i64) -> Result<Vec<(String, ChainFault)>, StoreError> {
        let mut sealed = self.sealed.lock().await;
        let ends = audit_seals::ends(db).await?;
        let mut faults = Vec::new();
        let mut there = HashSet::with_capacity(ends.len());
        for (name, end) in ends {
            let Ok(chain) = name.parse::<Chain>() else {
                faults.push((name.clone(), ChainFault::NoChain { name }));
                continue;
            };
            there.insert(chain);
            let done = match end {
                Ok(end) => self.seal_chain(db, chain, end, sealed.get(&chain).copied(), now_ms).await,
                Err(error) => Err(told(0, error)),
            };
            match done {
                Ok(Some(head)) => drop(sealed.insert(chain, head)),
                Ok(None) => {}
                Err(VerifyError::Broken(fault)) => faults.push((name, fault)),
                Err(VerifyError::Store(error)) => return Err(error),
            }
        }
        for (chain, head) in sealed.iter().filter(|(chain, _)| !there.contains(chain)) {
            faults.push((chain.to_string(), ChainFault::SealGone { seq: head.seq }));
        }
        Ok(faults)
    }

    /// Seals a chain where it grew. The head that it sealed.
    pub(super) async fn seal_chain(
        &self,
        db: &mut Connection,
        chain: Chain,
        audit_seals::End { head, seal }: audit_seals::End,
        remembered: Option<Head>,
        now_ms: i64,
    ) -> Result<Option<Head>, VerifyError> {
        let in_store = seal.map(|seal| self.sealed_by(chain, &seal)).transpose()?;
        if let Some(remembered) = remembered
            && in_store.is_none_or(|seal| seal.seq < remembered.seq)
        {
            return Err(ChainFault::SealGone { seq: remembered.seq }.into());
        }
        if let Some(seal) = in_store
            && seal.seq > head.seq
        {
            return Err(ChainFault::SealedRowGone { seq: seal.seq, last: head.seq }.into());
        }
        let mut at = remembered.or(in_store).unwrap_or(Head::EMPTY);
        let fits = |at: Head| in_store.is_none_or(|seal| seal.seq != at.seq || seal.hash == at.hash);
        if !fits(at) || !fits(head) {
            return Err(ChainFault::NotAsSealed { seq: if fits(at) { head.seq } else { at.seq } }.into());
        }
        if in_store.unwrap_or(Head::EMPTY) == head {
            return Ok(None);
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
        if at != head {
            return Err(ChainFault::OtherHead { seq: at.seq }.into());
        }
        let made = audit_seals::insert(db, chain, &self.key.seal(chain, head, now_ms)).await;
        // Another replica may have been first. So may somebody else.
        match made.map_err(|error| told(head.seq, error))?.map(|seal| self.sealed_by(chain, &seal)).transpose()? {
            None => Err(ChainFault::SealGone { seq: head.seq }.into()),
            Some(there) if there != head => Err(ChainFault::NotAsSealed { seq: head.seq }.into()),
            Some(_) => Ok(Some(head)),
        }
    }

    /// What a seal seals, where it was made with the key.
    fn sealed_by(&self, chain: Chain, seal: &StoredSeal) -> Result<Head, ChainFault> {
        match seal.hash.parse() {
            Ok(hash) if self.key.made(chain, seal) => Ok(Head { seq: seal.seq, hash }),
            _ => Err(ChainFault::ForgedSeal { seq: seal.seq }),
        }
    }
}
