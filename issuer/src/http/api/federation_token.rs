//! `POST /api/v2/orgs/{org_id}/federation-token`: a federation token for the holder of an API key.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use driftwise_contract::wire::FederationTokenRequest;

use super::super::client_address::ClientAddress;
use super::super::problem::Problem;
use super::bearer::CallingApiKey;
use super::path_word::PathWord;
use crate::Error;
use crate::accounts::ApiKeyScope;
use crate::app::App;
use crate::audit::Actor;
use crate::federation::{Minting, SpeaksFor};
use crate::telemetry::metrics::Grant;

/// Mints for a registered role of the key's org.
pub(in crate::http) async fn create(
    State(app): State<Arc<App>>,
    address: ClientAddress,
    key: CallingApiKey,
    PathWord(org): PathWord,
    request: Result<Json<FederationTokenRequest>, JsonRejection>,
) -> Result<impl IntoResponse, Problem> {
    let scope = key.require(ApiKeyScope::CreateFederationToken, &org)?;
    let Json(request) = request?;
    let decide = async || -> Result<Minting, Error> {
        Ok(Minting {
            actor: Actor::ApiKey { id: key.id().to_string() },
            scope,
            authority: key.confirm(&app).await?,
            assertion: None,
            address: Some(address.ip()),
            role: request.role_arn.clone(),
            speaks_for: SpeaksFor::Org,
            session: request.scope,
        })
    };
    let metrics = &app.metrics().tokens;
    let minted: Result<_, Error> = app.minter().mint_for(decide).await;
    let token = minted.map_err(Problem::from).inspect_err(|problem| metrics.refused(Grant::ApiKey, problem.code()))?;
    metrics.minted(Grant::ApiKey);
    Ok(([(CACHE_CONTROL, "no-store")], Json(token.response)))
}
