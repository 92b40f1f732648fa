//! `driftwise-issuer account …`

use clap::{Args, Subcommand};
use driftwise_contract::claims::{TOKEN_LIFETIME_S, TrustForm};
use driftwise_contract::wire::AccountInfo;
use driftwise_contract::{AccountId, OrgId, Region, RoleArn};

use super::{Context, output, require_org};
use crate::Error;
use crate::accounts::AwsAccount;
use crate::audit::{self, Chain, Event, Record};
use crate::store::accounts;

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
    /// The form of the role's trust policy, and so what tokens carry: session-tag, subject or custom-claim
    #[arg(long, default_value_t)]
    form: TrustForm,
}

pub(super) async fn run(command: Command, mut context: Context<'_>) -> anyhow::Result<()> {
    let store = context.store().await?;
    match command {
        Command::Register(Register { org, account_id, role_arn, region, form }) => {
            let account = AwsAccount::new(account_id, role_arn, region, form)?;
            let mut tx = store.begin().await?;
            let org = require_org(&mut tx, org).await?;
            let now_ms = context.clock.now_ms();
            accounts::upsert(&mut tx, org.scope(), &account, now_ms).await?;
            let event = Event::AccountRegistered {
                account: account.account_id().clone(),
                role: account.role_arn().clone(),
                region: account.region().clone(),
                trust_form: form,
                issuer: None,
            };
            audit::append(&mut tx, Record::new(Chain::Org(org.id), now_ms, context.actor(), event)).await?;
            tx.commit().await?;
            if let Some(warning) = crate::setup::warning(form) {
                output::say(&format!("warning: {warning}"));
            }
            context.output.value(&account.info(), account.account_id().as_str())
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
            context.output.value(&account.info(), account.account_id().as_str())
        }
        Command::List { org } => {
            let mut db = store.connection().await?;
            let org = require_org(&mut db, org).await?;
            let views: Vec<AccountInfo> =
                accounts::list(&mut db, org.scope()).await?.iter().map(AwsAccount::info).collect();
            context.output.rows(&["ACCOUNT", "ROLE", "REGION", "FORM"], &views, |account| {
                vec![
                    account.account_id.to_string(),
                    account.role_arn.to_string(),
                    account.region.to_string(),
                    account.trust_form.to_string(),
                ]
            })
        }
    }
}
