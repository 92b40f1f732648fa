//! The plan: what comes to be in the account, as facts that every form (JSON, command line, CloudFormation, Terraform) says
//! alike.

use driftwise_contract::policy::PolicyDocument;
use driftwise_contract::{AccountId, Arn, Audience, IssuerUrl, Partition, Region, RoleArn};

use super::document::{Document, DocumentKind, Note};
use super::request::{AccessLevel, SetupRequest, TrustChoice};
use super::{SetupError, StateReading, lockdown, permission, permission_policy_for, read_only, session, state, trust};

/// How long a session of the role may last, in seconds: AWS's default for a role.
pub const MAX_SESSION_S: u32 = 3_600;
/// The tag on everything that the plan makes. Not `dw_org_id`: a role's own tags count as `aws:PrincipalTag` of its sessions,
/// and only the token may say that one.
pub const OWNER_TAG: &str = "driftwise-org";

/// Everything that comes to be in the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupPlan {
    /// The partition.
    pub partition: Partition,
    /// The account.
    pub account: AccountId,
    /// The region that regional parts belong to.
    pub region: Region,
    /// The IAM OIDC provider, for the federated forms. The account may have it already: then its audience is added.
    pub provider: Option<OidcProvider>,
    /// The roles; the first is the one that the agent assumes.
    pub roles: Vec<Role>,
    /// The users of the two-layer form. They come before the roles: AWS refuses a trust policy that names a user that does not
    /// exist.
    pub users: Vec<User>,
    /// Documents that belong to resources of others: they are merged by hand into what stands there.
    pub attach_by_hand: Vec<Document>,
    /// What to know before the plan is applied.
    pub notes: Vec<Note>,
}

/// An IAM OIDC provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcProvider {
    /// Its ARN, which follows from account and URL.
    pub arn: String,
    /// The issuer.
    pub url: IssuerUrl,
    /// The audiences of its tokens.
    pub client_ids: Vec<Audience>,
    /// SHA-1 thumbprints; empty where AWS needs none.
    pub thumbprints: Vec<String>,
}

/// An IAM role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its ARN, which follows from account, path and name.
    pub arn: RoleArn,
    /// Its name.
    pub name: String,
    /// Its path with both slashes: `/` or `/team/`.
    pub path: String,
    /// What it is for, in the alphabet of IAM descriptions.
    pub description: String,
    /// How long its sessions may last, in seconds.
    pub max_session_s: u32,
    /// Who may assume it.
    pub trust: PolicyDocument,
    /// Managed policies that exist already (AWS's own).
    pub managed_policy_arns: Vec<Arn>,
    /// Managed policies that the plan makes and attaches.
    pub managed_policies: Vec<ManagedPolicy>,
    /// Policies that stand in the role itself.
    pub inline: Vec<InlinePolicy>,
    /// Tags, by key.
    pub tags: Vec<(String, String)>,
}

/// A customer-managed policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedPolicy {
    /// Its name; unique in the account.
    pub name: String,
    /// Its path with both slashes.
    pub path: String,
    /// What it is for, in the alphabet of IAM descriptions.
    pub description: String,
    /// The policy.
    pub document: PolicyDocument,
}

/// A policy that stands in a role or user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlinePolicy {
    /// Its name; unique in the role or user.
    pub name: String,
    /// The policy.
    pub document: PolicyDocument,
}

/// An IAM user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Its path with both slashes: `/` or `/team/`.
    pub path: String,
    /// Policies that stand in the user.
    pub inline: Vec<InlinePolicy>,
    /// Tags, by key.
    pub tags: Vec<(String, String)>,
}

impl SetupRequest {
    /// The plan for the account.
    pub fn plan(&self) -> Result<SetupPlan, SetupError> {
        let trust = trust::trust_policy(self)?;
        let mut plan = SetupPlan {
            partition: self.partition(),
            account: self.account().clone(),
            region: self.region.clone(),
            provider: self.provider(),
            notes: trust.notes.clone(),
            roles: vec![self.scan_role(trust)?],
            users: self.users()?,
            attach_by_hand: Vec::new(),
        };
        if let Some(reader) = state::reader_role(self)? {
            if reader.arn.account_id() != self.account() {
                plan.notes.push(Note::remark(
                    "The state reader lies in another account: register it for the org as well, for the issuer mints tokens for \
                     registered roles only.",
                ));
            }
            plan.roles.push(reader);
        }
        for kind in [DocumentKind::BucketPolicy, DocumentKind::KeyPolicy] {
            match self.document(kind) {
                Ok(documents) => plan.attach_by_hand.extend(documents),
                Err(SetupError::NotWanted { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(plan)
    }

    /// The documents of a kind. Several where one would pass AWS's limits, or where several buckets or keys have one each.
    pub fn document(&self, kind: DocumentKind) -> Result<Vec<Document>, SetupError> {
        match kind {
            DocumentKind::TrustPolicy => {
                let reader =
                    self.state_reader.as_ref().map(|reader| trust::trust_policy_of(self, reader)).transpose()?;
                let reader = reader.map(|document| document.named("state-reader-trust-policy"));
                Ok(std::iter::once(trust::trust_policy(self)?).chain(reader).collect())
            }
            DocumentKind::PermissionPolicy => match &self.access {
                AccessLevel::ReadOnlyAccess => {
                    let reading = match &self.state_reader {
                        Some(_) => StateReading::Reader,
                        None if self.states.is_empty() => StateReading::Unsaid,
                        None => StateReading::Role(&self.states, &self.kms_keys),
                    };
                    let policy = permission_policy_for(self.partition(), reading)?;
                    let document = Document::new(kind, "Permission policy", policy);
                    Ok(vec![read_only::explained(document, reading)])
                }
                AccessLevel::LeastPrivilege(choice) => permission::least_privilege_documents(self, choice),
            },
            DocumentKind::BucketPolicy => state::bucket_policies(self),
            DocumentKind::KeyPolicy => state::key_policies(self),
            DocumentKind::StatePolicy => Ok(vec![state::state_policy(self)?]),
            DocumentKind::SessionPolicy => Ok(vec![session::session_policy(self)?]),
            DocumentKind::ServiceControlPolicy => Ok(vec![lockdown::service_control_policy(self)?]),
            DocumentKind::ResourceControlPolicy => Ok(vec![lockdown::resource_control_policy(self)?]),
        }
    }

    fn provider(&self) -> Option<OidcProvider> {
        let TrustChoice::Federated { .. } = self.trust else { return None };
        Some(OidcProvider {
            arn: self.issuer.provider_arn(self.partition(), self.account()),
            url: self.issuer.issuer.clone(),
            client_ids: vec![self.issuer.audience.clone()],
            thumbprints: self.issuer.thumbprints.clone(),
        })
    }

    fn users(&self) -> Result<Vec<User>, SetupError> {
        let TrustChoice::TwoLayer { user, .. } = &self.trust else { return Ok(Vec::new()) };
        let mut inline = vec![InlinePolicy {
            name: format!("assume-{}", self.role.role_name()),
            document: trust::user_policy(&self.role)?,
        }];
        if let Some(reader) = &self.state_reader {
            inline.push(InlinePolicy {
                name: format!("assume-state-reader-{}", reader.role_name()),
                document: trust::user_policy(reader)?,
            });
        }
        Ok(vec![User { name: user.name().to_owned(), path: user.path().to_owned(), inline, tags: self.tags() }])
    }

    fn scan_role(&self, trust: Document) -> Result<Role, SetupError> {
        let permissions = self.document(DocumentKind::PermissionPolicy)?;
        let managed = |document: Document| ManagedPolicy {
            name: format!("{}-{}", self.role.role_name(), document.file_stem),
            path: self.role.path().to_owned(),
            description: document.title,
            document: document.policy,
        };
        let read_only = match self.access {
            AccessLevel::ReadOnlyAccess => Some(format!("arn:{}:iam::aws:policy/ReadOnlyAccess", self.partition())),
            AccessLevel::LeastPrivilege(_) => None,
        };
        Ok(Role {
            arn: self.role.clone(),
            name: self.role.role_name().to_owned(),
            path: self.role.path().to_owned(),
            description: "Read-only role of driftwise".to_owned(),
            max_session_s: MAX_SESSION_S,
            trust: trust.policy,
            // The text is an ARN in every partition.
            managed_policy_arns: read_only.and_then(|arn| arn.parse().ok()).into_iter().collect(),
            managed_policies: permissions.into_iter().map(managed).collect(),
            inline: Vec::new(),
            tags: self.tags(),
        })
    }

    fn tags(&self) -> Vec<(String, String)> {
        vec![(OWNER_TAG.to_owned(), self.org.to_string())]
    }
}
