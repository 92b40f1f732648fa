//! `POST /oauth2/token`: a federation token for an agent (RFC 6749, section 4.4, with RFC 7523 and RFC 8707).

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use driftwise_contract::wire::{JWT_BEARER, OAuthErrorCode, TokenResponse};
use driftwise_contract::{AgentId, RoleArn, SessionScope};

use super::super::client_address::ClientAddress;
use super::super::oauth_error::{TokenRefusal, no_store};
use super::super::problem::Problem;
use crate::Error;
use crate::app::App;
use crate::audit::{Actor, Chain, TokenRefused};
use crate::federation::assertion::UnverifiedAssertion;
use crate::federation::{AssertionFault, Minting, SpeaksFor};
use crate::telemetry::metrics::Grant;

/// The parameters of a request, each at most once.
#[derive(Default)]
struct TokenRequest {
    grant_type: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    resource: Option<String>,
    scope: Option<String>,
}

/// A request that can be answered once the caller is known.
struct Asked<'a> {
    assertion: &'a str,
    client_id: Option<&'a str>,
    role: RoleArn,
    session: SessionScope,
}

/// Authenticates the agent and mints.
pub(in crate::http) async fn issue(
    State(app): State<Arc<App>>,
    address: ClientAddress,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return Problem::from(rejection).into_response(),
    };
    match mint(&app, address.ip(), &headers, &body).await {
        Ok(token) => {
            app.metrics().tokens.minted(Grant::Agent);
            let mut response = Json(token).into_response();
            no_store(&mut response);
            response
        }
        Err(refusal) => {
            app.metrics().tokens.refused(Grant::Agent, refusal.code());
            refusal.into_response()
        }
    }
}

async fn mint(app: &App, address: IpAddr, headers: &HeaderMap, body: &[u8]) -> Result<TokenResponse, TokenRefusal> {
    let refused = |refusal: TokenRefusal| {
        let reason = refusal.reason();
        let refused = TokenRefused { reason, claimed_agent: None, role: None };
        app.ledger().refused(Chain::Platform, Actor::Unknown, Some(address), refused);
        refusal
    };
    let request = TokenRequest::parse(headers, body).map_err(refused)?;
    let asked = request.check().map_err(refused)?;
    let admitted = AtomicBool::new(false);
    let decide = async || decide(app, address, &asked, &admitted).await.map_err(TokenRefusal::from);
    Ok(app.minter().mint_for(decide).await?.response)
}

/// Who asks, by the assertion; cheap checks first. Counts the request once, however often it is decided anew.
async fn decide(app: &App, address: IpAddr, asked: &Asked<'_>, admitted: &AtomicBool) -> Result<Minting, Error> {
    let refused = |fault: AssertionFault, claimed_agent: Option<AgentId>| {
        tracing::info!(reason = ?fault.reason(), "refused a client assertion");
        let refused = TokenRefused { reason: fault.reason(), claimed_agent, role: None };
        app.ledger().refused(Chain::Platform, Actor::Unknown, Some(address), refused);
        Error::from(fault)
    };
    let unverified = UnverifiedAssertion::parse(asked.assertion, app.settings(), app.clock().now_s())
        .map_err(|fault| refused(fault, None))?;
    let claimed = unverified.claimed_agent();
    // RFC 7521, section 4.2: a client_id must name the same client.
    if asked.client_id.is_some_and(|client_id| client_id != claimed.to_string()) {
        return Err(refused(AssertionFault::OtherClient, Some(claimed)));
    }
    let kid = unverified.kid().clone();
    let agent = app.authority().agent(claimed, &kid).await?;
    let verified = match unverified.verify(agent.as_ref().map(|agent| &agent.value.key)) {
        Ok(verified) => verified,
        Err(fault) => {
            // Who is unknown was looked up in the store; who is known, from memory, and is now looked up too.
            if agent.is_some_and(|agent| agent.was_kept) {
                app.authority().read_agent(claimed, &kid).await?;
            }
            return Err(refused(fault, Some(claimed)));
        }
    };
    let agent = agent.ok_or_else(|| refused(AssertionFault::UnknownKey, Some(claimed)))?;
    if !admitted.swap(true, Ordering::Relaxed) {
        app.caller_limits().admit(verified.agent(), agent.value.scope.org())?;
    }
    Ok(Minting {
        actor: Actor::Agent { id: verified.agent(), kid: Some(verified.kid().clone()) },
        scope: agent.value.scope,
        authority: agent.version,
        assertion: Some(verified.used()),
        address: Some(address),
        role: asked.role.clone(),
        speaks_for: SpeaksFor::Org,
        session: asked.session,
    })
}

/// Reads a form as the handler does, as far as it can be told without knowing the caller: assertion, role and what the
/// session is for, or the refusal's description. For the fuzz targets.
pub(crate) fn read_form(body: &[u8]) -> Result<(String, RoleArn, SessionScope), String> {
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    let request = TokenRequest::parse(&HeaderMap::from_iter([(CONTENT_TYPE, form)]), body);
    let request = request.map_err(TokenRefusal::into_description)?;
    let Asked { assertion, role, session, .. } = request.check().map_err(TokenRefusal::into_description)?;
    Ok((assertion.to_owned(), role, session))
}

impl TokenRequest {
    fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, TokenRefusal> {
        let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(TokenRefusal::invalid_request(
                "the body must be a form: send it with Content-Type: application/x-www-form-urlencoded",
            ));
        }
        // RFC 6749, section 2.3: one method of authentication per request.
        if headers.contains_key(AUTHORIZATION) {
            return Err(TokenRefusal::invalid_request(
                "leave out the Authorization header: agents authenticate by client_assertion (private_key_jwt)",
            ));
        }
        let mut request = Self::default();
        for (name, value) in url::form_urlencoded::parse(body) {
            let slot = match &*name {
                "grant_type" => &mut request.grant_type,
                "client_assertion_type" => &mut request.client_assertion_type,
                "client_assertion" => &mut request.client_assertion,
                "client_id" => &mut request.client_id,
                "client_secret" => &mut request.client_secret,
                "resource" => &mut request.resource,
                "scope" => &mut request.scope,
                // RFC 6749, section 3.2: unknown parameters are ignored.
                _ => continue,
            };
            // Section 3.2 again: "parameters MUST NOT be included more than once". RFC 8707 allows several resources,
            // but a token of ours is for one role.
            if slot.is_some() {
                return Err(TokenRefusal::invalid_request(format!("{name} is given more than once; give it once")));
            }
            // Parameters without a value count as left out (section 3.2).
            if !value.is_empty() {
                *slot = Some(value.into_owned());
            }
        }
        Ok(request)
    }

    /// What can be told without knowing the caller.
    fn check(&self) -> Result<Asked<'_>, TokenRefusal> {
        match self.grant_type.as_deref() {
            Some("client_credentials") => {}
            None => return Err(TokenRefusal::invalid_request("grant_type is missing: it must be client_credentials")),
            Some(_) => {
                return Err(TokenRefusal::new(
                    OAuthErrorCode::UnsupportedGrantType,
                    "only grant_type=client_credentials is served",
                ));
            }
        }
        if self.client_secret.is_some() {
            return Err(TokenRefusal::new(
                OAuthErrorCode::InvalidClient,
                "there are no client secrets here: authenticate by client_assertion (private_key_jwt)",
            ));
        }
        if self.client_assertion_type.as_deref() != Some(JWT_BEARER) {
            return Err(TokenRefusal::invalid_request(format!("client_assertion_type must be {JWT_BEARER}")));
        }
        let Some(assertion) = self.client_assertion.as_deref() else {
            return Err(TokenRefusal::invalid_request(
                "client_assertion is missing: send a JWT signed by the agent's key",
            ));
        };
        // RFC 6749, section 3.3: without one, a default. A token is for a scan unless more is asked for.
        let session = match self.scope.as_deref() {
            None => SessionScope::default(),
            Some(scope) => {
                scope.parse().map_err(|cause: String| TokenRefusal::new(OAuthErrorCode::InvalidScope, cause))?
            }
        };
        let Some(resource) = self.resource.as_deref() else {
            return Err(TokenRefusal::invalid_request(
                "resource is missing: it names the role's ARN (RFC 8707), for instance arn:aws:iam::123456789012:role/name",
            ));
        };
        let role = resource
            .parse()
            .map_err(|error| TokenRefusal::new(OAuthErrorCode::InvalidTarget, format!("resource: {error}")))?;
        Ok(Asked { assertion, client_id: self.client_id.as_deref(), role, session })
    }
}
