//! Rows and verdicts as the command line and the API show them.

use serde::Serialize;
use serde_json::value::RawValue;

use super::verify::{ChainFault, Verified};
use super::{Chain, RowHash};
use crate::clock::rfc3339;
use crate::store::{StoreError, audit};

/// A row: all that its hash covers but the chain, so that whoever reads it can recompute it.
#[derive(Debug, Serialize)]
pub struct RowView {
    /// Its number.
    pub seq: i64,
    /// When, for people.
    pub at: String,
    /// When, milliseconds since the epoch.
    pub at_ms: i64,
    /// What, as it was hashed.
    pub event: Box<RawValue>,
    /// The hash of the row before it.
    pub prev_hash: String,
    /// Its own hash.
    pub hash: String,
}

/// Whether a chain is intact.
#[derive(Debug, Serialize)]
pub struct VerdictView {
    /// The chain.
    pub chain: String,
    /// Whether it is intact.
    pub intact: bool,
    /// How many rows it has; none told of a broken chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<i64>,
    /// The hash of its last row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<RowHash>,
    /// The number of the last sealed row; 0 when none is, none told when the seals were not checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealed_to: Option<i64>,
    /// When the chain's first seal was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealed_since: Option<String>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl RowView {
    /// The view of a row.
    pub fn of(row: audit::StoredRow) -> Result<Self, StoreError> {
        let event = RawValue::from_string(row.event)
            .map_err(|error| StoreError::Corrupt { column: "audit_log.event", cause: error.to_string() })?;
        Ok(Self {
            seq: row.seq,
            at: rfc3339(row.at_ms.div_euclid(1000)),
            at_ms: row.at_ms,
            event,
            prev_hash: row.prev_hash,
            hash: row.hash,
        })
    }
}

impl VerdictView {
    /// The view of a verdict.
    pub fn of(chain: &impl ToString, done: &Result<Verified, ChainFault>) -> Self {
        let seals = done.as_ref().ok().and_then(|verified| verified.seals);
        Self {
            chain: chain.to_string(),
            intact: done.is_ok(),
            rows: done.as_ref().ok().map(|verified| verified.rows),
            hash: done.as_ref().ok().map(|verified| verified.hash),
            sealed_to: seals.map(|seals| seals.last_seq),
            sealed_since: seals.and_then(|seals| seals.since_ms).map(|at_ms| rfc3339(at_ms.div_euclid(1000))),
            fault: done.as_ref().err().map(ToString::to_string),
        }
    }
}

impl Serialize for Chain {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
