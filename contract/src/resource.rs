//! The normal form of a resource: as a Terraform state declares it, and as AWS shows it; and the edges, the IAM grants.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{AccountId, Arn};

/// A resource that exists in the account, as the inventory sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// The ARN as Resource Explorer gives it: the key of the inventory.
    pub arn: Arn,
    /// The account that owns it.
    pub account_id: AccountId,
    /// Its region, or `global`.
    pub region: String,
    /// The service as Resource Explorer names it: `ec2`.
    pub service: String,
    /// The type as Resource Explorer names it: `ec2:instance`.
    pub resource_type: String,
    /// The `CloudFormation` type (`AWS::EC2::Instance`), where it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cfn_type: Option<String>,
    /// The Cloud Control primary identifier, where the ARN suffices to tell it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub identifier: Option<String>,
    /// When Resource Explorer last saw it, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_reported_at: Option<String>,
    /// Its tags without `aws:*`; absent when the view does not carry tags (unknown is not the same as none).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tags: Option<BTreeMap<String, String>>,
    /// Who made it, as far as can be told.
    pub owner: Owner,
    /// How far Cloud Control got with it.
    pub enrichment: Enrichment,
    /// The Cloud Control properties, once enriched.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub properties: Option<Map<String, Value>>,
}

/// Who made a resource or a grant, as far as can be told from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Owner {
    /// AWS itself: default VPC parts, service-linked roles, AWS-managed keys, IAM Identity Center roles.
    Aws {
        /// What tells: `service-linked role`.
        reason: String,
    },
    /// A `CloudFormation` (or CDK) stack.
    #[serde(rename = "cloudformation")]
    CloudFormation {
        /// The stack's name.
        stack: String,
    },
    /// Nothing tells who made it.
    Unknown,
}

/// How far enrichment got with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Enrichment {
    /// Not asked for.
    None,
    /// Properties were read.
    Enriched,
    /// Properties could not be read.
    Failed {
        /// Why.
        reason: EnrichmentFailure,
    },
}

/// Why Cloud Control did not give a resource's properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnrichmentFailure {
    /// The identifier can't be told from the ARN.
    UnsupportedIdentifier,
    /// The type has no read handler, is unknown to the registry, or is not offered in the region.
    UnsupportedType,
    /// Cloud Control says that it does not exist.
    NotFound,
    /// The role may not read it.
    AccessDenied,
    /// Still throttled after every retry.
    Throttled,
    /// Cloud Control refuses the identifier's shape.
    InvalidIdentifier,
    /// A fault on AWS's side.
    ServiceError,
    /// No answer in time.
    Timeout,
}

impl EnrichmentFailure {
    /// Whether asking again with the same role and software would fail again.
    pub const fn is_permanent(self) -> bool {
        matches!(
            self,
            Self::UnsupportedIdentifier | Self::UnsupportedType | Self::InvalidIdentifier | Self::AccessDenied
        )
    }

    /// The word of the JSON report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnsupportedIdentifier => "unsupported_identifier",
            Self::UnsupportedType => "unsupported_type",
            Self::NotFound => "not_found",
            Self::AccessDenied => "access_denied",
            Self::Throttled => "throttled",
            Self::InvalidIdentifier => "invalid_identifier",
            Self::ServiceError => "service_error",
            Self::Timeout => "timeout",
        }
    }
}

/// A resource that a Terraform state declares (mode `managed`; data sources are not declarations).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeclaredResource {
    /// The address in its state: `module.net["a"].aws_subnet.this[0]`.
    pub address: String,
    /// The Terraform type: `aws_subnet`.
    pub terraform_type: String,
    /// The provider's source: `registry.terraform.io/hashicorp/aws`; a legacy `provider.aws` becomes `hashicorp/aws`.
    pub provider: String,
    /// Whether the object is current, tainted or deposed.
    pub status: DeclaredStatus,
    /// The `id` attribute, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// The `arn` attribute, where there is one and it is an ARN.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub arn: Option<Arn>,
    /// The account, from the ARN or from an `account_id`/`owner_id` attribute.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account_id: Option<AccountId>,
    /// The region: the `region` attribute (provider 6), else the ARN's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub region: Option<String>,
    /// All attributes, nested; sensitive values are already replaced by their [`redacted`](crate::resource::redacted_hash) form.
    pub attributes: Map<String, Value>,
    /// The state that declares it.
    pub source: StateRef,
}

/// What a state says of an object's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclaredStatus {
    /// The current object.
    Current,
    /// Marked for replacement; still managed.
    Tainted,
    /// A leftover of a replacement; still managed, neither missing nor unmanaged.
    Deposed,
}

/// Which state a declaration comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StateRef {
    /// Where it lies: `s3://bucket/key` or a file path.
    pub uri: String,
    /// The S3 version that was read, on versioned buckets: a report can be reproduced from it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version_id: Option<String>,
}

/// The member of the object that stands in for a sensitive value: `{"$sensitive_sha256": "<hex>"}`. Two values are equal
/// when their hashes are; the value itself never leaves the reader.
pub const REDACTED_KEY: &str = "$sensitive_sha256";

/// The hash inside a redacted value, when `value` is one.
pub fn redacted_hash(value: &Value) -> Option<&str> {
    let object = value.as_object()?;
    if object.len() != 1 {
        return None;
    }
    object.get(REDACTED_KEY)?.as_str()
}

/// An IAM principal of an account. The kind is part of it: a user and a role may share a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IamPrincipal {
    /// User, role or group.
    pub kind: PrincipalKind,
    /// The name, without its path; IAM names are unique per kind whatever the path.
    pub name: String,
}

/// The kinds of IAM principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// An IAM user.
    User,
    /// An IAM role.
    Role,
    /// An IAM group.
    Group,
}

impl PrincipalKind {
    /// The lower-case word: `role`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Role => "role",
            Self::Group => "group",
        }
    }
}

/// One IAM grant: who, and what was given.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Edge {
    /// Who holds it.
    pub principal: IamPrincipal,
    /// What is held.
    pub grant: Grant,
}

/// What an edge gives to its principal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "grant", rename_all = "snake_case")]
pub enum Grant {
    /// A managed policy is attached.
    ManagedPolicy {
        /// The policy's ARN.
        policy_arn: Arn,
    },
    /// An inline policy is embedded.
    InlinePolicy {
        /// The policy's name, unique within its principal.
        policy_name: String,
    },
    /// A user is a member of a group.
    Member {
        /// The group's name.
        group: String,
    },
    /// A role stands in an instance profile.
    InstanceProfile {
        /// The profile's name.
        profile: String,
    },
    /// A permissions boundary is set.
    Boundary {
        /// The policy's ARN.
        policy_arn: Arn,
    },
    /// A user has an access key (its id; the secret is never read).
    AccessKey {
        /// The access key id.
        key_id: String,
    },
}

/// An edge that a state declares, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredEdge {
    /// The grant.
    pub edge: Edge,
    /// The address of the declaring resource.
    pub address: String,
    /// The account of the declaration, where an ARN tells.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account_id: Option<AccountId>,
    /// The state that declares it.
    pub source: StateRef,
}
