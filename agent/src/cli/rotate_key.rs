//! `driftwise-agent rotate-key`.

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
}

pub(super) async fn run(args: &Args, context: Context) -> Result<u8, Fault> {
    context.config.check()?;
    let dir = context.data_dir()?;
    let issuer = IssuerClient::new(dir.load()?.identity.issuer, &context.config.issuer, context.clock)?;
    let identity = rotate(&issuer, &dir, args.key_type).await?;
    if !context.quiet {
        say("the new key counts from now on; the old one is gone, here and at the issuer");
    }
    super::print(format!("{}\n", identity.kid).as_bytes())?;
    Ok(0)
}
