//! Secrets of the issuer itself other than signing keys, by name, each a JWE under the master key.

use super::{Connection, StoreError};

/// The sealed secret of that name.
pub async fn find(db: &mut Connection, name: &str) -> Result<Option<String>, StoreError> {
    let row: Option<(String,)> =
        sqlx::query_as("SELECT jwe FROM sealed_secrets WHERE name = $1").bind(name).fetch_optional(db).await?;
    Ok(row.map(|(jwe,)| jwe))
}

/// Keeps the first secret of a name. One that is there already stays: read it back.
pub async fn insert(db: &mut Connection, name: &str, jwe: &str, now_ms: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO sealed_secrets (name, jwe, created_at_ms) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
    )
    .bind(name)
    .bind(jwe)
    .bind(now_ms)
    .execute(db)
    .await?;
    Ok(())
}

/// Puts `new` in place of `old`. False when `old` is not what lies there.
pub async fn replace(db: &mut Connection, name: &str, old: &str, new: &str) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE sealed_secrets SET jwe = $1 WHERE name = $2 AND jwe = $3")
        .bind(new)
        .bind(name)
        .bind(old)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}
