//! Private keys as JWK (RFC 7518, sections 6.2.2 and 6.3.2), with the time of their making and their certificate. They
//! exist in memory and inside a seal only, and have no Debug.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::wire::PublicJwk;
use serde::{Deserialize, Serialize};

/// A private key. Keys of the first version have no `x5c`.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kty")]
pub(super) enum PrivateJwk {
    #[serde(rename = "RSA")]
    Rsa(PrivateRsaJwk),
    #[serde(rename = "EC")]
    Ec(PrivateEcJwk),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrivateRsaJwk {
    pub(super) kid: String,
    pub(super) alg: String,
    #[serde(rename = "use")]
    pub(super) use_: String,
    /// Seconds since the epoch.
    pub(super) created_at: i64,
    pub(super) n: String,
    pub(super) e: String,
    pub(super) d: String,
    pub(super) p: String,
    pub(super) q: String,
    pub(super) dp: String,
    pub(super) dq: String,
    pub(super) qi: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) x5c: Option<[String; 1]>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrivateEcJwk {
    pub(super) kid: String,
    pub(super) alg: String,
    #[serde(rename = "use")]
    pub(super) use_: String,
    /// Seconds since the epoch.
    pub(super) created_at: i64,
    pub(super) crv: String,
    pub(super) x: String,
    pub(super) y: String,
    pub(super) d: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) x5c: Option<[String; 1]>,
}

impl PrivateJwk {
    pub(super) fn public(&self) -> PublicJwk {
        match self {
            Self::Rsa(jwk) => PublicJwk::Rsa { n: jwk.n.clone(), e: jwk.e.clone() },
            Self::Ec(jwk) => PublicJwk::Ec { crv: jwk.crv.clone(), x: jwk.x.clone(), y: jwk.y.clone() },
        }
    }

    pub(super) fn kid(&self) -> &str {
        match self {
            Self::Rsa(jwk) => &jwk.kid,
            Self::Ec(jwk) => &jwk.kid,
        }
    }

    pub(super) fn created_at_s(&self) -> i64 {
        match self {
            Self::Rsa(jwk) => jwk.created_at,
            Self::Ec(jwk) => jwk.created_at,
        }
    }

    /// The certificate, DER in standard base64.
    pub(super) fn certificate(&self) -> Option<&str> {
        match self {
            Self::Rsa(jwk) => jwk.x5c.as_ref().map(|[certificate]| certificate.as_str()),
            Self::Ec(jwk) => jwk.x5c.as_ref().map(|[certificate]| certificate.as_str()),
        }
    }

    pub(super) fn set_certificate(&mut self, certificate: String) {
        match self {
            Self::Rsa(jwk) => jwk.x5c = Some([certificate]),
            Self::Ec(jwk) => jwk.x5c = Some([certificate]),
        }
    }
}

/// A member that holds a number (RFC 7518, section 2).
pub(super) fn number(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
