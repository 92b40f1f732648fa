//! The one domain error. It knows no HTTP: [`crate::http`] maps it to a status, [`crate::cli`] to an exit code.

use driftwise_contract::{AccountId, AgentId, OrgId, RoleArn};

use crate::accounts::admin::SignInName;
use crate::accounts::{ApiKeyId, ApiKeyScope, DisplayName, EnrolmentCodeId};
use crate::audit::LedgerFault;
use crate::federation::AssertionFault;
use crate::keyring::KeyringError;
use crate::store::StoreError;

/// What can go wrong in the issuer. The message says what and why; [`Error::hint`] says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such org, or none that the caller may know of.
    #[error("there is no org {0}")]
    OrgUnknown(OrgId),
    /// An org has that name, or one that differs in case only.
    #[error("org {org} is called {name} already")]
    OrgNameTaken {
        /// The name.
        name: DisplayName,
        /// The org that has it.
        org: OrgId,
    },
    /// No such agent any more.
    #[error("there is no agent {0}")]
    AgentUnknown(AgentId),
    /// The org has not registered this account.
    #[error("org {org} has not registered the account {account}")]
    AccountUnknown {
        /// The org that was asked.
        org: OrgId,
        /// The account that it does not have.
        account: AccountId,
    },
    /// An account whose parts contradict each other.
    #[error("{0}")]
    AccountInvalid(String),
    /// Another org has the role.
    #[error("the role {0} is registered by another org")]
    RoleTaken(RoleArn),
    /// The org has registered the account with another role.
    #[error("org {org} has registered the account {account} with another role")]
    AccountHasOtherRole {
        /// The org.
        org: OrgId,
        /// The account.
        account: AccountId,
    },
    /// The code is unknown, used or expired: which one, only the operator may know.
    #[error("the enrolment code is unknown, already used or expired")]
    EnrolmentCodeInvalid,
    /// The public key is none that agents may use.
    #[error("the public key is not acceptable: {0}")]
    PublicKeyInvalid(String),
    /// The new key did not sign for its registration as it must.
    #[error("the proof of the new key is not acceptable: {0}")]
    KeyProofInvalid(String),
    /// The public key belongs to an agent already.
    #[error("this public key is registered already")]
    PublicKeyTaken,
    /// The org has no such agent, or it was revoked before.
    #[error("org {org} has no agent {agent} that could be revoked")]
    AgentNotRevocable {
        /// The org that was asked.
        org: OrgId,
        /// The agent that it does not have.
        agent: AgentId,
    },
    /// The org has no unused enrolment code of that id.
    #[error("org {org} has no unused enrolment code {code}")]
    EnrolmentCodeUnknown {
        /// The org that was asked.
        org: OrgId,
        /// The id that was given.
        code: EnrolmentCodeId,
    },
    /// The API key is malformed, unknown, revoked, expired, or its secret is wrong: which one is not told.
    #[error("the API key is unknown, revoked or expired")]
    ApiKeyInvalid,
    /// The org has no such API key, or it was revoked before.
    #[error("org {org} has no API key {key} that could be revoked")]
    ApiKeyNotRevocable {
        /// The org that was asked.
        org: OrgId,
        /// The key that it does not have.
        key: ApiKeyId,
    },
    /// There is no such admin.
    #[error("there is no admin {0}")]
    AdminUnknown(SignInName),
    /// Another admin has the name.
    #[error("there is an admin {0} already")]
    AdminNameTaken(SignInName),
    /// The API key may not do this.
    #[error("the API key does not have the scope {0}")]
    ApiKeyScopeMissing(ApiKeyScope),
    /// The caller, or its org, asks more often than it may.
    #[error("this caller, or its org, asks too often")]
    TooOften {
        /// How long until it may ask again.
        wait: std::time::Duration,
    },
    /// More is waiting than the issuer works off in time.
    #[error("the issuer has too much to do")]
    Busy,
    /// The client assertion was not accepted.
    #[error("{0}")]
    Assertion(#[from] AssertionFault),
    /// The role is not a registered one of the caller's org. Whether another org has it is not told.
    #[error("the role {0} is not registered for this agent's org")]
    RoleNotRegistered(RoleArn),
    /// This issuer was told to mint none.
    #[error("this issuer mints no canary tokens")]
    CanaryOff,
    /// The org has no issuer of its own.
    #[error("org {0} has no issuer of its own")]
    OrgWithoutIssuer(OrgId),
    /// Accounts of the org use its issuer, so its keys can't be changed.
    #[error("accounts of org {org} use its issuer: {}", accounts.iter().map(AccountId::as_str).collect::<Vec<_>>().join(", "))]
    OrgIssuerInUse {
        /// The org.
        org: OrgId,
        /// The accounts whose tokens name the org's issuer.
        accounts: Vec<AccountId>,
    },
    /// The issuer URL leaves no room for an org's.
    #[error("{url} can't be an issuer URL: it is longer than 255 characters (AWS's limit)")]
    OrgIssuerUrl {
        /// What the org's issuer would be called.
        url: String,
    },
    /// A document can't be written as JSON.
    #[error("can't make a document: {0}")]
    Document(#[from] serde_json::Error),
    /// Nothing to publish to is configured.
    #[error("there is nothing to publish to")]
    NoPublicationTarget,
    /// The public URL can't be looked at.
    #[error(transparent)]
    PublicUrl(#[from] crate::publication::Fault),
    /// Keys can't be read, opened, made or used.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// A row of the audit log did not become durable, so that what it tells of must not happen.
    #[error("{0}")]
    Ledger(LedgerFault),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LedgerFault> for Error {
    fn from(fault: LedgerFault) -> Self {
        match fault {
            LedgerFault::Replayed => AssertionFault::Replayed.into(),
            LedgerFault::Store(error) if error.is_passing() => Self::Busy,
            other => Self::Ledger(other),
        }
    }
}

impl Error {
    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::OrgUnknown(_) => "`driftwise-issuer org list` shows the orgs.".into(),
            Self::OrgNameTaken { .. } => "Use that org, or give this one another name: an org can be neither renamed nor removed, \
                                          and who goes by the name gives agents and accounts to the wrong one. \
                                          --same-name makes a second one all the same."
                .into(),
            Self::AgentUnknown(_) => "Enrol it with a new code: `driftwise-issuer agent enrol --org ORG`.".into(),
            Self::AccountUnknown { org, .. } => {
                format!("`driftwise-issuer account list --org {org}` shows its accounts.")
            }
            Self::RoleTaken(_) => "A role trusts one org; create a role of its own for this org. Where the other org \
                                   registered it by mistake, take that back: `driftwise-issuer account remove --org \
                                   OTHER --account-id ID`."
                .into(),
            Self::AccountHasOtherRole { org, account } => format!(
                "An account has one role per org; `driftwise-issuer account list --org {org}` shows it. To register \
                 another one, first `driftwise-issuer account remove --org {org} --account-id {account}`."
            ),
            Self::NoPublicationTarget => {
                "Set publication.directory or publication.bucket. The issuer itself serves the documents without either.".into()
            }
            Self::OrgWithoutIssuer(org) => {
                format!("Give it one: `driftwise-issuer org issuer set --org {org} --keys own`.")
            }
            Self::OrgIssuerInUse { org, .. } => format!(
                "Verifiers keep keys for a while, so keys are not exchanged under tokens in use. First register these \
                 accounts again with `--issuer shared`, in step with their roles' trust policies; then set the issuer of \
                 org {org}."
            ),
            Self::OrgIssuerUrl { .. } => {
                "Issuers of orgs need an issuer URL (server.issuer_url) of at most 213 characters.".into()
            }
            Self::EnrolmentCodeInvalid => "Ask for a new code: `driftwise-issuer agent enrol --org ORG`.".into(),
            Self::PublicKeyInvalid(_) => "Use an RSA key of 2,048 to 4,096 bits or a P-256 key.".into(),
            Self::KeyProofInvalid(_) => {
                "The proof is an assertion with the same dw_new_kid, signed by the new key under its own kid.".into()
            }
            Self::PublicKeyTaken => "Make a new key for each enrolment.".into(),
            Self::RoleNotRegistered(_) => "Register it: `driftwise-issuer account register --org ORG --account-id ID \
                                           --role-arn ARN --region REGION`."
                .into(),
            Self::CanaryOff => "Set federation.canary = true in the issuer's configuration, at least for the proof.".into(),
            Self::AgentNotRevocable { org, .. } => {
                format!("`driftwise-issuer agent list --org {org}` shows its agents.")
            }
            Self::EnrolmentCodeUnknown { org, .. } => {
                format!("`driftwise-issuer enrolment-code list --org {org}` shows its codes.")
            }
            Self::ApiKeyInvalid => "Make another one: `driftwise-issuer apikey create --org ORG --name NAME --scope \
                                    SCOPE`."
                .into(),
            Self::ApiKeyNotRevocable { org, .. } => {
                format!("`driftwise-issuer apikey list --org {org}` shows its keys.")
            }
            Self::AdminUnknown(_) => "`driftwise-issuer admin list` shows the admins and who is invited.".into(),
            Self::AdminNameTaken(name) => format!(
                "For another password: `driftwise-issuer admin reset --name {name}`. For another person, take another name."
            ),
            Self::ApiKeyScopeMissing(scope) => {
                format!(
                    "Make a key that has it: `driftwise-issuer apikey create --org ORG --name NAME --scope {scope}`."
                )
            }
            Self::TooOften { .. } => "Ask again after as many seconds as the Retry-After header says.".into(),
            Self::Busy => "Try again in a second.".into(),
            Self::Keyring(error) => return error.hint(),
            Self::Store(StoreError::Missing { .. }) => {
                "Name the configuration with --config or DRIFTWISE_ISSUER_CONFIG: relative paths are resolved against \
                 the working directory. `driftwise-issuer serve` and `driftwise-issuer org create` make a new store."
                    .into()
            }
            Self::Ledger(LedgerFault::Busy | LedgerFault::Stopped | LedgerFault::AuthorityChanged) => {
                "Ask again in a second.".into()
            }
            Self::AccountInvalid(_) | Self::Assertion(_) | Self::Document(_) | Self::PublicUrl(_) | Self::Ledger(_) | Self::Store(_) => {
                return None;
            }
        })
    }
}
