//! `driftwise-issuer keys …`. The commands work beside running issuers: these learn of a change at their next refresh, and
//! nothing is signed with a key that one of them does not publish.

mod export;
mod list;
mod revoke;
mod rotate;

use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use driftwise_contract::OrgId;

use super::{Context, keys_reseal};
use crate::Error;
use crate::clock::SystemClock;
use crate::keyring::{Catalogue, KeySetId};
use crate::store::Store;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    #[command(flatten)]
    OfCatalogue(CatalogueCommand),
    /// Change the master key: seal every secret under a new one, without downtime
    Reseal(keys_reseal::Arguments),
}

/// The commands about the keys' states.
#[derive(Debug, Subcommand)]
pub(super) enum CatalogueCommand {
    /// List the signing keys: their states, and what happens next
    List(list::Arguments),
    /// Publish the next signing key; once its window is over, let it sign
    Rotate(rotate::Arguments),
    /// Take a signing key away at once: for a key that others may have
    Revoke(revoke::Arguments),
    /// Print the published keys as JWKS; needs the master key
    ExportPublic(export::Arguments),
}

/// Which key set.
#[derive(Debug, Args)]
struct SetArguments {
    /// The keys of this org's own issuer instead of the shared ones
    #[arg(long, value_name = "ORG")]
    org: Option<OrgId>,
}

/// For commands that change something.
#[derive(Debug, Args)]
struct DryRun {
    /// Say what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl SetArguments {
    fn set(&self) -> KeySetId {
        self.org.map_or(KeySetId::Shared, KeySetId::Org)
    }
}

pub(super) async fn run(command: Command, context: Context<'_>) -> anyhow::Result<()> {
    let command = match command {
        Command::Reseal(arguments) => return keys_reseal::run(arguments, context).await,
        Command::OfCatalogue(command) => command,
    };
    let store = context.store().await?;
    let catalogue = context.config.catalogue(&store, Arc::new(SystemClock)).by(context.actor());
    match command {
        CatalogueCommand::List(arguments) => list::run(&arguments, &catalogue, context).await,
        CatalogueCommand::Rotate(arguments) => rotate::run(&arguments, &catalogue, context).await,
        CatalogueCommand::Revoke(arguments) => revoke::run(&arguments, &store, &catalogue, context).await,
        CatalogueCommand::ExportPublic(arguments) => export::run(&arguments, &catalogue, context).await,
    }
}

/// A time span for people: whole minutes, or seconds below two of them.
fn span(milliseconds: i64) -> String {
    let seconds = milliseconds.max(0).unsigned_abs().div_ceil(1000);
    let seconds = if seconds > 120 { seconds.div_ceil(60) * 60 } else { seconds };
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spans_are_short() {
        assert_eq!([span(-5), span(1), span(90_000), span(172_799_001)], ["0s", "1s", "1m 30s", "2days"]);
    }
}
