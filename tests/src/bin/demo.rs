//! The demo (`cargo demo`), and the multi-call binary of the end-to-end tests: `driftwise-demo issuer …` and
//! `driftwise-demo agent …` are the two programs themselves.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args: Vec<OsString> = std::env::args_os().collect();
    match args.get(1).and_then(|name| name.to_str()) {
        Some("issuer") => {
            args.drain(..2);
            args.insert(0, "driftwise-issuer".into());
            driftwise_issuer::main_with(args)
        }
        Some("agent") => {
            args.drain(..2);
            args.insert(0, "driftwise-agent".into());
            driftwise_agent::main_with(args)
        }
        _ => driftwise_tests::demo::main_with(args),
    }
}
