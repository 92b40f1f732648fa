//! Failed sign-ins in a row, each subject by a keyed hash.

use super::{Connection, StoreError};

/// What is known of a subject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failures {
    /// How many in a row.
    pub count: i64,
    /// When the last one was, epoch milliseconds.
    pub last_ms: i64,
    /// Until when the subject is locked out, epoch milliseconds; in the past or 0 when it isn't.
    pub locked_until_ms: i64,
}

/// What is known of a subject; nothing is no failure.
pub async fn find(db: &mut Connection, subject: &str) -> Result<Failures, StoreError> {
    let row: Option<(i64, i64, i64)> =
        sqlx::query_as("SELECT failures, last_failed_at_ms, locked_until_ms FROM sign_in_failures WHERE subject = $1")
            .bind(subject)
            .fetch_optional(db)
            .await?;
    Ok(row.map(|(count, last_ms, locked_until_ms)| Failures { count, last_ms, locked_until_ms }).unwrap_or_default())
}

/// Notes what is known of a subject from now on.
pub async fn set(db: &mut Connection, subject: &str, failures: Failures) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO sign_in_failures (subject, failures, last_failed_at_ms, locked_until_ms) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (subject) DO UPDATE SET failures = excluded.failures, \
         last_failed_at_ms = excluded.last_failed_at_ms, locked_until_ms = excluded.locked_until_ms",
    )
    .bind(subject)
    .bind(failures.count)
    .bind(failures.last_ms)
    .bind(failures.locked_until_ms)
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets a subject's failures.
pub async fn delete(db: &mut Connection, subject: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sign_in_failures WHERE subject = $1").bind(subject).execute(db).await?;
    Ok(())
}

/// Forgets what lies longer back.
pub async fn sweep(db: &mut Connection, before_ms: i64) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM sign_in_failures WHERE last_failed_at_ms <= $1 AND locked_until_ms <= $1")
        .bind(before_ms)
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}
