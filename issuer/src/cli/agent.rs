//! `driftwise-issuer agent …`

use clap::Subcommand;
use driftwise_contract::{AgentId, Kid, OrgId};
use serde::Serialize;

use super::{Context, output, require_org};
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
        #[arg(long, value_name = "TIME", default_value = "1h", value_parser = parse_lifetime_s)]
        expires_in: i64,
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
    kid: Kid,
    enrolled_at: String,
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
                })
                .collect();
            context.output.rows(&["AGENT", "NAME", "KEY", "ENROLLED"], &views, |agent| {
                vec![agent.agent_id.to_string(), agent.name.clone(), agent.kid.to_string(), agent.enrolled_at.clone()]
            })
        }
    }
}

/// `90s`, `15m`, `1h`, `7d`, as seconds.
fn parse_lifetime_s(text: &str) -> Result<i64, String> {
    const MAX_S: i64 = 30 * 86_400;
    let unit_s = match text.bytes().last() {
        Some(b's') => 1,
        Some(b'm') => 60,
        Some(b'h') => 3_600,
        Some(b'd') => 86_400,
        _ => return Err("expected a number with s, m, h or d, such as 15m".into()),
    };
    let number = &text[..text.len() - 1];
    let seconds = number.parse::<u32>().ok().and_then(|number| i64::from(number).checked_mul(unit_s));
    match seconds {
        Some(seconds @ 1..=MAX_S) => Ok(seconds),
        Some(_) => Err("a code is valid for 1s to 30d".into()),
        None => Err(format!("{number:?} is not a whole number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_a_number_and_a_unit() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("1h", 3_600), ("30d", 2_592_000)] {
            assert_eq!(parse_lifetime_s(text), Ok(seconds));
        }
        for text in ["", "h", "1", "0s", "31d", "-1h", "1.5h", "1w", "99999999999s", "5µ"] {
            assert!(parse_lifetime_s(text).is_err(), "{text}");
        }
    }
}
