//! `driftwise-issuer audit …`

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use driftwise_contract::OrgId;

use super::{Context, output, require_org};
use crate::audit::{
    Chain, ChainFault, Expected, RowHash, RowView, SealKey, Sealer, VerdictView, VerifyError, ocsf, verify, verify_all,
};
use crate::keyring::KeyVault;
use crate::store::{Connection, Store, audit, audit_seals};
use crate::{Error, secrets};

/// How many rows are read at once.
const PAGE: u16 = 500;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Recompute the hash chains: every one, or the one that is named. Exit code 1 when one is broken
    Verify(Verify),
    /// List rows of a chain
    List(List),
    /// Write the rows of a chain as JSON lines
    Export(Export),
}

/// Which chain.
#[derive(Debug, Args)]
struct ChainArgument {
    /// The chain of that org [default: the platform's]
    #[arg(long, value_name = "ID")]
    org: Option<OrgId>,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("chain").args(["org", "platform"]))]
pub(super) struct Verify {
    /// Only the chain of that org
    #[arg(long, value_name = "ID")]
    org: Option<OrgId>,
    /// Only the platform's chain
    #[arg(long)]
    platform: bool,
    /// Refuse a chain with fewer rows: what was noted at an earlier time. A log whose end was cut off looks whole by itself
    #[arg(long, value_name = "N", requires = "chain", value_parser = clap::value_parser!(i64).range(1..))]
    expected_min_seq: Option<i64>,
    /// Refuse a chain whose row N has another hash; without --expected-min-seq, some row must have it
    #[arg(long, value_name = "SHA256", requires = "chain")]
    expected_hash: Option<RowHash>,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    chain: ChainArgument,
    /// Rows after this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    after_seq: i64,
    /// At most so many rows
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
}

#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    chain: ChainArgument,
    /// The form of the lines
    #[arg(long, value_enum, default_value_t = Format::Ocsf)]
    format: Format,
    /// Rows after this number: the last one that was exported before
    #[arg(long, value_name = "N", default_value_t = 0)]
    after_seq: i64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Events of the Open Cybersecurity Schema Framework 1.3.0
    Ocsf,
    /// The rows as they are, with all that their hashes cover
    Json,
}

impl ChainArgument {
    async fn chain(&self, db: &mut Connection) -> anyhow::Result<Chain> {
        match self.org {
            Some(org) => Ok(Chain::Org(require_org(db, org).await?.id)),
            None => Ok(Chain::Platform),
        }
    }
}

pub(super) async fn run(command: Command, mut context: Context<'_>) -> anyhow::Result<()> {
    let store = context.store().await?;
    let mut db = store.connection().await?;
    match command {
        Command::Verify(arguments) => run_verify(&arguments, &store, context).await,
        Command::List(List { chain, after_seq, limit }) => {
            let chain = chain.chain(&mut db).await?;
            let rows = audit::page(&mut db, chain, after_seq, limit).await?;
            let views = rows.into_iter().map(RowView::of).collect::<Result<Vec<RowView>, _>>()?;
            context.output.rows(&["SEQ", "AT", "EVENT"], &views, |row| {
                vec![row.seq.to_string(), row.at.clone(), row.event.get().to_owned()]
            })
        }
        Command::Export(Export { chain, format, after_seq }) => {
            let chain = chain.chain(&mut db).await?;
            let mut after_seq = after_seq;
            loop {
                let rows = audit::page(&mut db, chain, after_seq, PAGE).await?;
                let Some(last) = rows.last() else { return Ok(()) };
                after_seq = last.seq;
                for row in rows {
                    match format {
                        Format::Ocsf => context.output.json_line(&ocsf::event(chain, &row)?)?,
                        Format::Json => context.output.json_line(&RowView::of(row)?)?,
                    }
                }
            }
        }
    }
}

/// The key that seals are checked with, where the master key is at hand.
async fn open_seal_key(store: &Store, context: &Context<'_>) -> Result<Option<SealKey>, Error> {
    let vault = KeyVault::new(&context.config.keys, &context.config.server.issuer_url, store);
    let master_keys = vault.master_keys().await?;
    Ok(secrets::existing_pepper(store, &master_keys).await?.map(|pepper| SealKey::of(&pepper)))
}

async fn run_verify(arguments: &Verify, store: &Store, mut context: Context<'_>) -> anyhow::Result<()> {
    let opened = open_seal_key(store, &context).await;
    let db = &mut *store.connection().await?;
    let seal_key = match opened {
        Ok(None) if audit_seals::any(db).await? => {
            anyhow::bail!("there are seals, and the secret that they were made under is gone from the store")
        }
        Ok(key) => key,
        Err(error) => {
            output::say(&format!("warning: the seals were NOT checked, that takes the master key: {error}"));
            None
        }
    };
    let expected =
        Expected { min_seq: arguments.expected_min_seq, hash: arguments.expected_hash, seal_key: seal_key.as_ref() };
    let verdicts = if arguments.org.is_some() || arguments.platform {
        let chain = ChainArgument { org: arguments.org }.chain(db).await?;
        let done = match verify(db, chain, expected).await {
            Ok(verified) => Ok(verified),
            Err(VerifyError::Broken(fault)) => Err(fault),
            Err(VerifyError::Store(error)) => return Err(error.into()),
        };
        vec![(chain.to_string(), done)]
    } else {
        verify_all(db, seal_key.as_ref()).await?
    };
    let views: Vec<VerdictView> = verdicts.iter().map(|(chain, done)| VerdictView::of(chain, done)).collect();
    context.output.rows(&["CHAIN", "STATE", "ROWS", "SEALED", "SINCE", "HASH"], &views, |verdict| {
        vec![
            verdict.chain.clone(),
            if verdict.intact { "intact" } else { "BROKEN" }.into(),
            verdict.rows.map(|rows| rows.to_string()).unwrap_or_default(),
            verdict.sealed_to.map_or_else(|| "not checked".into(), |seq| seq.to_string()),
            verdict.sealed_since.clone().unwrap_or_default(),
            verdict.hash.map(|hash| hash.to_string()).unwrap_or_default(),
        ]
    })?;
    let triggers = audit::trigger_faults(db).await?;
    if !triggers.is_empty() {
        output::say(&format!(
            "warning: the triggers that forbid to change rows are not the issuer's: {}",
            triggers.join(", ")
        ));
    }
    let broken: Vec<(&String, &ChainFault)> =
        verdicts.iter().filter_map(|(chain, done)| done.as_ref().err().map(|fault| (chain, fault))).collect();
    match broken.as_slice() {
        [] if triggers.is_empty() => match seal_key {
            Some(key) => seal(db, key, context.clock.now_ms()).await,
            None => Ok(()),
        },
        [] => anyhow::bail!("the chains are intact, but rows can be changed: triggers are missing or are others"),
        [(chain, fault)] => anyhow::bail!("the chain {chain} is broken: {fault}"),
        [(chain, fault), ..] => {
            anyhow::bail!("{} chains are broken; the first is {chain}: {fault}", broken.len())
        }
    }
}

/// Seals the ends that were just found intact.
async fn seal(db: &mut Connection, key: SealKey, now_ms: i64) -> anyhow::Result<()> {
    match Sealer::new(key).seal(db, now_ms).await?.first() {
        None => Ok(()),
        Some((chain, fault)) => anyhow::bail!("the chain {} can't be sealed: {fault}", chain.escape_debug()),
    }
}
