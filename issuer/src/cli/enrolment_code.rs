//! `driftwise-issuer enrolment-code …`

use clap::Subcommand;
use driftwise_contract::OrgId;
use serde::Serialize;

use super::{Context, require_org};
use crate::Error;
use crate::accounts::EnrolmentCodeId;
use crate::audit::{self, Chain, Event, Record};
use crate::clock::rfc3339;
use crate::store::enrolment_codes;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the unused codes of an org; the codes themselves are not kept
    List {
        /// The org
        #[arg(long)]
        org: OrgId,
    },
    /// Take an unused code back
    Revoke {
        /// The org
        #[arg(long)]
        org: OrgId,
        /// The code's id, as `enrolment-code list` shows it
        #[arg(long, value_name = "ID")]
        code: EnrolmentCodeId,
    },
}

#[derive(Serialize)]
struct CodeView {
    code_id: String,
    made_at: String,
    expires_at: String,
    expired: bool,
}

#[derive(Serialize)]
struct RevokedView {
    code_id: String,
    org_id: OrgId,
}

pub(super) async fn run(command: Command, mut context: Context<'_>) -> anyhow::Result<()> {
    let store = context.store().await?;
    match command {
        Command::List { org } => {
            let mut db = store.connection().await?;
            let org = require_org(&mut db, org).await?;
            let now_ms = context.clock.now_ms();
            let views: Vec<CodeView> = enrolment_codes::list_unused(&mut db, org.scope())
                .await?
                .into_iter()
                .map(|code| CodeView {
                    code_id: code.id.to_string(),
                    made_at: rfc3339(code.created_at_ms.div_euclid(1000)),
                    expires_at: rfc3339(code.expires_at_ms.div_euclid(1000)),
                    expired: code.expires_at_ms <= now_ms,
                })
                .collect();
            context.output.rows(&["CODE", "MADE", "EXPIRES", "STATE"], &views, |code| {
                let state = if code.expired { "expired" } else { "open" };
                vec![code.code_id.clone(), code.made_at.clone(), code.expires_at.clone(), state.into()]
            })
        }
        Command::Revoke { org, code } => {
            let mut tx = store.begin().await?;
            let org = require_org(&mut tx, org).await?;
            if !enrolment_codes::revoke(&mut tx, org.scope(), &code).await? {
                return Err(Error::EnrolmentCodeUnknown { org: org.id, code }.into());
            }
            let event = Event::EnrolmentCodeRevoked { code: code.to_string() };
            let record = Record::new(Chain::Org(org.id), context.clock.now_ms(), context.actor(), event);
            audit::append(&mut tx, record).await?;
            tx.commit().await?;
            let view = RevokedView { code_id: code.to_string(), org_id: org.id };
            context.output.value(&view, code.as_str())
        }
    }
}
