//! An opened signing key: its public half, its certificate, and what signs with it, in memory or in a key service.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use driftwise_contract::Kid;
use driftwise_contract::wire::PublicJwk;
use secrecy::SecretSlice;

use super::error::SealFault;
use super::generate::generate;
use super::kms::{Kms, KmsReference, KmsSigner};
use super::local_signer::LocalSigner;
use super::private_jwk::PrivateJwk;
use super::x5c::UnsignedCertificate;
use super::{KeyAlgorithm, KeyringError, PublishedJwk, Signer, jwk, thumbprint};

/// A key that signs. Its Debug shows the kid only.
pub struct SigningKey {
    kid: Kid,
    algorithm: KeyAlgorithm,
    created_at_s: i64,
    public: PublicJwk,
    /// DER in standard base64.
    certificate: String,
    key_arn: Option<String>,
    payload: Payload,
    signer: Arc<dyn Signer>,
}

/// What is sealed of a key, and its kind (the `cty` of the seal).
pub(super) struct Payload {
    content_type: &'static str,
    secret: SecretSlice<u8>,
}

impl Payload {
    /// A private key as JWK.
    pub(super) const PRIVATE_JWK: &str = "jwk+json";
    /// The name of a key in AWS KMS, and its public half.
    pub(super) const KMS_REFERENCE: &str = "driftwise-kms-key+json";

    pub(super) fn content_type(&self) -> &'static str {
        self.content_type
    }

    pub(super) fn secret(&self) -> &SecretSlice<u8> {
        &self.secret
    }
}

impl SigningKey {
    /// A new key in memory. An RSA key takes a second or two of work: call it off the async threads.
    pub fn generate(algorithm: KeyAlgorithm, created_at_s: i64) -> Result<Self, KeyringError> {
        let fault = |fault: SealFault| KeyringError::Generation(fault.to_string());
        let mut jwk = generate(algorithm, created_at_s)?;
        let (kid, signer) = prepare(&jwk).map_err(fault)?;
        jwk.set_certificate(certify(&kid, &jwk, &signer)?);
        let secret = serde_json::to_vec(&jwk).map_err(|error| KeyringError::Sealing(error.to_string()))?;
        Self::from_private_jwk(&jwk, secret.into()).map_err(fault)
    }

    /// Prepares a key. Fails unless all its numbers agree and its kid is its thumbprint.
    pub(super) fn from_private_jwk(jwk: &PrivateJwk, secret: SecretSlice<u8>) -> Result<Self, SealFault> {
        let (kid, signer) = prepare(jwk)?;
        let certificate = match (jwk, jwk.certificate()) {
            (_, Some(certificate)) => certificate.to_owned(),
            // A key of the first version, sealed without a certificate. RSASSA-PKCS1-v1_5 is deterministic, so every start
            // makes the same one.
            (PrivateJwk::Rsa(_), None) => certify(&kid, jwk, &signer).map_err(|_| SealFault::Key)?,
            (PrivateJwk::Ec(_), None) => return Err(SealFault::Key),
        };
        Ok(Self {
            kid,
            algorithm: signer.key_algorithm(),
            created_at_s: jwk.created_at_s(),
            public: jwk.public(),
            certificate,
            key_arn: None,
            payload: Payload { content_type: Payload::PRIVATE_JWK, secret },
            signer: Arc::new(signer),
        })
    }

    /// A key in KMS. Nothing is asked of KMS before the first signature, which is verified against the sealed public half.
    pub(super) fn from_kms_reference(
        reference: KmsReference,
        secret: SecretSlice<u8>,
        kms: &Kms,
    ) -> Result<Self, SealFault> {
        let kid = thumbprint(&reference.public);
        if reference.kid != kid.as_str() {
            return Err(SealFault::WrongKid);
        }
        let algorithm: KeyAlgorithm = reference.alg.parse().map_err(|_| SealFault::Key)?;
        let signer = KmsSigner::new(kms.clone(), kid.clone(), algorithm, &reference).ok_or(SealFault::Key)?;
        let [certificate] = reference.x5c;
        Ok(Self {
            kid,
            algorithm,
            created_at_s: reference.created_at,
            public: reference.public,
            certificate,
            key_arn: Some(reference.key_arn),
            payload: Payload { content_type: Payload::KMS_REFERENCE, secret },
            signer: Arc::new(signer),
        })
    }

    pub(super) fn payload(&self) -> &Payload {
        &self.payload
    }

    /// The thumbprint.
    pub fn kid(&self) -> &Kid {
        &self.kid
    }

    /// What it is and how it signs.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// When it was made, seconds since the epoch.
    pub fn created_at_s(&self) -> i64 {
        self.created_at_s
    }

    /// The ARN of a key that lies in KMS.
    pub fn key_arn(&self) -> Option<&str> {
        self.key_arn.as_deref()
    }

    /// What signs with it.
    pub fn signer(&self) -> Arc<dyn Signer> {
        self.signer.clone()
    }

    /// The public half, as it is published; with the certificate where `federation.x5c` asks for it.
    pub fn published(&self, x5c: bool) -> PublishedJwk {
        PublishedJwk {
            key: self.public.clone(),
            kid: self.kid.clone(),
            use_: "sig",
            alg: self.algorithm.jws(),
            x5c: x5c.then(|| [self.certificate.clone()]),
        }
    }

    /// The SHA-1 of the certificate, 40 hexadecimal digits: the provider's thumbprint for an STS that enforces it.
    pub fn certificate_sha1(&self) -> Option<String> {
        STANDARD.decode(&self.certificate).ok().map(|der| jwk::sha1_hex(&der))
    }
}

/// The prepared pair, and the kid, which must be the thumbprint.
fn prepare(jwk: &PrivateJwk) -> Result<(Kid, LocalSigner), SealFault> {
    let kid = thumbprint(&jwk.public());
    if jwk.kid() != kid.as_str() {
        return Err(SealFault::WrongKid);
    }
    let signer = LocalSigner::new(kid.clone(), jwk)?;
    Ok((kid, signer))
}

fn certify(kid: &Kid, jwk: &PrivateJwk, signer: &LocalSigner) -> Result<String, KeyringError> {
    let fault = |error: rcgen::Error| KeyringError::Certificate { kid: kid.to_string(), cause: error.to_string() };
    let unsigned = UnsignedCertificate::new(kid, &jwk.public(), jwk.created_at_s())?;
    let signature = signer.sign_now(&unsigned.message().map_err(fault)?)?;
    Ok(STANDARD.encode(unsigned.sign(&signature).map_err(fault)?))
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}
