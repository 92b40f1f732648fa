//! The pepper: 32 random bytes without which the stored API key hashes can't be searched. It lies in the store sealed under
//! the master key ([`crate::secrets`]).

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret as _, SecretBox};

use crate::keyring::KeyringError;

const LENGTH_BYTES: usize = 32;

/// The opened pepper. Its memory is wiped on drop, its Debug shows nothing.
#[derive(Debug)]
pub struct Pepper(SecretBox<[u8; LENGTH_BYTES]>);

impl Pepper {
    /// A new pepper from the operating system's randomness.
    pub fn generate() -> Result<Self, KeyringError> {
        let mut bytes = Box::new([0u8; LENGTH_BYTES]);
        SystemRandom::new().fill(bytes.as_mut_slice()).map_err(|_| KeyringError::Randomness)?;
        Ok(Self(SecretBox::new(bytes)))
    }

    /// The pepper that was sealed. None when it has another length.
    pub fn from_secret(secret: &[u8]) -> Option<Self> {
        <[u8; LENGTH_BYTES]>::try_from(secret).ok().map(|bytes| Self(SecretBox::new(Box::new(bytes))))
    }

    /// The bytes, to be sealed and nothing else.
    pub fn expose_secret(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// A key of HMAC-SHA-256 for another purpose, named by the label: HMAC of it under the pepper. A label must not begin like
    /// what API keys are hashed as.
    pub(crate) fn derived_key(&self, label: &[u8]) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&self.hmac_key(), label).as_ref())
    }

    /// The pepper as key of HMAC-SHA-256.
    pub(super) fn hmac_key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.0.expose_secret())
    }
}
