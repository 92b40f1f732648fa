//! Making keys in KMS.

use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::types::{KeySpec, KeyUsageType, Tag};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use driftwise_contract::IssuerUrl;
use driftwise_contract::wire::PublicJwk;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::client::{self, Kms};
use super::signer::{KmsReference, KmsSigner};
use crate::keyring::x5c::UnsignedCertificate;
use crate::keyring::{KeyAlgorithm, KeyMaker, KeyringError, Signer as _, SigningKey, jwk, thumbprint};

/// Makes keys that never leave KMS.
#[derive(Debug, Clone)]
pub struct KmsKeyMaker {
    kms: Kms,
    issuer: IssuerUrl,
}

impl KmsKeyMaker {
    /// A maker of keys for an issuer, whose URL the keys are tagged with.
    pub fn new(kms: Kms, issuer: IssuerUrl) -> Self {
        Self { kms, issuer }
    }

    async fn create(&self, algorithm: KeyAlgorithm, created_at_s: i64) -> Result<SigningKey, KeyringError> {
        let tag = Tag::builder().tag_key("driftwise:issuer").tag_value(self.issuer.as_str()).build();
        let created = self
            .kms
            .client()
            .await
            .create_key()
            .key_spec(spec(algorithm))
            .key_usage(KeyUsageType::SignVerify)
            .description("signs the tokens of a driftwise issuer")
            .tags(tag.map_err(|error| KeyringError::Generation(error.to_string()))?)
            .customize()
            // Creating is not idempotent: a second attempt after a lost answer would leave a key that nobody knows of.
            .config_override(client::call().retry_config(RetryConfig::disabled()))
            .send()
            .await
            .map_err(|error| client::fault("make a key in", "KMS", &error))?;
        let key_arn = created
            .key_metadata
            .and_then(|metadata| metadata.arn)
            .ok_or_else(|| KeyringError::Generation("KMS told no ARN of the key that it made".into()))?;
        match self.describe(algorithm, created_at_s, key_arn.clone()).await {
            Ok(key) => Ok(key),
            Err(error) => {
                if let Err(error) = self.kms.schedule_deletion(&key_arn).await {
                    tracing::warn!(key.arn = %key_arn, error = %error, "a key in KMS is not used and could not be given up");
                }
                Err(error)
            }
        }
    }

    /// The key that was made, with its public half and its certificate.
    async fn describe(
        &self,
        algorithm: KeyAlgorithm,
        created_at_s: i64,
        key_arn: String,
    ) -> Result<SigningKey, KeyringError> {
        let public = self.public_key(algorithm, &key_arn).await?;
        let kid = thumbprint(&public);
        let certificate_fault =
            |error: rcgen::Error| KeyringError::Certificate { kid: kid.to_string(), cause: error.to_string() };
        let unsigned = UnsignedCertificate::new(&kid, &public, created_at_s)?;
        let message = unsigned.message().map_err(certificate_fault)?;
        let fault = || KeyringError::Generation(format!("the public half of {key_arn} is not usable"));
        let signer = KmsSigner::of(self.kms.clone(), kid.clone(), algorithm, &key_arn, &public).ok_or_else(fault)?;
        let certificate = unsigned.sign(&signer.sign(&message).await?).map_err(certificate_fault)?;
        let reference = KmsReference {
            key_arn: key_arn.clone(),
            kid: kid.to_string(),
            alg: algorithm.to_string(),
            created_at: created_at_s,
            public,
            x5c: [STANDARD.encode(certificate)],
        };
        let payload = serde_json::to_vec(&reference).map_err(|error| KeyringError::Sealing(error.to_string()))?;
        SigningKey::from_kms_reference(reference, payload.into(), &self.kms).map_err(|_| fault())
    }

    async fn public_key(&self, algorithm: KeyAlgorithm, key_arn: &str) -> Result<PublicJwk, KeyringError> {
        let answer = self
            .kms
            .client()
            .await
            .get_public_key()
            .key_id(key_arn)
            .customize()
            .config_override(client::call_for(key_arn))
            .send()
            .await
            .map_err(|error| client::fault("read the public half of", key_arn, &error))?;
        let der = answer.public_key.unwrap_or_else(|| aws_sdk_kms::primitives::Blob::new(Vec::new()));
        let public = match algorithm {
            KeyAlgorithm::Rs256 | KeyAlgorithm::Rs256Bits3072 => jwk::rsa_from_spki(der.as_ref()),
            KeyAlgorithm::Es256 => jwk::p256_from_spki(der.as_ref()),
        };
        public.ok_or_else(|| KeyringError::Generation(format!("KMS made no {algorithm} key of {key_arn}")))
    }
}

impl KeyMaker for KmsKeyMaker {
    fn make(&self, algorithm: KeyAlgorithm, created_at_s: i64) -> BoxFuture<'_, Result<SigningKey, KeyringError>> {
        self.create(algorithm, created_at_s).boxed()
    }
}

fn spec(algorithm: KeyAlgorithm) -> KeySpec {
    match algorithm {
        KeyAlgorithm::Rs256 => KeySpec::Rsa2048,
        KeyAlgorithm::Rs256Bits3072 => KeySpec::Rsa3072,
        KeyAlgorithm::Es256 => KeySpec::EccNistP256,
    }
}
