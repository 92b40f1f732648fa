//! Attacks on client assertions, at every place that takes one.
//!
//! An attack is a text that somebody hands in as an assertion; a *door* is a route that verifies one (the rows of the
//! issuer's own route table that agents call, so a new one is attacked from its first day). [`Range::refuses`] hands every
//! attack in at every door and holds each answer to one class: 401, `invalid_client` (RFC 6749, section 5.2) or a bearer
//! challenge (RFC 6750), no word of what was sent, no failure of the issuer. Before and after, the assertion from which the
//! attacks were made is taken: they are refused for what they change, and none used its `jti` up.
//!
//! To add an attack: a row in the file of its theme. What depends on time, audience or use is in [`super::assertions`].

mod algorithms;
mod claims;
mod encodings;
mod headers;
mod signatures;
mod sizes;

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::claims::TrustForm;
use driftwise_contract::wire::{OAuthError, OAuthErrorCode, Problem, paths};
use driftwise_issuer::http::{Caller, ROUTES, Route};
use reqwest::{Method, Response};
use serde_json::Value;

use crate::harness::{TestAgent, TestIssuer, TestKey};
use crate::routes::present;

/// Stands in texts that an attacker chose: no answer may repeat it.
pub(super) const MARK: &str = "zqx7mark";

/// A name, and what is handed in.
pub(super) type Attack = (String, String);

/// Every route that takes an assertion.
pub(super) fn doors() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| route.caller == Caller::Agent)
}

/// An issuer with a registered role, and two agents that the attacks are about.
pub(super) struct Range {
    pub(super) issuer: TestIssuer,
    pub(super) role: String,
    pub(super) rsa: TestAgent,
    pub(super) ec: TestAgent,
}

impl Range {
    pub(super) async fn open() -> Self {
        let issuer = TestIssuer::start().await;
        let org = issuer.org("Acme").await;
        let role = issuer.account(&org, "123456789012", TrustForm::SessionTag).await.role_arn().to_string();
        let rsa = issuer.agent(&org, TestKey::rsa()).await;
        let ec = issuer.agent(&org, TestKey::p256()).await;
        Self { issuer, role, rsa, ec }
    }

    /// Both agents, each with the header and claims of an assertion that would be taken.
    pub(super) fn bases(&self) -> [Base<'_>; 2] {
        [self.base(&self.rsa), self.base(&self.ec)]
    }

    pub(super) fn base<'a>(&self, agent: &'a TestAgent) -> Base<'a> {
        Base { agent, header: agent.key.header(), claims: self.issuer.claims(agent) }
    }

    /// Hands an assertion in at a door; `None` where HTTP has no way to write it there.
    pub(super) async fn hand_in(&self, door: &Route, assertion: &str) -> Option<Response> {
        if door.path != paths::TOKEN && HeaderValue::try_from(assertion).is_err() {
            return None;
        }
        let method = Method::from_bytes(door.method.as_str().as_bytes()).unwrap();
        let request = self.issuer.http.request(method, format!("{}{}", self.issuer.url, door.path));
        Some(present(request, door.path, assertion, &self.role).send().await.unwrap())
    }

    /// Asserts that every door refuses every attack alike, and that the assertions of the bases are taken all the same.
    pub(super) async fn refuses(&self, bases: &[Base<'_>], attacks: &[Attack]) {
        assert!(!attacks.is_empty());
        for (name, assertion) in attacks {
            for door in doors() {
                if let Some(response) = self.hand_in(door, assertion).await {
                    check_refusal(&format!("{name} at {}", door.path), door, assertion, response).await;
                }
            }
        }
        for base in bases {
            let response = self.issuer.ask_token(&base.good(), &self.role).await;
            assert_eq!(response.status(), 200, "the attacks' own base: {}", response.text().await.unwrap());
        }
    }
}

async fn check_refusal(name: &str, door: &Route, assertion: &str, response: Response) {
    assert_eq!(response.status(), 401, "{name}");
    let challenge = response.headers()["www-authenticate"].to_str().unwrap().to_owned();
    assert!(challenge.starts_with("Bearer realm="), "{name}: {challenge}");
    assert!(response.headers()["cache-control"].to_str().unwrap().contains("no-store"), "{name}");
    let headers = format!("{:?}", response.headers());
    let body = response.text().await.unwrap();
    if door.path == paths::TOKEN {
        let error: OAuthError = serde_json::from_str(&body).unwrap();
        assert_eq!(error.error, OAuthErrorCode::InvalidClient, "{name}");
    } else {
        let problem: Problem = serde_json::from_str(&body).unwrap();
        let known = ["assertion_missing", "assertion_invalid", "clock_skew"];
        assert!(known.contains(&problem.code.as_str()), "{name}: {}", problem.code);
    }
    for answer in [&body, &headers] {
        assert!(!answer.contains(MARK), "{name} is repeated: {answer}");
        for part in assertion.split('.').filter(|part| part.len() >= 16) {
            assert!(!answer.contains(part), "{name} is repeated: {answer}");
        }
    }
}

/// The assertion that attacks change.
pub(super) struct Base<'a> {
    pub(super) agent: &'a TestAgent,
    pub(super) header: Value,
    pub(super) claims: Value,
}

impl Base<'_> {
    pub(super) fn key(&self) -> &TestKey {
        &self.agent.key
    }

    /// The assertion itself.
    pub(super) fn good(&self) -> String {
        self.key().sign(&self.header, &self.claims)
    }

    /// What the signature covers: header and claims, encoded.
    pub(super) fn message(&self) -> String {
        message(&self.header.to_string(), &self.claims.to_string())
    }

    /// The right message under another signature.
    pub(super) fn with_signature(&self, signature: &[u8]) -> String {
        format!("{}.{}", self.message(), URL_SAFE_NO_PAD.encode(signature))
    }

    /// Signs encoded segments as they are given.
    pub(super) fn sign_segments(&self, header: &str, claims: &str) -> String {
        let message = format!("{header}.{claims}");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(self.key().signature(&message)))
    }

    /// Signs a header with this value, given as JSON text, for a member.
    pub(super) fn sign_header(&self, member: &str, json: &str) -> String {
        self.key().sign_text(&set(&self.header, member, json), &self.claims.to_string())
    }

    /// Signs claims with this value, given as JSON text, for a member.
    pub(super) fn sign_claim(&self, member: &str, json: &str) -> String {
        self.key().sign_text(&self.header.to_string(), &set(&self.claims, member, json))
    }

    pub(super) fn sign_header_text(&self, header: &str) -> String {
        self.key().sign_text(header, &self.claims.to_string())
    }

    pub(super) fn sign_claims_text(&self, claims: &str) -> String {
        self.key().sign_text(&self.header.to_string(), claims)
    }
}

/// Two texts, encoded and joined.
pub(super) fn message(header: &str, claims: &str) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

/// The text of an object with a member set to any JSON text, well-formed or not.
pub(super) fn set(object: &Value, member: &str, json: &str) -> String {
    const PLACE: &str = "@@here@@";
    let mut object = object.clone();
    object[member] = PLACE.into();
    object.to_string().replace(&format!("\"{PLACE}\""), json)
}

/// The text of an object with something written before its first member.
pub(super) fn before_first(object: &Value, text: &str) -> String {
    object.to_string().replacen('{', &format!("{{{text},"), 1)
}

/// The text of an object with something written after its last member.
pub(super) fn after_last(object: &Value, text: &str) -> String {
    let object = object.to_string();
    format!("{},{text}}}", &object[..object.len() - 1])
}
