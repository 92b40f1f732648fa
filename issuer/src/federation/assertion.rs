//! Client assertions (RFC 7523, section 3): how an agent proves who it is.
//!
//! What needs no key is checked first: the form, and that the claims are for this issuer, now, and for five minutes at most.
//! The agent and the key that it names are believed only after the signature is verified with the **registered** key, under
//! the one algorithm of that key. Keys and addresses in the header are never used. And each assertion counts once.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::wire::{ASSERTION_LIFETIME_MAX_S, CLOCK_SKEW_S, PublicJwk};
use driftwise_contract::{AgentId, Kid, OrgId};
use serde::Deserialize;

use super::Settings;
use crate::Error;
use crate::accounts::{DisplayName, KeyAlgorithm, PublicKey, VerificationKey};
use crate::audit::{RefusalReason, UsedAssertion};
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
    kid: Kid,
    scope: OrgScope,
    org_name: DisplayName,
    new_kid: Option<Kid>,
}

/// What an assertion may be for. One that was made for the one is never taken for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A token, or to know of itself.
    Call,
    /// The rotation of the agent's key: the assertion names the new one (`dw_new_kid`).
    KeyRotation,
}

impl AuthenticatedAgent {
    /// Its id.
    pub fn id(&self) -> AgentId {
        self.id
    }

    /// The key that it proved it with.
    pub fn kid(&self) -> &Kid {
        &self.kid
    }

    /// The right to touch its org's rows.
    pub fn scope(&self) -> OrgScope {
        self.scope
    }

    /// The key that its assertion wants in the place of [`Self::kid`]; with [`Purpose::KeyRotation`] always there.
    pub fn new_kid(&self) -> Option<&Kid> {
        self.new_kid.as_ref()
    }

    /// The org's name.
    pub fn org_name(&self) -> &DisplayName {
        &self.org_name
    }
}

const NOT_REGISTERED: &str = "the client assertion does not verify with a key that is registered for that agent: the agent \
                              was revoked, its key was replaced, or another key signed; if it is your agent, enrol it again";

/// Why an assertion was not accepted: cause and fix. Never holds the assertion or a part of it that was not verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssertionFault {
    /// Not a JWT of the kind that agents make.
    #[error("the client assertion is malformed: {0}")]
    Malformed(&'static str),
    /// No agent of that id has that key. Reads like [`Self::Signature`]: which agents and keys there are is not told.
    #[error("{NOT_REGISTERED}")]
    UnknownKey,
    /// The signature is not one of the registered key.
    #[error("{NOT_REGISTERED}")]
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
    /// Made for something else than what it came with.
    #[error(
        "the client assertion is for something else: dw_new_kid (the thumbprint of the new key) stands in an assertion for the rotation of a key, and in no other"
    )]
    Purpose,
    /// For the rotation to another key than the one that came with it.
    #[error("dw_new_kid of the client assertion is not the thumbprint of public_key")]
    OtherKey,
    /// Taken before.
    #[error("this client assertion was used before: make a new one, with a new jti, for each request")]
    Replayed,
    /// Another agent than the request's `client_id` names.
    #[error("client_id is not the agent that the client assertion names; leave it out or make them equal")]
    OtherClient,
}

impl AssertionFault {
    /// The word under which the audit log has it.
    pub fn reason(&self) -> RefusalReason {
        match self {
            Self::Malformed(_) => RefusalReason::AssertionMalformed,
            Self::UnknownKey => RefusalReason::KeyUnknown,
            Self::Signature => RefusalReason::SignatureInvalid,
            Self::Audience { .. }
            | Self::Subject
            | Self::Lifetime { .. }
            | Self::OtherClient
            | Self::Purpose
            | Self::OtherKey => RefusalReason::ClaimsInvalid,
            Self::Expired { .. } | Self::NotYet { .. } => RefusalReason::ClockSkew,
            Self::Replayed => RefusalReason::Replayed,
        }
    }

    /// Whether the agent's clock is the likely cause.
    pub fn is_clock_skew(&self) -> bool {
        matches!(self, Self::Expired { .. } | Self::NotYet { .. })
    }
}

/// The claims, as they were read. Times as floats or strings, and members given twice, do not
/// parse.
#[derive(Debug, Deserialize)]
struct Claims {
    iss: AgentId,
    sub: AgentId,
    aud: OneOrMany,
    iat: i64,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    jti: String,
    #[serde(default)]
    dw_new_kid: Option<Kid>,
}

#[derive(Debug, Deserialize)]
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
#[derive(Debug)]
pub struct UnverifiedAssertion<'a> {
    /// Header and claims, as they were signed.
    message: &'a str,
    signature: Vec<u8>,
    algorithm: KeyAlgorithm,
    kid: Kid,
    claims: Claims,
    purpose: Purpose,
}

/// An assertion that is what it says: fits this issuer and this time, and is signed by the registered key. It may have been
/// used before.
#[derive(Debug, Clone)]
pub struct VerifiedAssertion {
    agent: AgentId,
    kid: Kid,
    used: UsedAssertion,
    new_kid: Option<Kid>,
}

impl VerifiedAssertion {
    /// The agent that made it.
    pub fn agent(&self) -> AgentId {
        self.agent
    }

    /// The key that signed it.
    pub fn kid(&self) -> &Kid {
        &self.kid
    }

    /// What is noted of it, so that it counts once.
    pub fn used(&self) -> UsedAssertion {
        self.used
    }
}

/// Accepts an assertion once, or says why not. For calls that need no token's speed: looks the key up and notes the use by
/// itself. `admit` says whether that agent may ask now.
pub async fn authenticate(
    db: &mut Connection,
    settings: &Settings,
    now_s: i64,
    text: &str,
    purpose: Purpose,
    admit: impl FnOnce(AgentId, OrgId) -> Result<(), Error>,
) -> Result<AuthenticatedAgent, Error> {
    let unverified = UnverifiedAssertion::parse_for(purpose, text, settings, now_s)?;
    let agent = agents::find_by_key(db, unverified.claimed_agent(), unverified.kid()).await?;
    let key = agent.as_ref().map(|agent| agent.key.prepare()).transpose()?;
    let verified = unverified.verify(key.as_ref())?;
    let agent = agent.ok_or(AssertionFault::UnknownKey)?;
    // Before anything is written: what is refused here leaves nothing on the disk.
    admit(agent.id, agent.scope.org())?;
    if !used_assertions::insert(db, &verified.used()).await? {
        return Err(AssertionFault::Replayed.into());
    }
    Ok(AuthenticatedAgent {
        id: agent.id,
        kid: verified.kid,
        scope: agent.scope,
        org_name: agent.org_name,
        new_kid: verified.new_kid,
    })
}

/// Whether the holder of `new` wants to be that agent: `text` is an assertion for the rotation to `new`, signed by `new`. It need
/// not be noted as used: it counts only beside an assertion of the present key, which is.
pub fn prove_possession(
    settings: &Settings,
    now_s: i64,
    text: &str,
    agent: AgentId,
    new: &PublicKey,
) -> Result<(), Error> {
    let unverified = UnverifiedAssertion::parse_for(Purpose::KeyRotation, text, settings, now_s)?;
    if unverified.claimed_agent() != agent {
        return Err(AssertionFault::OtherClient.into());
    }
    if unverified.kid() != new.kid() || unverified.claims.dw_new_kid.as_ref() != Some(new.kid()) {
        return Err(AssertionFault::OtherKey.into());
    }
    unverified.verify(Some(&new.prepare()?))?;
    Ok(())
}

impl<'a> UnverifiedAssertion<'a> {
    /// Reads an assertion and checks all that needs no key: it costs the least, and tells the caller nothing but what the
    /// caller wrote.
    pub fn parse(text: &'a str, settings: &Settings, now_s: i64) -> Result<Self, AssertionFault> {
        Self::parse_for(Purpose::Call, text, settings, now_s)
    }

    /// The same, for an assertion that came with something else than a call.
    pub fn parse_for(purpose: Purpose, text: &'a str, settings: &Settings, now_s: i64) -> Result<Self, AssertionFault> {
        let fault = AssertionFault::Malformed;
        if text.len() > LENGTH_MAX {
            return Err(fault("it is longer than 8,192 characters"));
        }
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(fault("a JWT has three parts"));
        };
        let message = &text[..header.len() + 1 + claims.len()];
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
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| fault("its signature is not base64url"))?;
        let claims: Claims = decode_json(claims).ok_or(fault(
            "its claims are not iss, sub (the agent id), aud, iat, exp (whole seconds) and jti, each once",
        ))?;
        check_claims(&claims, settings, now_s)?;
        Ok(Self { message, signature, algorithm, kid, claims, purpose })
    }

    /// The agent that it says to be of.
    pub fn claimed_agent(&self) -> AgentId {
        self.claims.iss
    }

    /// The key that it says to be signed by.
    pub fn kid(&self) -> &Kid {
        &self.kid
    }

    /// Verifies the signature with the key that is registered for [`Self::claimed_agent`] under [`Self::kid`]. Where there is
    /// none, or it is not one for the algorithm, verifies with a key that is nobody's: whoever is refused has waited for one
    /// verification.
    pub fn verify(self, key: Option<&VerificationKey>) -> Result<VerifiedAssertion, AssertionFault> {
        // The key decides the algorithm, never the header (RFC 8725, section 3.1).
        let Some(usable) = key.filter(|key| key.algorithm() == self.algorithm) else {
            let nobodys = match self.algorithm {
                KeyAlgorithm::Rs256 => &NOBODYS_RSA,
                KeyAlgorithm::Es256 => &NOBODYS_P256,
            };
            // The key is public, and so may be its private half: whatever comes out, the answer is no.
            let _ = nobodys.as_ref().map(|key| key.verifies(self.message.as_bytes(), &self.signature));
            return Err(if key.is_some() { AssertionFault::Signature } else { AssertionFault::UnknownKey });
        };
        if !usable.verifies(self.message.as_bytes(), &self.signature) {
            return Err(AssertionFault::Signature);
        }
        if self.claims.dw_new_kid.is_some() != (self.purpose == Purpose::KeyRotation) {
            return Err(AssertionFault::Purpose);
        }
        let keep_until_ms = (self.claims.exp + CLOCK_SKEW_S + 1).saturating_mul(1000);
        Ok(VerifiedAssertion {
            agent: self.claims.iss,
            kid: self.kid,
            used: UsedAssertion::new(self.claims.iss, &self.claims.jti, keep_until_ms),
            new_kid: self.claims.dw_new_kid,
        })
    }
}

/// The example keys of RFC 7638 (section 3.1) and RFC 7515 (appendix A.3): good for spending time on.
static NOBODYS_RSA: LazyLock<Option<VerificationKey>> = LazyLock::new(|| {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3okn\
             jhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qM\
             QvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJz\
             KnqDKgw";
    prepared(PublicJwk::Rsa { n: n.into(), e: "AQAB".into() })
});
static NOBODYS_P256: LazyLock<Option<VerificationKey>> = LazyLock::new(|| {
    prepared(PublicJwk::Ec {
        crv: "P-256".into(),
        x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU".into(),
        y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0".into(),
    })
});

fn prepared(jwk: PublicJwk) -> Option<VerificationKey> {
    PublicKey::new(jwk).and_then(|key| key.prepare()).ok()
}

/// An encoded JSON object. An array is none, although it could name the members by their order.
fn decode_json<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    // RFC 8259, section 2: blanks may stand before a value.
    let is_object = bytes.trim_ascii_start().first() == Some(&b'{');
    is_object.then(|| serde_json::from_slice(&bytes).ok()).flatten()
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
