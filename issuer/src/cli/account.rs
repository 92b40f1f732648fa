//! `driftwise-issuer account …`

use clap::{Args, Subcommand};
use driftwise_contract::claims::{TOKEN_LIFETIME_S, TrustForm};
use driftwise_contract::codes::Code;
use driftwise_contract::proof::ProofOutcome;
use driftwise_contract::wire::AccountInfo;
use driftwise_contract::{AccountId, AgentId, OrgId, Region, RoleArn};
use serde::Serialize;

use super::{Context, output, require_org};
use crate::Error;
use crate::accounts::{AccountIssuer, AwsAccount};
use crate::audit::{self, Chain, Event, Record};
use crate::clock::rfc3339;
use crate::federation::issuer_of;
use crate::store::proofs::{self, Proof};
use crate::store::{accounts, orgs};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Register an AWS account of an org, or change region and form of a registered one
    Register(Register),
    /// Take an account's registration away, for instance one with a mistyped role
    Remove {
        /// The org
        #[arg(long)]
        org: OrgId,
        /// The AWS account, 12 digits
        #[arg(long, value_name = "ID")]
        account_id: AccountId,
    },
    /// List the accounts of an org
    List {
        /// The org
        #[arg(long)]
        org: OrgId,
    },
}

#[derive(Debug, Args)]
pub(super) struct Register {
    /// The org
    #[arg(long)]
    org: OrgId,
    /// The AWS account, 12 digits
    #[arg(long, value_name = "ID")]
    account_id: AccountId,
    /// The role that the agent assumes; tokens are pinned to it
    #[arg(long, value_name = "ARN")]
    role_arn: RoleArn,
    /// The region of the account's Resource Explorer aggregator index
    #[arg(long)]
    region: Region,
    /// The form of the role's trust policy, and so what tokens carry: session-tag, subject or custom-claim [default: as registered,
    /// else session-tag]
    #[arg(long)]
    form: Option<TrustForm>,
    /// The issuer that tokens name: shared, or org (the org's own; see `org issuer set`) [default: as registered, else shared]
    #[arg(long)]
    issuer: Option<IssuerName>,
}

/// Which issuer, as it is said on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum IssuerName {
    Shared,
    Org,
}

#[derive(Serialize)]
struct AccountView {
    #[serde(flatten)]
    info: AccountInfo,
    issuer: &'static str,
    /// What an agent found last with `driftwise-agent prove`; only lists say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<ProofView>,
}

#[derive(Serialize)]
struct ProofView {
    outcome: ProofOutcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
    agent_id: AgentId,
    reported_at: String,
    /// Whether the account is registered as it was then.
    is_current: bool,
}

impl AccountView {
    fn of(account: &AwsAccount) -> Self {
        Self { info: account.info(), issuer: account.issuer().as_str(), proof: None }
    }

    fn with_proof(account: &AwsAccount, proofs: &[Proof]) -> Self {
        let proof = proofs.iter().find(|proof| proof.account_id == *account.account_id()).map(|proof| ProofView {
            outcome: proof.outcome,
            code: proof.code,
            agent_id: proof.agent,
            reported_at: rfc3339(proof.reported_at_ms.div_euclid(1000)),
            is_current: proof.is_about(account),
        });
        Self { proof, ..Self::of(account) }
    }

    /// The last proof in few words.
    fn proof(&self) -> String {
        match &self.proof {
            None => "-".to_owned(),
            Some(proof) if proof.is_current => format!("{} {}", proof.outcome, proof.reported_at),
            Some(_) => "outdated".to_owned(),
        }
    }
}

/// The issuer that the operator names, or the registered one.
fn choose_issuer(
    name: Option<IssuerName>,
    org: &orgs::Org,
    registered: Option<&AwsAccount>,
) -> Result<AccountIssuer, Error> {
    match name {
        None => Ok(registered.map_or(AccountIssuer::Shared, AwsAccount::issuer)),
        Some(IssuerName::Shared) => Ok(AccountIssuer::Shared),
        Some(IssuerName::Org) => org.issuer_keys.map(AccountIssuer::Org).ok_or(Error::OrgWithoutIssuer(org.id)),
    }
}

pub(super) async fn run(command: Command, mut context: Context<'_>) -> anyhow::Result<()> {
    let store = context.store().await?;
    match command {
        Command::Register(Register { org, account_id, role_arn, region, form, issuer }) => {
            let mut tx = store.begin().await?;
            let org = require_org(&mut tx, org).await?;
            let registered = accounts::find(&mut tx, org.scope(), &account_id).await?;
            let form = form.or(registered.as_ref().map(AwsAccount::trust_form)).unwrap_or_default();
            let account = AwsAccount::new(account_id, role_arn, region, form)?;
            let account = account.with_issuer(choose_issuer(issuer, &org, registered.as_ref())?);
            let issuer = issuer_of(&context.config.settings(), org.id, &account)?.settings.issuer;
            let now_ms = context.clock.now_ms();
            accounts::upsert(&mut tx, org.scope(), &account, now_ms).await?;
            let event = Event::AccountRegistered {
                account: account.account_id().clone(),
                role: account.role_arn().clone(),
                region: account.region().clone(),
                trust_form: form,
                issuer: Some(account.issuer().as_str().to_owned()),
            };
            audit::append(&mut tx, Record::new(Chain::Org(org.id), now_ms, context.actor(), event)).await?;
            tx.commit().await?;
            if let Some(warning) = crate::setup::warning(form) {
                output::say(&format!("warning: {warning}"));
            }
            if registered.is_some_and(|registered| registered.issuer() != account.issuer()) {
                output::say(&format!(
                    "The next token names the issuer {issuer}: until the role's trust policy (`setup trust-policy`) and the \
                     account's IAM OIDC provider are of that issuer, AWS refuses it."
                ));
            }
            context.output.value(&AccountView::of(&account), account.account_id().as_str())
        }
        Command::Remove { org, account_id } => {
            let mut tx = store.begin().await?;
            let org = require_org(&mut tx, org).await?;
            let account = accounts::find(&mut tx, org.scope(), &account_id).await?;
            let account = account.ok_or_else(|| Error::AccountUnknown { org: org.id, account: account_id.clone() })?;
            accounts::remove(&mut tx, org.scope(), &account_id).await?;
            let event = Event::AccountRemoved { account: account_id, role: account.role_arn().clone() };
            let now_ms = context.clock.now_ms();
            audit::append(&mut tx, Record::new(Chain::Org(org.id), now_ms, context.actor(), event)).await?;
            tx.commit().await?;
            output::say(&format!(
                "Tokens minted so far stay valid for up to {} minutes; AWS sessions begun with them run on until they \
                 expire.",
                TOKEN_LIFETIME_S / 60
            ));
            context.output.value(&AccountView::of(&account), account.account_id().as_str())
        }
        Command::List { org } => {
            let mut db = store.connection().await?;
            let org = require_org(&mut db, org).await?;
            let proofs = proofs::list(&mut db, org.scope()).await?;
            let accounts = accounts::list(&mut db, org.scope()).await?;
            let views: Vec<AccountView> =
                accounts.iter().map(|account| AccountView::with_proof(account, &proofs)).collect();
            context.output.rows(&["ACCOUNT", "ROLE", "REGION", "FORM", "ISSUER", "PROOF"], &views, |account| {
                vec![
                    account.info.account_id.to_string(),
                    account.info.role_arn.to_string(),
                    account.info.region.to_string(),
                    account.info.trust_form.to_string(),
                    account.issuer.to_owned(),
                    account.proof(),
                ]
            })
        }
    }
}
