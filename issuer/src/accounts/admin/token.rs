//! Secrets that a browser presents: session cookies and the tokens of one-time links.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretBox};
use sha2::{Digest as _, Sha256};

use crate::keyring::KeyringError;

const BYTES: usize = 32;
/// Of their base64url form.
const CHARACTERS: usize = 43;

/// 256 random bits. Its Debug shows nothing, its memory is wiped.
#[derive(Debug)]
pub struct SecretToken(SecretBox<[u8; BYTES]>);

/// What the store knows of a token: its SHA-256. With so much randomness an unsalted hash can't be searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenHash(String);

impl SecretToken {
    /// A new token from the operating system's randomness.
    pub fn generate() -> Result<Self, KeyringError> {
        let mut bytes = Box::new([0u8; BYTES]);
        SystemRandom::new().fill(bytes.as_mut_slice()).map_err(|_| KeyringError::Randomness)?;
        Ok(Self(SecretBox::new(bytes)))
    }

    /// Reads a token as [`Self::reveal`] writes it, and in no other spelling. None when it can't be one.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != CHARACTERS {
            return None;
        }
        let mut bytes = Box::new([0u8; BYTES]);
        let length = URL_SAFE_NO_PAD.decode_slice(text, bytes.as_mut_slice()).ok()?;
        (length == BYTES).then(|| Self(SecretBox::new(bytes)))
    }

    /// The token in base64url, for the cookie or the link that carries it and nothing else.
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.expose_secret())
    }

    /// What the store keeps.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.expose_secret()).iter().fold(String::new(), |mut hex, byte| {
            // Writing to a String can't fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
    }

    /// A key for another purpose, named by the label: HMAC-SHA-256 of it under the token.
    pub(crate) fn derived_key(&self, label: &[u8]) -> hmac::Key {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose_secret());
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, label).as_ref())
    }
}

impl TokenHash {
    /// The hash in hexadecimal.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits: enough to tell tokens apart, useless to find one.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl FromStr for TokenHash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(text.to_owned()))
        } else {
            Err("it is not 64 hexadecimal digits")
        }
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_in_one_spelling_only() {
        let token = SecretToken::generate().unwrap();
        let text = token.reveal();
        assert_eq!(SecretToken::parse(&text).unwrap().hash(), token.hash());
        assert_eq!(token.hash().as_str().parse(), Ok(token.hash()));
        assert_ne!(SecretToken::generate().unwrap().hash(), token.hash());
        // The last character carries four bits; the other two must be nought.
        let last = text.chars().last().unwrap();
        let spellings = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']);
        let others =
            spellings.filter(|c| *c != last).filter_map(|c| SecretToken::parse(&format!("{}{c}", &text[..42])));
        assert!(others.into_iter().all(|other| other.hash() != token.hash()));
        for wrong in ["", "a", &text[1..], &format!("{text}="), &format!(" {text}"), &"ä".repeat(43)] {
            assert!(SecretToken::parse(wrong).is_none(), "{wrong}");
        }
        assert!(!format!("{token:?}").contains(&text[..8]));
    }
}
