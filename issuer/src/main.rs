//! The `driftwise-issuer` program: everything is in the library, so that tests and the demo can run it in-process.

use std::process::ExitCode;

fn main() -> ExitCode {
    driftwise_issuer::main_with(std::env::args_os().collect())
}
