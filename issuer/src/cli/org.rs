//! `driftwise-issuer org …`

use clap::Subcommand;
use driftwise_contract::OrgId;
use serde::Serialize;

use super::{Context, org_issuer};
use crate::Error;
use crate::accounts::DisplayName;
use crate::audit::{self, Chain, Event, Record};
use crate::clock::rfc3339;
use crate::store::orgs;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create an org and print its id
    Create {
        /// A name for people
        #[arg(long)]
        name: DisplayName,
        /// Even though an org of this name exists
        #[arg(long)]
        same_name: bool,
    },
    /// List the orgs
    List,
    /// An issuer of an org's own
    #[command(subcommand)]
    Issuer(org_issuer::Command),
}

#[derive(Serialize)]
struct OrgView {
    org_id: OrgId,
    name: String,
    created_at: String,
}

pub(super) async fn run(command: Command, mut context: Context<'_>) -> anyhow::Result<()> {
    match command {
        Command::Create { name, same_name } => {
            let store = context.store_or_new().await?;
            let id = OrgId::from_uuid(context.clock.new_uuid());
            let now_ms = context.clock.now_ms();
            let mut tx = store.begin().await?;
            let lower = name.as_str().to_lowercase();
            let others = orgs::list(&mut tx).await?;
            if !same_name && let Some(other) = others.iter().find(|org| org.name.as_str().to_lowercase() == lower) {
                return Err(Error::OrgNameTaken { name, org: other.id }.into());
            }
            orgs::insert(&mut tx, id, &name, now_ms).await?;
            // The platform's chain tells which orgs there are, so that an org's chain can't vanish as a whole.
            for chain in [Chain::Platform, Chain::Org(id)] {
                let event = Event::OrgCreated { org: id, name: name.to_string() };
                audit::append(&mut tx, Record::new(chain, now_ms, context.actor(), event)).await?;
            }
            tx.commit().await?;
            let view = OrgView { org_id: id, name: name.to_string(), created_at: rfc3339(now_ms.div_euclid(1000)) };
            context.output.value(&view, &id.to_string())
        }
        Command::Issuer(command) => org_issuer::run(command, context).await,
        Command::List => {
            let store = context.store().await?;
            let orgs = orgs::list(&mut *store.connection().await?).await?;
            let views: Vec<OrgView> = orgs
                .into_iter()
                .map(|org| OrgView {
                    org_id: org.id,
                    name: org.name.to_string(),
                    created_at: rfc3339(org.created_at_ms.div_euclid(1000)),
                })
                .collect();
            context.output.rows(&["ORG", "NAME", "CREATED"], &views, |org| {
                vec![org.org_id.to_string(), org.name.clone(), org.created_at.clone()]
            })
        }
    }
}
