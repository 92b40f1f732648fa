//! The agent's side of the issuer's API: discovery, enrolment, tokens, canary tokens, and what the agent may do.
//!
//! Every call is bounded in time and size and follows no redirects. What goes wrong is told by code: an issuer that does
//! not answer, something that is no issuer, clocks that differ, an agent that is not accepted, a role that is not
//! registered. Tokens and assertions appear in no error and no log.

mod answer;
mod skew;

use std::fmt;
use std::time::Duration;

use driftwise_contract::claims::TrustForm;
use driftwise_contract::codes::Code;
use driftwise_contract::proof::{CanaryTokenRequest, CanaryTokenResponse, ProofReceipt, ProofReport};
use driftwise_contract::wire::{AgentInfo, EnrolRequest, JWT_BEARER, RotateKeyRequest, TokenResponse, paths};
use driftwise_contract::{IssuerUrl, RoleArn, SessionScope, Subject};
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
    issuer: Option<String>,
    scope: SessionScope,
}

impl fmt::Debug for FederationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FederationToken").field("jti", &self.jti).finish_non_exhaustive()
    }
}

impl FederationToken {
    /// Wraps a token as the issuer gave it. Its claims are read for its id and its issuer only; AWS verifies the token, not the
    /// agent.
    pub fn new(jwt: SecretString, scope: SessionScope) -> Self {
        let Claims { jti, iss } = claims(jwt.expose_secret()).unwrap_or_default();
        Self { jwt, jti, issuer: iss, scope }
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

    /// The issuer that it names.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }
}

#[derive(Default, Deserialize)]
struct Claims {
    jti: Option<String>,
    iss: Option<String>,
}

fn claims(jwt: &str) -> Option<Claims> {
    use base64::Engine as _;

    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

/// A canary token, and what it says of itself.
#[derive(Debug)]
pub struct CanaryToken {
    /// The token, for STS and nobody else.
    pub token: FederationToken,
    /// Its `sub`.
    pub subject: Subject,
    /// Its `iss`.
    pub issuer: IssuerUrl,
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

    /// A canary token: what another org's agent would be given for the role, had that org registered it in this form.
    pub async fn canary_token(
        &self,
        enrolled: &Enrolled,
        role: &RoleArn,
        trust_form: TrustForm,
    ) -> Result<CanaryToken, Fault> {
        let assertion = self.assertion(enrolled)?;
        let request = self.http.post(self.issuer.join(paths::CANARY_TOKEN)).bearer_auth(assertion.expose_secret());
        let request = request.json(&CanaryTokenRequest { role_arn: role.clone(), trust_form });
        let response: CanaryTokenResponse = self.send("a canary token", request).await?.proving()?;
        let token = FederationToken::new(SecretString::from(response.access_token), SessionScope::default());
        Ok(CanaryToken { token, subject: response.subject, issuer: response.issuer })
    }

    /// Tells the issuer what a proof found.
    pub async fn report_proof(&self, enrolled: &Enrolled, report: &ProofReport) -> Result<ProofReceipt, Fault> {
        let assertion = self.assertion(enrolled)?;
        let request = self.http.post(self.issuer.join(paths::PROOF)).bearer_auth(assertion.expose_secret());
        self.send("a note of the proof", request.json(report)).await?.proving()
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
