//! Sealed signing keys, for issuers whose key store is the database. The text is a JWE: the store can't read it, and can't
//! exchange it unnoticed.

use driftwise_contract::Kid;

use super::{Connection, StoreError, parse};

/// A sealed key.
pub struct SealedKeyRow {
    /// The kid that it is filed under.
    pub kid: Kid,
    /// The JWE.
    pub jwe: String,
}

/// Every sealed key, by kid.
pub async fn list(db: &mut Connection) -> Result<Vec<SealedKeyRow>, StoreError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT kid, jwe FROM sealed_keys ORDER BY kid").fetch_all(db).await?;
    rows.into_iter().map(|(kid, jwe)| Ok(SealedKeyRow { kid: parse("sealed_keys.kid", &kid)?, jwe })).collect()
}

/// Adds a sealed key; a kid that is there already is an error.
pub async fn insert(db: &mut Connection, kid: &Kid, jwe: &str) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO sealed_keys (kid, jwe) VALUES ($1, $2)").bind(kid.as_str()).bind(jwe).execute(db).await?;
    Ok(())
}

/// Replaces the text of a kid, if it is there.
pub async fn replace(db: &mut Connection, kid: &Kid, jwe: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE sealed_keys SET jwe = $2 WHERE kid = $1").bind(kid.as_str()).bind(jwe).execute(db).await?;
    Ok(())
}

/// Removes a sealed key, if it is there.
pub async fn delete(db: &mut Connection, kid: &Kid) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sealed_keys WHERE kid = $1").bind(kid.as_str()).execute(db).await?;
    Ok(())
}
