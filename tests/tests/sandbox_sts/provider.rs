//! A small OIDC provider on a loopback port, whose documents a test can change while it runs.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, extract::State, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use josekit::{
    jwk::{Jwk, alg::ec::EcCurve},
    jws::{ES256, ES384, ES512, JwsSigner, RS256, RS384, RS512},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The audience that the stage registers.
pub(crate) const AUDIENCE: &str = "sts.amazonaws.com";

/// What the provider publishes.
#[derive(Debug, Default, Clone)]
pub(crate) struct Documents {
    pub(crate) discovery: Value,
    pub(crate) key_set: Value,
}

/// A running provider. It dies with the test's runtime.
pub(crate) struct Provider {
    pub(crate) issuer: String,
    pub(crate) documents: Arc<Mutex<Documents>>,
    rsa: Jwk,
    curves: Vec<(&'static str, Jwk)>,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let rsa = Jwk::generate_rsa_key(2048).unwrap();
        let curves: Vec<_> = [("ES256", EcCurve::P256), ("ES384", EcCurve::P384), ("ES512", EcCurve::P521)]
            .map(|(name, curve)| (name, Jwk::generate_ec_key(curve).unwrap()))
            .into();
        let mut keys = vec![published("rsa", &rsa)];
        keys.extend(curves.iter().map(|(name, key)| published(name, key)));
        let documents = Arc::new(Mutex::new(Documents {
            discovery: json!({
                "issuer": issuer,
                "jwks_uri": format!("{issuer}/keys"),
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }),
            key_set: json!({ "keys": keys }),
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(key_set))
            .with_state(Arc::clone(&documents));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { issuer, documents, rsa, curves }
    }

    /// The claims of a token that passes.
    pub(crate) fn claims(&self, now_s: i64) -> Value {
        json!({ "iss": self.issuer, "sub": "org-a", "aud": AUDIENCE, "iat": now_s, "exp": now_s + 300 })
    }

    /// A token signed with the RSA key that is published as `rsa`.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.sign("RS256", &json!({ "alg": "RS256", "kid": "rsa" }), claims)
    }

    /// A token with any header, signed by the key of `algorithm`.
    pub(crate) fn sign(&self, algorithm: &str, header: &Value, claims: &Value) -> String {
        let curve = |name| &self.curves.iter().find(|(curve, _)| *curve == name).unwrap().1;
        let signer: Box<dyn JwsSigner> = match algorithm {
            "RS256" => Box::new(RS256.signer_from_jwk(&self.rsa).unwrap()),
            "RS384" => Box::new(RS384.signer_from_jwk(&self.rsa).unwrap()),
            "RS512" => Box::new(RS512.signer_from_jwk(&self.rsa).unwrap()),
            "ES256" => Box::new(ES256.signer_from_jwk(curve("ES256")).unwrap()),
            "ES384" => Box::new(ES384.signer_from_jwk(curve("ES384")).unwrap()),
            _ => Box::new(ES512.signer_from_jwk(curve("ES512")).unwrap()),
        };
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let content = format!("{}.{}", encode(header), encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(signer.sign(content.as_bytes()).unwrap());
        format!("{content}.{signature}")
    }
}

/// A key as AWS wants it published: type, id, use and numbers, nothing else.
fn published(kid: &str, key: &Jwk) -> Value {
    let public = key.to_public_key().unwrap();
    let mut entry = json!({ "kid": kid, "use": "sig", "kty": public.key_type() });
    for member in ["n", "e", "crv", "x", "y"] {
        if let Some(value) = public.parameter(member) {
            entry[member] = value.clone();
        }
    }
    entry
}

async fn discovery(State(documents): State<Arc<Mutex<Documents>>>) -> Json<Value> {
    Json(documents.lock().unwrap().discovery.clone())
}

async fn key_set(State(documents): State<Arc<Mutex<Documents>>>) -> Json<Value> {
    Json(documents.lock().unwrap().key_set.clone())
}
