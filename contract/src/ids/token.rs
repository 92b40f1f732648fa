//! Identifiers that stand in tokens and key sets: the audience and the key id.

use std::str::FromStr;

use super::{ParseIdError, string_id};

/// The `aud` of a token, and the client id registered with the IAM OIDC provider: 1 to 255 characters (an AWS limit),
/// printable ASCII without blanks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Audience(String);

string_id!(Audience);

impl Audience {
    /// The audience that AWS expects by default.
    pub fn sts() -> Self {
        Self("sts.amazonaws.com".to_owned())
    }
}

impl FromStr for Audience {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let fault = |cause: &str| ParseIdError::new("a token audience", text, cause);
        if text.is_empty() || text.len() > 255 {
            return Err(fault("expected 1 to 255 characters (AWS's limit for a client id)"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(fault("only printable ASCII without blanks is allowed"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A key id: the RFC 7638 thumbprint of a key, SHA-256, base64url without padding: 43 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kid(String);

string_id!(Kid);

impl FromStr for Kid {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if text.len() != 43 || !text.bytes().all(alphabet) {
            return Err(ParseIdError::new(
                "a key id",
                text,
                "expected an RFC 7638 thumbprint: 43 base64url characters",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn key_ids_and_audiences_parse_back_from_their_display(kid in "[A-Za-z0-9_-]{43}", aud in "[!-~]{1,255}") {
            prop_assert_eq!(kid.parse::<Kid>().unwrap().to_string(), kid);
            prop_assert_eq!(aud.parse::<Audience>().unwrap().to_string(), aud);
        }

        #[test]
        fn a_path_or_a_longer_text_is_no_key_id(text in ".{0,60}") {
            if text.parse::<Kid>().is_ok() {
                prop_assert!(text.len() == 43 && !text.contains(['/', '.', '\\']));
            }
        }
    }

    #[test]
    fn an_audience_over_the_limit_is_refused() {
        assert!("a".repeat(256).parse::<Audience>().is_err());
        assert!("two words".parse::<Audience>().is_err());
        assert!("".parse::<Audience>().is_err());
    }
}
