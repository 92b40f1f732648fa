//! The one row about all signing keys: the version of their states, and the steady time that windows are measured in
//! (see [`crate::keyring::replicas`]).

use super::{Connection, StoreError};

/// The row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueRow {
    /// Counts the changes of signing keys.
    pub version: i64,
    /// The steady time, milliseconds: never goes back, and never runs faster than real time.
    pub steady_ms: i64,
    /// Counts the ticks of the steady time.
    pub beat: i64,
    /// Who ticks.
    pub keeper: String,
}

type Row = (i64, i64, i64, String);

fn convert((version, steady_ms, beat, keeper): Row) -> CatalogueRow {
    CatalogueRow { version, steady_ms, beat, keeper }
}

/// The row as it stands.
pub async fn read(db: &mut Connection) -> Result<CatalogueRow, StoreError> {
    let row = sqlx::query_as("SELECT version, steady_ms, beat, keeper FROM key_catalogue WHERE id = 1").fetch_one(db);
    Ok(convert(row.await?))
}

/// The row, locked until the transaction ends: whoever changes keys or ticks begins with this.
pub async fn lock(db: &mut Connection) -> Result<CatalogueRow, StoreError> {
    let row = sqlx::query_as(
        "UPDATE key_catalogue SET version = version WHERE id = 1 RETURNING version, steady_ms, beat, keeper",
    );
    Ok(convert(row.fetch_one(db).await?))
}

/// Notes that keys change in this transaction, and gives the version that has the changes.
pub async fn bump(db: &mut Connection) -> Result<i64, StoreError> {
    let (version,): (i64,) =
        sqlx::query_as("UPDATE key_catalogue SET version = version + 1 WHERE id = 1 RETURNING version")
            .fetch_one(db)
            .await?;
    Ok(version)
}

/// One tick of the steady time by its keeper.
pub async fn tick(db: &mut Connection, keeper: &str, elapsed_ms: i64) -> Result<CatalogueRow, StoreError> {
    let row = sqlx::query_as(
        "UPDATE key_catalogue SET steady_ms = steady_ms + $1, beat = beat + 1, keeper = $2 WHERE id = 1 \
         RETURNING version, steady_ms, beat, keeper",
    );
    Ok(convert(row.bind(elapsed_ms).bind(keeper).fetch_one(db).await?))
}
