//! `driftwise-agent enrol`.

use driftwise_contract::IssuerUrl;
use driftwise_contract::codes::Code;
use secrecy::SecretString;

use super::{Context, say};
use crate::fault::Fault;
use crate::identity::KeyType;
use crate::identity::enrol::{Enrolment, enrol};
use crate::issuer_client::IssuerClient;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The issuer's URL, to the letter.
    #[arg(long, value_name = "URL")]
    issuer: IssuerUrl,
    /// The one-time code from `driftwise-issuer agent enrol`.
    #[arg(long, env = "DRIFTWISE_AGENT_ENROL_CODE", hide_env_values = true)]
    code: SecretString,
    /// The kind of key to make.
    #[arg(long, value_enum, default_value_t)]
    key_type: KeyType,
    /// A name for people. Default: the host's name.
    #[arg(long)]
    name: Option<String>,
    /// Replace the identity that is there already; its key can't be used any more.
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(args: Args, context: Context) -> Result<u8, Fault> {
    context.config.check()?;
    let dir = context.data_dir()?;
    let issuer = IssuerClient::new(args.issuer, &context.config.issuer, context.clock)?;
    let enrolment = Enrolment {
        code: args.code,
        key_type: args.key_type,
        name: args.name.unwrap_or_else(host_name),
        replace: args.force,
    };
    let identity = enrol(&issuer, &dir, enrolment).await?;
    if !context.quiet {
        say(&format!("enrolled for org {}; identity and key are in {}", identity.org_name, dir.path().display()));
    }
    super::print(format!("{}\n", identity.agent_id).as_bytes())?;
    Ok(0)
}

fn host_name() -> String {
    std::env::var("HOSTNAME")
        .or_else(|_| std::fs::read_to_string("/etc/hostname"))
        .map(|name| name.trim().to_owned())
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "driftwise-agent".to_owned())
}

/// The issuer that a command named must be the one that the agent is enrolled with.
pub(super) fn same_issuer(named: Option<&IssuerUrl>, enrolled: &IssuerUrl) -> Result<(), Fault> {
    match named {
        Some(named) if named != enrolled => {
            Err(Fault::new(Code::ConfigInvalid, format!("the agent is not enrolled with {named}"))
                .because(format!("its issuer is {enrolled}"))
                .hint("Leave --issuer out, or name the data directory of the other enrolment with --data-dir."))
        }
        _ => Ok(()),
    }
}
