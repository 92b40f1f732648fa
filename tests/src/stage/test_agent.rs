//! A second, independent client of the issuer: an agent made of josekit and plain HTTP, by the RFCs and not by our own code.
//! Whatever it is given is checked with a library that the issuer did not sign with.

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::OrgId;
use driftwise_contract::claims::TrustForm;
use driftwise_contract::proof::{CanaryTokenRequest, CanaryTokenResponse};
use driftwise_contract::wire::{AgentInfo, EnrolRequest, JWT_BEARER, OAuthError, PublicJwk, TokenResponse, paths};
use josekit::jwk::{Jwk, JwkSet};
use josekit::jws::{ES256, JwsHeader, RS256};
use josekit::jwt::{self, JwtPayload};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Stage;

/// An enrolled agent with its key.
pub struct TestAgent {
    issuer_url: String,
    key: Jwk,
    kid: String,
    /// What the issuer said at enrolment.
    pub info: AgentInfo,
}

/// A refusal of the token endpoint.
#[derive(Debug)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub error: OAuthError,
}

impl TestAgent {
    /// Enrols with a fresh P-256 key and a code from the command line.
    pub async fn enrol(stage: &Stage, org: OrgId) -> anyhow::Result<Self> {
        let made = stage.issuer(&["agent", "enrol", "--org", &org.to_string(), "--json"]).run().await?.success()?;
        let code = made.json()?["code"].as_str().context("no code")?.to_owned();
        let key = Jwk::generate_ec_key(josekit::jwk::alg::ec::EcCurve::P256)?;
        let member = |name: &str| -> anyhow::Result<String> {
            Ok(key
                .parameter(name)
                .and_then(Value::as_str)
                .with_context(|| format!("the key has no {name}"))?
                .to_owned())
        };
        let (x, y) = (member("x")?, member("y")?);
        // RFC 7638, section 3.2: the required members in lexicographic order, without white space.
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(canonical));
        let request = EnrolRequest {
            code,
            public_key: PublicJwk::Ec { crv: "P-256".into(), x, y },
            name: "second opinion".into(),
        };
        let response = reqwest::Client::new().post(stage.url(paths::ENROL)).json(&request).send().await?;
        ensure!(response.status().is_success(), "enrolment was refused: {}", response.text().await?);
        Ok(Self { issuer_url: stage.issuer_url().to_owned(), key, kid, info: response.json().await? })
    }

    /// Its private key as a JWK, for clients that make their own assertions.
    pub fn private_jwk(&self) -> Value {
        Value::Object(self.key.as_ref().clone())
    }

    /// The RFC 7638 thumbprint under which its key is registered.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// A client assertion (RFC 7523) signed now, with `change` applied to its claims.
    pub fn assertion(&self, now_s: i64, change: impl FnOnce(&mut Value)) -> anyhow::Result<String> {
        let mut claims = json!({
            "iss": self.info.agent_id, "sub": self.info.agent_id, "aud": self.issuer_url,
            "iat": now_s, "exp": now_s + 60, "jti": Uuid::new_v4().to_string(),
        });
        change(&mut claims);
        let mut header = JwsHeader::new();
        header.set_token_type("JWT");
        header.set_key_id(&self.kid);
        let payload = JwtPayload::from_map(claims.as_object().cloned().context("claims are an object")?)?;
        Ok(jwt::encode_with_signer(&payload, &header, &ES256.signer_from_jwk(&self.key)?)?)
    }

    /// A federation token for a role, or the issuer's refusal.
    pub async fn token(&self, role_arn: &str) -> anyhow::Result<Result<String, Refusal>> {
        self.token_at(&self.issuer_url, role_arn, system_now_s()).await
    }

    /// The same from the issuer at `url`, which may be one of several, with an assertion of another time.
    pub async fn token_at(&self, url: &str, role_arn: &str, now_s: i64) -> anyhow::Result<Result<String, Refusal>> {
        let assertion = self.assertion(now_s, |_| {})?;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", &assertion),
            ("resource", role_arn),
        ];
        self.ask(url, &form).await
    }

    /// The answer to a token request with exactly these parameters.
    pub async fn token_with(&self, form: &[(&str, &str)]) -> anyhow::Result<Result<String, Refusal>> {
        self.ask(&self.issuer_url, form).await
    }

    /// A canary token for a role: what an agent of another org, which registered the role with this form, would be given.
    pub async fn canary(&self, role_arn: &str, trust_form: TrustForm) -> anyhow::Result<String> {
        let request = CanaryTokenRequest { role_arn: role_arn.parse()?, trust_form };
        let url = format!("{}{}", self.issuer_url, paths::CANARY_TOKEN);
        let assertion = self.assertion(system_now_s(), |_| {})?;
        let response = reqwest::Client::new().post(url).bearer_auth(assertion).json(&request).send().await?;
        ensure!(response.status().is_success(), "no canary token: {}", response.text().await?);
        Ok(response.json::<CanaryTokenResponse>().await?.access_token)
    }

    async fn ask(&self, url: &str, form: &[(&str, &str)]) -> anyhow::Result<Result<String, Refusal>> {
        let response = reqwest::Client::new().post(format!("{url}{}", paths::TOKEN)).form(form).send().await?;
        let status = response.status();
        if status.is_success() {
            return Ok(Ok(response.json::<TokenResponse>().await?.access_token));
        }
        Ok(Err(Refusal { status: status.as_u16(), error: response.json().await? }))
    }
}

/// Verifies a token with josekit against the published key set and gives its claims.
pub async fn verify_with_josekit(stage: &Stage, token: &str) -> anyhow::Result<Value> {
    let discovery: Value = reqwest::get(stage.url(paths::DISCOVERY)).await?.json().await?;
    verify_against(discovery["jwks_uri"].as_str().context("discovery names no jwks_uri")?, token).await
}

/// Verifies an RS256 token with josekit against the key set that this address serves now, and gives its claims.
pub async fn verify_against(jwks_url: &str, token: &str) -> anyhow::Result<Value> {
    let jwks = JwkSet::from_bytes(reqwest::get(jwks_url).await?.error_for_status()?.bytes().await?)?;
    let kid = key_id_of(token)?;
    let keys = jwks.get(&kid);
    let [key] = keys.as_slice() else { bail!("{} keys at {jwks_url} have the token's kid {kid}", keys.len()) };
    let (payload, _) = jwt::decode_with_verifier(token, &RS256.verifier_from_jwk(key)?)?;
    Ok(Value::Object(payload.claims_set().clone()))
}

/// The `kid` of a token's header, not verified.
pub fn key_id_of(token: &str) -> anyhow::Result<String> {
    let header = jwt::decode_header(token)?;
    Ok(header.claim("kid").and_then(Value::as_str).context("the token has no kid")?.to_owned())
}

/// Seconds since the epoch by the machine's clock.
pub fn system_now_s() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "the tests' own clock is the machine's")]
    time::OffsetDateTime::now_utc().unix_timestamp()
}
