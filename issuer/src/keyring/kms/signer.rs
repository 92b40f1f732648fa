//! A key in KMS as a signer.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use driftwise_contract::Kid;
use driftwise_contract::wire::PublicJwk;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::client::{self, Kms};
use crate::keyring::der::ecdsa_from_der;
use crate::keyring::{KeyAlgorithm, KeyringError, Signer, jwk};

/// What is sealed of a key that lies in KMS.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::keyring) struct KmsReference {
    pub(in crate::keyring) key_arn: String,
    pub(in crate::keyring) kid: String,
    /// As in the configuration: `RS256-3072`.
    pub(in crate::keyring) alg: String,
    /// Seconds since the epoch.
    pub(in crate::keyring) created_at: i64,
    pub(in crate::keyring) public: PublicJwk,
    pub(in crate::keyring) x5c: [String; 1],
}

/// Signs by `kms:Sign`. The first signature is verified against the public half: a key that was exchanged behind the ARN is
/// found before a token leaves that nobody can verify.
pub(in crate::keyring) struct KmsSigner {
    kms: Kms,
    kid: Kid,
    algorithm: KeyAlgorithm,
    key_arn: String,
    public_key: Vec<u8>,
    is_verified: AtomicBool,
}

impl KmsSigner {
    /// None when the public half is not one of that algorithm.
    pub(in crate::keyring) fn new(
        kms: Kms,
        kid: Kid,
        algorithm: KeyAlgorithm,
        reference: &KmsReference,
    ) -> Option<Self> {
        Self::of(kms, kid, algorithm, &reference.key_arn, &reference.public)
    }

    pub(super) fn of(kms: Kms, kid: Kid, algorithm: KeyAlgorithm, key_arn: &str, public: &PublicJwk) -> Option<Self> {
        let fits = match (algorithm, public) {
            (KeyAlgorithm::Rs256 | KeyAlgorithm::Rs256Bits3072, PublicJwk::Rsa { .. }) => true,
            (KeyAlgorithm::Es256, PublicJwk::Ec { crv, .. }) => crv == "P-256",
            _ => false,
        };
        let public_key = jwk::subject_public_key(public).filter(|_| fits)?;
        Some(Self { kms, kid, algorithm, key_arn: key_arn.to_owned(), public_key, is_verified: AtomicBool::new(false) })
    }

    async fn sign_in_kms(&self, message: &[u8]) -> Result<Vec<u8>, KeyringError> {
        let signed = self
            .kms
            .client()
            .await
            .sign()
            .key_id(&self.key_arn)
            // KMS takes messages of up to 4,096 bytes and digests of any: a digest is all that it needs to see.
            .message(Blob::new(Sha256::digest(message).to_vec()))
            .message_type(MessageType::Digest)
            .signing_algorithm(match self.algorithm {
                KeyAlgorithm::Rs256 | KeyAlgorithm::Rs256Bits3072 => SigningAlgorithmSpec::RsassaPkcs1V15Sha256,
                KeyAlgorithm::Es256 => SigningAlgorithmSpec::EcdsaSha256,
            })
            .customize()
            .config_override(client::call_for(&self.key_arn))
            .send()
            .await
            .map_err(|error| client::fault("sign with", &self.key_arn, &error))?;
        let signature = signed.signature.map(Blob::into_inner).unwrap_or_default();
        // KMS gives ECDSA signatures in DER (API reference, Sign); a JWS has them fixed.
        let signature = match self.algorithm {
            KeyAlgorithm::Rs256 | KeyAlgorithm::Rs256Bits3072 => Some(signature),
            KeyAlgorithm::Es256 => ecdsa_from_der(&signature),
        };
        let signature = signature.ok_or_else(|| self.fault("KMS gave a signature of another form"))?;
        if !self.is_verified.load(Ordering::Relaxed) {
            self.verify(message, &signature)?;
            self.is_verified.store(true, Ordering::Relaxed);
        }
        Ok(signature)
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyringError> {
        let verified = match self.algorithm {
            KeyAlgorithm::Rs256 | KeyAlgorithm::Rs256Bits3072 => {
                UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.public_key).verify(message, signature)
            }
            KeyAlgorithm::Es256 => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.public_key).verify(message, signature)
            }
        };
        verified.map_err(|_| self.fault("its signature does not verify with the published key"))
    }

    fn fault(&self, cause: &str) -> KeyringError {
        KeyringError::Signing { kid: self.kid.to_string(), cause: format!("{cause} ({})", self.key_arn) }
    }
}

impl Signer for KmsSigner {
    fn kid(&self) -> &Kid {
        &self.kid
    }

    fn algorithm(&self) -> &'static str {
        self.algorithm.jws()
    }

    fn occupies_a_core(&self) -> bool {
        false
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, KeyringError>> {
        self.sign_in_kms(message).boxed()
    }
}

impl fmt::Debug for KmsSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KmsSigner").field("kid", &self.kid).field("key_arn", &self.key_arn).finish_non_exhaustive()
    }
}
