//! One number that grows with every change of what tokens are decided by: orgs, accounts, agents, their keys, signing keys.
//! Triggers count it, whichever process makes the change.

use super::{Connection, StoreError};

/// The present number. Read it **before** what it is to vouch for, or in the same transaction.
pub async fn version(db: &mut Connection) -> Result<i64, StoreError> {
    let (version,): (i64,) = sqlx::query_as("SELECT version FROM authority WHERE id = 1").fetch_one(db).await?;
    Ok(version)
}
