//! `driftwise-issuer keys export-public`

use clap::Args;
use serde::Serialize;

use super::super::output::say;
use super::{Catalogue, Context, Error, SetArguments};
use crate::keyring::PublishedJwk;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    set: SetArguments,
    /// Accepted everywhere; exporting changes nothing
    #[arg(long, hide = true)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Jwks {
    keys: Vec<PublishedJwk>,
}

/// The keys come out of their seals, as those of the served JWKS do: a row of the store alone is believed nowhere.
pub(super) async fn run(arguments: &Arguments, catalogue: &Catalogue, mut context: Context<'_>) -> anyhow::Result<()> {
    let set = arguments.set.set();
    let mut records = catalogue.records().await.map_err(Error::from)?;
    records.retain(|key| key.set == set && key.state.is_published());
    let sealed = catalogue.vault().sealed().await.map_err(Error::from)?;
    let wanted = sealed.into_iter().filter(|key| records.iter().any(|record| &record.kid == key.kid())).collect();
    let open = catalogue.vault().open(wanted).await.map_err(Error::from)?;
    if open.is_empty() {
        say(&format!("the key set {set} publishes no keys"));
    }
    let jwks = Jwks { keys: open.iter().map(|key| key.published(false)).collect() };
    let text = serde_json::to_string_pretty(&jwks)?;
    context.output.value(&jwks, &text)
}
