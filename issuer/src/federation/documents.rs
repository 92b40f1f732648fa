//! What an issuer publishes about itself, made before anyone asks. AWS gives an issuer five seconds to answer, so nothing is
//! computed on request.

use bytes::Bytes;
use driftwise_contract::OrgId;
use driftwise_contract::claims::{ORG_TAG, ROLES_CLAIM, TAGS_CLAIM, TOKEN_LIFETIME_S, TrustForm};
use driftwise_contract::wire::{FederationInfo, paths};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Settings;
use crate::keyring::{PublishedJwk, PublishedJwks};

/// How long verifiers may keep a JWKS, in seconds; far below the publish-ahead window of a new key.
pub const JWKS_MAX_AGE_S: u32 = 300;

/// Immutable JSON, and how it is served: over HTTP, from a directory or from a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The path below its issuer's URL.
    pub path: &'static str,
    /// The bytes.
    pub body: Bytes,
    /// A strong entity tag, quotes included (RFC 9110, section 8.8.3).
    pub etag: String,
    /// `Content-Type`.
    pub media_type: &'static str,
    /// `Cache-Control`.
    pub cache_control: &'static str,
}

/// The documents of one issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    /// `/.well-known/openid-configuration`
    pub discovery: Document,
    /// `/.well-known/jwks.json`
    pub jwks: Document,
    /// `/federation-info`
    pub federation_info: Document,
    /// The same as a value, for pages.
    pub info: FederationInfo,
}

/// What an issuer is called.
pub(super) struct Names<'a> {
    pub(super) settings: &'a Settings,
    /// Of the shared issuer: agents authenticate there, whatever issuer their tokens name.
    pub(super) token_endpoint: &'a str,
    /// The org whose issuer it is; none for the shared one.
    pub(super) org: Option<OrgId>,
}

impl Documents {
    /// Makes every document of one issuer.
    pub(super) fn new(names: &Names<'_>, keys: &PublishedJwks) -> serde_json::Result<Self> {
        let jwks = serde_json::to_value(keys)?;
        let algorithms = algorithms(keys);
        let info = federation_info(names, keys, &algorithms);
        Ok(Self {
            discovery: Document::new(
                paths::DISCOVERY,
                "application/json",
                "public, max-age=3600",
                &discovery(names, &algorithms),
            ),
            // RFC 7517, section 8.5, names the media type.
            jwks: Document::new(
                paths::JWKS,
                "application/jwk-set+json",
                "public, max-age=300, stale-while-revalidate=3600",
                &jwks,
            ),
            federation_info: Document::new(
                paths::FEDERATION_INFO,
                "application/json",
                "public, max-age=300",
                &json!(info),
            ),
            info,
        })
    }

    /// Keys first: a discovery document that leads nowhere is worse than keys that nobody asks for.
    pub fn in_order_of_publication(&self) -> [&Document; 3] {
        [&self.jwks, &self.discovery, &self.federation_info]
    }
}

impl Document {
    fn new(path: &'static str, media_type: &'static str, cache_control: &'static str, value: &Value) -> Self {
        let body = format!("{value:#}");
        let hash = Sha256::digest(&body);
        let etag = format!("\"{:016x}\"", hash.iter().take(8).fold(0u64, |value, byte| value << 8 | u64::from(*byte)));
        Self { path, body: body.into(), etag, media_type, cache_control }
    }
}

/// The claims that a federation token may carry, in the order in which they stand in it.
fn claims() -> Vec<String> {
    ["iss", "sub", "aud", "iat", "nbf", "exp", "jti", ORG_TAG, ROLES_CLAIM, TAGS_CLAIM].map(str::to_owned).to_vec()
}

/// The algorithms of the published keys, that of the signing key first.
fn algorithms(keys: &PublishedJwks) -> Vec<String> {
    let mut algorithms: Vec<String> = Vec::new();
    for key in &keys.keys {
        if !algorithms.iter().any(|known| known == key.alg) {
            algorithms.push(key.alg.to_owned());
        }
    }
    algorithms
}

/// `OpenID` Connect Discovery 1.0, section 3, and RFC 8414. There is no authorization endpoint: nobody signs in here, and AWS
/// does not ask for one.
fn discovery(names: &Names<'_>, algorithms: &[String]) -> Value {
    // Section 3 again: "The algorithm RS256 MUST be included".
    let mut signing: Vec<&str> = algorithms.iter().map(String::as_str).collect();
    if !signing.contains(&"RS256") {
        signing.push("RS256");
    }
    json!({
        "issuer": names.settings.issuer,
        "jwks_uri": names.settings.issuer.join(paths::JWKS),
        "token_endpoint": names.token_endpoint,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": signing,
        "claims_supported": claims(),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256"],
    })
}

/// What a customer needs to register the issuer with AWS.
fn federation_info(names: &Names<'_>, keys: &PublishedJwks, algorithms: &[String]) -> FederationInfo {
    FederationInfo {
        issuer: names.settings.issuer.clone(),
        jwks_uri: names.settings.issuer.join(paths::JWKS),
        token_endpoint: names.token_endpoint.to_owned(),
        audiences: vec![names.settings.audience.clone()],
        subject_format: names.org.map_or_else(|| "org-<uuid>".into(), |org| format!("org-{org}")),
        signing_algs: algorithms.to_vec(),
        token_lifetime_s: TOKEN_LIFETIME_S,
        claims: claims(),
        trust_policy_forms: vec![TrustForm::SessionTag, TrustForm::Subject, TrustForm::CustomClaim],
        thumbprints: keys.keys.iter().filter_map(PublishedJwk::certificate_sha1).collect(),
    }
}

#[cfg(test)]
mod tests {
    use driftwise_contract::wire::PublicJwk;

    use super::*;

    fn key(alg: &'static str, certificate: Option<&str>) -> PublishedJwk {
        PublishedJwk {
            key: PublicJwk::Rsa { n: "bg".into(), e: "AQAB".into() },
            kid: "A".repeat(43).parse().unwrap(),
            use_: "sig",
            alg,
            x5c: certificate.map(|der| [der.to_owned()]),
        }
    }

    fn documents(keys: Vec<PublishedJwk>) -> Documents {
        let settings = Settings { issuer: "https://id.example.com".parse().unwrap(), audience: "aud".parse().unwrap() };
        let names = Names { settings: &settings, token_endpoint: "x", org: None };
        Documents::new(&names, &PublishedJwks { keys }).unwrap()
    }

    #[test]
    fn the_algorithms_are_those_of_the_keys_and_discovery_names_rs256_whatever_signs() {
        let mixed = documents(vec![key("ES256", None), key("RS256", None), key("ES256", None)]);
        assert_eq!(mixed.info.signing_algs, ["ES256", "RS256"]);
        let discovery: Value = serde_json::from_slice(&documents(vec![key("ES256", None)]).discovery.body).unwrap();
        assert_eq!(discovery["id_token_signing_alg_values_supported"], json!(["ES256", "RS256"]));
    }

    #[test]
    fn thumbprints_are_told_where_keys_are_published_with_certificates() {
        assert!(documents(vec![key("RS256", None)]).info.thumbprints.is_empty());
        // RFC 3174: SHA-1 of "abc".
        let info = documents(vec![key("RS256", Some("YWJj")), key("RS256", None)]).info;
        assert_eq!(info.thumbprints, ["a9993e364706816aba3e25717850c26c9cd0d89d"]);
    }
}
