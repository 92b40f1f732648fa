//! Ids of our own things: org, agent, scan; and the token subject, which is built and parsed here only.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::{ParseIdError, serde_by_text};

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID made elsewhere (randomness is passed in, never drawn here).
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID itself.
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            /// Takes the lower-case hyphenated form only: the text is compared to the letter by IAM conditions.
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let fault = |cause| ParseIdError::new($expected, text, cause);
                let uuid = Uuid::try_parse(text)
                    .map_err(|_| fault("expected a UUID such as 0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21"))?;
                if uuid.hyphenated().to_string() != text {
                    return Err(fault("write the UUID in lower case with hyphens, without braces or a prefix"));
                }
                if uuid.is_nil() {
                    return Err(fault("the nil UUID names nothing"));
                }
                Ok(Self(uuid))
            }
        }

        serde_by_text!($name);
    };
}

uuid_id!(
    /// An organisation: the tenant that a token speaks for.
    OrgId,
    "an org id"
);
uuid_id!(
    /// An agent: one enrolled installation of `driftwise-agent`, with one key.
    AgentId,
    "an agent id"
);
uuid_id!(
    /// One pass of the agent over an account.
    ScanId,
    "a scan id"
);

/// The `sub` claim of a federation token: `org-<uuid>`. It is the only claim of ours that AWS offers to a trust policy as
/// a condition key of its own, so the org must be in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject(OrgId);

impl Subject {
    const PREFIX: &'static str = "org-";

    /// The subject of an org's tokens.
    pub const fn of_org(org: OrgId) -> Self {
        Self(org)
    }

    /// The org that the subject names.
    pub const fn org(&self) -> OrgId {
        self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.0)
    }
}

impl FromStr for Subject {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let fault = |cause: String| ParseIdError::new("a token subject", text, cause);
        let rest = text.strip_prefix(Self::PREFIX).ok_or_else(|| fault("expected org-<uuid>".into()))?;
        rest.parse().map(Self).map_err(|error: ParseIdError| fault(error.cause))
    }
}

serde_by_text!(Subject);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_org_id_and_its_subject_parse_back_from_their_display(bits in 1u128..) {
            let org = OrgId::from_uuid(Uuid::from_u128(bits));
            prop_assert_eq!(org.to_string().parse::<OrgId>().unwrap(), org);
            let subject = Subject::of_org(org);
            prop_assert_eq!(subject.to_string().parse::<Subject>().unwrap(), subject);
            prop_assert_eq!(subject.to_string(), format!("org-{org}"));
        }

        #[test]
        fn no_text_makes_the_parsers_panic_or_accept_another_spelling(text in ".{0,60}") {
            if let Ok(org) = text.parse::<OrgId>() {
                prop_assert_eq!(org.to_string(), text.clone());
            }
            if let Ok(subject) = text.parse::<Subject>() {
                prop_assert_eq!(subject.to_string(), text);
            }
        }
    }

    #[test]
    fn other_spellings_of_a_uuid_are_refused() {
        for text in [
            "0198C5E2-7C1A-7B3E-9D52-6F0E5A4B3C21",
            "0198c5e27c1a7b3e9d526f0e5a4b3c21",
            "{0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21}",
            "urn:uuid:0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21",
            "00000000-0000-0000-0000-000000000000",
            "",
        ] {
            assert!(text.parse::<OrgId>().is_err(), "{text}");
        }
        assert!("ORG-0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21".parse::<Subject>().is_err());
        assert!("org-org-0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21".parse::<Subject>().is_err());
    }
}
