//! The extractors that authenticate a caller by the bearer token in the Authorization header: an agent's client assertion,
//! or an API key.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use driftwise_contract::OrgId;

use super::super::client_address::ClientAddress;
use super::super::problem::Problem;
use crate::Error;
use crate::accounts::{ApiKey, ApiKeyId, ApiKeyScope, ApiKeyScopes};
use crate::app::App;
use crate::audit::{Actor, Chain, RefusalReason, TokenRefused};
use crate::federation::AuthenticatedAgent;
use crate::federation::assertion::{Purpose, authenticate};
use crate::store::api_keys::{self, ApiKeyRecord, LAST_USE_PERIOD_MS};
use crate::store::{OrgScope, authority};

/// An agent that proved who it is.
pub(in crate::http) struct CallingAgent(pub(super) AuthenticatedAgent);

impl FromRequestParts<Arc<App>> for CallingAgent {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        calling_agent(parts, app, Purpose::Call).await.map(Self)
    }
}

/// An agent that proved who it is by an assertion for the rotation of its key, and for nothing else.
pub(in crate::http) struct RotatingAgent(pub(super) AuthenticatedAgent);

impl FromRequestParts<Arc<App>> for RotatingAgent {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        calling_agent(parts, app, Purpose::KeyRotation).await.map(Self)
    }
}

async fn calling_agent(parts: &Parts, app: &App, purpose: Purpose) -> Result<AuthenticatedAgent, Problem> {
    let assertion = bearer_token(parts).ok_or_else(Problem::unauthenticated)?;
    let mut db = app.store().connection().await.map_err(Error::from)?;
    let now_s = app.clock().now_s();
    let admit = |agent, org| app.caller_limits().admit(agent, org);
    authenticate(&mut db, app.settings(), now_s, assertion, purpose, admit).await.map_err(|error| {
        tracing::info!(reason = %error, "refused a client assertion");
        error.into()
    })
}

/// The holder of an API key that is neither revoked nor expired. What it may touch comes from [`CallingApiKey::require`]
/// only.
pub(in crate::http) struct CallingApiKey {
    id: ApiKeyId,
    scopes: ApiKeyScopes,
    org: OrgScope,
}

impl CallingApiKey {
    /// Its id.
    pub(super) fn id(&self) -> ApiKeyId {
        self.id
    }

    /// The authority's version, and that at it the key still counts.
    pub(super) async fn confirm(&self, app: &App) -> Result<i64, Error> {
        let mut db = app.store().connection().await?;
        let version = authority::version(&mut db).await?;
        let record = api_keys::find(&mut db, self.id).await?;
        record.filter(|record| record.is_live(app.clock().now_ms())).map(|_| version).ok_or(Error::ApiKeyInvalid)
    }

    /// The right to touch the rows of the org that the path names: for a key of that org that has the scope. Another org is
    /// not there, whether it exists or not; that is told before what the key lacks.
    pub(super) fn require(&self, scope: ApiKeyScope, org_in_path: &str) -> Result<OrgScope, Problem> {
        if org_in_path.parse::<OrgId>().ok() != Some(self.org.org()) {
            return Err(Problem::not_found());
        }
        if !self.scopes.contains(scope) {
            tracing::info!(api_key.id = %self.id, scope = %scope, "refused an API key without the scope");
            return Err(Error::ApiKeyScopeMissing(scope).into());
        }
        Ok(self.org)
    }
}

impl FromRequestParts<Arc<App>> for CallingApiKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let token = bearer_token(parts).ok_or_else(Problem::api_key_missing)?;
        let key = ApiKey::parse(token);
        let mut db = app.store().connection().await.map_err(Error::from)?;
        let now_ms = app.clock().now_ms();
        let address = ClientAddress::from_request_parts(parts, app).await.ok().map(ClientAddress::ip);
        let refused = || {
            tracing::info!("refused an API key");
            let refused = TokenRefused { reason: RefusalReason::ApiKeyInvalid, claimed_agent: None, role: None };
            app.ledger().refused(Chain::Platform, Actor::Unknown, address, refused);
            Problem::from(Error::ApiKeyInvalid)
        };
        let key = key.ok_or_else(refused)?;
        let record = api_keys::find(&mut db, key.id()).await.map_err(Error::from)?;
        // The secret is looked at in every case: an unknown id takes as long as a wrong secret.
        let fits = key.fits(app.pepper(), record.as_ref().map(|record| &record.hash));
        let record = record.filter(|record| fits && record.is_live(now_ms)).ok_or_else(refused)?;
        app.caller_limits().admit(record.id, record.scope.org())?;
        if is_use_to_be_noted(&record, now_ms) {
            api_keys::note_use(&mut db, record.id, now_ms).await.map_err(Error::from)?;
        }
        Ok(Self { id: record.id, scopes: record.scopes, org: record.scope })
    }
}

/// Read before it is written: most uses need no write.
fn is_use_to_be_noted(record: &ApiKeyRecord, now_ms: i64) -> bool {
    record.last_used_at_ms.is_none_or(|last| last <= now_ms - LAST_USE_PERIOD_MS)
}

/// The token of a request with exactly one Authorization header of the scheme Bearer (RFC 6750, section 2.1).
fn bearer_token(parts: &Parts) -> Option<&str> {
    let mut values = parts.headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    // RFC 9110, section 11.1: the scheme is compared without regard to case.
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
