//! The product end to end: the two programs as a user runs them, real sockets, real SQLite, the real AWS SDKs, and the
//! sandbox in AWS's place.

mod bad_input;
mod demo;
mod federation;
mod interop;
mod kms;
mod least_privilege;
mod narrowed;
mod planted_drift;
mod prove;
mod publication;
mod refusals;
mod replicas;
mod revocation;
mod setup_forms;
mod setup_forms_judged;
mod unseen;

use std::path::Path;
use std::time::Duration;

use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use driftwise_tests::sandbox::clients;
use driftwise_tests::stage::{Finished, Props, Stage};
use serde_json::Value;

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

/// Asks until there is an answer: for what another process does in its own time. `what` is said when it never comes.
async fn wait_for<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    const PATIENCE: Duration = Duration::from_mins(1);
    const PAUSE: Duration = Duration::from_millis(50);
    let answered = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
    answered.await.unwrap_or_else(|_| panic!("waited {} s in vain: {what}", PATIENCE.as_secs()))
}

/// The key ids of the key set at an address, in its order; none where it answers otherwise.
async fn published_at(url: &str) -> Option<Vec<String>> {
    let jwks: Value = reqwest::get(url).await.ok()?.json().await.ok()?;
    let kid = |key: &Value| key["kid"].as_str().map(str::to_owned);
    jwks["keys"].as_array()?.iter().map(kid).collect()
}

/// `AssumeRoleWithWebIdentity`, as any AWS SDK does it: the session's ARN, or AWS's error code and message.
async fn assume(stage: &Stage, role_arn: &str, token: &str) -> Result<String, (String, String)> {
    let sts = aws_sdk_sts::Client::new(&clients::anonymous_config(&stage.sandbox));
    let call =
        sts.assume_role_with_web_identity().role_arn(role_arn).role_session_name("e2e").web_identity_token(token);
    match call.send().await {
        Ok(answer) => Ok(answer.assumed_role_user().unwrap().arn().to_owned()),
        Err(error) => {
            let error = error.into_service_error();
            Err((error.code().unwrap_or_default().to_owned(), error.message().unwrap_or_default().to_owned()))
        }
    }
}
