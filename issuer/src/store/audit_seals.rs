//! The audit log's seals. They are added and never changed.

use super::{Connection, StoreError, parse};
use crate::audit::{Chain, Head};

/// A seal as it lies in the store, before anything of it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSeal {
    /// The number of the row that it seals.
    pub seq: i64,
    /// The row's hash.
    pub hash: String,
    /// When it was sealed, milliseconds since the epoch.
    pub at_ms: i64,
    /// HMAC over all of that and the chain.
    pub mac: String,
}

/// Adds a seal. Where the row is sealed already, that seal stays.
pub async fn insert(db: &mut Connection, chain: Chain, seal: &StoredSeal) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO audit_seals (chain, seq, hash, at_ms, mac) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (chain, seq) DO NOTHING",
    )
    .bind(chain.to_string())
    .bind(seal.seq)
    .bind(&seal.hash)
    .bind(seal.at_ms)
    .bind(&seal.mac)
    .execute(db)
    .await?;
    Ok(())
}

/// Up to `limit` seals of a chain after a number, in order.
pub async fn page(
    db: &mut Connection,
    chain: Chain,
    after_seq: i64,
    limit: u16,
) -> Result<Vec<StoredSeal>, StoreError> {
    let rows: Vec<(i64, String, i64, String)> = sqlx::query_as(
        "SELECT seq, hash, at_ms, mac FROM audit_seals WHERE chain = $1 AND seq > $2 ORDER BY seq LIMIT $3",
    )
    .bind(chain.to_string())
    .bind(after_seq)
    .bind(i64::from(limit))
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(seq, hash, at_ms, mac)| StoredSeal { seq, hash, at_ms, mac }).collect())
}

/// The last seal of a chain.
pub async fn last(db: &mut Connection, chain: Chain) -> Result<Option<StoredSeal>, StoreError> {
    let row: Option<(i64, String, i64, String)> =
        sqlx::query_as("SELECT seq, hash, at_ms, mac FROM audit_seals WHERE chain = $1 ORDER BY seq DESC LIMIT 1")
            .bind(chain.to_string())
            .fetch_optional(db)
            .await?;
    Ok(row.map(|(seq, hash, at_ms, mac)| StoredSeal { seq, hash, at_ms, mac }))
}

/// Whether there is any seal.
pub async fn any(db: &mut Connection) -> Result<bool, StoreError> {
    let row: Option<(i64,)> = sqlx::query_as("SELECT seq FROM audit_seals LIMIT 1").fetch_optional(db).await?;
    Ok(row.is_some())
}

/// The heads of the chains whose end no seal covers.
pub async fn unsealed(db: &mut Connection) -> Result<Vec<(Chain, Head)>, StoreError> {
    let rows: Vec<(String, i64, String)> = sqlx::query_as(
        "SELECT chain, seq, hash FROM audit_heads WHERE NOT EXISTS \
         (SELECT 1 FROM audit_seals WHERE audit_seals.chain = audit_heads.chain AND audit_seals.seq >= audit_heads.seq)",
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|(chain, seq, hash)| {
            Ok((parse("audit_heads.chain", &chain)?, Head { seq, hash: parse("audit_heads.hash", &hash)? }))
        })
        .collect()
}
