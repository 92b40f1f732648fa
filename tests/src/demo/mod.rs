//! The demo: the whole product on one machine. A sandbox account with planted drift, an issuer, an org, the generated
//! documents applied to the account, an enrolled agent, and its drift report.
//!
//! Every step prints the command that a user would run; what it prints is what the command printed.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;

use crate::sandbox::seed::State;
use crate::stage::{ACCOUNT_ID, Customer, Props, REGION, ROLE_NAME, Stage};

/// Runs driftwise on this machine: a sandbox that stands in for AWS, an issuer, an agent, a drift report.
///
/// Nothing here talks to AWS or leaves the loopback interface. Exit code with --once: that of the scan (0 in sync,
/// 1 drift, 2 error, 3 incomplete).
#[derive(Parser, Debug)]
#[command(name = "cargo demo --", version)]
struct Options {
    /// End after the report instead of keeping issuer and sandbox up until Ctrl-C.
    #[arg(long)]
    once: bool,
    /// The issuer's loopback port; 0 for a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
}

/// The demo as a program.
pub fn main_with(args: Vec<OsString>) -> ExitCode {
    let options = Options::parse_from(args);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(run(&options)) {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: the demo failed: {error:#}");
    ExitCode::from(2)
}

async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let program: PathBuf = std::env::current_exe().context("the demo can't find its own program file")?;
    say("1", "An AWS account to scan")?;
    let stage = Stage::open(&program, Props { port: options.port, ..Props::default() }).await?;
    let resources = stage.sandbox.world().account(ACCOUNT_ID, |account| account.inventory.len()).unwrap_or_default();
    tell(&format!(
        "A sandbox stands in for AWS at {} (account {ACCOUNT_ID}; {resources} resources,\ntwo Terraform states, and the drift that somebody planted).\nAn issuer listens at {}.",
        stage.sandbox.url(),
        stage.issuer_url(),
    ))?;

    say("2", "The issuer: an org, its account, the documents")?;
    let customer = set_up(&stage).await?;

    say("3", "The agent: token, role, inventory, drift")?;
    let scan = stage.scan(&customer, &[]);
    tell(&format!("$ {}\n", scan.shown()))?;
    let code = scan.run_visibly().await?;
    tell(&format!("\nThe scan ended with exit code {code}: {}.", meaning(code)))?;

    if !options.once {
        say("4", "Look around")?;
        let exports = stage.sandbox.root_env().into_iter().map(|(name, value)| format!("  export {name}={value}"));
        tell(&format!(
            "The issuer's pages: {0}/ and {0}/federation-info\nIts documents:      {0}/.well-known/openid-configuration\n\n\
             Scan again, from another terminal in this folder:\n  \
             AWS_ENDPOINT_URL={1} cargo demo -- agent scan --data-dir {2}{3}\n\n\
             Change something first, as root of the account, with any AWS tool:\n{4}\n\nCtrl-C ends the demo.",
            stage.issuer_url(),
            stage.sandbox.url(),
            customer.data_dir.display(),
            [State::Network, State::App].map(|state| format!(" --state {}", state.uri())).concat(),
            exports.collect::<Vec<_>>().join("\n"),
        ))?;
        tokio::signal::ctrl_c().await.context("waiting for Ctrl-C")?;
    }
    stage.close().await?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(2)))
}

/// As [`Stage::customer`], step by step and aloud.
async fn set_up(stage: &Stage) -> anyhow::Result<Customer> {
    let customer = stage.customer("Acme").await?;
    let org = customer.org.to_string();
    tell(&format!(
        "$ driftwise-issuer org create --name Acme\n{org}\n\
         $ driftwise-issuer account register --org {org} --account-id {ACCOUNT_ID} --role-arn {} --region {REGION}\n\
         $ driftwise-issuer setup trust-policy --org {org} --account {ACCOUNT_ID}",
        customer.role_arn,
    ))?;
    tell(stage.document(customer.org, &["trust-policy"]).await?.trim_end())?;
    tell(&format!(
        "\nThe account's IAM OIDC provider and the role {ROLE_NAME} were created with exactly this document, the role's\n\
         permissions and the bucket policy with those of `setup permission-policy` and `setup bucket-policy`.\n\
         $ driftwise-issuer agent enrol --org {org}\n\
         $ driftwise-agent enrol --issuer {} --code …\n\
         enrolled as agent {}",
        stage.issuer_url(),
        customer.agent,
    ))?;
    Ok(customer)
}

fn meaning(code: i32) -> &'static str {
    match code {
        0 => "in sync",
        1 => "there is drift",
        3 => "no drift seen, but the scan could not see everything",
        _ => "it failed",
    }
}

fn say(step: &str, title: &str) -> anyhow::Result<()> {
    tell(&format!("\n── {step}. {title} {}", "─".repeat(70_usize.saturating_sub(title.len()))))
}

fn tell(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}
