//! Assertions that were taken, so that each is taken once (RFC 7523, section 3, item 7).
//!
//! A row stays until its assertion has expired by the host's clock *and* [`KEEP`] of steady time
//! (see [`crate::keyring::replicas`]) has passed since it was taken: a clock that was set forward for a while, here or on
//! another host, would otherwise have it forgotten before its time.

use std::collections::HashSet;
use std::time::Duration;

use driftwise_contract::AgentId;
use sqlx::AssertSqlSafe;

use super::{Connection, StoreError, bulk, parse};
use crate::audit::UsedAssertion;

/// How long a row stays at least, steady time. An assertion is accepted for 7 minutes at most: it lives for 5
/// (`ASSERTION_LIFETIME_MAX_S`), and may be dated 1 minute ahead and taken 1 minute late (`CLOCK_SKEW_S`). The rest is for the
/// steady time, which is noted as of its last tick: an issuer that has not refreshed for its lease, a minute at most, mints
/// nothing.
pub const KEEP: Duration = Duration::from_mins(10);

/// Notes an assertion. False when it was taken before.
pub async fn insert(db: &mut Connection, agent: AgentId, jti: &str, expires_at_ms: i64) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO used_assertions (agent_id, jti, expires_at_ms, taken_steady_ms) \
         VALUES ($1, $2, $3, (SELECT steady_ms FROM key_catalogue WHERE id = 1)) ON CONFLICT DO NOTHING",
    )
    .bind(agent.to_string())
    .bind(jti)
    .bind(expires_at_ms)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes many assertions at once, and says which of them are new, or none when all of them are, as is nearly always: those
/// taken before are missing, and those of an agent that is no more. Each stands once in the list, and the transaction holds
/// the write lock. SQLite needs the `WHERE` to tell `ON CONFLICT` from a join's `ON`.
///
/// What was added is told by its numbers: SQLite gives the rows of one transaction consecutive ones (`rowid`). `RETURNING`
/// would say it too, but sqlx wakes its caller for every row.
pub async fn insert_all(
    db: &mut Connection,
    assertions: &[&UsedAssertion],
) -> Result<Option<HashSet<(AgentId, String)>>, StoreError> {
    let (mut added, mut last) = (0_i64, 0_i64);
    for slice in bulk::slices(assertions) {
        let sql = format!(
            "INSERT INTO used_assertions (agent_id, jti, expires_at_ms, taken_steady_ms) \
             SELECT taken.column1, taken.column2, taken.column3, (SELECT steady_ms FROM key_catalogue WHERE id = 1) \
             FROM (VALUES {}) AS taken \
             JOIN agents ON agents.id = taken.column1 WHERE TRUE ON CONFLICT DO NOTHING",
            bulk::placeholders(slice.len(), 3)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for assertion in slice {
            query = query.bind(assertion.agent.to_string()).bind(assertion.jti.as_str()).bind(assertion.keep_until_ms);
        }
        let done = query.execute(&mut *db).await?;
        if done.rows_affected() > 0 {
            added += i64::try_from(done.rows_affected()).unwrap_or(i64::MAX);
            last = done.last_insert_rowid();
        }
    }
    if usize::try_from(added) == Ok(assertions.len()) {
        return Ok(None);
    }
    let mut fresh = HashSet::new();
    if added > 0 {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT agent_id, jti FROM used_assertions WHERE rowid > $1 AND rowid <= $2")
                .bind(last - added)
                .bind(last)
                .fetch_all(db)
                .await?;
        for (agent, jti) in rows {
            fresh.insert((parse("used_assertions.agent_id", &agent)?, jti));
        }
    }
    Ok(Some(fresh))
}

/// Whether an assertion was taken before.
pub async fn was_taken(db: &mut Connection, agent: AgentId, jti: &str) -> Result<bool, StoreError> {
    let row: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM used_assertions WHERE agent_id = $1 AND jti = $2")
        .bind(agent.to_string())
        .bind(jti)
        .fetch_optional(db)
        .await?;
    Ok(row.is_some())
}

/// How many rows one sweep looks at: a few milliseconds, for which writers wait.
const SWEEP_MAX: i64 = 1_000;

/// Of those that were taken first, forgets some that can't be valid any more. Says how many; none means that there are none,
/// but for those that were taken after long-lived ones, by minutes at most.
///
/// SQLite numbers rows as they come (`rowid`); PostgreSQL would need a column for it. An index by expiry would cost every
/// token more than this saves.
pub async fn sweep(db: &mut Connection, now_ms: i64) -> Result<u64, StoreError> {
    let sql = "DELETE FROM used_assertions WHERE expires_at_ms < $1 \
               AND taken_steady_ms < (SELECT steady_ms FROM key_catalogue WHERE id = 1) - $2 \
               AND rowid IN (SELECT rowid FROM used_assertions ORDER BY rowid LIMIT $3)";
    let keep_ms = i64::try_from(KEEP.as_millis()).unwrap_or(i64::MAX);
    let done = sqlx::query(sql).bind(now_ms).bind(keep_ms).bind(SWEEP_MAX).execute(db).await?;
    Ok(done.rows_affected())
}
