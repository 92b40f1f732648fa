//! API keys: how an org's own programs call the issuer. A key is `dwk_<id>_<secret>`: the id finds the row, the secret is
//! 32 random bytes. The store has an HMAC-SHA-256 of both under the [`Pepper`]: who reads the store alone can neither use
//! a key nor test a guess.
//!
//! To add a scope, add a variant: what a key may do is listed nowhere else.

use std::collections::BTreeSet;
use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::Pepper;
use crate::keyring::KeyringError;

/// Tells secret scanners and people what the text is.
const PREFIX: &str = "dwk_";
const SECRET_BYTES: usize = 32;
/// Separates these tags from any other use of the pepper, and versions them.
const CONTEXT: &str = "driftwise.api-key/1";

/// The id of an API key: 32 hexadecimal digits, sorted by age. No secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKeyId(Uuid);

/// A key as the caller presents it. Its Debug shows the id only.
pub struct ApiKey {
    id: ApiKeyId,
    secret: SecretString,
}

/// What the store knows of a key's secret: an HMAC-SHA-256 in hexadecimal.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeyHash(String);

/// One thing that an API key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApiKeyScope {
    /// Get federation tokens for the org's registered roles.
    CreateFederationToken,
    /// Read and verify the org's audit log.
    ReadAudit,
}

/// What an API key may do: at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyScopes(BTreeSet<ApiKeyScope>);

impl ApiKeyId {
    /// The id of a fresh UUID.
    pub fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

impl FromStr for ApiKeyId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_id = is_lower_hex(text, 32);
        let id = is_id.then(|| Uuid::try_parse(text).ok()).flatten();
        id.map(Self)
            .ok_or_else(|| format!("{text:.80?} is not an API key id: expected 32 lower-case hexadecimal digits"))
    }
}

fn is_lower_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        // Writing to a String can't fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

impl ApiKey {
    /// A new key from the operating system's randomness.
    pub fn generate(id: ApiKeyId) -> Result<Self, KeyringError> {
        let mut bytes = [0u8; SECRET_BYTES];
        SystemRandom::new().fill(&mut bytes).map_err(|_| KeyringError::Randomness)?;
        Ok(Self { id, secret: to_hex(&bytes).into() })
    }

    /// Reads a key as it is presented. None when it can't be a key.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let id = id.parse().ok()?;
        is_lower_hex(secret, SECRET_BYTES * 2).then(|| Self { id, secret: secret.into() })
    }

    /// Its id.
    pub fn id(&self) -> ApiKeyId {
        self.id
    }

    /// The key for its owner: `dwk_…`. The one place where it is shown.
    pub fn reveal(&self) -> SecretString {
        format!("{PREFIX}{}_{}", self.id, self.secret.expose_secret()).into()
    }

    /// What the store keeps.
    pub fn hash(&self, pepper: &Pepper) -> ApiKeyHash {
        ApiKeyHash(to_hex(hmac::sign(&pepper.hmac_key(), self.message().as_bytes()).as_ref()))
    }

    /// Whether the stored hash is this key's. Compares in constant time; where there is no such key, does the same work
    /// for nothing, so that the time does not tell which it was.
    pub fn fits(&self, pepper: &Pepper, stored: Option<&ApiKeyHash>) -> bool {
        let nothing = ApiKeyHash("00".repeat(32));
        let is_known = stored.is_some();
        let tag = from_hex(&stored.unwrap_or(&nothing).0);
        let fits = hmac::verify(&pepper.hmac_key(), self.message().as_bytes(), &tag).is_ok();
        fits && is_known
    }

    /// The id is part of it: a row can't pass for another key's.
    fn message(&self) -> SecretMessage {
        SecretMessage(format!("{CONTEXT}\n{}\n{}", self.id, self.secret.expose_secret()).into())
    }
}

/// The text under the HMAC; wiped on drop.
struct SecretMessage(SecretString);

impl SecretMessage {
    fn as_bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

fn from_hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or_default();
    text.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl ApiKeyHash {
    /// The hash in hexadecimal.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ApiKeyHash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_lower_hex(text, 64) { Ok(Self(text.to_owned())) } else { Err("it is not 64 hexadecimal digits") }
    }
}

impl fmt::Debug for ApiKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyHash(…)")
    }
}

impl ApiKeyScope {
    /// Every scope.
    pub const ALL: &'static [Self] = &[Self::CreateFederationToken, Self::ReadAudit];

    /// The word of the command line, the API and the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CreateFederationToken => "federation-token:create",
            Self::ReadAudit => "audit:read",
        }
    }
}

impl fmt::Display for ApiKeyScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ApiKeyScope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|scope| scope.as_str() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|scope| scope.as_str()).collect();
            format!("{text:.80?} is no scope of an API key: there are {}", known.join(" and "))
        })
    }
}

impl ApiKeyScopes {
    /// These scopes. None when there is none.
    pub fn new(scopes: impl IntoIterator<Item = ApiKeyScope>) -> Option<Self> {
        let scopes: BTreeSet<_> = scopes.into_iter().collect();
        (!scopes.is_empty()).then_some(Self(scopes))
    }

    /// Whether the scope is among them.
    pub fn contains(&self, scope: ApiKeyScope) -> bool {
        self.0.contains(&scope)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = ApiKeyScope> {
        self.0.iter().copied()
    }
}

impl fmt::Display for ApiKeyScopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.0.iter().map(|scope| scope.as_str()).collect();
        f.write_str(&words.join(" "))
    }
}

impl FromStr for ApiKeyScopes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let scopes: Vec<ApiKeyScope> = text.split_ascii_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        Self::new(scopes).ok_or_else(|| "an API key has at least one scope".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ApiKey {
        ApiKey::generate(ApiKeyId::from_uuid(Uuid::new_v4())).unwrap()
    }

    #[test]
    fn a_key_reads_back_and_shows_itself_nowhere_else() {
        let key = key();
        let shown = key.reveal();
        assert_eq!(shown.expose_secret().len(), 4 + 32 + 1 + 64);
        let again = ApiKey::parse(shown.expose_secret()).unwrap();
        assert_eq!((again.id(), again.secret.expose_secret()), (key.id(), key.secret.expose_secret()));
        assert!(!format!("{key:?}").contains(key.secret.expose_secret()));
        assert_eq!(key.id().to_string().parse::<ApiKeyId>(), Ok(key.id()));
    }

    #[test]
    fn what_is_no_key_is_none() {
        let good = key().reveal().expose_secret().to_owned();
        for text in [
            "",
            "dwk_",
            "dwk__",
            &good[1..],
            &good[..good.len() - 1],
            &format!("{good}0"),
            &good.to_uppercase(),
            &good.replace("dwk_", "dwk-"),
            &good.replacen('_', "", 1),
            &format!(" {good}"),
            "dwk_ä_ö",
        ] {
            assert!(ApiKey::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_hash_fits_its_key_under_its_pepper_and_nothing_else() {
        let (pepper, key) = (Pepper::generate().unwrap(), key());
        let hash = key.hash(&pepper);
        assert!(key.fits(&pepper, Some(&hash)));
        assert!(!key.fits(&Pepper::generate().unwrap(), Some(&hash)), "another pepper");
        assert!(!key.fits(&pepper, None), "no such key");
        let other_id = ApiKey { id: ApiKeyId::from_uuid(Uuid::new_v4()), secret: key.secret.clone() };
        assert!(!other_id.fits(&pepper, Some(&hash)), "the secret under another id");
        let other_secret = ApiKey { id: key.id, secret: "0".repeat(64).into() };
        assert!(!other_secret.fits(&pepper, Some(&hash)), "another secret under the id");
        assert_eq!(hash.as_str().parse::<ApiKeyHash>(), Ok(hash.clone()));
        assert!(!format!("{hash:?}").contains(hash.as_str()));
    }

    #[test]
    fn scopes_parse_back_and_are_never_empty() {
        for scope in ApiKeyScope::ALL {
            assert_eq!(scope.to_string().parse(), Ok(*scope));
        }
        let scopes: ApiKeyScopes = "audit:read federation-token:create audit:read".parse().unwrap();
        assert_eq!(scopes.to_string(), "federation-token:create audit:read");
        assert_eq!(scopes.to_string().parse(), Ok(scopes));
        for text in ["", " ", "audit", "audit:read,federation-token:create", "AUDIT:READ"] {
            assert!(text.parse::<ApiKeyScopes>().is_err(), "{text}");
        }
    }
}
