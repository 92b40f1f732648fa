//! Client assertions (RFC 7523, section 3): how an agent proves who it is.
//!
//! An assertion names an agent and a key; both are believed only after the signature is verified with the **registered** key,
//! under the one algorithm of that key. Keys and addresses in the header are never used. Then the claims must fit: for
//! this issuer, now, for five minutes at most, and never seen before.

use driftwise_contract::wire::{ASSERTION_LIFETIME_MAX_S, CLOCK_SKEW_S, PublicJwk};
use driftwise_contract::{AgentId, Kid};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use super::Settings;
use crate::Error;
use crate::accounts::{DisplayName, KeyAlgorithm, PublicKey};
use crate::clock::rfc3339;
use crate::store::{Connection, OrgScope, agents, used_assertions};

/// More than any assertion of ours: an RS256 one with a 4,096-bit key has about 1,100 characters.
const LENGTH_MAX: usize = 8192;
/// More than any sensible `jti`; it becomes a key of the store.
const JTI_LENGTH_MAX: usize = 128;

/// An agent that proved who it is. Only [`authenticate`] makes one.
#[derive(Debug, Clone)]
pub struct AuthenticatedAgent {
    id: AgentId,
    scope: OrgScope,
    org_name: DisplayName,
}

impl AuthenticatedAgent {
    /// Its id.
    pub fn id(&self) -> AgentId {
        self.id
    }

    /// The right to touch its org's rows.
    pub fn scope(&self) -> OrgScope {
        self.scope
    }

    /// The org's name.
    pub fn org_name(&self) -> &DisplayName {
        &self.org_name
    }
}

/// Why an assertion was not accepted: cause and fix. Never holds the assertion or a part of it that was not verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssertionFault {
    /// Not a JWT of the kind that agents make.
    #[error("the client assertion is malformed: {0}")]
    Malformed(&'static str),
    /// No agent of that id has that key.
    #[error(
        "no agent of that id has that key registered: it was removed or its key was replaced; enrol the agent again"
    )]
    UnknownKey,
    /// The signature is not one of the registered key.
    #[error("the signature of the client assertion does not verify with the registered key")]
    Signature,
    /// Meant for somebody else.
    #[error("the aud of the client assertion names neither this issuer nor its token endpoint: it must be {expected}")]
    Audience {
        /// The issuer URL.
        expected: String,
    },
    /// `iss` and `sub` differ.
    #[error("iss and sub of the client assertion differ: both must be the agent id (RFC 7523)")]
    Subject,
    /// Made with a clock that is behind, or too old.
    #[error(
        "the client assertion expired at {expired}, it is {now} here: if it was made just now, the agent's clock is behind; synchronise both clocks (NTP)"
    )]
    Expired {
        /// Its `exp`.
        expired: String,
        /// The issuer's time.
        now: String,
    },
    /// Made with a clock that is ahead.
    #[error(
        "the client assertion was made at {issued}, it is {now} here: the agent's clock is ahead; synchronise both clocks (NTP)"
    )]
    NotYet {
        /// Its `iat` or `nbf`.
        issued: String,
        /// The issuer's time.
        now: String,
    },
    /// Valid for too long.
    #[error("the client assertion lives for {lifetime_s} s: exp must be 1 to {ASSERTION_LIFETIME_MAX_S} s after iat")]
    Lifetime {
        /// `exp` minus `iat`.
        lifetime_s: i64,
    },
    /// Taken before.
    #[error("this client assertion was used before: make a new one, with a new jti, for each request")]
    Replayed,
    /// Another agent than the request's `client_id` names.
    #[error("client_id is not the agent that the client assertion names; leave it out or make them equal")]
    OtherClient,
}

impl AssertionFault {
    /// Whether the agent's clock is the likely cause.
    pub fn is_clock_skew(&self) -> bool {
        matches!(self, Self::Expired { .. } | Self::NotYet { .. })
    }
}

/// The claims, before and after the signature is verified. Times as floats or strings, and members given twice, do not
/// parse.
#[derive(Deserialize)]
struct Claims {
    iss: AgentId,
    sub: AgentId,
    aud: OneOrMany,
    iat: i64,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    jti: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// The members of a header that matter. Those that offer keys are named in order to be refused.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    #[serde(default)]
    crit: Present,
    #[serde(default)]
    zip: Present,
    #[serde(default)]
    jku: Present,
    #[serde(default)]
    jwk: Present,
    #[serde(default)]
    x5u: Present,
    #[serde(default)]
    x5c: Present,
}

/// Whether a member is there, whatever its value: null too.
#[derive(Default)]
struct Present(bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

/// Who says to have made the assertion, and with which key. Nothing of it is verified.
struct UnverifiedAssertion<'a> {
    text: &'a str,
    algorithm: KeyAlgorithm,
    kid: Kid,
    agent: AgentId,
}

/// Accepts an assertion once, or says why not.
pub async fn authenticate(
    db: &mut Connection,
    settings: &Settings,
    now_s: i64,
    text: &str,
) -> Result<AuthenticatedAgent, Error> {
    let unverified = UnverifiedAssertion::parse(text)?;
    let agent = agents::find_by_key(db, unverified.agent, &unverified.kid).await?.ok_or(AssertionFault::UnknownKey)?;
    let claims = unverified.verify(&agent.key)?;
    check_claims(&claims, settings, now_s)?;
    let keep_until_ms = (claims.exp + CLOCK_SKEW_S + 1).saturating_mul(1000);
    if !used_assertions::insert(db, agent.id, &claims.jti, keep_until_ms).await? {
        return Err(AssertionFault::Replayed.into());
    }
    Ok(AuthenticatedAgent { id: agent.id, scope: agent.scope, org_name: agent.org_name })
}

impl<'a> UnverifiedAssertion<'a> {
    fn parse(text: &'a str) -> Result<Self, AssertionFault> {
        let fault = AssertionFault::Malformed;
        if text.len() > LENGTH_MAX {
            return Err(fault("it is longer than 8,192 characters"));
        }
        let mut parts = text.split('.');
        let (Some(header), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(fault("a JWT has three parts"));
        };
        let header: Header = decode_json(header).ok_or(fault("its header is not JSON with alg and kid"))?;
        // RFC 7515, 4.1.11: what is critical and not understood must be refused; nothing critical is understood here.
        if header.crit.0 {
            return Err(fault("it has a crit header, and no extension is understood"));
        }
        // RFC 7516, 4.1.3: compression is for encrypted tokens; nothing here would unpack it.
        if header.zip.0 {
            return Err(fault("it has a zip header, and nothing is compressed here: leave it out"));
        }
        if header.jku.0 || header.jwk.0 || header.x5u.0 || header.x5c.0 {
            return Err(fault("its header offers a key; leave out jku, jwk, x5u and x5c: the registered key counts"));
        }
        let algorithm = match header.alg.as_str() {
            "RS256" => KeyAlgorithm::Rs256,
            "ES256" => KeyAlgorithm::Es256,
            _ => return Err(fault("its alg is neither RS256 nor ES256")),
        };
        let kid = header.kid.parse().map_err(|_| fault("its kid is not the RFC 7638 thumbprint of the key"))?;
        let claims: Claims = jsonwebtoken::dangerous::insecure_decode_claims(text).map_err(|_| {
            fault("its claims are not iss, sub (the agent id), aud, iat, exp (whole seconds) and jti, each once")
        })?;
        Ok(Self { text, algorithm, kid, agent: claims.iss })
    }

    fn verify(&self, key: &PublicKey) -> Result<Claims, AssertionFault> {
        // The key decides the algorithm, never the header (RFC 8725, section 3.1).
        if self.algorithm != key.algorithm() {
            return Err(AssertionFault::Signature);
        }
        let (algorithm, decoding_key) = match key.jwk() {
            PublicJwk::Rsa { n, e } => (Algorithm::RS256, DecodingKey::from_rsa_components(n, e)),
            PublicJwk::Ec { x, y, .. } => (Algorithm::ES256, DecodingKey::from_ec_components(x, y)),
        };
        let decoding_key = decoding_key.map_err(|_| AssertionFault::Signature)?;
        let mut validation = Validation::new(algorithm);
        // Times and audience are checked below, against the clock that was passed in.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        jsonwebtoken::decode(self.text, &decoding_key, &validation)
            .map(|token| token.claims)
            .map_err(|_| AssertionFault::Signature)
    }
}

fn decode_json<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn check_claims(claims: &Claims, settings: &Settings, now_s: i64) -> Result<(), AssertionFault> {
    if claims.iss != claims.sub {
        return Err(AssertionFault::Subject);
    }
    let token_endpoint = settings.token_endpoint();
    let is_ours = |aud: &String| aud == settings.issuer.as_str() || *aud == token_endpoint;
    let fits = match &claims.aud {
        OneOrMany::One(aud) => is_ours(aud),
        // An assertion that is meant for somebody else too could be used here by them.
        OneOrMany::Many(auds) => !auds.is_empty() && auds.iter().all(is_ours),
    };
    if !fits {
        return Err(AssertionFault::Audience { expected: settings.issuer.to_string() });
    }
    if claims.jti.is_empty() || claims.jti.len() > JTI_LENGTH_MAX {
        return Err(AssertionFault::Malformed("its jti does not have 1 to 128 bytes"));
    }
    let now = || rfc3339(now_s);
    // Clock trouble first: with a clock that is off, it is what the reader must know.
    let begins = claims.nbf.map_or(claims.iat, |nbf| nbf.max(claims.iat));
    if begins > now_s + CLOCK_SKEW_S {
        return Err(AssertionFault::NotYet { issued: rfc3339(begins), now: now() });
    }
    if claims.exp <= now_s - CLOCK_SKEW_S {
        return Err(AssertionFault::Expired { expired: rfc3339(claims.exp), now: now() });
    }
    let lifetime_s = claims.exp.saturating_sub(claims.iat);
    if !(1..=ASSERTION_LIFETIME_MAX_S).contains(&lifetime_s) {
        return Err(AssertionFault::Lifetime { lifetime_s });
    }
    Ok(())
}
