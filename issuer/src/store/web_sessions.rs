//! Who is signed in, by the hash of the session's token.

use super::{Connection, StoreError, parse};
use crate::accounts::admin::{AdminId, SignInName, TokenHash};

/// How often a session's last use is noted at most, in milliseconds: a page must not cost a write each time.
pub const LAST_SEEN_PERIOD_MS: i64 = 60_000;

/// A session. Whether its time is over, the caller decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSession {
    /// Whose it is.
    pub admin: AdminId,
    /// Their name.
    pub name: SignInName,
    /// When it began, epoch milliseconds.
    pub created_at_ms: i64,
    /// When it was last used, epoch milliseconds, to about [`LAST_SEEN_PERIOD_MS`].
    pub last_seen_at_ms: i64,
}

/// Begins a session.
pub async fn insert(db: &mut Connection, token: &TokenHash, admin: AdminId, now_ms: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO web_sessions (token_sha256, admin_id, created_at_ms, last_seen_at_ms) VALUES ($1, $2, $3, $3)",
    )
    .bind(token.as_str())
    .bind(admin.to_string())
    .bind(now_ms)
    .execute(db)
    .await?;
    Ok(())
}

/// The session of that token.
pub async fn find(db: &mut Connection, token: &TokenHash) -> Result<Option<WebSession>, StoreError> {
    let row: Option<(String, String, i64, i64)> = sqlx::query_as(
        "SELECT admins.id, admins.name, web_sessions.created_at_ms, web_sessions.last_seen_at_ms FROM web_sessions \
         JOIN admins ON admins.id = web_sessions.admin_id WHERE web_sessions.token_sha256 = $1",
    )
    .bind(token.as_str())
    .fetch_optional(db)
    .await?;
    row.map(|(admin, name, created_at_ms, last_seen_at_ms)| {
        let (admin, name) = (parse("admins.id", &admin)?, parse("admins.name", &name)?);
        Ok(WebSession { admin, name, created_at_ms, last_seen_at_ms })
    })
    .transpose()
}

/// Notes a use.
pub async fn note_use(db: &mut Connection, token: &TokenHash, now_ms: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE web_sessions SET last_seen_at_ms = $1 WHERE token_sha256 = $2 AND last_seen_at_ms < $1")
        .bind(now_ms)
        .bind(token.as_str())
        .execute(db)
        .await?;
    Ok(())
}

/// Ends a session. False when there was none.
pub async fn delete(db: &mut Connection, token: &TokenHash) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM web_sessions WHERE token_sha256 = $1").bind(token.as_str()).execute(db).await?;
    Ok(done.rows_affected() == 1)
}

/// Ends every session of an admin, and says how many there were.
pub async fn delete_of_admin(db: &mut Connection, admin: AdminId) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM web_sessions WHERE admin_id = $1").bind(admin.to_string()).execute(db).await?;
    Ok(done.rows_affected())
}

/// How many sessions an admin has that were used since `seen_since_ms` and began after `begun_after_ms`.
pub async fn count_of_admin(
    db: &mut Connection,
    admin: AdminId,
    begun_after_ms: i64,
    seen_since_ms: i64,
) -> Result<i64, StoreError> {
    let (count,): (i64,) = sqlx::query_as(
        "SELECT COUNT(*) FROM web_sessions WHERE admin_id = $1 AND created_at_ms > $2 AND last_seen_at_ms > $3",
    )
    .bind(admin.to_string())
    .bind(begun_after_ms)
    .bind(seen_since_ms)
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// Forgets sessions that began before, or were last used before, these moments.
pub async fn sweep(db: &mut Connection, begun_before_ms: i64, seen_before_ms: i64) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM web_sessions WHERE created_at_ms <= $1 OR last_seen_at_ms <= $2")
        .bind(begun_before_ms)
        .bind(seen_before_ms)
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}
