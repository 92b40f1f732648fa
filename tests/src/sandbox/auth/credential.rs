//! Access keys and sessions. Their `Debug` shows no secret.

use std::{collections::BTreeMap, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use time::OffsetDateTime;
use uuid::Uuid;

/// An access key id with its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// `AKIA…` for long-term keys, `ASIA…` for sessions.
    pub id: String,
    /// The 40 characters that sign.
    pub secret: String,
}

impl AccessKey {
    /// A fresh key.
    pub fn generate(prefix: &str) -> Self {
        Self { id: unique_id(prefix, 20), secret: random_text(40) }
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The temporary credentials of an assumed role, and what they may do.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// Key id and secret.
    pub key: AccessKey,
    /// The session token that must accompany every signature.
    pub token: String,
    /// The role's account.
    pub account_id: String,
    /// The role's name.
    pub role_name: String,
    /// The role's ARN, path included.
    pub role_arn: String,
    /// The role's unique id (`AROA…`); a role that was deleted and made anew is another one.
    pub role_id: String,
    /// The session's name.
    pub session_name: String,
    /// Role tags overridden by session tags.
    pub tags: BTreeMap<String, String>,
    /// Keys of session tags that pass on to sessions chained from this one.
    pub transitive_tag_keys: Vec<String>,
    /// Session policies (inline and managed documents, as JSON); when any is given, the session may do only what they allow.
    pub policies: Vec<String>,
    /// The source identity.
    pub source_identity: Option<String>,
    /// The identity provider's ARN, for web identities.
    pub federated_provider: Option<String>,
    /// When the session began.
    pub issued_at: OffsetDateTime,
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

impl Session {
    /// `arn:aws:sts::<account>:assumed-role/<role>/<session>`; the role's path is no part of it.
    pub fn arn(&self) -> String {
        format!("arn:aws:sts::{}:assumed-role/{}/{}", self.account_id, self.role_name, self.session_name)
    }

    /// `AROA…:<session>`.
    pub fn user_id(&self) -> String {
        format!("{}:{}", self.role_id, self.session_name)
    }

    /// A fresh session token.
    pub fn fresh_token() -> String {
        format!("IQoJb3JpZ2luX2Vj{}", random_text(200))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("key", &self.key)
            .field("arn", &self.arn())
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// A fresh identifier in AWS's alphabet (`A`–`Z`, `2`–`7`), `length` characters with its prefix, at most 24 random ones.
pub fn unique_id(prefix: &str, length: usize) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bits = Uuid::new_v4().as_u128();
    let mut id = prefix.to_owned();
    while id.len() < length {
        id.push(char::from(ALPHABET[(bits & 31) as usize]));
        bits >>= 5;
    }
    id
}

fn random_text(length: usize) -> String {
    let mut text = String::new();
    while text.len() < length {
        text.push_str(STANDARD.encode(Uuid::new_v4().as_bytes()).trim_end_matches('='));
    }
    text.truncate(length);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let key = AccessKey::generate("AKIA");
        assert_eq!((key.id.len(), key.secret.len()), (20, 40));
        assert!(!format!("{key:?}").contains(&key.secret));
    }
}
