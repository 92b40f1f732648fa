//! The claims of a token that nobody verified.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::RoleArn;
use driftwise_contract::claims::{ROLES_CLAIM, TAGS_CLAIM};
use serde_json::{Map, Value};

const SOURCE_IDENTITY_CLAIM: &str = "https://aws.amazon.com/source_identity";
/// "≤20,000 characters" (STS API, `WebIdentityToken`).
const TOKEN_MAX: usize = 20_000;

/// What a token says. Nothing in it is proven: the signature is not looked at.
///
/// Its `Debug` shows no claim, and an error repeats nothing of the token.
pub struct UnverifiedClaims(Map<String, Value>);

impl std::fmt::Debug for UnverifiedClaims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UnverifiedClaims({} claims)", self.0.len())
    }
}

/// Why a text gives no claims. It repeats nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsFault {
    /// Longer than STS takes.
    #[error("the token is longer than the {TOKEN_MAX} characters that STS takes; give the token alone")]
    TooLong,
    /// Not three parts.
    #[error("this is no JWT: three parts of base64url with dots between them (header.claims.signature) were expected")]
    NotThreeParts,
    /// The middle part is not base64url of JSON.
    #[error(
        "the middle part of the token is not a JSON object in base64url (RFC 7519, section 3): it was cut or changed"
    )]
    NotEncoded,
    /// The claims are no JSON object.
    #[error("the claims are not a JSON object; expected {{\"iss\": …, \"sub\": …, \"aud\": …}}")]
    NotAnObject,
}

impl UnverifiedClaims {
    /// The claims of a JWT.
    pub fn of_token(token: &str) -> Result<Self, ClaimsFault> {
        let token = token.trim();
        if token.len() > TOKEN_MAX {
            return Err(ClaimsFault::TooLong);
        }
        let parts: Vec<&str> = token.split('.').collect();
        let [_header, claims, _signature] = parts.as_slice() else { return Err(ClaimsFault::NotThreeParts) };
        let bytes = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).map_err(|_| ClaimsFault::NotEncoded)?;
        serde_json::from_slice(&bytes).map(Self).map_err(|_| ClaimsFault::NotEncoded)
    }

    /// Claims as JSON.
    pub fn of_json(text: &str) -> Result<Self, ClaimsFault> {
        serde_json::from_str(text).map(Self).map_err(|_| ClaimsFault::NotAnObject)
    }

    /// A claim that is a text.
    pub(super) fn text(&self, claim: &str) -> Option<&str> {
        self.0.get(claim)?.as_str()
    }

    /// A time in seconds; STS takes integers, as numbers or as text.
    pub(super) fn seconds(&self, claim: &str) -> Option<i64> {
        let value = self.0.get(claim)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    }

    pub(super) fn has(&self, claim: &str) -> bool {
        self.0.contains_key(claim)
    }

    /// A claim that is a text or a list of texts.
    pub(super) fn texts(&self, claim: &str) -> Vec<&str> {
        match self.0.get(claim) {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The roles that the token is pinned to; None without the claim. Recorded of STS: an array, or a text parted by
    /// semicolons; blanks around an entry and invalid entries do not count; null is as good as absent.
    pub(super) fn roles(&self) -> Option<Vec<RoleArn>> {
        let claim = self.0.get(ROLES_CLAIM).filter(|value| !value.is_null())?;
        let entries: Vec<&str> = match claim {
            Value::String(text) => text.split(';').collect(),
            _ => self.texts(ROLES_CLAIM),
        };
        Some(entries.into_iter().filter_map(|entry| entry.trim().parse().ok()).collect())
    }

    /// The session tags, in the nested or the flattened form.
    pub(super) fn tags(&self) -> BTreeMap<String, String> {
        let mut tags = BTreeMap::new();
        let nested = self.0.get(TAGS_CLAIM).and_then(|claim| claim.get("principal_tags")).and_then(Value::as_object);
        for (key, value) in nested.into_iter().flatten() {
            if let Some([Value::String(value)]) = value.as_array().map(Vec::as_slice) {
                tags.insert(key.clone(), value.clone());
            }
        }
        let prefix = format!("{TAGS_CLAIM}/principal_tags/");
        for (name, value) in &self.0 {
            if let (Some(key), Some(value)) = (name.strip_prefix(&prefix), value.as_str()) {
                tags.insert(key.to_owned(), value.to_owned());
            }
        }
        tags
    }

    /// The keys of the tags that a chained session keeps.
    pub(super) fn transitive_tag_keys(&self) -> Vec<&str> {
        let nested =
            self.0.get(TAGS_CLAIM).and_then(|claim| claim.get("transitive_tag_keys")).and_then(Value::as_array);
        nested.map_or(Vec::new(), |keys| keys.iter().filter_map(Value::as_str).collect())
    }

    pub(super) fn source_identity(&self) -> Option<&str> {
        self.text(SOURCE_IDENTITY_CLAIM)
    }

    /// The claims that only STS servers other than AWS's offer as keys.
    pub(super) fn custom(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_token_is_refused_without_a_word_of_it() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"sub": "org-x"}"#);
        assert_eq!(UnverifiedClaims::of_token(&format!(" e30.{claims}.x\n")).unwrap().text("sub"), Some("org-x"));
        for (text, fault) in [
            ("secret", ClaimsFault::NotThreeParts),
            ("a.secret.c", ClaimsFault::NotEncoded),
            ("a.b.c.d", ClaimsFault::NotThreeParts),
            (&"x".repeat(20_001) as &str, ClaimsFault::TooLong),
        ] {
            let error = UnverifiedClaims::of_token(text).unwrap_err();
            assert_eq!(error, fault, "{text}");
            assert!(!error.to_string().contains("secret"));
        }
        assert!(!format!("{:?}", UnverifiedClaims::of_json(r#"{"sub": "secret"}"#).unwrap()).contains("secret"));
        assert_eq!(UnverifiedClaims::of_json("[1]").unwrap_err(), ClaimsFault::NotAnObject);
    }

    #[test]
    fn roles_and_tags_are_read_in_both_forms() {
        let read = |text: &str| UnverifiedClaims::of_json(text).unwrap();
        let role = "arn:aws:iam::123456789012:role/a";
        for text in [
            format!(r#"{{"https://aws.amazon.com/roles": ["{role}", 7, "x"]}}"#),
            format!(r#"{{"https://aws.amazon.com/roles": " {role} ; x"}}"#),
        ] {
            assert_eq!(read(&text).roles().unwrap().len(), 1, "{text}");
        }
        assert_eq!(read(r#"{"https://aws.amazon.com/roles": null}"#).roles(), None);
        let nested = read(r#"{"https://aws.amazon.com/tags": {"principal_tags": {"a": ["b"], "c": "d"}}}"#);
        let flat = read(r#"{"https://aws.amazon.com/tags/principal_tags/a": "b"}"#);
        assert_eq!(nested.tags(), flat.tags());
    }
}
