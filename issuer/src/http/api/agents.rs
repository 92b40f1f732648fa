//! Agents: enrolment, and what an agent may know of itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use driftwise_contract::AgentId;
use driftwise_contract::wire::{AgentInfo, EnrolRequest, RotateKeyRequest};

use super::super::client_address::ClientAddress;
use super::super::problem::Problem;
use super::bearer::{CallingAgent, RotatingAgent};
use crate::Error;
use crate::accounts::{DisplayName, EnrolmentCode, PublicKey};
use crate::app::App;
use crate::audit::{self, Actor, Chain, Event, Record};
use crate::federation::AssertionFault;
use crate::federation::assertion::prove_possession;
use crate::store::{Connection, OrgScope, accounts, agents, enrolment_codes, orgs};

/// `POST /api/v2/agents/enrol`: a one-time code for a registered key.
pub(in crate::http) async fn enrol(
    State(app): State<Arc<App>>,
    address: ClientAddress,
    request: Result<Json<EnrolRequest>, JsonRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Json(request) = request?;
    // The code is looked at last: a mistake in the rest must not use it up.
    let key = PublicKey::new(request.public_key)?;
    let name = if request.name.trim().is_empty() { "unnamed agent" } else { &request.name };
    let name: DisplayName = name.parse().map_err(|cause| Problem::request_invalid(format!("name: {cause}.")))?;
    let code = EnrolmentCode::parse(&request.code).ok_or(Error::EnrolmentCodeInvalid)?;

    let now_ms = app.clock().now_ms();
    let id = AgentId::from_uuid(app.clock().new_uuid());
    let mut tx = app.store().begin().await.map_err(Error::from)?;
    let Some(scope) = enrolment_codes::redeem(&mut tx, &code.hash(), now_ms).await.map_err(Error::from)? else {
        tracing::info!("refused an enrolment code");
        return Err(Error::EnrolmentCodeInvalid.into());
    };
    agents::insert(&mut tx, scope, id, &name, now_ms).await.map_err(Error::from)?;
    agents::insert_key(&mut tx, id, &key, now_ms).await?;
    let event = Event::AgentEnrolled {
        agent: id,
        name: name.to_string(),
        kid: key.kid().clone(),
        code: code.hash().short().to_owned(),
    };
    let record = Record::new(Chain::Org(scope.org()), now_ms, Actor::CodeHolder, event).from(Some(address.ip()));
    audit::append(&mut tx, record).await.map_err(Error::from)?;
    let info = agent_info(&app, &mut tx, id, scope).await?;
    tx.commit().await.map_err(Error::from)?;

    tracing::info!(org.id = %scope.org(), agent.id = %id, agent.kid = %key.kid(), "enrolled an agent");
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(info)))
}

/// `GET /api/v2/agent`: the caller's org and accounts.
pub(in crate::http) async fn show(
    State(app): State<Arc<App>>,
    CallingAgent(agent): CallingAgent,
) -> Result<impl IntoResponse, Problem> {
    let mut db = app.store().connection().await.map_err(Error::from)?;
    let info = agent_info(&app, &mut db, agent.id(), agent.scope()).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(info)))
}

/// `POST /api/v2/agent/key`: another key in place of the one that signed the assertion. From the answer on, the old key is
/// nobody's. Both keys sign for it: an assertion that was made for anything else takes no key away, and nobody registers a key
/// that is not theirs.
pub(in crate::http) async fn rotate_key(
    State(app): State<Arc<App>>,
    address: ClientAddress,
    RotatingAgent(agent): RotatingAgent,
    request: Result<Json<RotateKeyRequest>, JsonRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Json(request) = request?;
    let key = PublicKey::new(request.public_key)?;
    if agent.new_kid() != Some(key.kid()) {
        return Err(Error::from(AssertionFault::OtherKey).into());
    }
    if agent.kid() == key.kid() {
        return Err(Error::PublicKeyTaken.into());
    }
    prove_possession(app.settings(), app.clock().now_s(), &request.proof, agent.id(), &key)
        .map_err(|error| Error::KeyProofInvalid(error.to_string()))?;
    app.caller_limits().admit_rotation(agent.id(), agent.scope().org())?;
    let now_ms = app.clock().now_ms();
    let mut tx = app.store().begin().await.map_err(Error::from)?;
    if !agents::replace_key(&mut tx, agent.id(), agent.kid(), &key, now_ms).await? {
        // Revoked, or replaced by another request, since the assertion was verified.
        return Err(Error::from(AssertionFault::UnknownKey).into());
    }
    let actor = Actor::Agent { id: agent.id(), kid: Some(agent.kid().clone()) };
    let event = Event::AgentKeyRotated { agent: agent.id(), old_kid: agent.kid().clone(), new_kid: key.kid().clone() };
    let record = Record::new(Chain::Org(agent.scope().org()), now_ms, actor, event).from(Some(address.ip()));
    audit::append(&mut tx, record).await.map_err(Error::from)?;
    let info = agent_info(&app, &mut tx, agent.id(), agent.scope()).await?;
    tx.commit().await.map_err(Error::from)?;

    tracing::info!(
        org.id = %agent.scope().org(), agent.id = %agent.id(), agent.kid = %key.kid(), agent.old_kid = %agent.kid(),
        "replaced an agent's key"
    );
    Ok(([(CACHE_CONTROL, "no-store")], Json(info)))
}

async fn agent_info(app: &App, db: &mut Connection, id: AgentId, scope: OrgScope) -> Result<AgentInfo, Error> {
    let org = orgs::find(db, scope.org()).await?.ok_or(Error::OrgUnknown(scope.org()))?;
    let accounts = accounts::list(db, scope).await?;
    Ok(AgentInfo {
        agent_id: id,
        org_id: org.id,
        org_name: org.name.to_string(),
        issuer: app.settings().issuer.clone(),
        token_endpoint: app.settings().token_endpoint(),
        accounts: accounts.iter().map(crate::accounts::AwsAccount::info).collect(),
    })
}
