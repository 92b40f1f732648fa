//! What the issuer publishes about itself, made once at start. AWS gives an issuer five seconds to answer, so nothing is
//! computed on request.

use driftwise_contract::claims::{ORG_TAG, ROLES_CLAIM, TAGS_CLAIM, TOKEN_LIFETIME_S, TrustForm};
use driftwise_contract::wire::{FederationInfo, paths};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::Settings;
use crate::keyring::PublishedJwks;

/// Immutable JSON with its entity tag.
#[derive(Debug, Clone)]
pub struct Document {
    /// The bytes.
    pub body: Vec<u8>,
    /// A strong entity tag, quotes included (RFC 9110, section 8.8.3).
    pub etag: String,
}

/// The documents.
#[derive(Debug, Clone)]
pub struct Documents {
    /// `/.well-known/openid-configuration`
    pub discovery: Document,
    /// `/.well-known/jwks.json`
    pub jwks: Document,
    /// `/federation-info`
    pub federation_info: Document,
}

impl Documents {
    /// Makes every document.
    pub fn new(settings: &Settings, keys: &PublishedJwks) -> serde_json::Result<Self> {
        Ok(Self {
            discovery: Document::new(&discovery(settings))?,
            jwks: Document::new(keys)?,
            federation_info: Document::new(&federation_info(settings))?,
        })
    }
}

impl Document {
    fn new(value: &impl serde::Serialize) -> serde_json::Result<Self> {
        let body = serde_json::to_vec_pretty(value)?;
        let hash = Sha256::digest(&body);
        let etag = format!("\"{:016x}\"", hash.iter().take(8).fold(0u64, |value, byte| value << 8 | u64::from(*byte)));
        Ok(Self { body, etag })
    }
}

/// The claims that a federation token may carry, in the order in which they stand in it.
fn claims() -> Vec<String> {
    ["iss", "sub", "aud", "iat", "nbf", "exp", "jti", ORG_TAG, ROLES_CLAIM, TAGS_CLAIM].map(str::to_owned).to_vec()
}

/// OpenID Connect Discovery 1.0, section 3, and RFC 8414. There is no authorization endpoint: nobody signs in here, and AWS
/// does not ask for one.
fn discovery(settings: &Settings) -> serde_json::Value {
    json!({
        "issuer": settings.issuer,
        "jwks_uri": settings.issuer.join(paths::JWKS),
        "token_endpoint": settings.token_endpoint(),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported": claims(),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256"],
    })
}

/// What a customer needs to register the issuer with AWS.
pub fn federation_info(settings: &Settings) -> FederationInfo {
    FederationInfo {
        issuer: settings.issuer.clone(),
        jwks_uri: settings.issuer.join(paths::JWKS),
        token_endpoint: settings.token_endpoint(),
        audiences: vec![settings.audience.clone()],
        subject_format: "org-<uuid>".into(),
        signing_algs: vec!["RS256".into()],
        token_lifetime_s: TOKEN_LIFETIME_S,
        claims: claims(),
        trust_policy_forms: vec![TrustForm::SessionTag, TrustForm::Subject, TrustForm::CustomClaim],
    }
}
