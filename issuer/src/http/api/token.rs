//! `POST /oauth2/token`: a federation token for an agent (RFC 6749, section 4.4, with RFC 7523 and RFC 8707).

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use driftwise_contract::RoleArn;
use driftwise_contract::claims::TOKEN_LIFETIME_S;
use driftwise_contract::wire::{JWT_BEARER, OAuthErrorCode, TokenResponse};
use secrecy::ExposeSecret as _;

use super::super::oauth_error::{TokenRefusal, no_store};
use super::super::problem::Problem;
use crate::Error;
use crate::app::App;
use crate::federation::assertion::authenticate;
use crate::federation::{AssertionFault, prepare, sign};
use crate::keyring::KeySetId;
use crate::store::accounts;

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

/// Authenticates the agent, finds the role among its org's, prepares and signs.
pub(in crate::http) async fn issue(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return Problem::from(rejection).into_response(),
    };
    match mint(&app, &headers, &body).await {
        Ok(token) => {
            let mut response = Json(token).into_response();
            no_store(&mut response);
            response
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn mint(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<TokenResponse, TokenRefusal> {
    let request = TokenRequest::parse(headers, body)?;
    let (assertion, role) = request.check()?;

    let now_s = app.clock().now_s();
    let mut db = app.store().connection().await.map_err(Error::from)?;
    let agent = match authenticate(&mut db, app.settings(), now_s, assertion).await {
        Ok(agent) => agent,
        Err(error) => {
            tracing::info!(reason = %error, "refused a client assertion");
            return Err(error.into());
        }
    };
    // RFC 7521, section 4.2: a client_id must name the same client.
    if request.client_id.is_some_and(|client_id| client_id != agent.id().to_string()) {
        return Err(Error::from(AssertionFault::OtherClient).into());
    }
    let account = accounts::find_by_role(&mut db, agent.scope(), &role).await.map_err(Error::from)?;
    let Some(account) = account else {
        tracing::info!(org.id = %agent.scope().org(), agent.id = %agent.id(), role.arn = %role, "refused a role");
        return Err(Error::RoleNotRegistered(role).into());
    };
    drop(db);

    let prepared = prepare(app.settings(), agent.scope(), &account, now_s, app.clock().new_uuid());
    let keys = app.keyring().current().await.map_err(Error::from)?;
    let signer = keys.signer(KeySetId::Shared).map_err(Error::from)?;
    let token = sign(&prepared, &**signer).await.map_err(Error::from)?;
    tracing::info!(
        org.id = %agent.scope().org(), agent.id = %agent.id(), token.jti = %prepared.claims().jti,
        role.arn = %prepared.role(), key.kid = %signer.kid(), "minted a federation token"
    );
    Ok(TokenResponse {
        access_token: token.into_secret().expose_secret().to_owned(),
        token_type: "Bearer".into(),
        expires_in: TOKEN_LIFETIME_S,
    })
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

    /// What can be told without knowing the caller: the assertion and the role.
    fn check(&self) -> Result<(&str, RoleArn), TokenRefusal> {
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
        if self.scope.is_some() {
            return Err(TokenRefusal::new(OAuthErrorCode::InvalidScope, "no scopes are served: leave scope out"));
        }
        let Some(resource) = self.resource.as_deref() else {
            return Err(TokenRefusal::invalid_request(
                "resource is missing: it names the role's ARN (RFC 8707), for instance arn:aws:iam::123456789012:role/name",
            ));
        };
        let role = resource
            .parse()
            .map_err(|error| TokenRefusal::new(OAuthErrorCode::InvalidTarget, format!("resource: {error}")))?;
        Ok((assertion, role))
    }
}
