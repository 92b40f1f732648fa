//! The driftwise agent: takes stock of an AWS account and reports drift from Terraform state.
//!
//! It proves who it is with a key that never leaves its machine ([`identity`]), gets a short-lived token from the issuer
//! ([`issuer_client`]), exchanges it for a read-only session ([`credentials`]), reads the account ([`aws`], [`inventory`],
//! [`iam`]) and the states ([`state`]), compares ([`drift`]) and reports ([`report`]). [`scan`] is the thread through all
//! of it, [`cli`] the command line around it. [`prove`] shows that the role lets this org in and no other.

pub mod aws;
pub mod cli;
pub mod clock;
pub mod config;
pub mod credentials;
pub mod drift;
pub mod fault;
mod files;
pub mod iam;
pub mod identity;
pub mod inventory;
pub mod issuer_client;
pub mod prove;
pub mod registry;
pub mod report;
pub mod scan;
pub mod state;
pub mod telemetry;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use clock::{SharedClock, SystemClock};

/// Runs the agent's command line; the first word of `args` is the program's name.
pub fn main_with(args: Vec<OsString>) -> ExitCode {
    main_with_clock(args, Arc::new(SystemClock))
}

/// The same, by another clock. It concerns what the agent signs and reports; requests to AWS are signed by the SDK's own.
pub fn main_with_clock(args: Vec<OsString>, clock: SharedClock) -> ExitCode {
    telemetry::start();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            // Nothing is left to tell it to.
            let _ = writeln!(std::io::stderr(), "error: the runtime can't be started: {error}");
            return ExitCode::from(cli::EXIT_ERROR);
        }
    };
    let code = runtime.block_on(cli::run(args, clock));
    // A state that is still being read on a thread of its own must not hold up an error.
    runtime.shutdown_background();
    ExitCode::from(code)
}
