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
    /// Why it can't publish the newest keys; none while it can.
    pub fault: Option<String>,
}

impl ReplicaRow {
    /// Whether its lease may run: then nothing is signed with a key that it does not publish.
    pub fn is_waited_for(&self) -> bool {
        self.idle_ms <= self.lease_ms
    }
}

/// Notes a refresh that succeeded: the lease begins anew.
pub async fn refresh(
    db: &mut Connection,
    id: &str,
    version: i64,
    now_ms: i64,
    beat: i64,
    lease_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO replicas (id, version, seen_at_ms, idle_ms, beat, lease_ms, fault) \
         VALUES ($1, $2, $3, 0, $4, $5, NULL) \
         ON CONFLICT (id) DO UPDATE SET version = excluded.version, seen_at_ms = excluded.seen_at_ms, idle_ms = 0, \
         beat = excluded.beat, lease_ms = excluded.lease_ms, fault = NULL",
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

/// Notes why an issuer can't publish the newest keys. Its lease is not renewed, so its idle time runs on; one that was not
/// there, or was gone already, is gone.
pub async fn fail(
    db: &mut Connection,
    id: &str,
    version: i64,
    now_ms: i64,
    lease_ms: i64,
    fault: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO replicas (id, version, seen_at_ms, idle_ms, beat, lease_ms, fault) \
         VALUES ($1, $2, $3, $4, 0, $5, $6) \
         ON CONFLICT (id) DO UPDATE SET seen_at_ms = excluded.seen_at_ms, fault = excluded.fault, idle_ms = \
         CASE WHEN replicas.idle_ms > replicas.lease_ms THEN replicas.lease_ms + 1 ELSE replicas.idle_ms END",
    )
    .bind(id)
    .bind(version)
    .bind(now_ms)
    .bind(lease_ms.saturating_add(1))
    .bind(lease_ms)
    .bind(fault)
    .execute(db)
    .await?;
    Ok(())
}

/// Adds to the idle time of every issuer that did not refresh since the tick `beat`, and forgets those that were idle for
/// longer than their lease: they can't sign any more. One that told a fault is remembered for a lease longer, and for as long
/// as it tells it.
pub async fn tick(db: &mut Connection, beat: i64, elapsed_ms: i64) -> Result<u64, StoreError> {
    sqlx::query("UPDATE replicas SET idle_ms = idle_ms + $1 WHERE beat < $2")
        .bind(elapsed_ms)
        .bind(beat)
        .execute(&mut *db)
        .await?;
    let done = sqlx::query(
        "DELETE FROM replicas WHERE idle_ms > lease_ms AND (fault IS NULL OR idle_ms > lease_ms + lease_ms)",
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Every running issuer, and those that told a fault lately.
pub async fn list(db: &mut Connection) -> Result<Vec<ReplicaRow>, StoreError> {
    let rows: Vec<(String, i64, i64, i64, i64, Option<String>)> =
        sqlx::query_as("SELECT id, version, seen_at_ms, idle_ms, lease_ms, fault FROM replicas ORDER BY id")
            .fetch_all(db)
            .await?;
    let convert = |(id, version, seen_at_ms, idle_ms, lease_ms, fault)| ReplicaRow {
        id,
        version,
        seen_at_ms,
        idle_ms,
        lease_ms,
        fault,
    };
    Ok(rows.into_iter().map(convert).collect())
}

/// Forgets an issuer that ended.
pub async fn remove(db: &mut Connection, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM replicas WHERE id = $1").bind(id).execute(db).await?;
    Ok(())
}
