//! The running issuers, and which version of the keys each publishes.

use super::{Connection, StoreError};

/// A running issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaRow {
    /// Its id, new with each start.
    pub id: String,
    /// The version of the keys that it publishes; 0 before the first.
    pub version: i64,
    /// When it refreshed last, by its own clock, epoch milliseconds: for people.
    pub seen_at_ms: i64,
    /// The steady time since then, milliseconds.
    pub idle_ms: i64,
    /// How long it may sign without a refresh, milliseconds.
    pub lease_ms: i64,
}

/// Notes a refresh.
pub async fn refresh(
    db: &mut Connection,
    id: &str,
    version: i64,
    now_ms: i64,
    beat: i64,
    lease_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO replicas (id, version, seen_at_ms, idle_ms, beat, lease_ms) VALUES ($1, $2, $3, 0, $4, $5) \
         ON CONFLICT (id) DO UPDATE SET version = excluded.version, seen_at_ms = excluded.seen_at_ms, idle_ms = 0, \
         beat = excluded.beat, lease_ms = excluded.lease_ms",
    )
    .bind(id)
    .bind(version)
    .bind(now_ms)
    .bind(beat)
    .bind(lease_ms)
    .execute(db)
    .await?;
    Ok(())
}

/// Adds to the idle time of every issuer that did not refresh since the tick `beat`, and forgets those that were idle for
/// longer than their lease: they can't sign any more.
pub async fn tick(db: &mut Connection, beat: i64, elapsed_ms: i64) -> Result<u64, StoreError> {
    sqlx::query("UPDATE replicas SET idle_ms = idle_ms + $1 WHERE beat < $2")
        .bind(elapsed_ms)
        .bind(beat)
        .execute(&mut *db)
        .await?;
    let done = sqlx::query("DELETE FROM replicas WHERE idle_ms > lease_ms").execute(db).await?;
    Ok(done.rows_affected())
}

/// Every running issuer.
pub async fn list(db: &mut Connection) -> Result<Vec<ReplicaRow>, StoreError> {
    let rows: Vec<(String, i64, i64, i64, i64)> =
        sqlx::query_as("SELECT id, version, seen_at_ms, idle_ms, lease_ms FROM replicas ORDER BY id")
            .fetch_all(db)
            .await?;
    let convert =
        |(id, version, seen_at_ms, idle_ms, lease_ms)| ReplicaRow { id, version, seen_at_ms, idle_ms, lease_ms };
    Ok(rows.into_iter().map(convert).collect())
}

/// Forgets an issuer that ended.
pub async fn remove(db: &mut Connection, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM replicas WHERE id = $1").bind(id).execute(db).await?;
    Ok(())
}
