//! Orgs, and the issuers that some of them have of their own.

use driftwise_contract::OrgId;

use super::{Connection, OrgScope, StoreError, parse};
use crate::accounts::{DisplayName, IssuerKeys};
use crate::federation::OrgIssuers;

/// An org, and the right to touch its rows.
#[derive(Debug, Clone)]
pub struct Org {
    /// Its id.
    pub id: OrgId,
    /// Its name, for people.
    pub name: DisplayName,
    /// The keys of its own issuer; none where it has no issuer of its own.
    pub issuer_keys: Option<IssuerKeys>,
    /// When it was made, epoch milliseconds.
    pub created_at_ms: i64,
}

impl Org {
    /// The operator's right to touch the org's rows.
    pub fn scope(&self) -> OrgScope {
        OrgScope::of(self.id)
    }
}

type Row = (String, String, Option<String>, i64);

fn convert((id, name, issuer_keys, created_at_ms): Row) -> Result<Org, StoreError> {
    Ok(Org {
        id: parse("orgs.id", &id)?,
        name: parse("orgs.name", &name)?,
        issuer_keys: issuer_keys.map(|keys| parse("orgs.issuer_keys", &keys)).transpose()?,
        created_at_ms,
    })
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
    let row: Option<Row> = sqlx::query_as("SELECT id, name, issuer_keys, created_at_ms FROM orgs WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(db)
        .await?;
    row.map(convert).transpose()
}

/// Every org, oldest first. For the operator only.
pub async fn list(db: &mut Connection) -> Result<Vec<Org>, StoreError> {
    let rows: Vec<Row> =
        sqlx::query_as("SELECT id, name, issuer_keys, created_at_ms FROM orgs ORDER BY created_at_ms, id")
            .fetch_all(db)
            .await?;
    rows.into_iter().map(convert).collect()
}

/// Gives the org an issuer with these keys, or takes it away.
pub async fn set_issuer(db: &mut Connection, scope: OrgScope, keys: Option<IssuerKeys>) -> Result<(), StoreError> {
    sqlx::query("UPDATE orgs SET issuer_keys = $1 WHERE id = $2")
        .bind(keys.map(IssuerKeys::as_str))
        .bind(scope.org().to_string())
        .execute(db)
        .await?;
    Ok(())
}

/// Every org with an issuer of its own. For the issuer itself, which publishes them.
pub async fn issuers(db: &mut Connection) -> Result<OrgIssuers, StoreError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT id, issuer_keys FROM orgs WHERE issuer_keys IS NOT NULL").fetch_all(db).await?;
    rows.iter().map(|(id, keys)| Ok((parse("orgs.id", id)?, parse("orgs.issuer_keys", keys)?))).collect()
}
