//! One-time links, by the hash of their token.

use super::{Connection, StoreError, parse};
use crate::accounts::admin::{AdminId, LinkPurpose, SignInName, TokenHash};

/// A link that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What for.
    pub purpose: LinkPurpose,
    /// The name that it is for: of an invitation, and of the admin who gets a new password.
    pub name: Option<SignInName>,
    /// Who gets a new password.
    pub admin: Option<AdminId>,
    /// Until when, epoch milliseconds.
    pub expires_at_ms: i64,
}

type Row = (String, Option<String>, Option<String>, i64);

fn convert((purpose, name, admin, expires_at_ms): Row) -> Result<Link, StoreError> {
    Ok(Link {
        purpose: parse("admin_links.purpose", &purpose)?,
        name: name.map(|name| parse("admin_links.name", &name)).transpose()?,
        admin: admin.map(|admin| parse("admin_links.admin_id", &admin)).transpose()?,
        expires_at_ms,
    })
}

/// Adds a link.
pub async fn insert(db: &mut Connection, token: &TokenHash, link: &Link, now_ms: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO admin_links (token_sha256, purpose, name, admin_id, created_at_ms, expires_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(token.as_str())
    .bind(link.purpose.as_str())
    .bind(link.name.as_ref().map(SignInName::as_str))
    .bind(link.admin.map(|admin| admin.to_string()))
    .bind(now_ms)
    .bind(link.expires_at_ms)
    .execute(db)
    .await?;
    Ok(())
}

/// The link of that token, unless it was used or its time is over.
pub async fn find(db: &mut Connection, token: &TokenHash, now_ms: i64) -> Result<Option<Link>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT purpose, name, admin_id, expires_at_ms FROM admin_links WHERE token_sha256 = $1 AND expires_at_ms > $2",
    )
    .bind(token.as_str())
    .bind(now_ms)
    .fetch_optional(db)
    .await?;
    row.map(convert).transpose()
}

/// Uses a link: of two who try at once, one gets it.
pub async fn redeem(db: &mut Connection, token: &TokenHash, now_ms: i64) -> Result<Option<Link>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "DELETE FROM admin_links WHERE token_sha256 = $1 AND expires_at_ms > $2 \
         RETURNING purpose, name, admin_id, expires_at_ms",
    )
    .bind(token.as_str())
    .bind(now_ms)
    .fetch_optional(db)
    .await?;
    row.map(convert).transpose()
}

/// Takes every link of that purpose back: none for the first admin counts once there is one.
pub async fn delete_all(db: &mut Connection, purpose: LinkPurpose) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM admin_links WHERE purpose = $1").bind(purpose.as_str()).execute(db).await?;
    Ok(())
}

/// Takes an admin's links back.
pub async fn delete_of_admin(db: &mut Connection, admin: AdminId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM admin_links WHERE admin_id = $1").bind(admin.to_string()).execute(db).await?;
    Ok(())
}

/// Takes invitations for that name back.
pub async fn delete_invitations(db: &mut Connection, name: &SignInName) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM admin_links WHERE purpose = $1 AND name = $2")
        .bind(LinkPurpose::Invite.as_str())
        .bind(name.as_str())
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}

/// Every link that can still be used, the one that ends first before the others.
pub async fn list(db: &mut Connection, now_ms: i64) -> Result<Vec<Link>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT purpose, name, admin_id, expires_at_ms FROM admin_links WHERE expires_at_ms > $1 \
         ORDER BY expires_at_ms, token_sha256",
    )
    .bind(now_ms)
    .fetch_all(db)
    .await?;
    rows.into_iter().map(convert).collect()
}

/// Forgets links whose time is over.
pub async fn sweep(db: &mut Connection, now_ms: i64) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM admin_links WHERE expires_at_ms <= $1").bind(now_ms).execute(db).await?;
    Ok(done.rows_affected())
}
