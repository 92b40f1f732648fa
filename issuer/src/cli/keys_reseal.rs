//! `driftwise-issuer keys reseal`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::{Context, output};
use crate::Error;
use crate::keyring::{KeyVault, MasterKeyCommand, MasterKeySource, Resealed};
use crate::secrets::StoredSecrets;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The new master key: 32 random bytes as base64 or 64 hexadecimal digits [default: the configured one, which then
    /// takes the place of the previous one]
    #[arg(long, value_name = "FILE")]
    new_master_key_file: Option<PathBuf>,
    /// A command that prints the new master key: the program, then each argument; run without a shell
    #[arg(long, value_name = "WORD", num_args = 1.., conflicts_with = "new_master_key_file")]
    new_master_key_command: Option<Vec<String>>,
    /// Open everything and say what would be sealed anew, but change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct View {
    name: String,
    resealed: bool,
}

/// Seals every secret under the new master key. What is sealed under it already stays as it is, so that an interrupted
/// run is simply done again.
pub(super) async fn run(arguments: Arguments, mut context: Context<'_>) -> anyhow::Result<()> {
    let store = context.store().await?;
    let vault = KeyVault::new(&context.config.keys, &context.config.server.issuer_url, &store);
    let file = arguments.new_master_key_file.clone().map(MasterKeySource::File);
    let command = match arguments.new_master_key_command {
        Some(words) => Some(
            MasterKeyCommand::new("--new-master-key-command", words)
                .ok_or_else(|| anyhow::anyhow!("--new-master-key-command names no program"))?,
        ),
        None => None,
    };
    let new = file.or(command.map(MasterKeySource::Command));
    let secrets = StoredSecrets::new(store.clone());
    let done = vault.reseal(new.as_ref(), &[&secrets], arguments.dry_run).await.map_err(Error::from)?;
    store.close().await;
    let changed = done.iter().filter(|resealed| resealed.is_changed).count();
    let views: Vec<View> =
        done.into_iter().map(|Resealed { name, is_changed }| View { name, resealed: is_changed }).collect();
    context.output.rows(&["SECRET", if arguments.dry_run { "TO RESEAL" } else { "RESEALED" }], &views, |view| {
        vec![view.name.clone(), if view.resealed { "yes".into() } else { "no".into() }]
    })?;
    if !arguments.dry_run && new.is_some() && changed > 0 {
        let setting = match arguments.new_master_key_file {
            Some(file) => {
                let file = std::path::absolute(&file).unwrap_or(file);
                format!("keys.master_key_file = {:?}", file.display().to_string())
            }
            None => "keys.master_key_command".into(),
        };
        output::say(&format!(
            "{changed} sealed anew. Now configure the new master key ({setting}) for every issuer and restart them one after \
             another; keep the old one as keys.previous_master_key_file until all run with it, then run `driftwise-issuer keys \
             reseal` once more and take it away."
        ));
    }
    Ok(())
}
