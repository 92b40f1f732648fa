//! `driftwise-issuer keys …`

use clap::Subcommand;
use driftwise_contract::Kid;
use serde::Serialize;

use super::Context;
use crate::Error;
use crate::clock::rfc3339;
use crate::keyring::{KeyDirectory, Keyring};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the signing keys; needs the master key
    List,
}

#[derive(Serialize)]
struct KeyView {
    kid: Kid,
    alg: &'static str,
    state: &'static str,
    created_at: String,
}

pub(super) fn run(command: &Command, mut context: Context<'_>) -> anyhow::Result<()> {
    let Command::List = command;
    let directory = KeyDirectory::new(&context.config.keys.directory);
    let keyring = Keyring::open(&directory, &context.config.keys.master_key).map_err(Error::from)?;
    let views: Vec<KeyView> = keyring
        .iter()
        .flat_map(Keyring::keys)
        .enumerate()
        .map(|(place, key)| KeyView {
            kid: key.kid().clone(),
            alg: "RS256",
            state: if place == 0 { "signing" } else { "published" },
            created_at: rfc3339(key.created_at_s()),
        })
        .collect();
    context.output.rows(&["KEY", "ALG", "STATE", "CREATED"], &views, |key| {
        vec![key.kid.to_string(), key.alg.into(), key.state.into(), key.created_at.clone()]
    })
}
