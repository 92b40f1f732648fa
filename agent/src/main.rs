//! The program `driftwise-agent`. Everything it does is in the library, so that tests and the demo can do the same.

use std::process::ExitCode;

fn main() -> ExitCode {
    driftwise_agent::main_with(std::env::args_os().collect())
}
