//! The audit log: what was done, by whom, in chains that show every later change.
//!
//! - A [`Record`] says what happened. It becomes a row of a [`Chain`]: one per org, one for the platform. Rows are numbered
//!   from 1 without gaps; each carries the hash of the row before it and its own, SHA-256 over all that the row says
//!   ([`FORM`], [`Head::advanced`]). Triggers forbid to change or delete rows.
//! - An act of the command line or the API adds its row in its own transaction: [`append`]. Both are there, or neither.
//! - A token's row goes through the [`Ledger`]: one writer commits the rows of many requests at once, and answers each when
//!   its row is durable. In the same transaction it takes the client assertion (each counts once) and checks that nothing
//!   of what the token was decided by has changed since ([`LedgerEntry::authority`]).
//! - A [`Sealer`] seals the ends of chains under a key that the store does not hold in the clear.
//! - [`verify()`] recomputes a chain and checks its seals. What it can't see by itself is a store put back to an older state, or
//!   seals removed together with what they sealed: for that, someone else keeps the last number and hash ([`Expected`]).
//! - [`ocsf`] is the form in which other systems take rows.
//!
//! To add an event, see [`event`].

mod canonical;
mod chain;
pub mod event;
mod ledger;
mod mints;
pub mod ocsf;
mod seal;
pub mod verify;
mod view;

pub use canonical::{CanonicalFault, canonical, is_canonical};
pub use chain::{Chain, FORM, Head, RowHash};
pub use event::{Actor, Body, Event, KeyEvent, Record, RefusalReason, TokenMinted, TokenRefused};
pub use ledger::{AssertionDigest, Ledger, LedgerEntry, LedgerFault, OnTheWay, UsedAssertion};
pub use mints::{UnexpiredMints, unexpired_mints};
pub use seal::{SealKey, Sealer};
pub use verify::{ChainFault, Expected, Seals, Verified, VerifyError, verify, verify_all};
pub use view::{RowView, VerdictView};

use crate::store::{StoreError, Tx, audit};

/// Where a record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Its chain.
    pub chain: Chain,
    /// Its number there, from 1.
    pub seq: i64,
    /// Its hash.
    pub hash: RowHash,
}

/// Adds a record's row, as part of the transaction of the act that it tells of.
pub async fn append(tx: &mut Tx, record: Record) -> Result<Position, StoreError> {
    let (chain, at_ms) = (record.chain, record.at_ms);
    let body = record.body().map_err(|fault| unwritable(&fault))?;
    let head = audit::heads(tx, &[chain]).await?.get(&chain).copied().unwrap_or(Head::EMPTY);
    let (row, head) = audit::NewRow::after(head, chain, at_ms, &body);
    audit::insert(tx, &[row]).await?;
    audit::advance(tx, &[(chain, head)]).await?;
    Ok(Position { chain, seq: head.seq, hash: head.hash })
}

fn unwritable(fault: &CanonicalFault) -> StoreError {
    StoreError::Corrupt { column: "audit_log.event", cause: fault.to_string() }
}
