//! Findings: one piece of drift each. And gaps: what a scan could not see, and why.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::codes::Code;
use crate::ids::{AccountId, Arn};
use crate::resource::{Edge, Owner, StateRef};

/// One piece of drift.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Finding {
    /// Declared, but confirmed not to exist: absent from the index **and** from a direct read with its exact identifier.
    Missing {
        /// Where it is declared.
        declared: DeclaredRef,
    },
    /// Exists, but no state declares it.
    Unmanaged {
        /// What exists.
        resource: ResourceRef,
    },
    /// Declared and existing, but declared attributes differ.
    Changed {
        /// What exists.
        resource: ResourceRef,
        /// Where it is declared.
        declared: DeclaredRef,
        /// The differences, at least one, ordered by path.
        changes: Vec<Change>,
    },
    /// An IAM grant that exists and that no state declares. Terraform itself cannot see it.
    UndeclaredGrant {
        /// The account.
        account_id: AccountId,
        /// The principal's ARN.
        principal_arn: Arn,
        /// The grant.
        edge: Edge,
        /// Where the principal itself is declared, when it is.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        principal_declared: Option<DeclaredRef>,
        /// Where a state saw the grant at its last refresh (`managed_policy_arns` or `inline_policy` of the role), which
        /// declares nothing.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        observed_in: Option<DeclaredRef>,
        /// Who made the principal, as far as can be told.
        owner: Owner,
    },
}

impl Finding {
    /// The word that the report groups by: `missing`, `unmanaged`, `changed`, `undeclared_grant`.
    pub const fn kind(&self) -> FindingKind {
        match self {
            Self::Missing { .. } => FindingKind::Missing,
            Self::Unmanaged { .. } => FindingKind::Unmanaged,
            Self::Changed { .. } => FindingKind::Changed,
            Self::UndeclaredGrant { .. } => FindingKind::UndeclaredGrant,
        }
    }

    /// A text that is the same for the same drift in every scan of the account, and another for any other: reports sort
    /// and compare by it.
    pub fn key(&self) -> String {
        match self {
            Self::Missing { declared } => format!("missing {} {}", declared.source.uri, declared.address),
            Self::Unmanaged { resource } => format!("unmanaged {}", resource.arn),
            Self::Changed { resource, declared, .. } => {
                format!("changed {} {} {}", resource.arn, declared.source.uri, declared.address)
            }
            Self::UndeclaredGrant { principal_arn, edge, .. } => {
                use crate::resource::Grant;
                let grant = match &edge.grant {
                    Grant::ManagedPolicy { policy_arn } => format!("managed {policy_arn}"),
                    Grant::InlinePolicy { policy_name } => format!("inline {policy_name}"),
                    Grant::Member { group } => format!("member {group}"),
                    Grant::InstanceProfile { profile } => format!("profile {profile}"),
                    Grant::Boundary { policy_arn } => format!("boundary {policy_arn}"),
                    Grant::AccessKey { key_id } => format!("key {key_id}"),
                };
                format!("undeclared_grant {principal_arn} {grant}")
            }
        }
    }
}

/// The kinds of finding, in the order in which reports show them: grants first, they are what nobody else shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// See [`Finding::UndeclaredGrant`].
    UndeclaredGrant,
    /// See [`Finding::Missing`].
    Missing,
    /// See [`Finding::Changed`].
    Changed,
    /// See [`Finding::Unmanaged`].
    Unmanaged,
}

impl FindingKind {
    /// The word of the JSON report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UndeclaredGrant => "undeclared_grant",
            Self::Missing => "missing",
            Self::Changed => "changed",
            Self::Unmanaged => "unmanaged",
        }
    }
}

/// A declaration, as a finding points at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredRef {
    /// The address in its state.
    pub address: String,
    /// The Terraform type.
    pub terraform_type: String,
    /// The id or ARN by which the declaration names the resource.
    pub id: String,
    /// The region, where it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub region: Option<String>,
    /// The state.
    pub source: StateRef,
}

/// A live resource, as a finding points at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceRef {
    /// Its ARN.
    pub arn: Arn,
    /// The account.
    pub account_id: AccountId,
    /// The region, or `global`.
    pub region: String,
    /// The type as Resource Explorer names it.
    pub resource_type: String,
    /// The `CloudFormation` type, where it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cfn_type: Option<String>,
    /// Who made it, as far as can be told.
    pub owner: Owner,
}

/// One attribute whose declared value is not the live one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The attribute in Terraform's words: `tags_all.team`, `visibility_timeout_seconds`.
    pub path: String,
    /// The property in `CloudFormation`'s words: `Tags.team`, `VisibilityTimeout`.
    pub property: String,
    /// The declared value; null when the state declares none. Sensitive values are redacted.
    pub declared: Value,
    /// The live value; null when there is none.
    pub actual: Value,
}

/// What a scan could not see, and why. A gap never becomes a finding: unknown is not deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The error code, with its cause and fix.
    pub code: Code,
    /// What is unseen.
    pub scope: GapScope,
    /// How many resources, states or grants are concerned, where that is known; else 0.
    pub count: u64,
    /// What AWS or the reader said, in one sentence; never a secret.
    pub detail: String,
}

/// What a gap is about; members are absent where it is not that narrow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct GapScope {
    /// The AWS service that was asked: `cloudcontrol`, `resource-explorer-2`, `iam`, `s3`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub service: Option<String>,
    /// The region.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub region: Option<String>,
    /// The resource type, `CloudFormation`'s or Terraform's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resource_type: Option<String>,
    /// One resource: an ARN or an address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resource: Option<String>,
    /// One state.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state: Option<String>,
}
