//! Enrolment codes, by their hash.

use super::{Connection, OrgScope, StoreError, parse};
use crate::accounts::{EnrolmentCodeHash, EnrolmentCodeId};

/// A code that nobody used yet, as lists show it.
#[derive(Debug, Clone)]
pub struct OpenCode {
    /// Its id.
    pub id: EnrolmentCodeId,
    /// When it was made, epoch milliseconds.
    pub created_at_ms: i64,
    /// When it ends, epoch milliseconds; it may lie in the past.
    pub expires_at_ms: i64,
}

/// Adds a code.
pub async fn insert(
    db: &mut Connection,
    scope: OrgScope,
    code: &EnrolmentCodeHash,
    now_ms: i64,
    expires_at_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO enrolment_codes (code_sha256, org_id, created_at_ms, expires_at_ms) VALUES ($1, $2, $3, $4)",
    )
    .bind(code.as_str())
    .bind(scope.org().to_string())
    .bind(now_ms)
    .bind(expires_at_ms)
    .execute(db)
    .await?;
    Ok(())
}

/// Takes a code: the org that it admits to, or none when it is unknown, used or expired. One statement decides, so that of
/// two callers with the same code one wins.
pub async fn redeem(
    db: &mut Connection,
    code: &EnrolmentCodeHash,
    now_ms: i64,
) -> Result<Option<OrgScope>, StoreError> {
    let org: Option<(String,)> = sqlx::query_as(
        "UPDATE enrolment_codes SET used_at_ms = $1 \
         WHERE code_sha256 = $2 AND used_at_ms IS NULL AND expires_at_ms > $1 RETURNING org_id",
    )
    .bind(now_ms)
    .bind(code.as_str())
    .fetch_optional(db)
    .await?;
    org.map(|(org,)| Ok(OrgScope::of(parse("enrolment_codes.org_id", &org)?))).transpose()
}

/// The org's unused codes, oldest first; expired ones too.
pub async fn list_unused(db: &mut Connection, scope: OrgScope) -> Result<Vec<OpenCode>, StoreError> {
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT code_sha256, created_at_ms, expires_at_ms FROM enrolment_codes \
         WHERE org_id = $1 AND used_at_ms IS NULL ORDER BY created_at_ms, code_sha256",
    )
    .bind(scope.org().to_string())
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|(hash, created_at_ms, expires_at_ms)| {
            let hash: EnrolmentCodeHash = parse("enrolment_codes.code_sha256", &hash)?;
            Ok(OpenCode { id: hash.id(), created_at_ms, expires_at_ms })
        })
        .collect()
}

/// Takes an unused code back. False when the org has none of that id.
pub async fn revoke(db: &mut Connection, scope: OrgScope, id: &EnrolmentCodeId) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "DELETE FROM enrolment_codes WHERE org_id = $1 AND substr(code_sha256, 1, 12) = $2 AND used_at_ms IS NULL",
    )
    .bind(scope.org().to_string())
    .bind(id.as_str())
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}
