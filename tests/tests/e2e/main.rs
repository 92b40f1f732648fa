//! The product end to end: the two programs as a user runs them, real sockets, real SQLite, the real AWS SDKs, and the
//! sandbox in AWS's place.

mod bad_input;
mod demo;
mod federation;
mod interop;
mod planted_drift;
mod refusals;
mod unseen;

use std::path::Path;

use driftwise_tests::stage::{Finished, Props, Stage};

/// The multi-call binary that is both programs.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_driftwise-demo"))
}

/// The seeded account and an issuer.
async fn stage() -> Stage {
    Stage::open(program(), Props::default()).await.expect("the stage opens")
}

/// Asserts that a program failed with exit code 2, with this error code, and with a cause and a hint; nothing on stdout.
fn assert_fails_with(finished: &Finished, code: &str) {
    assert_eq!(finished.code, 2, "stderr:\n{}", finished.stderr);
    assert!(finished.stderr.contains(&format!("error[{code}]")), "no error[{code}] in:\n{}", finished.stderr);
    assert!(finished.stderr.contains("cause:") && finished.stderr.contains("hint:"), "stderr:\n{}", finished.stderr);
    assert_eq!(finished.stdout, "", "half a report");
}
