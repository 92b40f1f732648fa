//! `driftwise-agent state`.

use driftwise_contract::codes::Code;

use crate::fault::Fault;
use crate::state::command;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// State files, directories (every *.tfstate below) or globs.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Output {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

pub(super) async fn run(args: Args) -> Result<u8, Fault> {
    let output = match args.output {
        Output::Text => command::Output::Text,
        Output::Json => command::Output::Json,
    };
    let unwritable =
        |error: &dyn std::fmt::Display| Fault::new(Code::ReportUnwritable, "stdout can't be written").because(error);
    let read = tokio::task::spawn_blocking(move || {
        let (mut printed, mut said) = (Vec::new(), Vec::new());
        command::run(&args.paths, output, &mut printed, &mut said).map(|code| (code, printed, said))
    });
    let (code, printed, said) = read.await.map_err(|error| unwritable(&error))?.map_err(|error| unwritable(&error))?;
    super::print(&printed)?;
    if !said.is_empty() {
        super::say(String::from_utf8_lossy(&said).trim_end());
    }
    Ok(code)
}
