//! The session of a scan, in the hands of somebody else: whatever its role may do, it changes nothing and reads no data.

use aws_credential_types::Credentials;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use driftwise_tests::sandbox::{Sandbox, clients};
use driftwise_tests::stage::{Customer, REGION, ROLE_NAME, SMALL_BUCKET, SMALL_KEY, Stage};
use serde_json::json;

use crate::program;

const DATA_BUCKET: &str = "acme-payroll";

/// The clients of whoever has the credentials of the session that was opened last.
fn thief(sandbox: &Sandbox) -> (aws_sdk_s3::Client, aws_sdk_iam::Client) {
    let session = sandbox.world().sessions().pop().expect("the scan opened a session");
    assert_eq!(session.role_name, ROLE_NAME);
    let credentials = Credentials::new(session.key.id, session.key.secret, Some(session.token), None, "stolen");
    let config = clients::config(sandbox, credentials, REGION);
    let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    (aws_sdk_s3::Client::from_conf(s3), aws_sdk_iam::Client::new(&config))
}

/// Whether it was allowed; any refusal but a denial fails the test.
fn allowed<T, E: ProvideErrorMetadata + std::fmt::Debug, R: std::fmt::Debug>(
    answer: Result<T, aws_smithy_runtime_api::client::result::SdkError<E, R>>,
) -> bool {
    match answer {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.code().map(|code| code.trim_end_matches("Exception")), Some("AccessDenied"), "{error:?}");
            false
        }
    }
}

/// A customer whose role may do everything, and a bucket with data.
async fn too_mighty() -> (Stage, Customer) {
    let (stage, customer) = Stage::open_small(program()).await.unwrap();
    let everything = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    let iam = stage.iam();
    // The generated policy denies reads of data itself; this customer wrote its own.
    iam.delete_role_policy().role_name(ROLE_NAME).policy_name("driftwise-scan").send().await.unwrap();
    let policy = iam.put_role_policy().role_name(ROLE_NAME).policy_name("everything");
    policy.policy_document(everything.to_string()).send().await.unwrap();
    stage.create_bucket(DATA_BUCKET).await.unwrap();
    let data = b"salaries".to_vec();
    stage.s3().put_object().bucket(DATA_BUCKET).key("2026.csv").body(data.into()).send().await.unwrap();
    (stage, customer)
}

/// What the last session may do: write an object, make a user, read data, read the state, read a description.
async fn may(stage: &Stage) -> [bool; 5] {
    let (s3, iam) = thief(&stage.sandbox);
    let body = b"{}".to_vec();
    [
        allowed(s3.put_object().bucket(SMALL_BUCKET).key("other").body(body.into()).send().await),
        allowed(iam.create_user().user_name("mallory").send().await),
        allowed(s3.get_object().bucket(DATA_BUCKET).key("2026.csv").send().await),
        allowed(s3.get_object().bucket(SMALL_BUCKET).key(SMALL_KEY).send().await),
        allowed(iam.list_users().send().await),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scans_session_changes_nothing_and_reads_no_data_though_its_role_may_do_everything() {
    let (stage, customer) = too_mighty().await;
    let (_, finished) = stage.report(stage.scan_small(&customer, &[])).await.unwrap();
    assert_eq!(may(&stage).await, [false, false, false, true, true], "{}", finished.stderr);

    // The same role, not narrowed: it is the session policy that denies.
    let whole = stage.scan_small(&customer, &[]).env("DRIFTWISE_AGENT__SCAN__NARROW_SESSION", "false");
    stage.report(whole).await.unwrap();
    assert_eq!(may(&stage).await, [true; 5]);
    stage.close().await.unwrap();
}
