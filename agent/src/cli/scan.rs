//! `driftwise-agent scan`.

use std::io::IsTerminal;
use std::path::PathBuf;

use driftwise_contract::codes::Code;
use driftwise_contract::report::ScanReport;
use driftwise_contract::{AccountId, IssuerUrl, Region};

use super::{Context, say};
use crate::config::Config;
use crate::fault::Fault;
use crate::files::{Mode, write_atomically};
use crate::identity::rotate::settle;
use crate::issuer_client::IssuerClient;
use crate::report::{console, json};
use crate::scan::{self, Progress};

/// The width of the console report on a terminal that does not say its own, in columns.
const DEFAULT_WIDTH: usize = 80;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The account; needed only when the org registered several.
    #[arg(long, value_name = "ID")]
    account: Option<AccountId>,
    /// The region of the Resource Explorer aggregator, in place of the registered one.
    #[arg(long)]
    region: Option<Region>,
    // Help is set apart from the doc comment, in which the examples would have to be links.
    #[arg(
        long = "state",
        value_name = "URI",
        help = "A Terraform state: s3://bucket/key, s3://bucket/prefix/, a glob or a path; may be repeated, replaces the configured ones"
    )]
    states: Vec<String>,
    /// The issuer that the agent must be enrolled with.
    #[arg(long, value_name = "URL")]
    issuer: Option<IssuerUrl>,
    /// How long the role's session lasts, in seconds.
    #[arg(long, value_name = "SECONDS")]
    session_duration: Option<i32>,
    /// At most so many calls per second to each service and region.
    #[arg(long, value_name = "RATE")]
    max_rps: Option<u32>,
    /// Go on, with a gap, where there is no aggregator index and only one region is seen.
    #[arg(long)]
    allow_local_index: bool,
    /// The form of the report.
    #[arg(long, value_enum, default_value_t, help_heading = "Report")]
    output: Output,
    /// Write the report to a file, in full or not at all, instead of to stdout.
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    output_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Output {
    /// For people.
    #[default]
    Console,
    /// For scripts.
    Json,
}

pub(super) async fn run(args: Args, mut context: Context) -> Result<u8, Fault> {
    args.override_settings(&mut context.config);
    context.config.check()?;
    let dir = context.data_dir()?;
    let issuer = dir.load()?.identity.issuer;
    super::enrol::same_issuer(args.issuer.as_ref(), &issuer)?;
    let enrolled = settle(&IssuerClient::new(issuer, &context.config.issuer, context.clock.clone())?, &dir).await?;
    let progress = if context.quiet { Progress::quiet() } else { Progress::on_stderr() };
    let report = Box::pin(scan::run(&context.config, enrolled, context.clock, &progress)).await?;
    let text = render(&report, args.output, args.output_file.is_none())?;
    match &args.output_file {
        None => super::print(&text)?,
        Some(path) => {
            write_atomically(path, &text, Mode::Shared).map_err(|error| {
                Fault::new(Code::ReportUnwritable, format!("{} can't be written", path.display())).because(error)
            })?;
            if !context.quiet {
                say(&format!("report written to {}", path.display()));
            }
        }
    }
    Ok(report.verdict.exit_code())
}

impl Args {
    fn override_settings(&self, config: &mut Config) {
        let scan = &mut config.scan;
        if let Some(account) = &self.account {
            scan.account = Some(account.clone());
        }
        if let Some(region) = &self.region {
            scan.region = Some(region.clone());
        }
        if !self.states.is_empty() {
            scan.states.clone_from(&self.states);
        }
        if let Some(duration_s) = self.session_duration {
            scan.session_duration_s = duration_s;
        }
        scan.allow_local_index |= self.allow_local_index;
        if let Some(rate) = self.max_rps {
            config.aws.max_rps.cap(rate);
        }
    }
}

/// The whole report in memory: nothing is printed before all of it can be.
fn render(report: &ScanReport, output: Output, to_stdout: bool) -> Result<Vec<u8>, Fault> {
    let mut text = Vec::new();
    let written = match output {
        Output::Json => json::write(report, &mut text),
        Output::Console => console::write(report, style(to_stdout), &mut text),
    };
    written.map_err(|error| Fault::new(Code::ReportUnwritable, "the report can't be written").because(error))?;
    Ok(text)
}

fn style(to_stdout: bool) -> console::Style {
    let terminal = to_stdout && std::io::stdout().is_terminal();
    // NO_COLOR, CLICOLOR and TERM=dumb are honoured.
    let color = to_stdout && anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
    let own = || terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
    console::Style { color, width: if terminal { width(std::env::var("COLUMNS").ok().as_deref(), own) } else { 0 } }
}

/// `COLUMNS`, where somebody exported it; shells keep it to themselves, so else the terminal is asked.
fn width(columns: Option<&str>, own: impl FnOnce() -> Option<usize>) -> usize {
    let exported = columns.and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
    exported.or_else(own).unwrap_or(DEFAULT_WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_as_wide_as_the_terminal_unless_columns_says_otherwise() {
        assert_eq!(width(None, || Some(70)), 70);
        assert_eq!(width(Some("100"), || Some(70)), 100);
        assert_eq!(width(Some("wide"), || Some(70)), 70);
        assert_eq!(width(Some("0"), || None), 80);
    }
}
