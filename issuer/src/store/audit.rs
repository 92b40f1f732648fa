//! The audit log's rows and heads. Rows are added at the end of their chain and never changed.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;

use super::{Connection, StoreError, bulk, parse};
use crate::audit::{Chain, Head, RowHash};

/// A row to be added.
#[derive(Debug, Clone)]
pub struct NewRow<'a> {
    chain: Chain,
    seq: i64,
    at_ms: i64,
    event: &'a str,
    prev_hash: RowHash,
    hash: RowHash,
}

/// A row as it lies in the store, before anything of it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRow {
    /// Its number in the chain.
    pub seq: i64,
    /// When, milliseconds since the epoch.
    pub at_ms: i64,
    /// What, as canonical JSON.
    pub event: String,
    /// The hash of the row before it.
    pub prev_hash: String,
    /// Its own hash.
    pub hash: String,
}

impl<'a> NewRow<'a> {
    /// The row that follows a head, and the head that it makes. `event` is canonical JSON.
    pub fn after(head: Head, chain: Chain, at_ms: i64, event: &'a str) -> (Self, Head) {
        let next = head.advanced(chain, at_ms, event);
        (Self { chain, seq: next.seq, at_ms, event, prev_hash: head.hash, hash: next.hash }, next)
    }

    /// The chain that it is added to.
    pub fn chain(&self) -> Chain {
        self.chain
    }
}

/// The heads of those chains that have rows.
pub async fn heads(db: &mut Connection, chains: &[Chain]) -> Result<HashMap<Chain, Head>, StoreError> {
    let mut heads = HashMap::with_capacity(chains.len());
    for (slice, size) in bulk::slices(chains) {
        let sql = format!("SELECT chain, seq, hash FROM audit_heads WHERE chain IN {}", bulk::placeholders(1, size));
        let mut query = sqlx::query_as(AssertSqlSafe(sql));
        for chain in slice {
            query = query.bind(chain.to_string());
        }
        for _ in slice.len()..size {
            query = query.bind(None::<String>);
        }
        let rows: Vec<(String, i64, String)> = query.fetch_all(&mut *db).await?;
        for (chain, seq, hash) in rows {
            heads.insert(
                parse("audit_heads.chain", &chain)?,
                Head { seq, hash: parse_hash("audit_heads.hash", &hash)? },
            );
        }
    }
    Ok(heads)
}

/// Those of these chains, each named once, whose log goes on beyond their head: nothing can be added to them.
pub async fn beyond_heads(db: &mut Connection, chains: &[Chain]) -> Result<Vec<Chain>, StoreError> {
    let mut beyond = Vec::new();
    for (slice, size) in bulk::slices(chains) {
        let sql = format!(
            "SELECT asked.column1 FROM (VALUES {}) AS asked LEFT JOIN audit_heads ON audit_heads.chain = asked.column1 \
             WHERE EXISTS (SELECT 1 FROM audit_log WHERE audit_log.chain = asked.column1 \
             AND audit_log.seq > COALESCE(audit_heads.seq, 0))",
            bulk::placeholders(size, 1)
        );
        let mut query = sqlx::query_scalar(AssertSqlSafe(sql));
        for chain in slice {
            query = query.bind(chain.to_string());
        }
        for _ in slice.len()..size {
            query = query.bind(None::<String>);
        }
        let rows: Vec<String> = query.fetch_all(&mut *db).await?;
        for chain in rows {
            beyond.push(parse("audit_log.chain", &chain)?);
        }
    }
    Ok(beyond)
}

/// Adds rows. They follow the heads that [`heads`] told in the same transaction.
pub async fn insert(db: &mut Connection, rows: &[NewRow<'_>]) -> Result<(), StoreError> {
    for (slice, size) in bulk::slices(rows) {
        let sql = format!(
            "INSERT INTO audit_log (chain, seq, at_ms, event, prev_hash, hash) \
             SELECT * FROM (VALUES {}) AS rows WHERE rows.column1 IS NOT NULL",
            bulk::placeholders(size, 6)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for row in slice {
            query = query
                .bind(row.chain.to_string())
                .bind(row.seq)
                .bind(row.at_ms)
                .bind(row.event)
                .bind(row.prev_hash.to_string())
                .bind(row.hash.to_string());
        }
        for _ in slice.len()..size {
            let (text, number) = (None::<String>, None::<i64>);
            query = query.bind(text.clone()).bind(number).bind(number).bind(text.clone()).bind(text.clone()).bind(text);
        }
        query.execute(&mut *db).await?;
    }
    Ok(())
}

/// Moves heads on.
pub async fn advance(db: &mut Connection, heads: &[(Chain, Head)]) -> Result<(), StoreError> {
    for (slice, size) in bulk::slices(heads) {
        // SQLite needs a WHERE to tell ON CONFLICT from a join's ON.
        let sql = format!(
            "INSERT INTO audit_heads (chain, seq, hash) \
             SELECT * FROM (VALUES {}) AS rows WHERE rows.column1 IS NOT NULL \
             ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq, hash = excluded.hash",
            bulk::placeholders(size, 3)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (chain, head) in slice {
            query = query.bind(chain.to_string()).bind(head.seq).bind(head.hash.to_string());
        }
        for _ in slice.len()..size {
            query = query.bind(None::<String>).bind(None::<i64>).bind(None::<String>);
        }
        query.execute(&mut *db).await?;
    }
    Ok(())
}

/// The chain's end, as the store notes it.
pub async fn head(db: &mut Connection, chain: Chain) -> Result<Option<Head>, StoreError> {
    Ok(heads(db, &[chain]).await?.remove(&chain))
}

/// The first row that the chain's head does not know of. One statement, so that it sees one moment.
pub async fn beyond_head(db: &mut Connection, chain: Chain) -> Result<Option<i64>, StoreError> {
    let row: Option<(i64,)> = sqlx::query_as(
        "SELECT seq FROM audit_log WHERE chain = $1 AND \
         seq > COALESCE((SELECT seq FROM audit_heads WHERE chain = $1), 0) ORDER BY seq LIMIT 1",
    )
    .bind(chain.to_string())
    .fetch_optional(db)
    .await?;
    Ok(row.map(|(seq,)| seq))
}

/// What is wrong with the triggers that guard the log, in words: one that is gone, is another than the migration made, or was
/// never made by one. `SQLite`'s catalogue; PostgreSQL has another.
pub async fn trigger_faults(db: &mut Connection) -> Result<Vec<String>, StoreError> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' \
         AND lower(tbl_name) IN ('audit_log', 'audit_heads', 'audit_seals') ORDER BY name",
    )
    .fetch_all(db)
    .await?;
    let mut found: HashMap<String, String> = rows.into_iter().collect();
    let mut faults = Vec::new();
    for (name, made) in guards() {
        match found.remove(name) {
            None => faults.push(format!("{name} is missing")),
            Some(sql) if sql != made => faults.push(format!("{name} was changed")),
            Some(_) => {}
        }
    }
    let mut strange: Vec<String> = found.into_keys().map(|name| format!("{name} is none of the issuer's")).collect();
    strange.sort();
    faults.append(&mut strange);
    Ok(faults)
}

/// The triggers on the log's tables as the migrations make them: name and statement.
fn guards() -> impl Iterator<Item = (&'static str, &'static str)> {
    const MIGRATIONS: [&str; 2] = [
        include_str!("../../migrations/0004_audit_authority.sql"),
        include_str!("../../migrations/0011_audit_seals.sql"),
    ];
    let begin = "CREATE TRIGGER ";
    MIGRATIONS.into_iter().flat_map(move |sql| sql.match_indices(begin).map(move |(at, _)| &sql[at..])).filter_map(
        move |rest| {
            let name = rest[begin.len()..].split_whitespace().next().filter(|name| name.starts_with("audit_"))?;
            // SQLite's catalogue has the statement as it was written, without the semicolon after END.
            rest.find("END;").map(|end| (name, &rest[..end + "END".len()]))
        },
    )
}

/// Up to `limit` rows of a chain after a number, in order.
pub async fn page(db: &mut Connection, chain: Chain, after_seq: i64, limit: u16) -> Result<Vec<StoredRow>, StoreError> {
    let rows: Vec<(i64, i64, String, String, String)> = sqlx::query_as(
        "SELECT seq, at_ms, event, prev_hash, hash FROM audit_log WHERE chain = $1 AND seq > $2 ORDER BY seq LIMIT $3",
    )
    .bind(chain.to_string())
    .bind(after_seq)
    .bind(i64::from(limit))
    .fetch_all(db)
    .await?;
    let convert = |(seq, at_ms, event, prev_hash, hash)| StoredRow { seq, at_ms, event, prev_hash, hash };
    Ok(rows.into_iter().map(convert).collect())
}

/// Up to `limit` rows of a chain before a number, last first.
pub async fn page_back(
    db: &mut Connection,
    chain: Chain,
    before_seq: i64,
    limit: u16,
) -> Result<Vec<StoredRow>, StoreError> {
    let rows: Vec<(i64, i64, String, String, String)> = sqlx::query_as(
        "SELECT seq, at_ms, event, prev_hash, hash FROM audit_log WHERE chain = $1 AND seq < $2 \
         ORDER BY seq DESC LIMIT $3",
    )
    .bind(chain.to_string())
    .bind(before_seq)
    .bind(i64::from(limit))
    .fetch_all(db)
    .await?;
    let convert = |(seq, at_ms, event, prev_hash, hash)| StoredRow { seq, at_ms, event, prev_hash, hash };
    Ok(rows.into_iter().map(convert).collect())
}

/// Every chain that has a head, a row or a seal, in order.
pub async fn chains(db: &mut Connection) -> Result<Vec<String>, StoreError> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT chain FROM audit_heads UNION SELECT DISTINCT chain FROM audit_log \
             UNION SELECT DISTINCT chain FROM audit_seals ORDER BY 1",
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(chain,)| chain).collect())
}

fn parse_hash(column: &'static str, text: &str) -> Result<RowHash, StoreError> {
    parse(column, text)
}
