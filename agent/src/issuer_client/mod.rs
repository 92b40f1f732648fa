//! The agent's side of the issuer's API: discovery, enrolment, tokens, and what the agent may do.
//!
//! Every call is bounded in time and size and follows no redirects. What goes wrong is told by code: an issuer that does
//! not answer, something that is no issuer, clocks that differ, an agent that is not accepted, a role that is not
//! registered. Tokens and assertions appear in no error and no log.

mod answer;
mod skew;

use std::fmt;
use std::time::Duration;

use driftwise_contract::codes::Code;
use driftwise_contract::wire::{AgentInfo, EnrolRequest, JWT_BEARER, RotateKeyRequest, TokenResponse, paths};
use driftwise_contract::{IssuerUrl, RoleArn, SessionScope};
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::clock::SharedClock;
use crate::config::IssuerConfig;
use crate::fault::Fault;
use crate::identity::{AgentKey, Enrolled, KeyError};
use answer::Answer;

/// A federation token: a secret, and the id by which the issuer's log knows it.
pub struct FederationToken {
    jwt: SecretString,
    jti: Option<String>,
    scope: SessionScope,
}

impl fmt::Debug for FederationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FederationToken").field("jti", &self.jti).finish_non_exhaustive()
    }
}

impl FederationToken {
    /// Wraps a token as the issuer gave it. Its claims are read for the id only; AWS verifies the token, not the agent.
    pub fn new(jwt: SecretString, scope: SessionScope) -> Self {
        let jti = token_id(jwt.expose_secret());
        Self { jwt, jti, scope }
    }

    /// What the role's session is for, as the issuer granted it.
    pub const fn scope(&self) -> SessionScope {
        self.scope
    }

    /// The token itself, for STS and nobody else.
    pub const fn jwt(&self) -> &SecretString {
        &self.jwt
    }

    /// The token's id.
    pub fn jti(&self) -> Option<&str> {
        self.jti.as_deref()
    }
}

fn token_id(jwt: &str) -> Option<String> {
    use base64::Engine as _;

    #[derive(Deserialize)]
    struct Claims {
        jti: String,
    }
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Claims>(&payload).ok().map(|claims| claims.jti)
}

/// A client of one issuer.
#[derive(Debug, Clone)]
pub struct IssuerClient {
    http: reqwest::Client,
    issuer: IssuerUrl,
    clock: SharedClock,
}

impl IssuerClient {
    /// A client; no call is made yet. Proxies come from the environment (`HTTPS_PROXY`, `NO_PROXY`).
    pub fn new(issuer: IssuerUrl, config: &IssuerConfig, clock: SharedClock) -> Result<Self, Fault> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(config.connect_timeout_s))
            .timeout(Duration::from_secs(config.request_timeout_s))
            // A redirect would carry an assertion to an address that nobody configured.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("driftwise-agent/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                Fault::new(Code::IssuerUnreachable, "no HTTP client could be set up")
                    .because(crate::fault::chain(&error))
            })?;
        Ok(Self { http, issuer, clock })
    }

    /// The issuer.
    pub const fn issuer(&self) -> &IssuerUrl {
        &self.issuer
    }

    /// Checks that an issuer answers, that it names itself by the same URL to the letter (OpenID Connect Discovery,
    /// section 4.3), and that its clock agrees with ours.
    pub async fn discover(&self) -> Result<(), Fault> {
        #[derive(Deserialize)]
        struct Discovery {
            issuer: String,
        }
        let answer = self.send("its discovery document", self.http.get(self.issuer.join(paths::DISCOVERY))).await?;
        let skew = answer.skew();
        let discovery: Discovery = answer.document()?;
        if discovery.issuer != self.issuer.as_str() {
            return Err(Fault::new(Code::IssuerNotAnIssuer, format!("{} is not the issuer's own URL", self.issuer))
                .because(format!("its discovery document names {:?}", discovery.issuer)));
        }
        skew.map_or(Ok(()), |skew| Err(skew.fault(&self.issuer)))
    }

    /// Registers a public key for a one-time code.
    pub async fn enrol(&self, request: &EnrolRequest) -> Result<AgentInfo, Fault> {
        let answer = self.send("enrolment", self.http.post(self.issuer.join(paths::ENROL)).json(request)).await?;
        let info: AgentInfo = answer.enrolment()?;
        if info.issuer != self.issuer {
            return Err(Fault::new(Code::IssuerNotAnIssuer, format!("{} is not the issuer's own URL", self.issuer))
                .because(format!("its enrolment answer names {}", info.issuer)));
        }
        Ok(info)
    }

    /// The agent's org and its registered accounts.
    pub async fn agent(&self, enrolled: &Enrolled) -> Result<AgentInfo, Fault> {
        let assertion = self.assertion(enrolled)?;
        let request = self.http.get(self.issuer.join(paths::AGENT)).bearer_auth(assertion.expose_secret());
        self.send("the agent's accounts", request).await?.agent()
    }

    /// Registers another key in place of the one that `enrolled` holds. Both sign for it.
    pub async fn rotate_key(&self, enrolled: &Enrolled, new: &AgentKey) -> Result<AgentInfo, Fault> {
        let sign = |key: &AgentKey| {
            key.rotation_assertion(enrolled.identity.agent_id, &self.issuer, self.clock.now(), new.kid())
                .map_err(unsigned)
        };
        let (assertion, proof) = (sign(&enrolled.key)?, sign(new)?);
        let request = self.http.post(self.issuer.join(paths::AGENT_KEY)).bearer_auth(assertion.expose_secret());
        let request = request
            .json(&RotateKeyRequest { public_key: new.public().clone(), proof: proof.expose_secret().to_owned() });
        self.send("the rotation of its key", request).await?.agent()
    }

    /// A federation token, pinned to one registered role (RFC 6749, section 4.4; RFC 7523; RFC 8707).
    pub async fn token(
        &self,
        enrolled: &Enrolled,
        role: &RoleArn,
        scope: SessionScope,
    ) -> Result<FederationToken, Fault> {
        let assertion = self.assertion(enrolled)?;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion.expose_secret()),
            ("resource", role.as_str()),
            ("scope", scope.as_str()),
        ];
        // The issuer's own endpoint, not the stored one: a changed file must not lead an assertion elsewhere.
        let request = self.http.post(self.issuer.join(paths::TOKEN)).form(&form);
        let response: TokenResponse = self.send("a token", request).await?.token(role)?;
        Ok(FederationToken::new(SecretString::from(response.access_token), response.scope))
    }

    fn assertion(&self, enrolled: &Enrolled) -> Result<SecretString, Fault> {
        enrolled.key.assertion(enrolled.identity.agent_id, &self.issuer, self.clock.now()).map_err(unsigned)
    }

    async fn send(&self, wanted: &'static str, request: RequestBuilder) -> Result<Answer, Fault> {
        let response = request.send().await.map_err(|error| self.unreachable(wanted, error))?;
        Answer::read(response, self.issuer.clone(), wanted, self.clock.now())
            .await
            .map_err(|error| self.unreachable(wanted, error))
    }

    fn unreachable(&self, wanted: &str, error: reqwest::Error) -> Fault {
        Fault::new(Code::IssuerUnreachable, format!("the issuer {} was asked for {wanted}", self.issuer))
            .because(crate::fault::chain(&error.without_url()))
    }
}

fn unsigned(error: KeyError) -> Fault {
    Fault::new(Code::AgentIdentityUnreadable, "the agent's key can't sign").because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_shows_its_id_but_never_itself() {
        // {"alg":"none"} . {"jti":"abc-1"}
        let token = FederationToken::new(
            SecretString::from("eyJhbGciOiJub25lIn0.eyJqdGkiOiJhYmMtMSJ9.c2ln"),
            SessionScope::Scan,
        );
        assert_eq!(token.jti(), Some("abc-1"));
        let shown = format!("{token:?}");
        assert!(shown.contains("abc-1") && !shown.contains("eyJ"), "{shown}");
        assert_eq!(FederationToken::new(SecretString::from("garbage"), SessionScope::Scan).jti(), None);
    }
}
