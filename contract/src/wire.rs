//! Messages between agent, issuer and scripts.

use std::fmt;

use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::claims::TrustForm;
use crate::ids::{AccountId, AgentId, Audience, IssuerUrl, Kid, OrgId, Region, RoleArn};
use crate::scope::SessionScope;

/// Paths of the issuer, relative to the issuer URL.
pub mod paths {
    /// The OpenID Connect discovery document.
    pub const DISCOVERY: &str = "/.well-known/openid-configuration";
    /// The JSON Web Key Set.
    pub const JWKS: &str = "/.well-known/jwks.json";
    /// What a customer needs to register the issuer.
    pub const FEDERATION_INFO: &str = "/federation-info";
    /// The same, under the versioned API.
    pub const FEDERATION_INFO_V2: &str = "/api/v2/federation-info";
    /// The discovery document of an org's own issuer, `<issuer>/orgs/<org>`.
    pub const ORG_DISCOVERY: &str = "/orgs/{org_id}/.well-known/openid-configuration";
    /// The JSON Web Key Set of an org's own issuer.
    pub const ORG_JWKS: &str = "/orgs/{org_id}/.well-known/jwks.json";
    /// What a customer needs to register an org's own issuer.
    pub const ORG_FEDERATION_INFO: &str = "/orgs/{org_id}/federation-info";
    /// The token endpoint (RFC 6749).
    pub const TOKEN: &str = "/oauth2/token";
    /// Enrolment: a one-time code for a registered key.
    pub const ENROL: &str = "/api/v2/agents/enrol";
    /// The calling agent: its org and accounts. Authenticated by a client assertion as bearer token.
    pub const AGENT: &str = "/api/v2/agent";
    /// The calling agent's key: puts another one in its place. Authenticated by an assertion of the present key that names it.
    pub const AGENT_KEY: &str = "/api/v2/agent/key";
    /// A canary token ([`crate::proof`]) for the calling agent.
    pub const CANARY_TOKEN: &str = "/api/v2/agent/canary-token";
    /// The calling agent's word on whether a role is proven.
    pub const PROOF: &str = "/api/v2/agent/proof";
    /// A federation token for the holder of an API key; `{org_id}` is the org's UUID.
    pub const FEDERATION_TOKEN: &str = "/api/v2/orgs/{org_id}/federation-token";
    /// An org's audit log, for the holder of an API key.
    pub const AUDIT_LOG: &str = "/api/v2/orgs/{org_id}/audit-log";
    /// Whether an org's audit log is intact.
    pub const AUDIT_LOG_VERIFY: &str = "/api/v2/orgs/{org_id}/audit-log/verify";
}

/// `client_assertion_type` of RFC 7523.
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long a client assertion may live at most, in seconds (`exp` minus `iat`).
pub const ASSERTION_LIFETIME_MAX_S: i64 = 300;
/// How far the clocks of agent and issuer may differ, in seconds.
pub const CLOCK_SKEW_S: i64 = 60;

/// The claims of an agent's client assertion (RFC 7523, section 3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientAssertionClaims {
    /// The agent.
    pub iss: AgentId,
    /// The agent again.
    pub sub: AgentId,
    /// The issuer's URL or its token endpoint.
    pub aud: String,
    /// Seconds since the epoch.
    pub iat: i64,
    /// Seconds since the epoch; at most [`ASSERTION_LIFETIME_MAX_S`] after `iat`.
    pub exp: i64,
    /// Unique per assertion: an assertion is taken once.
    pub jti: String,
    /// What this assertion is for, where it is for the rotation of the agent's key ([`paths::AGENT_KEY`]): the thumbprint of
    /// the new key. An assertion with it is taken nowhere else, and there none without it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dw_new_kid: Option<Kid>,
}

/// `/federation-info`: what a customer needs to register the issuer with AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FederationInfo {
    /// The issuer URL.
    pub issuer: IssuerUrl,
    /// The JWKS address.
    pub jwks_uri: String,
    /// The token endpoint.
    pub token_endpoint: String,
    /// The client ids to register with the provider; tokens carry one of them as `aud`.
    pub audiences: Vec<Audience>,
    /// The form of `sub`: `org-<uuid>`.
    pub subject_format: String,
    /// The signature algorithms of federation tokens.
    pub signing_algs: Vec<String>,
    /// How long a federation token lives, in seconds.
    pub token_lifetime_s: i64,
    /// The claims that a federation token may carry.
    pub claims: Vec<String>,
    /// The trust-policy forms that the issuer can generate; the first is the default.
    pub trust_policy_forms: Vec<TrustForm>,
    /// SHA-1 of the published keys' certificates, hexadecimal: the provider's thumbprints for STS servers that check them
    /// (Ceph RGW 20). Left out where keys are published without certificates; AWS needs none.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub thumbprints: Vec<String>,
}

/// Request of `POST /api/v2/agents/enrol`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolRequest {
    /// The one-time code that the operator handed over.
    pub code: String,
    /// The public key that the agent made.
    pub public_key: PublicJwk,
    /// A name for people: the agent's host.
    #[serde(default)]
    pub name: String,
}

/// Request of `POST /api/v2/agent/key`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateKeyRequest {
    /// The public key that takes the place of the one that signed the request's assertion, which names it.
    pub public_key: PublicJwk,
    /// That the agent holds its private half: an assertion with the same `dw_new_kid`, signed by the new key.
    pub proof: String,
}

/// Request of `POST /api/v2/orgs/{org_id}/federation-token`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FederationTokenRequest {
    /// The registered role that the token is to be pinned to.
    pub role_arn: RoleArn,
    /// What the session is for.
    #[serde(default)]
    pub scope: SessionScope,
}

/// Stands in the error of reading a [`PublicJwk`] from a JWK that holds private members.
pub const PRIVATE_KEY_SENT: &str = "this is a private key, and it was sent: consider it exposed, never use it again, make a \
                                    new one and send its public half only";

/// A public key as a JWK (RFC 7517): RSA or P-256. Members that say what the key is for (`use`, `alg`, `kid`) are ignored;
/// those of a private key are refused with [`PRIVATE_KEY_SENT`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kty")]
pub enum PublicJwk {
    /// A P-256 key, base64url coordinates of 32 bytes.
    #[serde(rename = "EC")]
    Ec {
        /// Always `P-256`.
        crv: String,
        /// The x coordinate.
        x: String,
        /// The y coordinate.
        y: String,
    },
    /// An RSA key of 2,048 to 4,096 bits, base64url big-endian numbers.
    #[serde(rename = "RSA")]
    Rsa {
        /// The modulus.
        n: String,
        /// The exponent.
        e: String,
    },
}

impl<'de> Deserialize<'de> for PublicJwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PublicJwkVisitor)
    }
}

struct PublicJwkVisitor;

impl<'de> Visitor<'de> for PublicJwkVisitor {
    type Value = PublicJwk;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a public JWK")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PublicJwk, A::Error> {
        const MEMBERS: [&str; 6] = ["kty", "crv", "x", "y", "n", "e"];
        let mut values: [Option<String>; 6] = Default::default();
        while let Some(name) = map.next_key::<String>()? {
            if let Some(at) = MEMBERS.iter().position(|member| *member == name) {
                // RFC 7517, section 4: member names are unique.
                if values[at].replace(map.next_value()?).is_some() {
                    return Err(A::Error::duplicate_field(MEMBERS[at]));
                }
            // RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1: the private members of every key type.
            } else if matches!(name.as_str(), "d" | "p" | "q" | "dp" | "dq" | "qi" | "oth" | "k") {
                return Err(A::Error::custom(PRIVATE_KEY_SENT));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        let [kty, crv, x, y, n, e] = values;
        let need = |value: Option<String>, name| value.ok_or_else(|| A::Error::missing_field(name));
        match need(kty, "kty")?.as_str() {
            "EC" => Ok(PublicJwk::Ec { crv: need(crv, "crv")?, x: need(x, "x")?, y: need(y, "y")? }),
            "RSA" => Ok(PublicJwk::Rsa { n: need(n, "n")?, e: need(e, "e")? }),
            _ => Err(A::Error::custom("kty is neither EC nor RSA")),
        }
    }
}

/// An account that an org registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountInfo {
    /// The account.
    pub account_id: AccountId,
    /// The role to assume in it.
    pub role_arn: RoleArn,
    /// The region of its Resource Explorer aggregator.
    pub region: Region,
    /// The form of the role's trust policy.
    pub trust_form: TrustForm,
}

/// Answer of enrolment and of `GET /api/v2/agent`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentInfo {
    /// The agent: `iss` and `sub` of its assertions.
    pub agent_id: AgentId,
    /// Its org.
    pub org_id: OrgId,
    /// The org's name, for people.
    pub org_name: String,
    /// The issuer URL: the `aud` of the agent's assertions.
    pub issuer: IssuerUrl,
    /// Where tokens are got.
    pub token_endpoint: String,
    /// The org's registered accounts.
    pub accounts: Vec<AccountInfo>,
}

/// Answer of the token endpoint (RFC 6749, section 5.1).
#[derive(Clone, Serialize, Deserialize)]
pub struct TokenResponse {
    /// The federation token.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds until the token expires.
    pub expires_in: i64,
    /// What the session is for, and so which session policy narrows it. An answer without one is for a scan.
    #[serde(default)]
    pub scope: SessionScope,
}

impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponse")
            .field("expires_in", &self.expires_in)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// An error of the token endpoint (RFC 6749, section 5.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuthError {
    /// The code.
    pub error: OAuthErrorCode,
    /// Cause and fix, for people.
    pub error_description: String,
}

/// The error codes of RFC 6749 (section 5.2), RFC 8707 (`invalid_target`), and a full or failing server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OAuthErrorCode {
    /// A parameter is missing, repeated or malformed.
    InvalidRequest,
    /// The client assertion was not accepted.
    InvalidClient,
    /// The grant is not valid.
    InvalidGrant,
    /// The client may not use this grant type.
    UnauthorizedClient,
    /// Only `client_credentials` is served.
    UnsupportedGrantType,
    /// The scope is unknown.
    InvalidScope,
    /// The `resource` is not a registered role of the agent's org (RFC 8707).
    InvalidTarget,
    /// The server can't answer now.
    TemporarilyUnavailable,
    /// The server failed.
    ServerError,
}

/// An error of every other endpoint (RFC 9457, `application/problem+json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A stable code: `enrolment_code_invalid`.
    pub code: String,
    /// The kind of problem, in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Cause and fix; absent on a 500.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
    /// The id under which the server logged it.
    pub request_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PublicJwk, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_public_key_reads_back_as_it_was_written() {
        let ec = PublicJwk::Ec { crv: "P-256".into(), x: "eA".into(), y: "eQ".into() };
        let rsa = PublicJwk::Rsa { n: "bg".into(), e: "AQAB".into() };
        assert_eq!(serde_json::to_string(&ec).unwrap(), r#"{"kty":"EC","crv":"P-256","x":"eA","y":"eQ"}"#);
        for key in [ec, rsa] {
            assert_eq!(read(&serde_json::to_string(&key).unwrap()), Ok(key));
        }
    }

    #[test]
    fn what_a_key_is_for_is_ignored_and_what_is_private_is_refused() {
        let good = r#""kty":"RSA","n":"bg","e":"AQAB""#;
        let more = r#""use":"sig","alg":"RS256","kid":"k1","key_ops":["verify"]"#;
        assert!(read(&format!("{{{good},{more}}}")).is_ok());
        for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            for value in [r#""c2VjcmV0""#, "null", "[]"] {
                for text in [format!(r#"{{{good},"{member}":{value}}}"#), format!(r#"{{"{member}":{value},{good}}}"#)] {
                    let error = read(&text).unwrap_err();
                    assert!(error.contains(PRIVATE_KEY_SENT) && !error.contains("c2VjcmV0"), "{error}");
                }
            }
        }
    }

    #[test]
    fn other_kinds_missing_and_repeated_members_are_refused() {
        for text in [
            "{}",
            r#"{"kty":"OKP","crv":"Ed25519","x":"eA"}"#,
            r#"{"kty":"RSA","n":"bg"}"#,
            r#"{"kty":"RSA","n":"bg","e":"AQAB","e":"AQAB"}"#,
            r#"{"kty":"RSA","n":1,"e":"AQAB"}"#,
            "[]",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
