//! The certificate of a signing key: self-signed by the key itself, made once, with the key, and sealed beside it, so that
//! every start and every replica publishes the same bytes.
//!
//! It says nothing that the JWK does not say. It exists for STS servers that read keys from `x5c` only (Ceph RGW), and is
//! published where `federation.x5c` asks for it. AWS compares it with the key, so it must agree: it is made from the key.

use std::cell::RefCell;

use aws_lc_rs::digest;
use driftwise_contract::Kid;
use driftwise_contract::wire::PublicJwk;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyIdMethod, SerialNumber, SignatureAlgorithm};
use time::OffsetDateTime;
use time::macros::datetime;

use super::der::ecdsa_to_der;
use super::{KeyringError, jwk};

/// RFC 5280, section 4.1.2.5: the date of a certificate without a well-defined end. How long the key counts is decided by
/// its publication.
const NO_END: OffsetDateTime = datetime!(9999-12-31 23:59:59 UTC);

/// A certificate that is not signed yet.
pub(super) struct UnsignedCertificate {
    params: CertificateParams,
    public_key: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
}

impl UnsignedCertificate {
    /// The certificate of a key. The same key and time give the same bytes.
    pub(super) fn new(kid: &Kid, public: &PublicJwk, created_at_s: i64) -> Result<Self, KeyringError> {
        let fault = |cause: &str| KeyringError::Certificate { kid: kid.to_string(), cause: cause.to_owned() };
        let mut params = CertificateParams::default();
        params.not_before = OffsetDateTime::from_unix_timestamp(created_at_s)
            .map_err(|_| fault("the time of its making is no date"))?;
        params.not_after = NO_END;
        let digest = digest::digest(&digest::SHA256, kid.as_str().as_bytes());
        let mut serial = digest.as_ref()[..16].to_vec();
        // RFC 5280, section 4.1.2.2: positive, 20 octets at most.
        serial[0] = serial[0] & 0x3f | 0x40;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.key_identifier_method = KeyIdMethod::PreSpecified(serial);
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, format!("driftwise {kid}"));
        params.distinguished_name = name;
        let (public_key, algorithm) = match public {
            PublicJwk::Rsa { .. } => (jwk::subject_public_key(public), &rcgen::PKCS_RSA_SHA256),
            PublicJwk::Ec { .. } => (jwk::subject_public_key(public), &rcgen::PKCS_ECDSA_P256_SHA256),
        };
        let public_key = public_key.ok_or_else(|| fault("its public key is not a usable one"))?;
        Ok(Self { params, public_key, algorithm })
    }

    /// What the key must sign, in the way it signs tokens.
    pub(super) fn message(&self) -> Result<Vec<u8>, rcgen::Error> {
        let subject = Subject { of: self, signature: Vec::new(), message: RefCell::default() };
        self.params.self_signed(&subject)?;
        Ok(subject.message.into_inner())
    }

    /// The certificate (DER) with the key's signature, in JWS form, over [`UnsignedCertificate::message`].
    pub(super) fn sign(&self, signature: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature = if self.algorithm == &rcgen::PKCS_ECDSA_P256_SHA256 {
            ecdsa_to_der(signature).ok_or(rcgen::Error::RemoteKeyError)?
        } else {
            signature.to_vec()
        };
        let subject = Subject { of: self, signature, message: RefCell::default() };
        Ok(self.params.self_signed(&subject)?.der().to_vec())
    }
}

/// Stands in for the key while rcgen writes: notes what is to be signed, and hands out the signature that is there. The key
/// itself may lie in a key service, where signing waits.
struct Subject<'a> {
    of: &'a UnsignedCertificate,
    signature: Vec<u8>,
    message: RefCell<Vec<u8>>,
}

impl rcgen::PublicKeyData for Subject<'_> {
    fn der_bytes(&self) -> &[u8] {
        &self.of.public_key
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.of.algorithm
    }
}

impl rcgen::SigningKey for Subject<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        message.clone_into(&mut self.message.borrow_mut());
        Ok(self.signature.clone())
    }
}
