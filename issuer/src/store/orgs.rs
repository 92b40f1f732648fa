//! Orgs.

use driftwise_contract::OrgId;

use super::{Connection, OrgScope, StoreError, parse};
use crate::accounts::DisplayName;

/// An org, and the right to touch its rows.
#[derive(Debug, Clone)]
pub struct Org {
    /// Its id.
    pub id: OrgId,
    /// Its name, for people.
    pub name: DisplayName,
    /// When it was made, epoch milliseconds.
    pub created_at_ms: i64,
}

impl Org {
    /// The operator's right to touch the org's rows.
    pub fn scope(&self) -> OrgScope {
        OrgScope::of(self.id)
    }
}

type Row = (String, String, i64);

fn convert((id, name, created_at_ms): Row) -> Result<Org, StoreError> {
    Ok(Org { id: parse("orgs.id", &id)?, name: parse("orgs.name", &name)?, created_at_ms })
}

/// Adds an org.
pub async fn insert(db: &mut Connection, id: OrgId, name: &DisplayName, now_ms: i64) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO orgs (id, name, created_at_ms) VALUES ($1, $2, $3)")
        .bind(id.to_string())
        .bind(name.as_str())
        .bind(now_ms)
        .execute(db)
        .await?;
    Ok(())
}

/// The org of that id.
pub async fn find(db: &mut Connection, id: OrgId) -> Result<Option<Org>, StoreError> {
    let row: Option<Row> = sqlx::query_as("SELECT id, name, created_at_ms FROM orgs WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(db)
        .await?;
    row.map(convert).transpose()
}

/// Every org, oldest first. For the operator only.
pub async fn list(db: &mut Connection) -> Result<Vec<Org>, StoreError> {
    let rows: Vec<Row> =
        sqlx::query_as("SELECT id, name, created_at_ms FROM orgs ORDER BY created_at_ms, id").fetch_all(db).await?;
    rows.into_iter().map(convert).collect()
}
