//! An agent that asks for tokens as fast as it can: its requests are complete, signed and encoded.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::wire::{JWT_BEARER, PublicJwk, paths};
use driftwise_issuer::accounts::PublicKey;
use serde_json::json;
use uuid::Uuid;

/// An enrolled agent with a P-256 key, the kind that `driftwise-agent` makes.
pub(crate) struct Agent {
    pair: EcdsaKeyPair,
    kid: String,
    /// Its id, once it is enrolled.
    pub(crate) id: String,
    issuer_url: String,
    role: String,
}

impl Agent {
    pub(crate) fn new(issuer_url: &str, role: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a P-256 key");
        let mut agent =
            Self { pair, kid: String::new(), id: String::new(), issuer_url: issuer_url.into(), role: role.into() };
        agent.kid = PublicKey::new(agent.public_jwk()).expect("a point on P-256").kid().to_string();
        agent
    }

    pub(crate) fn public_jwk(&self) -> PublicJwk {
        let point = self.pair.public_key().as_ref();
        PublicJwk::Ec {
            crv: "P-256".into(),
            x: URL_SAFE_NO_PAD.encode(&point[1..33]),
            y: URL_SAFE_NO_PAD.encode(&point[33..]),
        }
    }

    /// The bytes of the public key, uncompressed.
    pub(crate) fn public_point(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(&SystemRandom::new(), message).expect("a signature").as_ref().to_vec()
    }

    /// A new assertion, under these names of agent and key.
    pub(crate) fn assertion_as(&self, id: &str, kid: &str) -> String {
        #[expect(clippy::disallowed_methods, reason = "the issuer under test goes by the machine's clock")]
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs();
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": kid});
        let claims = json!({
            "iss": id, "sub": id, "aud": self.issuer_url, "iat": now_s, "exp": now_s + 300, "jti": Uuid::new_v4().to_string(),
        });
        let mut text =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.sign(text.as_bytes());
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut text);
        text
    }

    /// A new, good assertion.
    pub(crate) fn assertion(&self) -> String {
        self.assertion_as(&self.id, &self.kid)
    }

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// The request for a token by an assertion.
    pub(crate) fn request(&self, assertion: &str) -> Vec<u8> {
        let body: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_assertion_type", JWT_BEARER)
            .append_pair("client_assertion", assertion)
            .append_pair("resource", &self.role)
            .finish();
        format!(
            "POST {} HTTP/1.1\r\nhost: issuer\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            paths::TOKEN,
            body.len()
        )
        .into_bytes()
    }

    /// That many requests, each with an assertion of its own.
    pub(crate) fn requests(&self, count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|_| self.request(&self.assertion())).collect()
    }
}
