//! The command line. Data goes to stdout, everything else to stderr; a failure is `error[code]: …`, its cause and a hint.
//!
//! Exit codes: 0 in sync (or done, or proven), 1 drift (or another org gets in), 2 error, 3 incomplete (no drift seen, but not
//! everything could be seen; or nothing proven).
//! To add a command: a file with its arguments and a `run`, and a variant of `Command`.

mod accounts;
mod enrol;
mod prove;
mod rotate_key;
mod scan;
mod state;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use driftwise_contract::codes::Code;

use crate::clock::SharedClock;
use crate::config::Config;
use crate::fault::Fault;
use crate::identity::DataDir;
use crate::identity::store::DATA_DIR_VARIABLE;

/// The exit code of an error.
pub const EXIT_ERROR: u8 = 2;

/// Takes stock of an AWS account and reports drift from Terraform state.
#[derive(Debug, Parser)]
#[command(
    name = "driftwise-agent",
    version,
    after_help = "Exit codes: 0 in sync, 1 drift, 2 error, 3 incomplete (no drift seen, but the scan could not see everything)."
)]
struct Cli {
    /// Settings in TOML; driftwise-agent.example.toml documents every key.
    #[arg(long, global = true, value_name = "FILE", env = "DRIFTWISE_AGENT_CONFIG", help_heading = "Global options")]
    config: Option<PathBuf>,
    /// Where the agent's identity and private key lie.
    #[arg(long, global = true, value_name = "DIR", env = DATA_DIR_VARIABLE, help_heading = "Global options")]
    data_dir: Option<PathBuf>,
    /// No progress on stderr.
    #[arg(long, short, global = true, help_heading = "Global options")]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Register this machine with an issuer, by a one-time code.
    Enrol(enrol::Args),
    /// Put a new private key in place of this machine's; the old one counts no longer.
    RotateKey(rotate_key::Args),
    /// Scan an account and report its drift.
    Scan(scan::Args),
    /// Show that a role lets this org in and no other: AWS is shown a token of an org that does not exist, then one of this org.
    #[command(
        after_help = "Exit codes: 0 proven, 1 another org gets in, 2 error, 3 not proven (this org's own token was refused, or AWS's answer says nothing about the trust policy)."
    )]
    Prove(prove::Args),
    /// List the accounts that the org registered.
    Accounts(accounts::Args),
    /// Print what is understood of Terraform states: resources, IAM grants, and what was left out.
    State(state::Args),
}

/// What every command needs.
struct Context {
    config: Config,
    data_dir: Option<PathBuf>,
    quiet: bool,
    clock: SharedClock,
}

impl Context {
    /// The command line's or the environment's directory, else the configured one, else the default.
    fn data_dir(&self) -> Result<DataDir, Fault> {
        let named = self.data_dir.clone().or_else(|| self.config.data_dir.clone());
        DataDir::resolve(named, |name| std::env::var_os(name))
    }
}

/// Runs a command line (its first word is the program) and gives the exit code.
pub async fn run(args: Vec<OsString>, clock: SharedClock) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are data, and go to stdout with exit code 0; the rest to stderr with 2.
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(EXIT_ERROR);
        }
    };
    match dispatch(cli, clock).await {
        Ok(code) => code,
        Err(fault) => {
            let mut stderr = anstream::stderr().lock();
            // Nothing is left to tell it to.
            let _ = fault.write(&mut stderr);
            EXIT_ERROR
        }
    }
}

async fn dispatch(cli: Cli, clock: SharedClock) -> Result<u8, Fault> {
    let config = Config::load(cli.config.as_deref())?;
    let context = Context { config, data_dir: cli.data_dir, quiet: cli.quiet, clock };
    match cli.command {
        Command::Enrol(args) => enrol::run(args, context).await,
        Command::RotateKey(args) => rotate_key::run(&args, context).await,
        Command::Scan(args) => scan::run(args, context).await,
        Command::Prove(args) => prove::run(&args, context).await,
        Command::Accounts(args) => accounts::run(&args, context).await,
        Command::State(args) => state::run(args).await,
    }
}

/// Writes to stdout in one go. A reader that went away (`| head`) is no error.
fn print(data: &[u8]) -> Result<(), Fault> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(data).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Fault::new(Code::ReportUnwritable, "stdout can't be written").because(error))
        }
        _ => Ok(()),
    }
}

/// A line on stderr.
fn say(line: &str) {
    // Talk that nobody hears is no reason to fail.
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
