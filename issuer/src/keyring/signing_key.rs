//! An opened signing key: a prepared RSA key pair in memory.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPairComponents;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::Kid;
use driftwise_contract::wire::PublicJwk;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::error::SealFault;
use super::generate::generate_rsa;
use super::{KeyringError, PublishedJwk, Signer, thumbprint};

/// An RSA key that signs. Its Debug shows the kid only.
pub struct SigningKey {
    kid: Kid,
    created_at_s: i64,
    jwk: PrivateJwk,
    pair: RsaKeyPair,
}

/// The private key as JWK (RFC 7518, section 6.3.2), with the time it was made. Exists in memory and inside a seal only;
/// has no Debug.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrivateJwk {
    pub(super) kty: String,
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
}

impl SigningKey {
    /// A new RSA-2048 key: the size that every STS takes. One to two seconds of work.
    pub fn generate(created_at_s: i64) -> Result<Self, KeyringError> {
        let jwk = generate_rsa(created_at_s)?;
        Self::from_jwk(jwk).map_err(|fault| KeyringError::Generation(fault.to_string()))
    }

    /// Prepares a key. Fails unless all its numbers agree and its kid is its thumbprint.
    pub(super) fn from_jwk(jwk: PrivateJwk) -> Result<Self, SealFault> {
        if jwk.kty != "RSA" || jwk.alg != "RS256" || jwk.use_ != "sig" {
            return Err(SealFault::Key);
        }
        let number = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| SealFault::Key);
        #[expect(non_snake_case, reason = "the names of the struct's fields in aws-lc-rs")]
        let (dP, dQ, qInv) = (number(&jwk.dp)?, number(&jwk.dq)?, number(&jwk.qi)?);
        let components = KeyPairComponents {
            public_key: RsaPublicKeyComponents { n: number(&jwk.n)?, e: number(&jwk.e)? },
            d: number(&jwk.d)?,
            p: number(&jwk.p)?,
            q: number(&jwk.q)?,
            dP,
            dQ,
            qInv,
        };
        let pair = RsaKeyPair::from_components(&components).map_err(|_| SealFault::Key)?;
        let kid = thumbprint(&PublicJwk::Rsa { n: jwk.n.clone(), e: jwk.e.clone() });
        if jwk.kid != kid.as_str() {
            return Err(SealFault::WrongKid);
        }
        Ok(Self { kid, created_at_s: jwk.created_at, jwk, pair })
    }

    pub(super) fn jwk(&self) -> &PrivateJwk {
        &self.jwk
    }

    /// The thumbprint.
    pub fn kid(&self) -> &Kid {
        &self.kid
    }

    /// When it was made, seconds since the epoch.
    pub fn created_at_s(&self) -> i64 {
        self.created_at_s
    }

    /// The public half, as it is published.
    pub fn published(&self) -> PublishedJwk {
        PublishedJwk {
            kty: "RSA",
            kid: self.kid.clone(),
            use_: "sig",
            alg: "RS256",
            n: self.jwk.n.clone(),
            e: self.jwk.e.clone(),
        }
    }
}

impl Signer for SigningKey {
    fn kid(&self) -> &Kid {
        &self.kid
    }

    fn algorithm(&self) -> &'static str {
        "RS256"
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, KeyringError>> {
        let sign = || {
            let mut signature = vec![0; self.pair.public_modulus_len()];
            self.pair
                .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                .map_err(|_| KeyringError::Signing { kid: self.kid.to_string() })?;
            Ok(signature)
        };
        std::future::ready(sign()).boxed()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}
