//! `driftwise-issuer agent …`

use clap::Subcommand;
use driftwise_contract::claims::TOKEN_LIFETIME_S;
use driftwise_contract::{AgentId, Kid, OrgId};
use serde::Serialize;

use super::{Context, lifetime, output, require_org};
use crate::accounts::EnrolmentCode;
use crate::audit::{self, Chain, Event, Record};
use crate::clock::rfc3339;
use crate::store::{agents, enrolment_codes};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a one-time code with which one agent can enrol, and print it
    Enrol {
        /// The org
        #[arg(long)]
        org: OrgId,
        /// How long the code is valid: a number with s, m, h or d; at most 30d
        #[arg(long, value_name = "TIME", default_value = "1h", value_parser = lifetime::of_code_s)]
        expires_in: i64,
    },
    /// Shut an agent out for good, for instance one whose machine was lost: its next token is refused
    Revoke {
        /// The org
        #[arg(long)]
        org: OrgId,
        /// The agent, as `agent list` shows it
        #[arg(long, value_name = "ID")]
        agent: AgentId,
    },
    /// List the agents of an org
    List {
        /// The org
        #[arg(long)]
        org: OrgId,
    },
}

#[derive(Serialize)]
struct CodeView {
    code: String,
    org_id: OrgId,
    expires_at: String,
}

#[derive(Serialize)]
struct AgentView {
    agent_id: AgentId,
    name: String,
    kid: Option<Kid>,
    enrolled_at: String,
    revoked_at: Option<String>,
}

#[derive(Serialize)]
struct RevokedView {
    agent_id: AgentId,
    org_id: OrgId,
    revoked_at: String,
}

pub(super) async fn run(command: Command, mut context: Context<'_>) -> anyhow::Result<()> {
    let store = context.store().await?;
    match command {
        Command::Enrol { org, expires_in } => {
            let code = EnrolmentCode::generate().map_err(crate::Error::from)?;
            let now_ms = context.clock.now_ms();
            let expires_at_ms = now_ms.saturating_add(expires_in.saturating_mul(1000));
            let mut tx = store.begin().await?;
            let org = require_org(&mut tx, org).await?;
            let hash = code.hash();
            enrolment_codes::insert(&mut tx, org.scope(), &hash, now_ms, expires_at_ms).await?;
            let event = Event::EnrolmentCodeMade { code: hash.short().to_owned(), expires_at_ms };
            audit::append(&mut tx, Record::new(Chain::Org(org.id), now_ms, context.actor(), event)).await?;
            tx.commit().await?;
            let expires_at = rfc3339(expires_at_ms.div_euclid(1000));
            output::say(&format!(
                "This code enrols one agent of {} until {expires_at}; it is shown once:\n  driftwise-agent enrol --issuer {} \
                 --code CODE",
                org.name, context.config.server.issuer_url
            ));
            let view = CodeView { code: code.reveal(), org_id: org.id, expires_at };
            context.output.value(&view, &view.code)
        }
        Command::Revoke { org, agent } => {
            let now_ms = context.clock.now_ms();
            let mut tx = store.begin().await?;
            let org = require_org(&mut tx, org).await?;
            if !agents::revoke(&mut tx, org.scope(), agent, now_ms).await? {
                return Err(crate::Error::AgentNotRevocable { org: org.id, agent }.into());
            }
            let event = Event::AgentRevoked { agent };
            audit::append(&mut tx, Record::new(Chain::Org(org.id), now_ms, context.actor(), event)).await?;
            tx.commit().await?;
            output::say(&format!(
                "The agent gets no more tokens. Those minted so far stay valid for up to {} minutes; AWS sessions begun with \
                 them run on until they expire, unless the role's sessions are revoked in AWS.",
                TOKEN_LIFETIME_S / 60
            ));
            let view = RevokedView { agent_id: agent, org_id: org.id, revoked_at: rfc3339(now_ms.div_euclid(1000)) };
            context.output.value(&view, &agent.to_string())
        }
        Command::List { org } => {
            let mut db = store.connection().await?;
            let org = require_org(&mut db, org).await?;
            let agents = agents::list(&mut db, org.scope()).await?;
            let views: Vec<AgentView> = agents
                .into_iter()
                .map(|agent| AgentView {
                    agent_id: agent.id,
                    name: agent.name.to_string(),
                    kid: agent.kid,
                    enrolled_at: rfc3339(agent.created_at_ms.div_euclid(1000)),
                    revoked_at: agent.revoked_at_ms.map(|at_ms| rfc3339(at_ms.div_euclid(1000))),
                })
                .collect();
            context.output.rows(&["AGENT", "NAME", "KEY", "ENROLLED", "REVOKED"], &views, |agent| {
                vec![
                    agent.agent_id.to_string(),
                    agent.name.clone(),
                    agent.kid.as_ref().map_or_else(|| "-".into(), Kid::to_string),
                    agent.enrolled_at.clone(),
                    agent.revoked_at.clone().unwrap_or_else(|| "-".into()),
                ]
            })
        }
    }
}
