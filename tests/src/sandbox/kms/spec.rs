//! Key specs: what they are made of and which algorithms they sign by.

use std::fmt;

use aws_lc_rs::{
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, RsaKeyPair},
};

use super::internal;
use crate::sandbox::AwsError;

/// A key spec that the sandbox makes keys of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spec {
    Rsa2048,
    Rsa3072,
    Rsa4096,
    EccNistP256,
    /// One secret that encrypts and decrypts. What is under it is kept in the clear here: who may use the key is the point.
    Symmetric,
}

/// The pair behind a key. Its Debug shows nothing.
pub(super) enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Secret,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pair")
    }
}

impl Spec {
    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::Rsa2048, Self::Rsa3072, Self::Rsa4096, Self::EccNistP256, Self::Symmetric]
            .into_iter()
            .find(|spec| spec.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rsa2048 => "RSA_2048",
            Self::Rsa3072 => "RSA_3072",
            Self::Rsa4096 => "RSA_4096",
            Self::EccNistP256 => "ECC_NIST_P256",
            Self::Symmetric => "SYMMETRIC_DEFAULT",
        }
    }

    /// The one usage that the spec is for here.
    pub(super) fn usage(self) -> &'static str {
        match self {
            Self::Symmetric => "ENCRYPT_DECRYPT",
            _ => "SIGN_VERIFY",
        }
    }

    /// What AWS lists for the spec. The sandbox signs by the PKCS #1 ones and ECDSA.
    pub(super) fn algorithms(self) -> &'static [&'static str] {
        match self {
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => &[
                "RSASSA_PKCS1_V1_5_SHA_256",
                "RSASSA_PKCS1_V1_5_SHA_384",
                "RSASSA_PKCS1_V1_5_SHA_512",
                "RSASSA_PSS_SHA_256",
                "RSASSA_PSS_SHA_384",
                "RSASSA_PSS_SHA_512",
            ],
            Self::EccNistP256 => &["ECDSA_SHA_256"],
            Self::Symmetric => &[],
        }
    }

    pub(super) fn generate(self) -> Result<Pair, AwsError> {
        let size = match self {
            Self::Rsa2048 => KeySize::Rsa2048,
            Self::Rsa3072 => KeySize::Rsa3072,
            Self::Rsa4096 => KeySize::Rsa4096,
            Self::Symmetric => return Ok(Pair::Secret),
            Self::EccNistP256 => {
                return EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map(Pair::P256).map_err(|_| internal());
            }
        };
        RsaKeyPair::generate(size).map(Pair::Rsa).map_err(|_| internal())
    }
}
