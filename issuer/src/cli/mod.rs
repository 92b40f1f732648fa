//! The command line. stdout is data, stderr is talk; scripts get `--json` and exit codes: 0 done, 1 refused or failed,
//! 2 wrong usage; `setup lint` and `setup explain`: 0 good, 1 not, 2 can't be told. The commands work on the same store and
//! keys while `serve` runs.

mod account;
mod admin;
mod agent;
mod apikey;
mod audit;
mod config;
mod enrolment_code;
mod keys;
mod keys_reseal;
mod lifetime;
mod org;
mod org_issuer;
mod output;
mod publish;
mod serve;
mod setup;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use driftwise_contract::OrgId;

use crate::accounts::DisplayName;
use crate::audit::Actor;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, ConfigError};
use crate::store::{Connection, Store, orgs};
use crate::{Error, telemetry};

use output::Output;

const EXIT_CODES: &str = "Exit codes: 0 done, 1 refused or failed, 2 wrong usage.";

/// An OpenID Connect provider for machines: short-lived, org-scoped tokens that AWS STS accepts.
#[derive(Debug, Parser)]
#[command(name = "driftwise-issuer", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
struct Arguments {
    /// Configuration file [default: ./driftwise-issuer.toml where it exists]
    #[arg(long, global = true, value_name = "FILE", env = "DRIFTWISE_ISSUER_CONFIG", help_heading = "Global options")]
    config: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long, global = true, help_heading = "Global options")]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one, and it lives as long as the program")]
enum Command {
    /// Run the issuer until it is told to stop (SIGINT, SIGTERM)
    Serve(serve::Arguments),
    /// The configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Organisations
    #[command(subcommand)]
    Org(org::Command),
    /// AWS accounts of an org
    #[command(subcommand)]
    Account(account::Command),
    /// People who sign in to the pages
    #[command(subcommand)]
    Admin(admin::Command),
    /// Agents of an org
    #[command(subcommand)]
    Agent(agent::Command),
    /// The audit log: verify its chains, list and export rows
    #[command(subcommand)]
    Audit(audit::Command),
    /// One-time codes with which agents enrol; `agent enrol` makes them
    #[command(subcommand)]
    EnrolmentCode(enrolment_code::Command),
    /// API keys of an org's programs
    #[command(subcommand, name = "apikey")]
    ApiKey(apikey::Command),
    /// Documents for an org's AWS account
    #[command(subcommand)]
    Setup(setup::Command),
    /// Publish discovery and keys to the configured directory or bucket now, or check what the public URL serves
    Publish(publish::Arguments),
    /// Signing keys
    #[command(subcommand)]
    Keys(keys::Command),
}

/// What every command works with.
struct Context<'a> {
    config: Config,
    clock: &'a dyn Clock,
    output: Output<'a>,
}

impl Context<'_> {
    /// Who runs the command, for the audit log. Names of people only: nothing here is proven.
    #[expect(clippy::unused_self, reason = "who runs it belongs to what a command works with")]
    fn actor(&self) -> Actor {
        let name = |variable| std::env::var(variable).ok().filter(|name| name.parse::<DisplayName>().is_ok());
        Actor::Operator { user: name("USER").or_else(|| name("LOGNAME")), sudo_user: name("SUDO_USER") }
    }

    /// The store, which must exist: a command in the wrong directory must not make another one.
    async fn store(&self) -> anyhow::Result<Store> {
        Ok(Store::open_existing(&self.config.store.path).await.map_err(Error::from)?)
    }

    /// The store, made where there is none.
    async fn store_or_new(&self) -> anyhow::Result<Store> {
        let path = &self.config.store.path;
        let is_new = !path.exists();
        let store = Store::open(path).await.map_err(Error::from)?;
        if is_new {
            let path = std::path::absolute(path).context("the working directory has no path")?;
            output::say(&format!("made a new store at {}", path.display()));
        }
        Ok(store)
    }
}

/// Runs the program with these arguments, the program's name first.
pub fn main_with(args: Vec<OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        // Help and version go to stdout and are a success; everything else to stderr.
        Err(error) => {
            // Nothing can be told where even this can't be written.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let mut stdout = io::stdout().lock();
    let done = run(arguments, &SystemClock, &mut stdout).and_then(|code| {
        stdout.flush().context("can't write to stdout")?;
        Ok(code)
    });
    match done {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error, &mut io::stderr().lock());
            // A field that was refused only beside the others is wrong usage all the same, and so is a file that holds something else.
            let is_wrong_usage = error.is::<setup::RefusedFields>() || error.is::<setup::RefusedFiles>();
            if is_wrong_usage { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

fn run(arguments: Arguments, clock: &dyn Clock, stdout: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(crate::federation::worker_threads(cores))
        .enable_all()
        .build()
        .context("can't start the runtime")?;
    let mut output = Output::new(stdout, arguments.json);
    let command = match arguments.command {
        Command::Config(command) => {
            runtime.block_on(config::run(&command, arguments.config.as_deref(), clock, &mut output))?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Setup(setup::Command::Lint(document)) => {
            return told(runtime.block_on(setup::lint::run(&document, arguments.config.as_deref(), &mut output)));
        }
        Command::Setup(setup::Command::Explain(question)) => {
            return told(setup::explain::run(&question, clock, &mut output));
        }
        command => command,
    };
    let config = Config::load(arguments.config.as_deref())?;
    let _telemetry = runtime.block_on(async { telemetry::install(&config.log, &config.telemetry) })?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let context = Context { config, clock, output };
    runtime.block_on(async {
        match command {
            Command::Serve(arguments) => serve::run(&arguments, context).await,
            // It reads the configuration itself, faults and all.
            Command::Config(_) => Ok(()),
            Command::Org(command) => org::run(command, context).await,
            Command::Account(command) => account::run(command, context).await,
            Command::Admin(command) => admin::run(command, context).await,
            Command::Agent(command) => agent::run(command, context).await,
            Command::Audit(command) => audit::run(command, context).await,
            Command::EnrolmentCode(command) => enrolment_code::run(command, context).await,
            Command::ApiKey(command) => apikey::run(command, context).await,
            Command::Setup(command) => setup::run(command, context).await,
            Command::Publish(arguments) => publish::run(&arguments, context).await,
            Command::Keys(command) => Box::pin(keys::run(command, context)).await,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The exit code of a command that answers yes or no: 0 and 1; 2 where it can't tell.
fn told(answer: anyhow::Result<bool>) -> anyhow::Result<ExitCode> {
    match answer {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::FAILURE),
        Err(error) if is_broken_pipe(&error) => Err(error),
        Err(error) => {
            report(&error, &mut io::stderr().lock());
            Ok(ExitCode::from(2))
        }
    }
}

/// The reader of our output went away (`| head`): no fault of ours.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The message, and what to do about it.
fn report(error: &anyhow::Error, stderr: &mut dyn Write) {
    // Nothing can be told where even stderr can't be written.
    let _ = writeln!(stderr, "error: {}", told_once(error));
    let hint = match error.downcast_ref::<Error>() {
        Some(error) => error.hint(),
        None if error.is::<ConfigError>() => {
            Some("driftwise-issuer.example.toml documents every key; the environment overrides the file.".into())
        }
        None => None,
    };
    if let Some(hint) = hint {
        let _ = writeln!(stderr, "hint: {hint}");
    }
}

/// The org that the operator names.
async fn require_org(db: &mut Connection, id: OrgId) -> anyhow::Result<orgs::Org> {
    Ok(orgs::find(db, id).await?.ok_or(Error::OrgUnknown(id))?)
}

/// The error and its causes; a cause that the text before it ends with is not told twice.
fn told_once(error: &anyhow::Error) -> String {
    let mut causes = error.chain().map(ToString::to_string);
    let mut text = causes.next().unwrap_or_default();
    for cause in causes.filter(|cause| !cause.is_empty()) {
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_kid_may_begin_with_a_hyphen() {
        for kid in ["-Xw8Pn3vQkq1yYd0sJtU2hGm5bRzLc7aTe9fKo4iNwM", "--help3vQkq1yYd0sJtU2hGm5bRzLc7aTe9fKo4iNwM"] {
            let parsed = Arguments::try_parse_from(["driftwise-issuer", "keys", "revoke", kid, "--dry-run"]);
            assert!(parsed.is_ok_and(|arguments| matches!(arguments.command, Command::Keys(_))), "{kid}");
        }
    }

    #[test]
    fn errors_come_with_a_hint() {
        let mut text = Vec::new();
        let org = "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21".parse().unwrap();
        report(&anyhow::Error::new(Error::OrgUnknown(org)), &mut text);
        insta::assert_snapshot!(String::from_utf8(text).unwrap(), @r"
        error: there is no org 0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21
        hint: `driftwise-issuer org list` shows the orgs.
        ");
    }

    #[test]
    fn a_cause_is_told_once() {
        let inner = || io::Error::other("no such file");
        let error = anyhow::Error::new(crate::keyring::KeyringError::File {
            action: "read the master key",
            path: "/nope".into(),
            source: inner(),
        });
        assert_eq!(told_once(&error), "can't read the master key /nope: no such file");
        assert_eq!(told_once(&anyhow::Error::new(inner()).context("can't start")), "can't start: no such file");
    }
}
