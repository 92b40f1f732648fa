//! `driftwise-agent prove`.

use std::io::IsTerminal;
use std::time::Duration;

use driftwise_contract::AccountId;
use driftwise_contract::codes::Code;

use super::{Context, say};
use crate::fault::Fault;
use crate::identity::rotate::settle;
use crate::issuer_client::IssuerClient;
use crate::prove::{self, Prover};
use crate::scan::choose_account;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The account whose role is proven; needed only when the org registered several.
    #[arg(long, value_name = "ID")]
    account: Option<AccountId>,
    /// One JSON document: the outcome, and each token that was shown to AWS.
    #[arg(long)]
    json: bool,
    /// How long to wait for a role that was just made, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(0..=600))]
    wait: u16,
    /// Don't tell the issuer what was found.
    #[arg(long)]
    no_report: bool,
}

pub(super) async fn run(args: &Args, mut context: Context) -> Result<u8, Fault> {
    if let Some(account) = &args.account {
        context.config.scan.account = Some(account.clone());
    }
    context.config.check()?;
    let dir = context.data_dir()?;
    let issuer = IssuerClient::new(dir.load()?.identity.issuer, &context.config.issuer, context.clock.clone())?;
    let enrolled = settle(&issuer, &dir).await?;
    let info = issuer.agent(&enrolled).await?;
    let account = choose_account(&info, &context.config)?;
    let quiet = context.quiet;
    let prover = Prover {
        issuer: &issuer,
        enrolled: &enrolled,
        info: &info,
        account,
        aws: &context.config.aws,
        patience: Duration::from_secs(args.wait.into()),
        clock: context.clock.clone(),
    };
    let proof = prover
        .prove(|line| {
            if !quiet {
                say(line);
            }
        })
        .await?;
    super::print(&render(&proof, args.json)?)?;
    if let Some(fault) = proof.fault() {
        // Nothing is left to tell it to.
        let _ = fault.write(&mut anstream::stderr().lock());
    }
    if !args.no_report
        && let Err(fault) = issuer.report_proof(&enrolled, &proof.report()).await
    {
        // What was found stays found: the exit code is the proof's.
        say(&format!("warning: the issuer could not be told: {fault}"));
    }
    Ok(proof.exit_code())
}

fn render(proof: &prove::Proof, json: bool) -> Result<Vec<u8>, Fault> {
    let unwritable =
        |error: &dyn std::fmt::Display| Fault::new(Code::ReportUnwritable, "the proof can't be written").because(error);
    let mut text = Vec::new();
    if json {
        serde_json::to_writer_pretty(&mut text, proof).map_err(|error| unwritable(&error))?;
        text.push(b'\n');
    } else {
        let color = std::io::stdout().is_terminal()
            && anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
        prove::write(proof, color, &mut text).map_err(|error| unwritable(&error))?;
    }
    Ok(text)
}
