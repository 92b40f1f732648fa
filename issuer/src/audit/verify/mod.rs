//! Recomputing a chain: whether every row is what its hash says, follows the row before it, and none is missing.
//!
//! A chain proves its inside by itself. That its end was not cut, together with the head that notes it, shows only to those
//! who remember an earlier end: [`Expected`].

use std::collections::{BTreeSet, VecDeque};

use driftwise_contract::OrgId;
use serde::Serialize;

use super::{Body, Chain, Event, Head, RowHash, SealKey, is_canonical};
use crate::store::audit_seals::{self, StoredSeal};
use crate::store::{Connection, StoreError, audit};

/// How many rows are read at once.
const PAGE: u16 = 1000;

/// What someone outside remembers of a chain.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expected<'a> {
    /// The chain has at least so many rows.
    pub min_seq: Option<i64>,
    /// The row of number `min_seq` has this hash; without a number, some row has it.
    pub hash: Option<RowHash>,
    /// What seals are checked with. Without it they are not.
    pub seal_key: Option<&'a SealKey>,
}

/// An intact chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// How many rows it has.
    pub rows: i64,
    /// The hash of the last one. Keep both: they are what [`Expected`] takes.
    pub hash: RowHash,
    /// What its seals say; none when they were not checked.
    pub seals: Option<Seals>,
}

/// Which rows of a chain are sealed: all up to the last seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Seals {
    /// The number of the last sealed row; 0 when no row is sealed.
    pub last_seq: i64,
    /// When the first seal was made, milliseconds since the epoch.
    pub since_ms: Option<i64>,
}

/// What is wrong with a chain: the first thing that was found, with the number of the row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainFault {
    /// A gap.
    #[error("row {seq} is missing")]
    Missing {
        /// The first number that no row has.
        seq: i64,
    },
    /// Other content than was hashed.
    #[error("row {seq} was changed: it is not what its hash says")]
    Changed {
        /// The row.
        seq: i64,
    },
    /// Another predecessor than was hashed.
    #[error("row {seq} does not follow row {}: its prev_hash is another", seq - 1)]
    Unlinked {
        /// The row.
        seq: i64,
    },
    /// Not of the types or spellings that are written.
    #[error("a row after row {after} can't be read: {cause}")]
    Unreadable {
        /// The last row that could be read.
        after: i64,
        /// What is wrong with it.
        cause: String,
    },
    /// Fewer rows than were written.
    #[error("the end was cut off: the head notes row {head}, the last row is {last}")]
    Cut {
        /// The number that the head notes.
        head: i64,
        /// The last row there is.
        last: i64,
    },
    /// The head notes another last row.
    #[error("the head notes another hash for row {seq} than the row has")]
    OtherHead {
        /// The row.
        seq: i64,
    },
    /// Rows that the head does not know of.
    #[error("row {seq} lies beyond the head")]
    BeyondHead {
        /// The row.
        seq: i64,
    },
    /// Fewer rows than someone remembers.
    #[error(
        "the chain has {rows} rows, at least {expected} were expected: its end was cut off, or this is an older copy"
    )]
    TooShort {
        /// How many there are.
        rows: i64,
        /// How many are remembered.
        expected: i64,
    },
    /// Another history than someone remembers.
    #[error("{}", match seq { Some(seq) => format!("row {seq} has another hash than expected"), None => "no row has the expected hash".into() })]
    OtherHash {
        /// The row, where one was named.
        seq: Option<i64>,
    },
    /// The platform's chain tells of an org that has no chain.
    #[error("the chain of org {org} is gone: the platform's chain tells that it was begun")]
    ChainGone {
        /// The org.
        org: OrgId,
    },
    /// Another row than was sealed.
    #[error("row {seq} is another than the one that was sealed: the chain was written anew")]
    NotAsSealed {
        /// The row.
        seq: i64,
    },
    /// A sealed row is gone.
    #[error("row {seq} was sealed, and the last row is {last}: the end was cut off")]
    SealedRowGone {
        /// The row that was sealed.
        seq: i64,
        /// The last row there is.
        last: i64,
    },
    /// A seal that this issuer did not make.
    #[error(
        "the seal of row {seq} was not made with this issuer's seal key: it was changed, or its API key pepper was given up"
    )]
    ForgedSeal {
        /// The row that it claims to seal.
        seq: i64,
    },
    /// A seal that this process made is gone.
    #[error("the seal of row {seq} is gone: somebody removed it")]
    SealGone {
        /// The row that was sealed.
        seq: i64,
    },
    /// Rows of no chain that there can be.
    #[error("there are rows of {name:?}, which is no chain")]
    NoChain {
        /// What stands in their column.
        name: String,
    },
}

/// A chain is broken, or could not be read.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is broken.
    #[error(transparent)]
    Broken(#[from] ChainFault),
    /// The store failed: nothing is known.
    #[error(transparent)]
    Store(StoreError),
}

/// Verifies one chain, while others may add to it.
pub async fn verify(db: &mut Connection, chain: Chain, expected: Expected<'_>) -> Result<Verified, VerifyError> {
    walk(db, chain, expected, |_| ()).await
}

/// Verifies every chain, and that no chain is gone of which the platform's tells. By chain, the platform's first.
pub async fn verify_all(
    db: &mut Connection,
    seal_key: Option<&SealKey>,
) -> Result<Vec<(String, Result<Verified, ChainFault>)>, StoreError> {
    let unexpected = Expected { seal_key, ..Expected::default() };
    let mut chains: BTreeSet<String> = audit::chains(db).await?.into_iter().collect();
    chains.remove("platform");
    let mut begun = BTreeSet::new();
    let platform = walk(db, Chain::Platform, unexpected, |event| {
        // The whole event is read only where the text says that it may be one of those.
        if event.contains("\"org_created\"")
            && let Ok(Body { event: Event::OrgCreated { org, .. }, .. }) = serde_json::from_str(event)
        {
            begun.insert(org);
        }
    })
    .await;
    let mut verdicts = vec![("platform".to_owned(), verdict(platform)?)];
    for org in begun.iter().filter(|org| !chains.contains(&org.to_string())) {
        verdicts.push((org.to_string(), Err(ChainFault::ChainGone { org: *org })));
    }
    for name in chains {
        let done = match name.parse() {
            Ok(chain) => verdict(verify(db, chain, unexpected).await)?,
            Err(_) => Err(ChainFault::NoChain { name: name.clone() }),
        };
        verdicts.push((name, done));
    }
    Ok(verdicts)
}

fn verdict(done: Result<Verified, VerifyError>) -> Result<Result<Verified, ChainFault>, StoreError> {
    match done {
        Ok(verified) => Ok(Ok(verified)),
        Err(VerifyError::Broken(fault)) => Ok(Err(fault)),
        Err(VerifyError::Store(error)) => Err(error),
    }
}

async fn walk(
    db: &mut Connection,
    chain: Chain,
    expected: Expected<'_>,
    mut see: impl FnMut(&str),
) -> Result<Verified, VerifyError> {
    // Before the head is read: what is sealed then is not beyond it.
    let mut seals = SealCheck::new(db, chain, expected.seal_key).await?;
    // The head as it is now is where this ends, so that rows that come meanwhile do no harm.
    let noted = audit::head(db, chain).await.map_err(|error| told(0, error))?.unwrap_or(Head::EMPTY);
    let mut last = Head::EMPTY;
    let mut hash_seen = expected.hash.is_none();
    while last.seq < noted.seq {
        // From before the first number: there must not be a row 0 either.
        let after = if last.seq == 0 { i64::MIN } else { last.seq };
        let rows = audit::page(db, chain, after, PAGE).await.map_err(|error| told(last.seq, error))?;
        if rows.is_empty() {
            return Err(ChainFault::Cut { head: noted.seq, last: last.seq }.into());
        }
        for row in rows {
            if last.seq == noted.seq {
                break;
            }
            last = follow(last, chain, &row)?;
            see(&row.event);
            seals.pass(db, last).await?;
            if expected.hash.is_some_and(|hash| hash == last.hash) && expected.min_seq.is_none_or(|seq| seq == last.seq)
            {
                hash_seen = true;
            }
        }
    }
    if last.hash != noted.hash {
        return Err(ChainFault::OtherHead { seq: last.seq }.into());
    }
    if let Some(seq) = audit::beyond_head(db, chain).await.map_err(|error| told(last.seq, error))? {
        return Err(ChainFault::BeyondHead { seq }.into());
    }
    let seals = seals.end(last)?;
    match expected.min_seq {
        Some(expected) if last.seq < expected => Err(ChainFault::TooShort { rows: last.seq, expected }.into()),
        seq if !hash_seen => Err(ChainFault::OtherHash { seq }.into()),
        _ => Ok(Verified { rows: last.seq, hash: last.hash, seals }),
    }
}

/// The seals of a chain, checked while its rows are walked.
struct SealCheck<'a> {
    key: Option<&'a SealKey>,
    chain: Chain,
    /// The number of the last seal there was at the beginning.
    end: i64,
    /// Seals that were read and are still to come, and whether those are all.
    waiting: VecDeque<StoredSeal>,
    read_to: Option<i64>,
    seen: Seals,
}

impl<'a> SealCheck<'a> {
    async fn new(db: &mut Connection, chain: Chain, key: Option<&'a SealKey>) -> Result<Self, VerifyError> {
        let last = match key {
            Some(_) => audit_seals::last(db, chain).await.map_err(|error| told(0, error))?,
            None => None,
        };
        let end = last.map_or(0, |seal| seal.seq);
        Ok(Self { key, chain, end, waiting: VecDeque::new(), read_to: None, seen: Seals::default() })
    }

    /// Checks the seal of a row, where it has one.
    async fn pass(&mut self, db: &mut Connection, row: Head) -> Result<(), VerifyError> {
        let Some(key) = self.key else { return Ok(()) };
        if self.waiting.is_empty() && self.read_to.is_none_or(|read| read < self.end) {
            // From before the first number: there must not be a seal of row 0 either.
            let after = self.read_to.unwrap_or(i64::MIN);
            let page = audit_seals::page(db, self.chain, after, PAGE).await.map_err(|error| told(row.seq, error))?;
            self.read_to = Some(page.last().map_or(i64::MAX, |seal| seal.seq));
            self.waiting = page.into();
        }
        while let Some(seal) = self.waiting.pop_front_if(|seal| seal.seq <= row.seq) {
            if seal.seq != row.seq || !key.made(self.chain, &seal) {
                return Err(ChainFault::ForgedSeal { seq: seal.seq }.into());
            }
            if seal.hash != row.hash.to_string() {
                return Err(ChainFault::NotAsSealed { seq: seal.seq }.into());
            }
            self.seen.last_seq = seal.seq;
            self.seen.since_ms = self.seen.since_ms.or(Some(seal.at_ms));
        }
        Ok(())
    }

    /// What the seals say, once the last row is passed.
    fn end(self, last: Head) -> Result<Option<Seals>, ChainFault> {
        if self.end > last.seq {
            return Err(ChainFault::SealedRowGone { seq: self.end, last: last.seq });
        }
        Ok(self.key.map(|_| self.seen))
    }
}

/// The head after a row, if the row is the one that follows.
pub(super) fn follow(last: Head, chain: Chain, row: &audit::StoredRow) -> Result<Head, ChainFault> {
    if row.seq != last.seq + 1 {
        return Err(ChainFault::Missing { seq: last.seq + 1 });
    }
    if row.prev_hash != last.hash.to_string() {
        return Err(ChainFault::Unlinked { seq: row.seq });
    }
    let next = last.advanced(chain, row.at_ms, &row.event);
    // The second can be wrong only where a writer was: such a row could not be checked by others.
    if row.hash != next.hash.to_string() || !is_canonical(&row.event) {
        return Err(ChainFault::Changed { seq: row.seq });
    }
    Ok(next)
}

/// A value of another type or spelling than is written is tampering; a store that fails is not.
pub(super) fn told(after: i64, error: StoreError) -> VerifyError {
    if error.is_unreadable() {
        VerifyError::Broken(ChainFault::Unreadable { after, cause: error.to_string() })
    } else {
        VerifyError::Store(error)
    }
}

#[cfg(test)]
mod tests;
