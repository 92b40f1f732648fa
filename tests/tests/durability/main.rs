//! What a crash leaves behind. An issuer, as a process of its own, mints tokens while keys are rotated by the command line;
//! one of the two is killed with SIGKILL at a random point; then the issuer starts again and everything that was promised
//! must hold: exactly one key signs, each unexpired token's key is published, the audit chains verify, and each token that
//! was handed out has its row.
//!
//! Killed 200 times; `DRIFTWISE_CRASHES` sets another number, `DRIFTWISE_CRASH_SEED` repeats the random choices of a run.

mod crash;
mod server;

use std::io::Write as _;
use std::path::Path;
use std::str::FromStr;

use crash::CrashTest;

/// The multi-call binary that is both programs.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_driftwise-demo"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_point_breaks_no_promise() {
    let crashes: u32 = setting("DRIFTWISE_CRASHES").unwrap_or(200);
    let seed: u64 = setting("DRIFTWISE_CRASH_SEED").unwrap_or_else(|| fastrand::u64(..));
    let mut test = CrashTest::open(program(), seed).await.expect("the stage opens");
    let mut run = Ok(());
    for round in 0..crashes {
        run = test.crash(round).await;
        if run.is_err() {
            break;
        }
    }
    let done = match run {
        Ok(()) => test.finish().await,
        Err(error) => Err(error),
    };
    let tally = done.unwrap_or_else(|error| panic!("{error:#}\nrepeat with DRIFTWISE_CRASH_SEED={seed}"));
    // Past the test runner, which keeps back what the print macros write.
    let _ = writeln!(std::io::stderr(), "\n{crashes} crashes: {tally:?}; seed {seed}");
    assert!(tally.tokens > 0 && tally.rotations > 0, "nothing happened: {tally:?}");
}

/// A number from the environment.
fn setting<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}
