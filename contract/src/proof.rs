//! Proving a role: that the tokens of one org get in and no other org's do. Messages between agent and issuer, and what a
//! proof concludes.
//!
//! A *canary token* is what an agent of another org would be given for the same role: its org is one that does not exist. AWS
//! refuses it where the role's trust policy is right.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::claims::TrustForm;
use crate::codes::Code;
use crate::ids::{AccountId, IssuerUrl, RoleArn, Subject};

/// Request of `POST /api/v2/agent/canary-token`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanaryTokenRequest {
    /// A registered role of the caller's org.
    pub role_arn: RoleArn,
    /// As what the other org would have registered the role: it decides whether the token carries session tags. An org chooses
    /// the form of its accounts itself, so a proof tries both.
    pub trust_form: TrustForm,
}

/// Answer of `POST /api/v2/agent/canary-token`.
#[derive(Clone, Serialize, Deserialize)]
pub struct CanaryTokenResponse {
    /// The canary token.
    pub access_token: String,
    /// Seconds until it expires.
    pub expires_in: i64,
    /// Its `sub`: what an `AssumeRoleWithWebIdentity` row of `CloudTrail` shows.
    pub subject: Subject,
    /// Its `iss`. The shared issuer's, also where the account is on its org's own.
    pub issuer: IssuerUrl,
}

impl fmt::Debug for CanaryTokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CanaryTokenResponse")
            .field("subject", &self.subject)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// What a proof concludes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProofOutcome {
    /// Every canary was refused by the trust policy, and the org's own token was let in.
    Proven,
    /// A canary was let in: any org of the issuer may get in.
    ForeignOrgAdmitted,
    /// The org's own token was refused, so that a refused canary says nothing.
    OwnOrgRefused,
    /// A canary was refused by something else than the trust policy, or the session was not where it should be.
    Inconclusive,
}

impl ProofOutcome {
    /// Every outcome.
    pub const ALL: &'static [Self] = &[Self::Proven, Self::ForeignOrgAdmitted, Self::OwnOrgRefused, Self::Inconclusive];

    /// The word of messages and the store, which never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::ForeignOrgAdmitted => "foreign_org_admitted",
            Self::OwnOrgRefused => "own_org_refused",
            Self::Inconclusive => "inconclusive",
        }
    }
}

impl fmt::Display for ProofOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ProofOutcome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|outcome| outcome.as_str() == text).ok_or_else(|| {
            format!("{text:?} is no outcome of a proof: expected one of proven, foreign_org_admitted, own_org_refused, inconclusive")
        })
    }
}

crate::ids::serde_by_text!(ProofOutcome);

/// Request of `POST /api/v2/agent/proof`: what the calling agent found of an account of its org. The issuer notes it as the
/// agent's word: it can't ask AWS itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofReport {
    /// The account.
    pub account_id: AccountId,
    /// The role that was tried: the registered one.
    pub role_arn: RoleArn,
    /// What was found.
    pub outcome: ProofOutcome,
    /// Why, where it is not [`ProofOutcome::Proven`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<Code>,
}

/// Answer of `POST /api/v2/agent/proof`: what was noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofReceipt {
    /// The account.
    pub account_id: AccountId,
    /// What was found.
    pub outcome: ProofOutcome,
    /// When, by the issuer's clock, RFC 3339, UTC.
    pub reported_at: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_parse_back_and_nothing_else_is_one() {
        for outcome in ProofOutcome::ALL {
            assert_eq!(outcome.to_string().parse(), Ok(*outcome));
        }
        for text in ["", "Proven", "denied", " proven"] {
            assert!(text.parse::<ProofOutcome>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_canary_answer_never_shows_its_token() {
        let answer: CanaryTokenResponse = serde_json::from_value(serde_json::json!({
            "access_token": "eyJhbGciOi.x.y", "expires_in": 300,
            "subject": "org-0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21", "issuer": "https://id.example.com",
        }))
        .unwrap();
        let shown = format!("{answer:?}");
        assert!(shown.contains("0198c5e2") && !shown.contains("eyJ"), "{shown}");
    }
}
