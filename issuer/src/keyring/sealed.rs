//! Signing keys at rest: the private JWK as JWE (RFC 7516, compact), A256KW and A256GCM under the master key. The
//! protected header binds the kid and the purpose: another secret sealed under the same master key is no signing key, and
//! one key's file can't pass for another's.

use std::fmt;

use driftwise_contract::Kid;
use josekit::jwe::{self, A256KW, JweHeader};
use secrecy::ExposeSecret as _;

use super::error::SealFault;
use super::{KeyringError, MasterKey, SigningKey};

const PURPOSE: &str = "driftwise signing key";
/// 16 bytes, the only tag length of RFC 7518 (section 5.3), in base64url. A shorter tag would be easier to forge.
const TAG_LENGTH: usize = 22;

/// A sealed signing key, and the kid that it is filed under.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedKey {
    kid: Kid,
    jwe: String,
}

impl SealedKey {
    /// Seals a key.
    pub fn seal(key: &SigningKey, master_key: &MasterKey) -> Result<Self, KeyringError> {
        let fault = |error: &dyn fmt::Display| KeyringError::Sealing(error.to_string());
        let mut header = JweHeader::new();
        header.set_content_encryption("A256GCM");
        header.set_token_type(PURPOSE);
        header.set_content_type("jwk+json");
        header.set_key_id(key.kid().as_str());
        let payload = serde_json::to_vec(key.jwk()).map_err(|error| fault(&error))?;
        let encrypter = A256KW.encrypter_from_bytes(master_key.expose_secret()).map_err(|error| fault(&error))?;
        let jwe = jwe::serialize_compact(&payload, &header, &encrypter).map_err(|error| fault(&error))?;
        Ok(Self { kid: key.kid().clone(), jwe })
    }

    /// What a file holds. Nothing is checked before the seal is opened.
    pub fn from_file(kid: Kid, text: &str) -> Self {
        Self { kid, jwe: text.trim_end().to_owned() }
    }

    /// Opens the seal: header, master key and kid must all fit.
    pub fn open(&self, master_key: &MasterKey) -> Result<SigningKey, SealFault> {
        let parts: Vec<&str> = self.jwe.split('.').collect();
        if parts.len() != 5 || parts[4].len() != TAG_LENGTH {
            return Err(SealFault::Format);
        }
        let decrypter =
            A256KW.decrypter_from_bytes(master_key.expose_secret()).map_err(|_| SealFault::WrongMasterKey)?;
        let (payload, header) =
            jwe::deserialize_compact(&self.jwe, &decrypter).map_err(|_| SealFault::WrongMasterKey)?;
        if header.content_encryption() != Some("A256GCM") || header.token_type() != Some(PURPOSE) {
            return Err(SealFault::Format);
        }
        let key = SigningKey::from_jwk(serde_json::from_slice(&payload).map_err(|_| SealFault::Key)?)?;
        if header.key_id() != Some(self.kid.as_str()) || key.kid() != &self.kid {
            return Err(SealFault::WrongKid);
        }
        Ok(key)
    }

    /// The key that is inside, by file name.
    pub fn kid(&self) -> &Kid {
        &self.kid
    }

    /// The JWE.
    pub fn as_str(&self) -> &str {
        &self.jwe
    }
}

impl fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}
