//! Keys in memory, prepared once: parsing and checking a key for each signature would cost as much as signing.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPairComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents,
};
use driftwise_contract::Kid;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::error::SealFault;
use super::private_jwk::{PrivateJwk, number};
use super::{KeyAlgorithm, KeyringError, Signer, jwk};

/// A prepared key pair. Its Debug shows the kid only.
pub(super) struct LocalSigner {
    kid: Kid,
    algorithm: KeyAlgorithm,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
}

impl LocalSigner {
    /// Prepares a key. Fails unless all its numbers agree.
    pub(super) fn new(kid: Kid, jwk: &PrivateJwk) -> Result<Self, SealFault> {
        let number = |text: &str| number(text).ok_or(SealFault::Key);
        let (algorithm, pair) = match jwk {
            PrivateJwk::Rsa(key) if key.alg == "RS256" && key.use_ == "sig" => {
                let n = number(&key.n)?;
                let algorithm = match n.len() * 8 {
                    2048 => KeyAlgorithm::Rs256,
                    3072 => KeyAlgorithm::Rs256Bits3072,
                    _ => return Err(SealFault::Key),
                };
                #[expect(non_snake_case, reason = "the names of the struct's fields in aws-lc-rs")]
                let (dP, dQ, qInv) = (number(&key.dp)?, number(&key.dq)?, number(&key.qi)?);
                let components = KeyPairComponents {
                    public_key: RsaPublicKeyComponents { n, e: number(&key.e)? },
                    d: number(&key.d)?,
                    p: number(&key.p)?,
                    q: number(&key.q)?,
                    dP,
                    dQ,
                    qInv,
                };
                (algorithm, Pair::Rsa(RsaKeyPair::from_components(&components).map_err(|_| SealFault::Key)?))
            }
            PrivateJwk::Ec(key) if key.alg == "ES256" && key.use_ == "sig" && key.crv == "P-256" => {
                let point = jwk::subject_public_key(&jwk.public()).ok_or(SealFault::Key)?;
                let pair = EcdsaKeyPair::from_private_key_and_public_key(
                    &ECDSA_P256_SHA256_FIXED_SIGNING,
                    &number(&key.d)?,
                    &point,
                );
                (KeyAlgorithm::Es256, Pair::P256(pair.map_err(|_| SealFault::Key)?))
            }
            PrivateJwk::Rsa(_) | PrivateJwk::Ec(_) => return Err(SealFault::Key),
        };
        Ok(Self { kid, algorithm, pair })
    }

    pub(super) fn key_algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// The signature in JWS form.
    pub(super) fn sign_now(&self, message: &[u8]) -> Result<Vec<u8>, KeyringError> {
        let fault = |_| KeyringError::Signing { kid: self.kid.to_string(), cause: "aws-lc refused".into() };
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(fault)?;
                Ok(signature)
            }
            Pair::P256(pair) => pair.sign(&random, message).map(|signature| signature.as_ref().to_vec()).map_err(fault),
        }
    }
}

impl Signer for LocalSigner {
    fn kid(&self) -> &Kid {
        &self.kid
    }

    fn algorithm(&self) -> &'static str {
        self.algorithm.jws()
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, KeyringError>> {
        std::future::ready(self.sign_now(message)).boxed()
    }
}

impl fmt::Debug for LocalSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSigner").field("kid", &self.kid).finish_non_exhaustive()
    }
}
