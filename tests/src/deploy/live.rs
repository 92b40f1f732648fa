//! What stands in an account after a deployment, in a form that compares by meaning.

use std::collections::BTreeMap;

use anyhow::Context as _;
use driftwise_contract::policy::PolicyDocument;

use crate::sandbox::World;
use crate::sandbox::iam::{Grants, IamState};

/// The providers, roles and users of an account. Policies are in canonical form, so two set-ups are equal exactly where they
/// mean the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LiveSetup {
    /// OIDC providers by ARN.
    pub providers: BTreeMap<String, LiveProvider>,
    /// Roles by ARN.
    pub roles: BTreeMap<String, LiveRole>,
    /// Users by ARN.
    pub users: BTreeMap<String, LiveUser>,
}

/// An OIDC provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveProvider {
    /// The issuer's URL.
    pub issuer: String,
    /// Its audiences, sorted.
    pub client_ids: Vec<String>,
    /// Its thumbprints.
    pub thumbprints: Vec<String>,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRole {
    /// The description.
    pub description: Option<String>,
    /// The longest session, in seconds.
    pub max_session_s: i64,
    /// The tags.
    pub tags: BTreeMap<String, String>,
    /// Who may assume it.
    pub trust: PolicyDocument,
    /// What it may do.
    pub grants: LiveGrants,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveUser {
    /// The tags.
    pub tags: BTreeMap<String, String>,
    /// What it may do.
    pub grants: LiveGrants,
}

/// What a role or a user may do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LiveGrants {
    /// Attached managed policies by ARN.
    pub attached: BTreeMap<String, LivePolicy>,
    /// Inline policies by name.
    pub inline: BTreeMap<String, PolicyDocument>,
}

/// A managed policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LivePolicy {
    /// The description.
    pub description: Option<String>,
    /// The document in force.
    pub document: PolicyDocument,
}

impl LiveSetup {
    /// What an account of the sandbox holds.
    pub fn of(world: &World, account_id: &str) -> anyhow::Result<Self> {
        world.account(account_id, |account| Self::read(&account.iam)).context("no such account")?
    }

    fn read(iam: &IamState) -> anyhow::Result<Self> {
        let mut live = Self::default();
        for provider in iam.providers.values() {
            let mut client_ids = provider.client_ids.clone();
            client_ids.sort();
            let thumbprints = provider.thumbprints.clone();
            let issuer = provider.issuer.clone();
            live.providers.insert(provider.arn.clone(), LiveProvider { issuer, client_ids, thumbprints });
        }
        for role in iam.roles.values() {
            let grants = LiveGrants::read(iam, &role.grants)?;
            let trust = canonical(&role.trust_policy)?;
            let (description, max_session_s, tags) = (role.description.clone(), role.max_session_s, role.tags.clone());
            live.roles.insert(role.arn.clone(), LiveRole { description, max_session_s, tags, trust, grants });
        }
        for user in iam.users.values() {
            let grants = LiveGrants::read(iam, &user.grants)?;
            live.users.insert(user.arn.clone(), LiveUser { tags: user.tags.clone(), grants });
        }
        Ok(live)
    }
}

impl LiveGrants {
    fn read(iam: &IamState, grants: &Grants) -> anyhow::Result<Self> {
        let attached = grants.attached.iter().map(|arn| {
            let document = iam.managed_document(arn).with_context(|| format!("{arn} does not exist"))?;
            let description = iam.policies.get(arn).and_then(|policy| policy.description.clone());
            Ok((arn.clone(), LivePolicy { description, document: canonical(document)? }))
        });
        let inline = grants.inline.iter().map(|(name, document)| Ok((name.clone(), canonical(document)?)));
        Ok(Self { attached: attached.collect::<anyhow::Result<_>>()?, inline: inline.collect::<anyhow::Result<_>>()? })
    }
}

fn canonical(document: &str) -> anyhow::Result<PolicyDocument> {
    Ok(PolicyDocument::parse(document)?.canonicalize())
}
