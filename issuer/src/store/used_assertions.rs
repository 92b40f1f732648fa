//! Assertions that were taken, so that each is taken once (RFC 7523, section 3, item 7).

use driftwise_contract::AgentId;

use super::{Connection, StoreError};

/// Notes an assertion. False when it was taken before.
pub async fn insert(db: &mut Connection, agent: AgentId, jti: &str, expires_at_ms: i64) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO used_assertions (agent_id, jti, expires_at_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(agent.to_string())
    .bind(jti)
    .bind(expires_at_ms)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets those that can't be valid any more. Says how many.
pub async fn sweep(db: &mut Connection, now_ms: i64) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM used_assertions WHERE expires_at_ms < $1").bind(now_ms).execute(db).await?;
    Ok(done.rows_affected())
}
