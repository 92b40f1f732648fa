//! API keys.

use driftwise_contract::OrgId;

use super::{Connection, OrgScope, StoreError, parse};
use crate::accounts::{ApiKeyHash, ApiKeyId, ApiKeyScopes, DisplayName};

/// How often a key's last use is noted at most, in milliseconds: a use must not cost a write each time.
pub const LAST_USE_PERIOD_MS: i64 = 60_000;

/// An API key, without its secret. Its scope counts only once the presented key was found to fit the hash.
#[derive(Debug, Clone)]
pub struct ApiKeyRecord {
    /// Its id.
    pub id: ApiKeyId,
    /// The right to touch its org's rows.
    pub scope: OrgScope,
    /// Its name, for people.
    pub name: DisplayName,
    /// What the secret is checked against.
    pub hash: ApiKeyHash,
    /// What it may do.
    pub scopes: ApiKeyScopes,
    /// When it was made, epoch milliseconds.
    pub created_at_ms: i64,
    /// When it ends, epoch milliseconds; never where there is none.
    pub expires_at_ms: Option<i64>,
    /// When it was revoked, epoch milliseconds.
    pub revoked_at_ms: Option<i64>,
    /// When it was last used, epoch milliseconds, to about [`LAST_USE_PERIOD_MS`].
    pub last_used_at_ms: Option<i64>,
}

impl ApiKeyRecord {
    /// Whether it is neither revoked nor past its end.
    pub fn is_live(&self, now_ms: i64) -> bool {
        self.revoked_at_ms.is_none() && self.expires_at_ms.is_none_or(|end| now_ms < end)
    }
}

/// id, org, name, hash, scopes; made, ends, revoked, last used.
type Row = (String, String, String, String, String, i64, Option<i64>, Option<i64>, Option<i64>);

fn convert(row: Row) -> Result<ApiKeyRecord, StoreError> {
    let (id, org_id, name, hash, scopes, created_at_ms, expires_at_ms, revoked_at_ms, last_used_at_ms) = row;
    Ok(ApiKeyRecord {
        id: parse("api_keys.id", &id)?,
        scope: OrgScope::of(parse::<OrgId>("api_keys.org_id", &org_id)?),
        name: parse("api_keys.name", &name)?,
        hash: parse("api_keys.secret_hmac", &hash)?,
        scopes: parse("api_keys.scopes", &scopes)?,
        created_at_ms,
        expires_at_ms,
        revoked_at_ms,
        last_used_at_ms,
    })
}

/// A key to be kept.
#[derive(Debug)]
pub struct NewApiKey<'a> {
    /// Its id.
    pub id: ApiKeyId,
    /// Its name, for people.
    pub name: &'a DisplayName,
    /// What its secret will be checked against.
    pub hash: &'a ApiKeyHash,
    /// What it may do.
    pub scopes: &'a ApiKeyScopes,
    /// When it ends, epoch milliseconds.
    pub expires_at_ms: Option<i64>,
}

/// Adds a key to an org.
pub async fn insert(db: &mut Connection, scope: OrgScope, key: &NewApiKey<'_>, now_ms: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO api_keys (id, org_id, name, secret_hmac, scopes, created_at_ms, expires_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(key.id.to_string())
    .bind(scope.org().to_string())
    .bind(key.name.as_str())
    .bind(key.hash.as_str())
    .bind(key.scopes.to_string())
    .bind(now_ms)
    .bind(key.expires_at_ms)
    .execute(db)
    .await?;
    Ok(())
}

/// The key of that id, whatever its state.
pub async fn find(db: &mut Connection, id: ApiKeyId) -> Result<Option<ApiKeyRecord>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, org_id, name, secret_hmac, scopes, created_at_ms, expires_at_ms, revoked_at_ms, last_used_at_ms \
         FROM api_keys WHERE id = $1",
    )
    .bind(id.to_string())
    .fetch_optional(db)
    .await?;
    row.map(convert).transpose()
}

/// The org's keys, oldest first; those that ended and those that were revoked too.
pub async fn list(db: &mut Connection, scope: OrgScope) -> Result<Vec<ApiKeyRecord>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, org_id, name, secret_hmac, scopes, created_at_ms, expires_at_ms, revoked_at_ms, last_used_at_ms \
         FROM api_keys WHERE org_id = $1 ORDER BY created_at_ms, id",
    )
    .bind(scope.org().to_string())
    .fetch_all(db)
    .await?;
    rows.into_iter().map(convert).collect()
}

/// Revokes a key for good. False when the org has no such key, or it was revoked before.
pub async fn revoke(db: &mut Connection, scope: OrgScope, id: ApiKeyId, now_ms: i64) -> Result<bool, StoreError> {
    let done =
        sqlx::query("UPDATE api_keys SET revoked_at_ms = $1 WHERE id = $2 AND org_id = $3 AND revoked_at_ms IS NULL")
            .bind(now_ms)
            .bind(id.to_string())
            .bind(scope.org().to_string())
            .execute(db)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes a use, unless one was noted within [`LAST_USE_PERIOD_MS`].
pub async fn note_use(db: &mut Connection, id: ApiKeyId, now_ms: i64) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE api_keys SET last_used_at_ms = $1 \
         WHERE id = $2 AND (last_used_at_ms IS NULL OR last_used_at_ms <= $3)",
    )
    .bind(now_ms)
    .bind(id.to_string())
    .bind(now_ms - LAST_USE_PERIOD_MS)
    .execute(db)
    .await?;
    Ok(())
}
