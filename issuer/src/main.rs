//! The `driftwise-issuer` program: everything is in the library, so that tests and the demo can run it in-process.

use std::process::ExitCode;

/// Faster than the system's with the many small, short-lived pieces that a request is made of.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    driftwise_issuer::main_with(std::env::args_os().collect())
}
