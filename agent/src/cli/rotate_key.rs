//! `driftwise-agent rotate-key`.

use driftwise_contract::codes::Code;

use super::{Context, say};
use crate::fault::Fault;
use crate::identity::KeyType;
use crate::identity::rotate::rotate;
use crate::issuer_client::IssuerClient;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The kind of key to make.
    #[arg(long, value_enum, default_value_t)]
    key_type: KeyType,
    /// One JSON document: the agent, with the thumbprint of its new key.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args, context: Context) -> Result<u8, Fault> {
    context.config.check()?;
    let dir = context.data_dir()?;
    let issuer = IssuerClient::new(dir.load()?.identity.issuer, &context.config.issuer, context.clock)?;
    let identity = rotate(&issuer, &dir, args.key_type).await?;
    if !context.quiet {
        say("the new key counts from now on; the old one is gone, here and at the issuer");
    }
    let text = if args.json {
        // What is printed is what lies in identity.json: no part of it is secret.
        serde_json::to_string_pretty(&identity)
            .map_err(|error| Fault::new(Code::ReportUnwritable, "the identity can't be written").because(error))?
    } else {
        identity.kid.to_string()
    };
    super::print(format!("{text}\n").as_bytes())?;
    Ok(0)
}
