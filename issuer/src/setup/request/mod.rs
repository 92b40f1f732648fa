//! What an admin chose, parsed: the one input of every document, in every form.
//!
//! [`RawRequest`] holds the texts of a page's form or of a command line; [`RawRequest::parse`] makes a [`SetupRequest`] of it
//! or says all that is wrong, each at its [`Field`](super::Field). A `SetupRequest` agrees with itself: role, principals,
//! region and keys lie in one partition, and no text in it can end a string of a document or be expanded by IAM.

mod names;
mod raw;
mod read;
mod scope;

use driftwise_contract::claims::TrustForm;
use driftwise_contract::{AccountId, Audience, IssuerUrl, OrgId, Partition, Region, RoleArn, Subject};

use super::StateLocation;

pub use names::{ExternalId, KmsKeyArn, RolePattern, TrustedPrincipal, UserArn};
pub use raw::RawRequest;
pub use scope::LeastPrivilegeChoice;

/// The name of the role where none is given.
pub const DEFAULT_ROLE: &str = "driftwise-readonly";
/// The name of the two-layer form's user where none is given.
pub const DEFAULT_USER: &str = "driftwise-agent";

/// What documents say of the issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerFacts {
    /// The issuer of the account's tokens.
    pub issuer: IssuerUrl,
    /// The `aud` of its tokens: the client id of the provider.
    pub audience: Audience,
    /// The SHA-1 thumbprints of published certificates, 40 hexadecimal digits each; empty where AWS needs none (a public CA
    /// chain).
    pub thumbprints: Vec<String>,
    /// The partitions in which a trust policy demands a token pinned to its role unless the admin says otherwise.
    pub roles_authorized_by_idp: Vec<Partition>,
}

impl IssuerFacts {
    /// The ARN of the IAM OIDC provider of this issuer in an account.
    pub fn provider_arn(&self, partition: Partition, account: &AccountId) -> String {
        // "arn:aws:iam::<account>:oidc-provider/<URL without scheme>" (IAM user guide, "OIDC federation").
        format!("arn:{partition}:iam::{account}:oidc-provider/{}", self.issuer.without_scheme())
    }
}

/// Everything that the documents are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupRequest {
    /// The issuer.
    pub issuer: IssuerFacts,
    /// The org.
    pub org: OrgId,
    /// The role that the agent assumes. Its account and partition are those of the request.
    pub role: RoleArn,
    /// The region of the account's Resource Explorer aggregator; in the role's partition.
    pub region: Region,
    /// Who may assume the role.
    pub trust: TrustChoice,
    /// What the role may read.
    pub access: AccessLevel,
    /// Where Terraform states lie.
    pub states: Vec<StateLocation>,
    /// The account that owns the state buckets, where it is not the role's.
    pub state_account: Option<AccountId>,
    /// The KMS keys that the states are sealed with.
    pub kms_keys: Vec<KmsKeyArn>,
    /// Whether bucket and key policies demand the org's session tag (`aws:PrincipalTag/dw_org_id`). Only with the form
    /// `session-tag`: other tokens carry no tag.
    pub abac: bool,
    /// A role of its own that reads the states, in the account of the buckets.
    pub state_reader: Option<RoleArn>,
    /// The roles that lock-down knows.
    pub lock_down: LockDown,
}

impl SetupRequest {
    /// The role's account.
    pub fn account(&self) -> &AccountId {
        self.role.account_id()
    }

    /// The partition that everything lies in.
    pub fn partition(&self) -> Partition {
        self.role.partition()
    }

    /// The account that owns the state buckets.
    pub fn state_account(&self) -> &AccountId {
        self.state_account.as_ref().unwrap_or(self.account())
    }

    /// The subject of the org's tokens.
    pub fn subject(&self) -> Subject {
        Subject::of_org(self.org)
    }

    /// The role that reads the states: the reader where there is one, else the role itself.
    pub fn state_role(&self) -> &RoleArn {
        self.state_reader.as_ref().unwrap_or(&self.role)
    }
}

/// Who may assume the role, and by what proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustChoice {
    /// A token of the issuer. No key is stored anywhere.
    Federated {
        /// What the trust policy tests.
        form: TrustForm,
        /// Whether it demands a token that is pinned to the role (`sts:RoleAuthorizedByIdp`).
        role_authorized_by_idp: bool,
    },
    /// A principal of another AWS account that states an External ID.
    ExternalId {
        /// The account or role.
        principal: TrustedPrincipal,
        /// The External ID.
        external_id: ExternalId,
    },
    /// A user of the same account that may do nothing but assume the role, and states an External ID.
    TwoLayer {
        /// The user.
        user: UserArn,
        /// The External ID.
        external_id: ExternalId,
    },
}

impl TrustChoice {
    /// The words of the command line and the page, in the order of the page.
    pub const WORDS: [&'static str; 5] = ["session-tag", "subject", "custom-claim", "external-id", "two-layer"];

    /// The word of the command line and the page.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Federated { form, .. } => form.as_str(),
            Self::ExternalId { .. } => "external-id",
            Self::TwoLayer { .. } => "two-layer",
        }
    }

    /// Whether sessions of the role carry the org as a tag.
    pub const fn tags_the_session(&self) -> bool {
        matches!(self, Self::Federated { form, .. } if form.tags_the_session())
    }
}

/// What the role may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLevel {
    /// AWS's managed policy `ReadOnlyAccess`, and a policy that denies the data it would read.
    ReadOnlyAccess,
    /// The actions that the types in scope need.
    LeastPrivilege(LeastPrivilegeChoice),
}

impl AccessLevel {
    /// The words of the command line and the page.
    pub const WORDS: [&'static str; 2] = ["read-only-access", "least-privilege"];

    /// The word of the command line and the page.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::ReadOnlyAccess => "read-only-access",
            Self::LeastPrivilege(_) => "least-privilege",
        }
    }
}

/// The roles that lock-down knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LockDown {
    /// The roles that may change IAM.
    pub iac_roles: Vec<RolePattern>,
    /// The roles that lock-down spares, for emergencies.
    pub break_glass_roles: Vec<RolePattern>,
}
