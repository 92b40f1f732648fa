//! Enrolment codes, by their hash.

use super::{Connection, OrgScope, StoreError, parse};
use crate::accounts::EnrolmentCodeHash;

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
