//! The states of signing keys. The keys themselves lie in the key store; a row stays when its key is gone.
//!
//! Rows change in a transaction that holds the catalogue's row ([`super::key_catalogue::lock`]). Times in `…_at_ms` are the
//! host's and for people; windows are measured in the steady time, which [`stamp`] fills in at the first tick after the event.

use driftwise_contract::Kid;

use super::{Connection, StoreError};
use crate::keyring::rotation::KeyRecord;

const COLUMNS: &str = "kid, key_set, algorithm, state, created_at_ms, staged_at_ms, seen_at_ms, activated_at_ms, \
                       retired_at_ms, removed_at_ms, staged_steady_ms, seen_steady_ms, activated_steady_ms, \
                       retired_steady_ms, signs_until_ms, published_version";

/// A row as the database gives it: more columns than tuples have.
struct Row(KeyRecord);

impl<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow> for Row {
    fn from_row(row: &'r sqlx::sqlite::SqliteRow) -> Result<Self, sqlx::Error> {
        use sqlx::Row as _;
        let text = |name: &'static str| row.try_get::<String, _>(name);
        Ok(Self(KeyRecord {
            kid: parsed("kid", &text("kid")?)?,
            set: parsed("key_set", &text("key_set")?)?,
            algorithm: parsed("algorithm", &text("algorithm")?)?,
            state: parsed("state", &text("state")?)?,
            created_at_ms: row.try_get("created_at_ms")?,
            staged_at_ms: row.try_get("staged_at_ms")?,
            seen_at_ms: row.try_get("seen_at_ms")?,
            activated_at_ms: row.try_get("activated_at_ms")?,
            retired_at_ms: row.try_get("retired_at_ms")?,
            removed_at_ms: row.try_get("removed_at_ms")?,
            staged_steady_ms: row.try_get("staged_steady_ms")?,
            seen_steady_ms: row.try_get("seen_steady_ms")?,
            activated_steady_ms: row.try_get("activated_steady_ms")?,
            retired_steady_ms: row.try_get("retired_steady_ms")?,
            signs_until_ms: row.try_get("signs_until_ms")?,
            published_version: row.try_get("published_version")?,
        }))
    }
}

fn parsed<T>(name: &str, text: &str) -> Result<T, sqlx::Error>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    text.parse().map_err(|error: T::Err| sqlx::Error::ColumnDecode {
        index: name.to_owned(),
        source: format!("signing_keys.{name} does not parse: {error}").into(),
    })
}

/// Whether the schema has key states already.
pub async fn are_recorded(db: &mut Connection) -> Result<bool, StoreError> {
    // SQLite's own catalogue; PostgreSQL has information_schema.tables.
    let found: Option<(i64,)> =
        sqlx::query_as("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'signing_keys'")
            .fetch_optional(db)
            .await?;
    Ok(found.is_some())
}

/// Every key, oldest first; those that are removed too.
pub async fn list(db: &mut Connection) -> Result<Vec<KeyRecord>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM signing_keys ORDER BY created_at_ms, kid");
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(db).await?;
    Ok(rows.into_iter().map(|Row(record)| record).collect())
}

/// Every key that is published, or of which it is not known yet, oldest first.
pub async fn present(db: &mut Connection) -> Result<Vec<KeyRecord>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM signing_keys WHERE state <> 'removed' ORDER BY created_at_ms, kid");
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(db).await?;
    Ok(rows.into_iter().map(|Row(record)| record).collect())
}

/// Adds a key, or places one that was noted without a state. False when the key has a state already, or its set has a staged
/// key and this is to be another.
pub async fn insert(db: &mut Connection, key: &KeyRecord) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO signing_keys (kid, key_set, algorithm, state, created_at_ms, staged_at_ms, activated_at_ms, \
         retired_at_ms, removed_at_ms, signs_until_ms, published_version) \
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 WHERE NOT EXISTS ( \
         SELECT 1 FROM signing_keys WHERE key_set = $2 AND state = $4 AND state IN ('staged', 'active') AND kid <> $1) \
         ON CONFLICT (kid) DO UPDATE SET key_set = excluded.key_set, algorithm = excluded.algorithm, \
         state = excluded.state, staged_at_ms = excluded.staged_at_ms, activated_at_ms = excluded.activated_at_ms, \
         retired_at_ms = excluded.retired_at_ms, removed_at_ms = excluded.removed_at_ms, \
         signs_until_ms = excluded.signs_until_ms, published_version = excluded.published_version \
         WHERE signing_keys.state = 'unplaced'",
    )
    .bind(key.kid.as_str())
    .bind(key.set.to_string())
    .bind(key.algorithm.as_str())
    .bind(key.state.as_str())
    .bind(key.created_at_ms)
    .bind(key.staged_at_ms)
    .bind(key.activated_at_ms)
    .bind(key.retired_at_ms)
    .bind(key.removed_at_ms)
    .bind(key.signs_until_ms)
    .bind(key.published_version)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A staged key begins to sign. False when it is not staged any more.
pub async fn activate(db: &mut Connection, kid: &Kid, now_ms: i64, signs_until_ms: i64) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE signing_keys SET state = 'active', activated_at_ms = $2, signs_until_ms = $3 \
         WHERE kid = $1 AND state = 'staged'",
    )
    .bind(kid.as_str())
    .bind(now_ms)
    .bind(signs_until_ms)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The active key signs no more and stays published. False when it is not active.
pub async fn retire(db: &mut Connection, kid: &Kid, now_ms: i64) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE signing_keys SET state = 'retired', retired_at_ms = $2 WHERE kid = $1 AND state = 'active'",
    )
    .bind(kid.as_str())
    .bind(now_ms)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A key is published no more. False when it was removed before.
pub async fn remove(db: &mut Connection, kid: &Kid, now_ms: i64) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE signing_keys SET state = 'removed', removed_at_ms = $2 WHERE kid = $1 AND state <> 'removed'",
    )
    .bind(kid.as_str())
    .bind(now_ms)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that a staged key was seen at the issuer's public address. Only the first sight since it was last missed counts.
pub async fn seen(db: &mut Connection, kid: &Kid, now_ms: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE signing_keys SET seen_at_ms = $2 WHERE kid = $1 AND state = 'staged' AND seen_at_ms IS NULL")
        .bind(kid.as_str())
        .bind(now_ms)
        .execute(db)
        .await?;
    Ok(())
}

/// Notes that a staged key was missed at the issuer's public address: its window begins anew with the next sight.
pub async fn unseen(db: &mut Connection, kid: &Kid) -> Result<(), StoreError> {
    sqlx::query("UPDATE signing_keys SET seen_at_ms = NULL, seen_steady_ms = NULL WHERE kid = $1 AND state = 'staged'")
        .bind(kid.as_str())
        .execute(db)
        .await?;
    Ok(())
}

/// Lets every active key sign tokens that are dated up to `until_ms`, where it may not sign as late already.
pub async fn extend(db: &mut Connection, until_ms: i64) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE signing_keys SET signs_until_ms = $1 WHERE state = 'active' AND COALESCE(signs_until_ms, 0) < $1",
    )
    .bind(until_ms)
    .execute(db)
    .await?;
    Ok(())
}

/// Fills in the steady time of what happened since the last tick.
pub async fn stamp(db: &mut Connection, steady_ms: i64) -> Result<(), StoreError> {
    for (event, stamp) in [
        ("staged_at_ms", "staged_steady_ms"),
        ("seen_at_ms", "seen_steady_ms"),
        ("activated_at_ms", "activated_steady_ms"),
        ("retired_at_ms", "retired_steady_ms"),
    ] {
        let sql = format!(
            "UPDATE signing_keys SET {stamp} = $1 WHERE {event} IS NOT NULL AND {stamp} IS NULL AND state <> 'removed'"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(steady_ms).execute(&mut *db).await?;
    }
    Ok(())
}
