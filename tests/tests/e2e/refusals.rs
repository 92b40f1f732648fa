//! Everything that can refuse a scan before it begins: each has AWS's own error on one side and the agent's code, cause and
//! hint on the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use driftwise_issuer::clock::{Clock, SystemClock};
use driftwise_tests::stage::{ACCOUNT_ID, Customer, Props, Relay, Stage};

use crate::{assert_fails_with, program, stage};

fn provider_arn(stage: &Stage) -> String {
    format!("arn:aws:iam::{ACCOUNT_ID}:oidc-provider/{}", stage.issuer_url().trim_start_matches("http://"))
}

/// The outcome of the last `AssumeRoleWithWebIdentity`, as STS answered it.
fn sts_outcome(stage: &Stage) -> String {
    let log = stage.sandbox.world().requests();
    log.iter().rev().find(|entry| entry.operation == "AssumeRoleWithWebIdentity").unwrap().outcome.clone()
}

async fn scan_fails(stage: &Stage, customer: &Customer, code: &str) -> String {
    let finished = stage.scan(customer, &[]).run().await.unwrap();
    assert_fails_with(&finished, code);
    finished.stderr
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unregistered_provider_is_named() {
    let stage = stage().await;
    let customer = stage.customer("Acme").await.unwrap();
    stage
        .iam()
        .delete_open_id_connect_provider()
        .open_id_connect_provider_arn(provider_arn(&stage))
        .send()
        .await
        .unwrap();
    scan_fails(&stage, &customer, "aws.sts.provider_not_found").await;
    assert_eq!(sts_outcome(&stage), "InvalidIdentityToken");
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_audience_is_named() {
    let stage = stage().await;
    let customer = stage.customer("Acme").await.unwrap();
    let iam = stage.iam();
    let arn = provider_arn(&stage);
    iam.add_client_id_to_open_id_connect_provider()
        .open_id_connect_provider_arn(&arn)
        .client_id("another-audience")
        .send()
        .await
        .unwrap();
    iam.remove_client_id_from_open_id_connect_provider()
        .open_id_connect_provider_arn(&arn)
        .client_id("sts.amazonaws.com")
        .send()
        .await
        .unwrap();
    scan_fails(&stage, &customer, "aws.sts.wrong_audience").await;
    assert_eq!(sts_outcome(&stage), "InvalidIdentityToken");
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_named() {
    let stage = stage().await;
    let customer = stage.customer("Acme").await.unwrap();
    // Five minutes of life, five of tolerance, and one more.
    stage.sandbox.world().clock.shift(660);
    scan_fails(&stage, &customer, "aws.sts.token_expired").await;
    assert_eq!(sts_outcome(&stage), "ExpiredTokenException");
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signing_key_that_is_not_published_is_named() {
    let relay = Relay::start().await.unwrap();
    let props = Props { issuer_url: Some(relay.url()), ..Props::default() };
    let stage = Stage::open(program(), props).await.unwrap();
    relay.forward_to(stage.listen_url());
    let customer = stage.customer("Acme").await.unwrap();
    assert_eq!(stage.scan(&customer, &[]).run().await.unwrap().code, 1, "through the relay all is well");
    // A cache in front of the issuer still serves a key set from before the rotation.
    relay.replace("/.well-known/jwks.json", r#"{"keys":[]}"#);
    scan_fails(&stage, &customer, "aws.sts.key_unavailable").await;
    assert_eq!(sts_outcome(&stage), "InvalidIdentityToken");
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trust_policy_that_does_not_admit_the_org_is_named() {
    let stage = stage().await;
    let customer = stage.customer("Acme").await.unwrap();
    let other = stage.create_org("Other").await.unwrap();
    stage.register(other, &format!("arn:aws:iam::{ACCOUNT_ID}:role/other"), "session-tag").await.unwrap();
    let trust = stage.document(other, &["trust-policy"]).await.unwrap();
    stage
        .iam()
        .update_assume_role_policy()
        .role_name("driftwise-readonly")
        .policy_document(trust)
        .send()
        .await
        .unwrap();
    scan_fails(&stage, &customer, "aws.sts.access_denied").await;
    assert_eq!(sts_outcome(&stage), "AccessDenied");
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn session_tags_that_the_trust_policy_does_not_allow_are_named() {
    let stage = stage().await;
    let customer = stage.customer("Acme").await.unwrap();
    let trust = stage.document(customer.org, &["trust-policy", "--form", "subject"]).await.unwrap();
    stage
        .iam()
        .update_assume_role_policy()
        .role_name("driftwise-readonly")
        .policy_document(trust)
        .send()
        .await
        .unwrap();
    scan_fails(&stage, &customer, "aws.sts.tag_session_denied").await;
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_does_not_answer_is_named() {
    let stage = stage().await;
    let customer = stage.customer("Acme").await.unwrap();
    let address = stage.issuer_url().to_owned();
    let agent =
        stage.agent(&customer.data_dir, &["scan", "--state", "s3://acme-terraform-state/network/terraform.tfstate"]);
    let _directory = stage.close().await.unwrap();
    let finished = agent.run().await.unwrap();
    assert_fails_with(&finished, "issuer.unreachable");
    assert!(finished.stderr.contains(&address), "{}", finished.stderr);
}

/// The machine's clock, shifted by as many milliseconds as a test says.
#[derive(Debug, Default)]
struct Shifted(AtomicI64);

impl Clock for Shifted {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_by_an_hour_is_named_with_the_difference() {
    let clock = Arc::new(Shifted::default());
    let props = Props { clock: Some(clock.clone()), ..Props::default() };
    let stage = Stage::open(program(), props).await.unwrap();
    let customer = stage.customer("Acme").await.unwrap();
    for (shift_ms, words) in [(3_600_000, "3600 s behind"), (-3_600_000, "3600 s ahead of")] {
        clock.0.store(shift_ms, Ordering::Relaxed);
        let said = scan_fails(&stage, &customer, "issuer.clock_skew").await;
        assert!(said.contains(words), "{said}");
    }
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_enrolment_code_is_refused() {
    let stage = stage().await;
    let org = stage.create_org("Acme").await.unwrap();
    let made = stage.issuer(&["agent", "enrol", "--org", &org.to_string(), "--json"]).run().await.unwrap();
    let code = made.json().unwrap()["code"].as_str().unwrap().to_owned();
    let enrol = |name: &str| {
        let data_dir = stage.directory().join(name);
        let program = stage.agent(&data_dir, &["enrol", "--issuer", stage.issuer_url(), "--code", &code]);
        (program, data_dir)
    };
    let (first, _) = enrol("first");
    assert_eq!(first.run().await.unwrap().code, 0);
    let (second, data_dir) = enrol("second");
    let finished = second.run().await.unwrap();
    assert_fails_with(&finished, "issuer.enrolment_refused");
    assert!(!finished.stderr.contains(&code), "the code is a secret");
    assert!(!data_dir.join("identity.json").exists(), "a refused enrolment leaves no identity");
    stage.close().await.unwrap();
}
