//! The claims of a federation token, in the form AWS STS takes.
//!
//! What AWS requires (documented, and recorded against the real STS): `iss`, `sub`, `aud`, `iat` and `exp` present, times
//! as integers, `aud` a single string, and never `azp`, which would replace `aud` as the audience.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{Audience, IssuerUrl, OrgId, RoleArn, Subject};

/// The claim that pins a token to roles. STS refuses every other role before it reads a trust policy.
pub const ROLES_CLAIM: &str = "https://aws.amazon.com/roles";
/// The claim that carries session tags. A token with it needs `sts:TagSession` in the trust policy.
pub const TAGS_CLAIM: &str = "https://aws.amazon.com/tags";
/// The session tag and the claim that carry the org.
pub const ORG_TAG: &str = "dw_org_id";
/// How long a federation token lives, in seconds. The STS session's own duration does not depend on it.
pub const TOKEN_LIFETIME_S: i64 = 300;

/// The claims of a federation token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FederationClaims {
    /// The issuer, equal to the letter to the registered provider's URL.
    pub iss: IssuerUrl,
    /// The org, as `org-<uuid>`.
    pub sub: Subject,
    /// One audience: a client id of the IAM OIDC provider.
    pub aud: Audience,
    /// Issued at, seconds since the epoch.
    pub iat: i64,
    /// Not valid before, seconds since the epoch.
    pub nbf: i64,
    /// Expires, seconds since the epoch: `iat` plus [`TOKEN_LIFETIME_S`].
    pub exp: i64,
    /// A unique id; the agent's STS role session is named `driftwise-<jti>`, so that a `CloudTrail` row leads back to the
    /// token.
    pub jti: String,
    /// The org's UUID. AWS does not offer it to trust policies as a condition key; other STS servers do.
    pub dw_org_id: OrgId,
    /// The roles that the token may be used for.
    #[serde(rename = "https://aws.amazon.com/roles", skip_serializing_if = "Option::is_none", default)]
    pub roles: Option<Vec<RoleArn>>,
    /// The session tags, where the account's trust policy was generated for them.
    #[serde(rename = "https://aws.amazon.com/tags", skip_serializing_if = "Option::is_none", default)]
    pub tags: Option<SessionTags>,
}

/// The nested form of the session-tags claim: each value is an array of one string.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionTags {
    /// Tag key to its one value.
    pub principal_tags: BTreeMap<String, [String; 1]>,
    /// The keys that survive role chaining.
    pub transitive_tag_keys: Vec<String>,
}

impl SessionTags {
    /// The org as a transitive session tag, later usable as `aws:PrincipalTag/dw_org_id`.
    pub fn of_org(org: OrgId) -> Self {
        Self {
            principal_tags: BTreeMap::from([(ORG_TAG.to_owned(), [org.to_string()])]),
            transitive_tag_keys: vec![ORG_TAG.to_owned()],
        }
    }
}

/// Which trust policy an account has, and so what a token for it must carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum TrustForm {
    /// `sub`, `aud` and `aws:RequestTag/dw_org_id`; the token carries the org as a session tag.
    #[default]
    SessionTag,
    /// `sub` and `aud` alone; the token carries no tags.
    Subject,
    /// `sub`, `aud` and `<issuer>:dw_org_id`; for STS servers that expose every claim. AWS does not: on AWS it admits nobody.
    CustomClaim,
}

impl TrustForm {
    /// The word of the command line, the API and the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SessionTag => "session-tag",
            Self::Subject => "subject",
            Self::CustomClaim => "custom-claim",
        }
    }

    /// Whether a token for such an account carries the org as a session tag.
    pub const fn tags_the_session(self) -> bool {
        matches!(self, Self::SessionTag)
    }
}

impl std::fmt::Display for TrustForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for TrustForm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::SessionTag, Self::Subject, Self::CustomClaim]
            .into_iter()
            .find(|form| form.as_str() == text)
            .ok_or_else(|| format!("{text:?} is no trust-policy form: expected session-tag, subject or custom-claim"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_claims_have_the_shape_that_aws_reads() {
        let org = OrgId::from_uuid(Uuid::from_u128(0x0198_c5e2_7c1a_7b3e_9d52_6f0e_5a4b_3c21));
        let claims = FederationClaims {
            iss: "https://id.example.com".parse().unwrap(),
            sub: Subject::of_org(org),
            aud: Audience::sts(),
            iat: 1_800_000_000,
            nbf: 1_800_000_000,
            exp: 1_800_000_300,
            jti: "0198c5e2".into(),
            dw_org_id: org,
            roles: Some(vec!["arn:aws:iam::123456789012:role/dw".parse().unwrap()]),
            tags: Some(SessionTags::of_org(org)),
        };
        let expected = json!({
            "iss": "https://id.example.com",
            "sub": "org-0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21",
            "aud": "sts.amazonaws.com",
            "iat": 1_800_000_000, "nbf": 1_800_000_000, "exp": 1_800_000_300,
            "jti": "0198c5e2",
            "dw_org_id": "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21",
            "https://aws.amazon.com/roles": ["arn:aws:iam::123456789012:role/dw"],
            "https://aws.amazon.com/tags": {
                "principal_tags": {"dw_org_id": ["0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21"]},
                "transitive_tag_keys": ["dw_org_id"],
            },
        });
        let json = serde_json::to_value(&claims).unwrap();
        assert_eq!(json, expected);
        assert!(json.get("azp").is_none());
        assert_eq!(serde_json::from_value::<FederationClaims>(json).unwrap(), claims);
    }
}
