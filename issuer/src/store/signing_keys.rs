//! The kids of the signing keys that were made for this store. The keys themselves lie in the key directory; the rows tell
//! an empty directory of a first start from one whose keys were lost. Rows stay when their key is gone.

use driftwise_contract::Kid;

use super::{Connection, StoreError, parse};

/// Notes a key; one that is noted already stays as it is.
pub async fn record(db: &mut Connection, kid: &Kid, created_at_ms: i64) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO signing_keys (kid, created_at_ms) VALUES ($1, $2) ON CONFLICT (kid) DO NOTHING")
        .bind(kid.as_str())
        .bind(created_at_ms)
        .execute(db)
        .await?;
    Ok(())
}

/// Every kid that was noted, oldest key first.
pub async fn list(db: &mut Connection) -> Result<Vec<Kid>, StoreError> {
    let rows: Vec<(String,)> =
        sqlx::query_as("SELECT kid FROM signing_keys ORDER BY created_at_ms, kid").fetch_all(db).await?;
    rows.iter().map(|(kid,)| parse("signing_keys.kid", kid)).collect()
}
