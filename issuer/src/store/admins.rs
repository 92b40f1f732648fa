//! Admins, their identities and passwords. No tenant's rows: an admin has the operator's rights.

use super::{Connection, StoreError, parse};
use crate::accounts::admin::{AdminId, IdentityProvider, PasswordHash, SignInName};

/// An admin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Its id.
    pub id: AdminId,
    /// The name, which no other admin has.
    pub name: SignInName,
    /// When it was made, epoch milliseconds.
    pub created_at_ms: i64,
}

type Row = (String, String, i64);

fn convert((id, name, created_at_ms): Row) -> Result<Admin, StoreError> {
    Ok(Admin { id: parse("admins.id", &id)?, name: parse("admins.name", &name)?, created_at_ms })
}

/// Adds an admin. False when another one has the name.
pub async fn insert(db: &mut Connection, id: AdminId, name: &SignInName, now_ms: i64) -> Result<bool, StoreError> {
    let done =
        sqlx::query("INSERT INTO admins (id, name, created_at_ms) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING")
            .bind(id.to_string())
            .bind(name.as_str())
            .bind(now_ms)
            .execute(db)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Adds a way for an admin to prove who they are.
pub async fn insert_identity(
    db: &mut Connection,
    id: AdminId,
    provider: IdentityProvider,
    subject: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO admin_identities (provider, subject, admin_id, created_at_ms) VALUES ($1, $2, $3, $4)")
        .bind(provider.as_str())
        .bind(subject)
        .bind(id.to_string())
        .bind(now_ms)
        .execute(db)
        .await?;
    Ok(())
}

/// Whether there is an admin.
pub async fn any(db: &mut Connection) -> Result<bool, StoreError> {
    let row: Option<(String,)> = sqlx::query_as("SELECT id FROM admins LIMIT 1").fetch_optional(db).await?;
    Ok(row.is_some())
}

/// The admin of that name.
pub async fn find_by_name(db: &mut Connection, name: &SignInName) -> Result<Option<Admin>, StoreError> {
    let row: Option<Row> = sqlx::query_as("SELECT id, name, created_at_ms FROM admins WHERE name = $1")
        .bind(name.as_str())
        .fetch_optional(db)
        .await?;
    row.map(convert).transpose()
}

/// The admin whom that provider knows as that subject.
pub async fn find_by_identity(
    db: &mut Connection,
    provider: IdentityProvider,
    subject: &str,
) -> Result<Option<Admin>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT admins.id, admins.name, admins.created_at_ms FROM admin_identities \
         JOIN admins ON admins.id = admin_identities.admin_id \
         WHERE admin_identities.provider = $1 AND admin_identities.subject = $2",
    )
    .bind(provider.as_str())
    .bind(subject)
    .fetch_optional(db)
    .await?;
    row.map(convert).transpose()
}

/// The admin who signs in with that name and a password, and the password's hash.
pub async fn find_local(db: &mut Connection, name: &str) -> Result<Option<(Admin, PasswordHash)>, StoreError> {
    let row: Option<(String, String, i64, String)> = sqlx::query_as(
        "SELECT admins.id, admins.name, admins.created_at_ms, admin_passwords.phc FROM admin_identities \
         JOIN admins ON admins.id = admin_identities.admin_id \
         JOIN admin_passwords ON admin_passwords.admin_id = admins.id \
         WHERE admin_identities.provider = $1 AND admin_identities.subject = $2",
    )
    .bind(IdentityProvider::Local.as_str())
    .bind(name)
    .fetch_optional(db)
    .await?;
    row.map(|(id, name, created_at_ms, phc)| {
        Ok((convert((id, name, created_at_ms))?, parse("admin_passwords.phc", &phc)?))
    })
    .transpose()
}

/// Every admin, oldest first.
pub async fn list(db: &mut Connection) -> Result<Vec<Admin>, StoreError> {
    let rows: Vec<Row> =
        sqlx::query_as("SELECT id, name, created_at_ms FROM admins ORDER BY created_at_ms, id").fetch_all(db).await?;
    rows.into_iter().map(convert).collect()
}

/// Takes an admin away, with identities, password, links and sessions. False when there was none.
pub async fn delete(db: &mut Connection, id: AdminId) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM admins WHERE id = $1").bind(id.to_string()).execute(db).await?;
    Ok(done.rows_affected() == 1)
}

/// The admin's password, where there is one.
pub async fn password(db: &mut Connection, id: AdminId) -> Result<Option<PasswordHash>, StoreError> {
    let row: Option<(String,)> = sqlx::query_as("SELECT phc FROM admin_passwords WHERE admin_id = $1")
        .bind(id.to_string())
        .fetch_optional(db)
        .await?;
    row.map(|(phc,)| parse("admin_passwords.phc", &phc)).transpose()
}

/// Sets the admin's password.
pub async fn set_password(
    db: &mut Connection,
    id: AdminId,
    hash: &PasswordHash,
    now_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO admin_passwords (admin_id, phc, changed_at_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (admin_id) DO UPDATE SET phc = excluded.phc, changed_at_ms = excluded.changed_at_ms",
    )
    .bind(id.to_string())
    .bind(hash.as_str())
    .bind(now_ms)
    .execute(db)
    .await?;
    Ok(())
}

/// Sets a new hash of the same password, unless the password changed meanwhile.
pub async fn replace_hash(
    db: &mut Connection,
    id: AdminId,
    old: &PasswordHash,
    new: &PasswordHash,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE admin_passwords SET phc = $1 WHERE admin_id = $2 AND phc = $3")
        .bind(new.as_str())
        .bind(id.to_string())
        .bind(old.as_str())
        .execute(db)
        .await?;
    Ok(())
}
