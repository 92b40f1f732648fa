//! The audit log's seals. They are added and never changed.

use sqlx::{FromRow as _, Row as _};

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

/// A chain's head and its last seal, both of one moment.
#[derive(Debug)]
pub struct End {
    /// Where the store notes the chain's end; [`Head::EMPTY`] where it notes none.
    pub head: Head,
    /// The seal of the highest number, whoever made it.
    pub seal: Option<StoredSeal>,
}

/// Adds a seal, and says which one the row has then: where it was sealed already, that seal stays, whoever made it.
pub async fn insert(db: &mut Connection, chain: Chain, seal: &StoredSeal) -> Result<Option<StoredSeal>, StoreError> {
    sqlx::query(
        "INSERT INTO audit_seals (chain, seq, hash, at_ms, mac) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (chain, seq) DO NOTHING",
    )
    .bind(chain.to_string())
    .bind(seal.seq)
    .bind(&seal.hash)
    .bind(seal.at_ms)
    .bind(&seal.mac)
    .execute(&mut *db)
    .await?;
    Ok(page(db, chain, seal.seq - 1, 1).await?.into_iter().find(|found| found.seq == seal.seq))
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

/// The end of every chain that has a head or a seal, by the chain's name as it lies in the store. What can't be read of one
/// keeps no other from being read. One statement: a seal follows its row and head, so that none can be ahead of a head.
pub async fn ends(db: &mut Connection) -> Result<Vec<(String, Result<End, StoreError>)>, StoreError> {
    // The chains of seals one by one over the primary key: a DISTINCT would go through all seals.
    let rows = sqlx::query(
        "WITH RECURSIVE sealed (chain) AS (SELECT MIN(chain) FROM audit_seals UNION ALL \
         SELECT (SELECT MIN(audit_seals.chain) FROM audit_seals WHERE audit_seals.chain > sealed.chain) \
         FROM sealed WHERE sealed.chain IS NOT NULL) \
         SELECT chains.chain, heads.seq, heads.hash, seals.seq, seals.hash, seals.at_ms, seals.mac \
         FROM (SELECT chain FROM audit_heads UNION SELECT chain FROM sealed WHERE chain IS NOT NULL) AS chains \
         LEFT JOIN audit_heads AS heads ON heads.chain = chains.chain \
         LEFT JOIN audit_seals AS seals ON seals.chain = chains.chain \
         AND seals.seq = (SELECT MAX(seq) FROM audit_seals WHERE audit_seals.chain = chains.chain)",
    )
    .fetch_all(db)
    .await?;
    let name = |row| match sqlx::sqlite::SqliteRow::try_get(row, 0) {
        Ok(name) => name,
        // What is no text gets a name that no chain has.
        Err(error) => format!("? ({error})"),
    };
    Ok(rows.iter().map(|row| (name(row), end(row))).collect())
}

fn end(row: &sqlx::sqlite::SqliteRow) -> Result<End, StoreError> {
    type Columns =
        (Option<String>, Option<i64>, Option<String>, Option<i64>, Option<String>, Option<i64>, Option<String>);
    let (_, seq, hash, seal_seq, seal_hash, at_ms, mac) = Columns::from_row(row)?;
    let head = match seq.zip(hash) {
        Some((seq, hash)) => Head { seq, hash: parse("audit_heads.hash", &hash)? },
        None => Head::EMPTY,
    };
    // Columns that are never NULL: all of them, or none where there is no seal.
    let seal = seal_seq.zip(seal_hash).zip(at_ms.zip(mac));
    let seal = seal.map(|((seq, hash), (at_ms, mac))| StoredSeal { seq, hash, at_ms, mac });
    Ok(End { head, seal })
}
