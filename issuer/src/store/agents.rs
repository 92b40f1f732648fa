//! Agents and their public keys.

use driftwise_contract::{AgentId, Kid, OrgId};

use super::{Connection, OrgScope, StoreError, parse};
use crate::Error;
use crate::accounts::{DisplayName, PublicKey};

/// An agent, as lists show it.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// Its name, for people.
    pub name: DisplayName,
    /// The kid of its key; none once it was revoked.
    pub kid: Option<Kid>,
    /// When it enrolled, epoch milliseconds.
    pub created_at_ms: i64,
    /// When it was revoked, epoch milliseconds.
    pub revoked_at_ms: Option<i64>,
}

/// An agent with one of its keys: what an assertion is checked against. Its scope counts only once the assertion's
/// signature was verified with the key.
#[derive(Debug, Clone)]
pub struct AgentWithKey {
    /// Its id.
    pub id: AgentId,
    /// The right to touch its org's rows.
    pub scope: OrgScope,
    /// The org's name.
    pub org_name: DisplayName,
    /// The registered key.
    pub key: PublicKey,
}

/// Adds an agent to an org.
pub async fn insert(
    db: &mut Connection,
    scope: OrgScope,
    id: AgentId,
    name: &DisplayName,
    now_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO agents (id, org_id, name, created_at_ms) VALUES ($1, $2, $3, $4)")
        .bind(id.to_string())
        .bind(scope.org().to_string())
        .bind(name.as_str())
        .bind(now_ms)
        .execute(db)
        .await?;
    Ok(())
}

/// Registers an agent's key. A key belongs to one agent only.
pub async fn insert_key(db: &mut Connection, agent: AgentId, key: &PublicKey, now_ms: i64) -> Result<(), Error> {
    let jwk = serde_json::to_string(key.jwk())
        .map_err(|error| StoreError::Corrupt { column: "agent_keys.public_jwk", cause: error.to_string() })?;
    let written =
        sqlx::query("INSERT INTO agent_keys (kid, agent_id, public_jwk, created_at_ms) VALUES ($1, $2, $3, $4)")
            .bind(key.kid().as_str())
            .bind(agent.to_string())
            .bind(jwk)
            .bind(now_ms)
            .execute(db)
            .await;
    match written {
        Ok(_) => Ok(()),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Err(Error::PublicKeyTaken),
        Err(error) => Err(StoreError::from(error).into()),
    }
}

/// The agent that claims an id and a key, if it has both.
pub async fn find_by_key(db: &mut Connection, id: AgentId, kid: &Kid) -> Result<Option<AgentWithKey>, StoreError> {
    let row: Option<(String, String, String)> = sqlx::query_as(
        "SELECT orgs.id, orgs.name, agent_keys.public_jwk FROM agent_keys \
         JOIN agents ON agents.id = agent_keys.agent_id JOIN orgs ON orgs.id = agents.org_id \
         WHERE agent_keys.kid = $1 AND agent_keys.agent_id = $2",
    )
    .bind(kid.as_str())
    .bind(id.to_string())
    .fetch_optional(db)
    .await?;
    let Some((org_id, org_name, jwk)) = row else { return Ok(None) };
    let corrupt = |cause: String| StoreError::Corrupt { column: "agent_keys.public_jwk", cause };
    let jwk = serde_json::from_str(&jwk).map_err(|error| corrupt(error.to_string()))?;
    let key = PublicKey::new(jwk).map_err(|error| corrupt(error.to_string()))?;
    if key.kid() != kid {
        return Err(corrupt("its thumbprint is not its kid".into()));
    }
    Ok(Some(AgentWithKey {
        id,
        scope: OrgScope::of(parse::<OrgId>("orgs.id", &org_id)?),
        org_name: parse("orgs.name", &org_name)?,
        key,
    }))
}

/// Puts a key in place of another one of the agent, from one statement to the next: run it in a transaction. False when
/// the agent does not have the old key any more.
pub async fn replace_key(
    db: &mut Connection,
    agent: AgentId,
    old: &Kid,
    new: &PublicKey,
    now_ms: i64,
) -> Result<bool, Error> {
    // The row goes rather than being marked: a version before this one must not take the key either.
    let gone = sqlx::query("DELETE FROM agent_keys WHERE kid = $1 AND agent_id = $2")
        .bind(old.as_str())
        .bind(agent.to_string())
        .execute(&mut *db)
        .await
        .map_err(StoreError::from)?;
    if gone.rows_affected() == 0 {
        return Ok(false);
    }
    insert_key(db, agent, new, now_ms).await?;
    Ok(true)
}

/// Takes an agent's keys away for good; the agent stays as a record. False when the org has no such agent, or it was
/// revoked before. Run it in a transaction.
pub async fn revoke(db: &mut Connection, scope: OrgScope, id: AgentId, now_ms: i64) -> Result<bool, StoreError> {
    let marked =
        sqlx::query("UPDATE agents SET revoked_at_ms = $1 WHERE id = $2 AND org_id = $3 AND revoked_at_ms IS NULL")
            .bind(now_ms)
            .bind(id.to_string())
            .bind(scope.org().to_string())
            .execute(&mut *db)
            .await?;
    if marked.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query("DELETE FROM agent_keys WHERE agent_id = $1").bind(id.to_string()).execute(db).await?;
    Ok(true)
}

type Row = (String, String, Option<String>, i64, Option<i64>);

/// The org's agents, oldest first; revoked ones too.
pub async fn list(db: &mut Connection, scope: OrgScope) -> Result<Vec<Agent>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT agents.id, agents.name, agent_keys.kid, agents.created_at_ms, agents.revoked_at_ms FROM agents \
         LEFT JOIN agent_keys ON agent_keys.agent_id = agents.id WHERE agents.org_id = $1 \
         ORDER BY agents.created_at_ms, agents.id",
    )
    .bind(scope.org().to_string())
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|(id, name, kid, created_at_ms, revoked_at_ms)| {
            Ok(Agent {
                id: parse("agents.id", &id)?,
                name: parse("agents.name", &name)?,
                kid: kid.map(|kid| parse("agent_keys.kid", &kid)).transpose()?,
                created_at_ms,
                revoked_at_ms,
            })
        })
        .collect()
}
