//! Planted faults, seen through the real SDK, and the request log.

use driftwise_tests::sandbox::{Fault, FaultRule};
use serde_json::json;

use crate::stage::{ACCOUNT, Refusal, Stage};

#[tokio::test]
async fn a_planted_fault_ends_after_its_count() {
    let stage = Stage::new().await;
    stage.sandbox.world().faults.add(FaultRule::new("iam", "ListUsers", Fault::Throttle).times(1));
    let refusal = Refusal::of(&stage.iam.list_users().send().await.unwrap_err());
    assert_eq!(refusal.code, "Throttling");
    assert!(stage.iam.list_users().send().await.is_ok());
    assert_eq!(stage.sandbox.world().calls("iam", "ListUsers"), 2);
}

#[tokio::test]
async fn a_fault_can_be_bound_to_one_resource() {
    let stage = Stage::new().await;
    let fault = Fault::Error { status: 500, code: "ServiceFailure".to_owned(), message: "planted".to_owned() };
    stage.sandbox.world().faults.add(FaultRule::new("iam", "GetRole", fault).on("RoleName=scan"));
    assert_eq!(Refusal::of(&stage.iam.get_role().role_name("scan").send().await.unwrap_err()).code, "ServiceFailure");
    assert_eq!(Refusal::of(&stage.iam.get_role().role_name("other").send().await.unwrap_err()).code, "NoSuchEntity");
}

#[tokio::test]
async fn a_dropped_connection_is_no_answer() {
    let stage = Stage::new().await;
    stage.sandbox.world().faults.add(FaultRule::new("iam", "ListUsers", Fault::DropConnection).times(1));
    let error = stage.iam.list_users().send().await.unwrap_err();
    assert_eq!(Refusal::of(&error).code, "", "no error document arrives");
    assert!(stage.iam.list_users().send().await.is_ok());
}

#[tokio::test]
async fn the_log_tells_who_called_what_and_no_secret() {
    let stage = Stage::new().await;
    stage.sandbox.world().log.clear();
    let token = stage.token_with(&json!({}));
    let session = stage.assume(&token).await.unwrap();
    let iam = aws_sdk_iam::Client::new(&stage.session_config(&session));
    iam.create_user().user_name("x").send().await.unwrap_err();
    let log = stage.sandbox.world().requests();
    let told: Vec<_> = log
        .iter()
        .map(|entry| (entry.service.as_str(), entry.operation.as_str(), entry.caller.as_str(), entry.outcome.as_str()))
        .collect();
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/scan/scan-1");
    assert_eq!(
        told,
        [("sts", "AssumeRoleWithWebIdentity", "", "Ok"), ("iam", "CreateUser", arn.as_str(), "AccessDenied"),]
    );
    let text = format!("{log:?} {:?}", stage.sandbox.world());
    for secret in [session.secret_access_key(), session.session_token(), token.as_str()] {
        assert!(!text.contains(secret));
    }
}

#[tokio::test]
async fn the_sandbox_stops() {
    let stage = Stage::new().await;
    let url = stage.sandbox.url();
    stage.sandbox.stop().await;
    assert!(reqwest::Client::new().get(url).send().await.is_err());
}
