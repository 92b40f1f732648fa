//! Proving a role: canary tokens for agents, and what agents found with them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use driftwise_contract::SessionScope;
use driftwise_contract::codes::Code;
use driftwise_contract::proof::{CanaryTokenRequest, CanaryTokenResponse, ProofOutcome, ProofReceipt, ProofReport};

use super::super::client_address::ClientAddress;
use super::super::problem::Problem;
use super::bearer::CallingAgent;
use crate::Error;
use crate::app::App;
use crate::audit::{self, Actor, Chain, Event, Record};
use crate::clock::rfc3339;
use crate::federation::{AssertionFault, AuthenticatedAgent, Minted, Minting, SpeaksFor};
use crate::store::{accounts, proofs};
use crate::telemetry::metrics::Grant;

/// `POST /api/v2/agent/canary-token`: what another org's agent would be given for a registered role of the caller's org.
pub(in crate::http) async fn canary_token(
    State(app): State<Arc<App>>,
    address: ClientAddress,
    CallingAgent(agent): CallingAgent,
    request: Result<Json<CanaryTokenRequest>, JsonRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Json(request) = request?;
    let metrics = &app.metrics().tokens;
    let minted = mint_canary(&app, address, &agent, request).await;
    let minted = minted.map_err(Problem::from).inspect_err(|problem| metrics.refused(Grant::Canary, problem.code()))?;
    metrics.minted(Grant::Canary);
    let Minted { response, subject, issuer } = minted;
    let answer =
        CanaryTokenResponse { access_token: response.access_token, expires_in: response.expires_in, subject, issuer };
    Ok(([(CACHE_CONTROL, "no-store")], Json(answer)))
}

async fn mint_canary(
    app: &App,
    address: ClientAddress,
    agent: &AuthenticatedAgent,
    request: CanaryTokenRequest,
) -> Result<Minted, Error> {
    if !app.mints_canaries() {
        return Err(Error::CanaryOff);
    }
    app.caller_limits().admit_canary(agent.id(), agent.scope().org())?;
    let decide = async || -> Result<Minting, Error> {
        // The assertion was verified and noted already; whether its key still counts is looked up with a version, as for any
        // token.
        let known = app.authority().agent(agent.id(), agent.kid()).await?.ok_or(AssertionFault::UnknownKey)?;
        Ok(Minting {
            actor: Actor::Agent { id: agent.id(), kid: Some(agent.kid().clone()) },
            scope: agent.scope(),
            authority: known.version,
            assertion: None,
            address: Some(address.ip()),
            role: request.role_arn.clone(),
            speaks_for: SpeaksFor::Canary(request.trust_form),
            session: SessionScope::default(),
        })
    };
    app.minter().mint_for(decide).await
}

/// `POST /api/v2/agent/proof`: notes what the caller found, as its word.
pub(in crate::http) async fn report(
    State(app): State<Arc<App>>,
    address: ClientAddress,
    CallingAgent(agent): CallingAgent,
    request: Result<Json<ProofReport>, JsonRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Json(report) = request?;
    let (scope, now_ms) = (agent.scope(), app.clock().now_ms());
    let mut tx = app.store().begin().await.map_err(Error::from)?;
    let account = accounts::find(&mut tx, scope, &report.account_id).await.map_err(Error::from)?;
    let account = account
        .filter(|account| *account.role_arn() == report.role_arn)
        .ok_or(Error::RoleNotRegistered(report.role_arn.clone()))?;
    let proof = proofs::Proof::of(&account, agent.id(), report.outcome, report.code, now_ms);
    proofs::put(&mut tx, scope, &proof).await.map_err(Error::from)?;
    let event = Event::ProofReported {
        account: report.account_id.clone(),
        role: report.role_arn,
        outcome: report.outcome,
        code: report.code.map(|code| Code::as_str(code).to_owned()),
    };
    let actor = Actor::Agent { id: agent.id(), kid: Some(agent.kid().clone()) };
    let record = Record::new(Chain::Org(scope.org()), now_ms, actor, event).from(Some(address.ip()));
    audit::append(&mut tx, record).await.map_err(Error::from)?;
    tx.commit().await.map_err(Error::from)?;

    if report.outcome == ProofOutcome::ForeignOrgAdmitted {
        tracing::warn!(
            org.id = %scope.org(), agent.id = %agent.id(), role.arn = %account.role_arn(),
            "an agent reports that a role lets other orgs in"
        );
    }
    let reported_at = rfc3339(now_ms.div_euclid(1000));
    let receipt = ProofReceipt { account_id: report.account_id, outcome: report.outcome, reported_at };
    Ok(([(CACHE_CONTROL, "no-store")], Json(receipt)))
}
