//! Identifiers as parsed types: one fallible constructor each ([`std::str::FromStr`]), a `Display` that parses back, and
//! serde that goes through both. A value of one of these types is valid; no raw string travels past the edge.

mod account;
mod arn;
mod issuer_url;
mod org;
mod token;

pub use account::{AccountId, Partition, Region};
pub use arn::{Arn, RoleArn};
pub use issuer_url::IssuerUrl;
pub use org::{AgentId, OrgId, ScanId, Subject};
pub use token::{Audience, Kid};

/// Why a text is not the identifier it was taken for: the input, what was expected, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{input:?} is not {expected}: {cause}")]
pub struct ParseIdError {
    /// What the text was meant to be, with its article: "an AWS account id".
    pub expected: &'static str,
    /// The text as given, cut after 120 characters.
    pub input: String,
    /// What is wrong with it, and what would be right.
    pub cause: String,
}

impl ParseIdError {
    fn new(expected: &'static str, input: &str, cause: impl Into<String>) -> Self {
        let mut shown: String = input.chars().take(120).collect();
        if shown.len() < input.len() {
            shown.push('…');
        }
        Self { expected, input: shown, cause: cause.into() }
    }
}

/// Display, serde and `TryFrom<String>` through `FromStr`/`as_str`, for the string-backed types of this module.
macro_rules! string_id {
    ($name:ident) => {
        impl $name {
            /// The text form.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
        $crate::ids::serde_by_text!($name);
    };
}

/// Serde through `Display` and `FromStr`.
macro_rules! serde_by_text {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use serde_by_text;
use string_id;
