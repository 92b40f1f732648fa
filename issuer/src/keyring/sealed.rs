//! Signing keys at rest. What is sealed is one of three things, told apart by the authenticated `cty` and by `kty`: a
//! private RSA key, a private EC key, or the name of a key that lies in AWS KMS with its public half. So the public half
//! always comes out of an opened seal: nobody who can write the store can have a key of their own published.

use std::fmt;

use driftwise_contract::Kid;
use secrecy::ExposeSecret as _;

use super::envelope;
use super::error::SealFault;
use super::kms::Kms;
use super::private_jwk::PrivateJwk;
use super::signing_key::Payload;
use super::{KeyringError, MasterKey, MasterKeys, SigningKey};

const PURPOSE: &str = "driftwise signing key";

/// A sealed signing key, the kid that it is filed under, and where it lies.
#[derive(Clone)]
pub struct SealedKey {
    kid: Kid,
    jwe: String,
    place: String,
}

impl SealedKey {
    /// Seals a key.
    pub fn seal(key: &SigningKey, master_key: &MasterKey) -> Result<Self, KeyringError> {
        let payload = key.payload();
        let jwe = envelope::seal(
            PURPOSE,
            key.kid().as_str(),
            payload.content_type(),
            payload.secret().expose_secret(),
            master_key,
        )?;
        Ok(Self { kid: key.kid().clone(), jwe, place: "memory".into() })
    }

    /// What a store holds under a kid. Nothing is checked before the seal is opened. `place` is for messages: a path, a table.
    pub fn from_text(kid: Kid, text: &str, place: impl Into<String>) -> Self {
        Self { kid, jwe: text.trim_end().to_owned(), place: place.into() }
    }

    /// Opens the seal: header, master key and kid must all fit. A key in KMS signs through `kms`.
    pub fn open(&self, master_keys: &MasterKeys, kms: &Kms) -> Result<SigningKey, KeyringError> {
        self.open_with(master_keys, kms).map_err(|cause| KeyringError::Sealed { place: self.place.clone(), cause })
    }

    fn open_with(&self, master_keys: &MasterKeys, kms: &Kms) -> Result<SigningKey, SealFault> {
        let opened = envelope::open(&self.jwe, master_keys)?;
        if opened.header.token_type() != Some(PURPOSE) {
            return Err(SealFault::Format);
        }
        let text = opened.secret.expose_secret();
        let key = match opened.header.content_type() {
            Some(Payload::PRIVATE_JWK) => {
                let jwk: PrivateJwk = serde_json::from_slice(text).map_err(|_| SealFault::Key)?;
                SigningKey::from_private_jwk(&jwk, opened.secret)?
            }
            Some(Payload::KMS_REFERENCE) => {
                let reference = serde_json::from_slice(text).map_err(|_| SealFault::Key)?;
                SigningKey::from_kms_reference(reference, opened.secret, kms)?
            }
            _ => return Err(SealFault::Format),
        };
        if opened.header.key_id() != Some(self.kid.as_str()) || key.kid() != &self.kid {
            return Err(SealFault::WrongKid);
        }
        if !opened.is_current {
            tracing::warn!(key.kid = %self.kid, "sealed under the previous master key: run `driftwise-issuer keys reseal`");
        }
        Ok(key)
    }

    /// The same key under another master key; none when it is sealed under that one already.
    pub(super) fn reseal(&self, from: &MasterKeys, to: &MasterKey) -> Result<Option<Self>, KeyringError> {
        let jwe = envelope::reseal(&self.jwe, from, to).map_err(|fault| match fault {
            envelope::ResealFault::Open(cause) => KeyringError::Sealed { place: self.place.clone(), cause },
            envelope::ResealFault::Seal(error) => error,
        })?;
        Ok(jwe.map(|jwe| Self { kid: self.kid.clone(), jwe, place: self.place.clone() }))
    }

    /// The kid that it is filed under.
    pub fn kid(&self) -> &Kid {
        &self.kid
    }

    /// The JWE.
    pub fn as_str(&self) -> &str {
        &self.jwe
    }

    /// Where it lies: for messages.
    pub fn place(&self) -> &str {
        &self.place
    }
}

impl fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedKey").field("kid", &self.kid).field("place", &self.place).finish_non_exhaustive()
    }
}
