//! `driftwise-issuer org issuer …`: an issuer of an org's own.

use std::str::FromStr;
use std::sync::Arc;

use clap::Subcommand;
use driftwise_contract::OrgId;
use serde::Serialize;

use super::{Context, output, require_org};
use crate::Error;
use crate::accounts::IssuerKeys;
use crate::audit::{self, Chain, Event, Record};
use crate::clock::SystemClock;
use crate::keyring::KeySetId;
use crate::store::{accounts, orgs};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Give an org an issuer of its own, or take it away
    Set {
        /// The org
        #[arg(long)]
        org: OrgId,
        /// What it signs with: own (keys for this org alone), shared (the shared issuer's), or none (no issuer of its own)
        #[arg(long)]
        keys: Choice,
    },
    /// Show an org's issuer
    Show {
        /// The org
        #[arg(long)]
        org: OrgId,
    },
}

/// The keys of an org's issuer, or no issuer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice(Option<IssuerKeys>);

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self(None)),
            _ => text.parse().map(|keys| Self(Some(keys))).map_err(|_| "it is own, shared or none".into()),
        }
    }
}

#[derive(Serialize)]
struct IssuerView {
    org_id: OrgId,
    /// The issuer that an account of the org names with `--issuer org`; null where there is none.
    issuer: Option<String>,
    keys: Option<&'static str>,
}

pub(super) async fn run(command: Command, mut context: Context<'_>) -> anyhow::Result<()> {
    let store = context.store().await?;
    let settings = context.config.settings();
    let view = |org: OrgId, keys: Option<IssuerKeys>| -> Result<IssuerView, Error> {
        let issuer = keys.map(|_| settings.of_org(org)).transpose()?.map(|settings| settings.issuer.to_string());
        Ok(IssuerView { org_id: org, issuer, keys: keys.map(IssuerKeys::as_str) })
    };
    let view = match command {
        Command::Show { org } => {
            let org = require_org(&mut *store.connection().await?, org).await?;
            view(org.id, org.issuer_keys)?
        }
        Command::Set { org, keys: Choice(keys) } => {
            let mut tx = store.begin().await?;
            let org = require_org(&mut tx, org).await?;
            let view = view(org.id, keys)?;
            if keys != org.issuer_keys {
                let accounts = accounts::on_org_issuer(&mut tx, org.scope()).await?;
                if !accounts.is_empty() {
                    return Err(Error::OrgIssuerInUse { org: org.id, accounts }.into());
                }
                orgs::set_issuer(&mut tx, org.scope(), keys).await?;
                let mut is_retired = false;
                if org.issuer_keys == Some(IssuerKeys::Own) {
                    let catalogue = context.config.catalogue(&store, Arc::new(SystemClock)).by(context.actor());
                    is_retired = catalogue.retire_set(&mut tx, KeySetId::Org(org.id)).await.map_err(Error::from)?;
                }
                let event = Event::OrgIssuerSet { keys: keys.map_or("none", IssuerKeys::as_str).to_owned() };
                let record = Record::new(Chain::Org(org.id), context.clock.now_ms(), context.actor(), event);
                audit::append(&mut tx, record).await?;
                tx.commit().await?;
                say_what_follows(keys);
                if is_retired {
                    output::say(&format!(
                        "The org's own keys sign no more. They stay published at its issuer for {} (keys.keep_after), so that \
                         valid tokens verify, and are then destroyed.",
                        humantime::format_duration(context.config.keys.rotation.keep_after)
                    ));
                }
            }
            view
        }
    };
    let text = view.issuer.clone().unwrap_or_else(|| "none".into());
    context.output.value(&view, &text)
}

fn say_what_follows(keys: Option<IssuerKeys>) {
    output::say(match keys {
        Some(IssuerKeys::Own) => {
            "A running issuer makes the keys within seconds. Register this issuer with the org's AWS account, then its accounts \
             with `account register --issuer org`."
        }
        Some(IssuerKeys::Shared) => {
            "A running issuer serves it within seconds. Register this issuer with the org's AWS account, then its accounts with \
             `account register --issuer org`."
        }
        None => {
            "A running issuer stops serving it: within seconds, or once the last of the org's own keys is removed. Documents that were copied to a directory or bucket stay there: \
             remove them below orgs/ by hand."
        }
    });
}
