//! What happened, by whom, from where. To add an event: a variant here, its OCSF class in [`super::ocsf`], a row in
//! docs/operations/audit.md. A released variant keeps its name and members; new members are optional.
//!
//! An event names things by their ids and never holds a token, assertion, code, secret or private key.

use std::collections::BTreeMap;
use std::net::IpAddr;

use driftwise_contract::claims::TrustForm;
use driftwise_contract::proof::ProofOutcome;
use driftwise_contract::{AccountId, AgentId, Audience, IssuerUrl, Kid, OrgId, Region, RoleArn, Subject};
use serde::{Deserialize, Serialize};

use super::canonical::{CanonicalFault, canonical};
use super::chain::Chain;

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// Someone at the command line, by the names that the environment tells. Who may run it may also claim another name:
    /// the names help people, they prove nothing.
    Operator {
        /// `USER` or `LOGNAME`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        user: Option<String>,
        /// `SUDO_USER`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        sudo_user: Option<String>,
    },
    /// An agent that proved who it is.
    Agent {
        /// Its id.
        id: AgentId,
        /// The key that it proved it with.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        kid: Option<Kid>,
    },
    /// The holder of an API key.
    ApiKey {
        /// The public part of the key.
        id: String,
    },
    /// The holder of an enrolment code.
    CodeHolder,
    /// An admin who is signed in to the pages.
    Admin {
        /// Its id.
        id: String,
        /// The name at that time.
        name: String,
    },
    /// A caller that proved nothing.
    Unknown,
    /// The issuer itself: a job.
    Issuer,
}

/// Why a token was refused, as a word that never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RefusalReason {
    /// The assertion is no JWT of the kind that agents make.
    AssertionMalformed,
    /// No agent of that id has that key.
    KeyUnknown,
    /// The signature does not verify.
    SignatureInvalid,
    /// Meant for another issuer, or its claims do not fit.
    ClaimsInvalid,
    /// Too old, or from the future.
    ClockSkew,
    /// Taken before.
    Replayed,
    /// The API key is unknown, revoked, expired or lacks the scope.
    ApiKeyInvalid,
    /// The role is not one of the caller's org.
    RoleNotRegistered,
    /// A scope that is not served.
    ScopeInvalid,
    /// What allowed the token was taken back while it was made.
    AuthorityChanged,
    /// The request is not one that the endpoint takes.
    RequestInvalid,
    /// Too many requests.
    RateLimited,
    /// Name or password of a sign-in are wrong.
    SignInFailed,
    /// A sign-in while the name or the network is locked out.
    SignInLocked,
}

/// A token that was minted. Its row is durable before the token leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenMinted {
    /// Its `jti`; the agent's role session is named after it, so that `CloudTrail` rows join.
    pub jti: String,
    /// Its `iss`.
    pub iss: IssuerUrl,
    /// Its `sub`.
    pub sub: Subject,
    /// Its `aud`.
    pub aud: Audience,
    /// The role that it is pinned to.
    pub role: RoleArn,
    /// The key that signed it.
    pub kid: Kid,
    /// Its `exp`, seconds since the epoch.
    pub exp_s: i64,
    /// The scope that it was narrowed to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scope: Option<String>,
}

/// A token that was not minted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRefused {
    /// Why.
    pub reason: RefusalReason,
    /// The agent that the caller says to be. Not proven unless the actor says so too.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub claimed_agent: Option<AgentId>,
    /// The role that was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub role: Option<RoleArn>,
}

/// A signing key in its next state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyEvent {
    /// The key.
    pub kid: Kid,
    /// `shared`, or the org whose own key it is.
    pub key_set: String,
    /// The algorithm, where the event is the key's first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub algorithm: Option<String>,
}

/// What happened. The name of a variant in `snake_case` is the row's `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A token was minted.
    TokenMinted(TokenMinted),
    /// A canary token was minted: for an org that does not exist, to prove that a role keeps other orgs out. The chain's org
    /// asked for it.
    CanaryTokenMinted(TokenMinted),
    /// A token was refused.
    TokenRefused(TokenRefused),
    /// Refusals beyond the rate at which each gets a row of its own, counted.
    RefusalsCounted {
        /// How many, by reason.
        reasons: BTreeMap<RefusalReason, u64>,
        /// Since when, milliseconds since the epoch.
        since_ms: i64,
    },
    /// A signing key was made; it is published and does not sign yet.
    KeyStaged(KeyEvent),
    /// A signing key signs from now on.
    KeyActivated(KeyEvent),
    /// A signing key signs no longer and is still published.
    KeyRetired(KeyEvent),
    /// A signing key is published no longer.
    KeyRemoved(KeyEvent),
    /// A signing key was taken out of use at once: tokens signed by it stop verifying.
    KeyRevoked(KeyEvent),
    /// The keys at rest are sealed under another master key.
    KeysResealed {
        /// How many secrets.
        count: u64,
    },
    /// An org was made. Stands in the platform's chain and begins the org's.
    OrgCreated {
        /// The org.
        org: OrgId,
        /// Its name.
        name: String,
    },
    /// The issuer of an org was set.
    OrgIssuerSet {
        /// `shared`, `own` or `none`.
        keys: String,
    },
    /// An account was registered, or registered anew with another region or form.
    AccountRegistered {
        /// The account.
        account: AccountId,
        /// The role that its tokens are pinned to.
        role: RoleArn,
        /// The region of its aggregator index.
        region: Region,
        /// The form of its trust policy.
        trust_form: TrustForm,
        /// `shared` or `org`, where it was said.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        issuer: Option<String>,
    },
    /// An agent reported what it found when it proved an account's role.
    ProofReported {
        /// The account.
        account: AccountId,
        /// The role that was tried.
        role: RoleArn,
        /// What the agent says that it found.
        outcome: ProofOutcome,
        /// Why, where it is not proven.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        code: Option<String>,
    },
    /// An account's registration was taken away.
    AccountRemoved {
        /// The account.
        account: AccountId,
        /// The role that had been registered.
        role: RoleArn,
    },
    /// An enrolment code was made.
    EnrolmentCodeMade {
        /// The first 12 hexadecimal digits of the code's SHA-256: enough to tell codes apart, useless to find one.
        code: String,
        /// Until when it is valid, milliseconds since the epoch.
        expires_at_ms: i64,
    },
    /// An enrolment code was taken back.
    EnrolmentCodeRevoked {
        /// As in [`Event::EnrolmentCodeMade`].
        code: String,
    },
    /// An agent enrolled.
    AgentEnrolled {
        /// The agent.
        agent: AgentId,
        /// Its name.
        name: String,
        /// Its key.
        kid: Kid,
        /// The code that it enrolled with, as in [`Event::EnrolmentCodeMade`].
        code: String,
    },
    /// An agent was shut out.
    AgentRevoked {
        /// The agent.
        agent: AgentId,
    },
    /// An agent's key was replaced.
    AgentKeyRotated {
        /// The agent.
        agent: AgentId,
        /// The key that counts no longer.
        old_kid: Kid,
        /// The key that counts now.
        new_kid: Kid,
    },
    /// An API key was made.
    ApiKeyCreated {
        /// Its public part.
        id: String,
        /// Its name.
        name: String,
        /// What it may do.
        scopes: Vec<String>,
        /// Until when, milliseconds since the epoch; for ever without.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        expires_at_ms: Option<i64>,
    },
    /// An API key was taken back.
    ApiKeyRevoked {
        /// Its public part.
        id: String,
    },
    /// Somebody was invited to be an admin.
    AdminInvited {
        /// The name that the invitation is for.
        name: String,
        /// The first 12 hexadecimal digits of the SHA-256 of the link's token.
        link: String,
        /// Until when the link is valid, milliseconds since the epoch.
        expires_at_ms: i64,
    },
    /// An invitation was taken back.
    AdminInvitationRevoked {
        /// The name that it was for.
        name: String,
    },
    /// An admin was made, by a one-time link.
    AdminCreated {
        /// The admin.
        admin: String,
        /// The name.
        name: String,
        /// `first` or `invite`.
        by: String,
        /// As in [`Event::AdminInvited`].
        link: String,
    },
    /// A link for an admin's new password was made.
    AdminResetMade {
        /// The admin.
        admin: String,
        /// The name.
        name: String,
        /// As in [`Event::AdminInvited`].
        link: String,
        /// Until when the link is valid, milliseconds since the epoch.
        expires_at_ms: i64,
    },
    /// An admin has a new password; every session of the admin ended.
    AdminPasswordSet {
        /// The admin.
        admin: String,
        /// The name.
        name: String,
    },
    /// An admin was removed, and every session ended.
    AdminRemoved {
        /// The admin.
        admin: String,
        /// The name.
        name: String,
    },
    /// Every session of an admin was ended.
    AdminSignedOut {
        /// The admin.
        admin: String,
        /// The name.
        name: String,
        /// How many sessions.
        sessions: u64,
    },
    /// A lock-out of a name was lifted.
    AdminUnlocked {
        /// The name.
        name: String,
    },
    /// An admin signed in.
    SignedIn {
        /// The admin.
        admin: String,
        /// The name.
        name: String,
        /// Who vouched for them: `local`.
        provider: String,
        /// The first 12 hexadecimal digits of the SHA-256 of the session's token.
        session: String,
    },
    /// An admin signed out.
    SignedOut {
        /// As in [`Event::SignedIn`].
        session: String,
    },
    /// Name or password were wrong. The name stands here only where an admin has it: what is typed as name may be a password.
    SignInFailed {
        /// The admin of that name.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        admin: Option<String>,
    },
    /// Failed sign-ins locked a name or a network out.
    SignInLocked {
        /// `name` or `network`.
        what: String,
        /// The admin of that name.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        admin: Option<String>,
        /// Until when, milliseconds since the epoch.
        until_ms: i64,
    },
}

/// One event with all that its row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The chain that it is added to.
    pub chain: Chain,
    /// When, milliseconds since the epoch.
    pub at_ms: i64,
    /// By whom.
    pub actor: Actor,
    /// The caller's address, where the act came over the network.
    pub address: Option<IpAddr>,
    /// What.
    pub event: Event,
}

/// The JSON object of the `event` column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// By whom.
    pub actor: Actor,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<IpAddr>,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

impl Record {
    /// An event that did not come over the network.
    pub fn new(chain: Chain, at_ms: i64, actor: Actor, event: Event) -> Self {
        Self { chain, at_ms, actor, address: None, event }
    }

    /// The same, from that address.
    #[must_use]
    pub fn from(mut self, address: Option<IpAddr>) -> Self {
        self.address = address;
        self
    }

    /// The text of the `event` column.
    pub(super) fn body(self) -> Result<String, CanonicalFault> {
        canonical(&Body { actor: self.actor, address: self.address, event: self.event })
    }
}

impl Event {
    /// The row's `type`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TokenMinted(_) => "token_minted",
            Self::CanaryTokenMinted(_) => "canary_token_minted",
            Self::TokenRefused(_) => "token_refused",
            Self::RefusalsCounted { .. } => "refusals_counted",
            Self::KeyStaged(_) => "key_staged",
            Self::KeyActivated(_) => "key_activated",
            Self::KeyRetired(_) => "key_retired",
            Self::KeyRemoved(_) => "key_removed",
            Self::KeyRevoked(_) => "key_revoked",
            Self::KeysResealed { .. } => "keys_resealed",
            Self::OrgCreated { .. } => "org_created",
            Self::OrgIssuerSet { .. } => "org_issuer_set",
            Self::AccountRegistered { .. } => "account_registered",
            Self::ProofReported { .. } => "proof_reported",
            Self::AccountRemoved { .. } => "account_removed",
            Self::EnrolmentCodeMade { .. } => "enrolment_code_made",
            Self::EnrolmentCodeRevoked { .. } => "enrolment_code_revoked",
            Self::AgentEnrolled { .. } => "agent_enrolled",
            Self::AgentRevoked { .. } => "agent_revoked",
            Self::AgentKeyRotated { .. } => "agent_key_rotated",
            Self::ApiKeyCreated { .. } => "api_key_created",
            Self::ApiKeyRevoked { .. } => "api_key_revoked",
            Self::AdminInvited { .. } => "admin_invited",
            Self::AdminInvitationRevoked { .. } => "admin_invitation_revoked",
            Self::AdminCreated { .. } => "admin_created",
            Self::AdminResetMade { .. } => "admin_reset_made",
            Self::AdminPasswordSet { .. } => "admin_password_set",
            Self::AdminRemoved { .. } => "admin_removed",
            Self::AdminSignedOut { .. } => "admin_signed_out",
            Self::AdminUnlocked { .. } => "admin_unlocked",
            Self::SignedIn { .. } => "signed_in",
            Self::SignedOut { .. } => "signed_out",
            Self::SignInFailed { .. } => "sign_in_failed",
            Self::SignInLocked { .. } => "sign_in_locked",
        }
    }
}
