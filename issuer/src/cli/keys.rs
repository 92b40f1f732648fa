//! `driftwise-issuer keys …`

use std::sync::Arc;

use clap::Subcommand;
use driftwise_contract::Kid;
use serde::Serialize;

use super::{Context, keys_reseal};
use crate::Error;
use crate::clock::{SystemClock, rfc3339};
use crate::keyring::KeySetId;
use crate::keyring::rotation::{KeyRecord, KeyState};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the signing keys that are published
    List,
    /// Change the master key: seal every secret under a new one, without downtime
    Reseal(keys_reseal::Arguments),
}

#[derive(Serialize)]
struct KeyView {
    kid: Kid,
    alg: &'static str,
    key_set: String,
    state: &'static str,
    created_at: String,
}

pub(super) async fn run(command: Command, context: Context<'_>) -> anyhow::Result<()> {
    match command {
        Command::List => list(context).await,
        Command::Reseal(arguments) => keys_reseal::run(arguments, context).await,
    }
}

async fn list(mut context: Context<'_>) -> anyhow::Result<()> {
    let store = context.store().await?;
    let catalogue = context.config.catalogue(&store, Arc::new(SystemClock));
    let records = catalogue.records().await.map_err(Error::from)?;
    let published = records.iter().filter(|key| key.state != KeyState::Removed);
    let views: Vec<KeyView> = published.map(KeyView::of).collect();
    context.output.rows(&["KEY", "SET", "ALG", "STATE", "CREATED"], &views, |key| {
        vec![key.kid.to_string(), key.key_set.clone(), key.alg.into(), key.state.into(), key.created_at.clone()]
    })
}

impl KeyView {
    fn of(key: &KeyRecord) -> Self {
        Self {
            kid: key.kid.clone(),
            alg: key.algorithm.as_str(),
            key_set: match key.set {
                KeySetId::Shared => "shared".into(),
                KeySetId::Org(org) => org.to_string(),
            },
            state: key.state.as_str(),
            created_at: rfc3339(key.created_at_ms.div_euclid(1000)),
        }
    }
}
