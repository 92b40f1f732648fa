//! `AssumeRole`: users and sessions that become another role.

use aws_sdk_sts::{Client, types::Tag};
use driftwise_tests::sandbox::{Account, clients};
use serde_json::{Value, json};

use crate::stage::{ACCOUNT, Refusal, Stage};

const TARGET: &str = "arn:aws:iam::444455556666:role/target";

/// A second account whose role trusts the first under an external id; the first account's role may assume it.
async fn two_accounts() -> Stage {
    let stage = Stage::new().await;
    stage.sandbox.world().add_account(Account::new("444455556666"));
    let iam = aws_sdk_iam::Client::new(&clients::root_config(&stage.sandbox, "444455556666"));
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") },
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": { "StringEquals": { "sts:ExternalId": "dw-1234" } },
    }] });
    iam.create_role()
        .role_name("target")
        .max_session_duration(7_200)
        .assume_role_policy_document(trust.to_string())
        .send()
        .await
        .unwrap();
    allow_assuming(&stage, &json!(["sts:AssumeRole", "sts:TagSession"])).await;
    stage
}

async fn allow_assuming(stage: &Stage, actions: &Value) {
    let policy = json!({ "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": TARGET }] });
    stage
        .iam
        .put_role_policy()
        .role_name("scan")
        .policy_name("chain")
        .policy_document(policy.to_string())
        .send()
        .await
        .unwrap();
}

async fn session_client(stage: &Stage) -> Client {
    let session = stage.assume(&stage.token_with(&json!({}))).await.unwrap();
    Client::new(&stage.session_config(&session))
}

#[tokio::test]
async fn a_session_chains_into_another_account_with_the_external_id() {
    let stage = two_accounts().await;
    let sts = session_client(&stage).await;
    let request = || sts.assume_role().role_arn(TARGET).role_session_name("chained");
    let answer = request().external_id("dw-1234").send().await.unwrap();
    let chained = Client::new(&stage.session_config(answer.credentials().unwrap()));
    let caller = chained.get_caller_identity().send().await.unwrap();
    assert_eq!(caller.arn(), Some("arn:aws:sts::444455556666:assumed-role/target/chained"));

    for outcome in [request().send().await, request().external_id("dw-9999").send().await] {
        let refusal = Refusal::of(&outcome.unwrap_err());
        assert_eq!(refusal.code, "AccessDenied");
        assert_eq!(
            refusal.message,
            format!(
                "User: arn:aws:sts::{ACCOUNT}:assumed-role/scan/scan-1 is not authorized to perform: sts:AssumeRole on \
                 resource: {TARGET}"
            )
        );
    }
}

#[tokio::test]
async fn a_chained_session_lasts_an_hour_at_most() {
    let stage = two_accounts().await;
    let sts = session_client(&stage).await;
    let request = sts.assume_role().role_arn(TARGET).role_session_name("chained").external_id("dw-1234");
    let refusal = Refusal::of(&request.duration_seconds(3_601).send().await.unwrap_err());
    assert_eq!(refusal.code, "ValidationError");
    assert!(refusal.message.contains("1 hour session limit for roles assumed by role chaining"), "{refusal:?}");
}

#[tokio::test]
async fn the_callers_own_permission_is_needed_too() {
    let stage = two_accounts().await;
    let sts = session_client(&stage).await;
    allow_assuming(&stage, &json!("sts:TagSession")).await;
    let request = sts.assume_role().role_arn(TARGET).role_session_name("chained").external_id("dw-1234");
    let refusal = Refusal::of(&request.send().await.unwrap_err());
    assert!(
        refusal.message.ends_with("because no identity-based policy allows the sts:AssumeRole action"),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn transitive_tags_pass_on_and_can_not_be_replaced() {
    let stage = two_accounts().await;
    stage.set_trust(&stage.trust(&["sts:AssumeRoleWithWebIdentity", "sts:TagSession"], &json!({}))).await;
    let token = stage.token_with(&json!({ "https://aws.amazon.com/tags": {
        "principal_tags": { "org": ["a"] }, "transitive_tag_keys": ["org"] } }));
    let session = stage.assume(&token).await.unwrap();
    let sts = Client::new(&stage.session_config(&session));
    let request = || sts.assume_role().role_arn(TARGET).role_session_name("chained").external_id("dw-1234");
    let chained = request().send().await.unwrap();
    let key = chained.credentials().unwrap().access_key_id();
    let caller = stage.sandbox.world().caller(key, "eu-central-1").unwrap();
    assert_eq!(caller.principal_tags.get("org").map(String::as_str), Some("a"));
    let replaced = Tag::builder().key("org").value("b").build().unwrap();
    assert!(request().tags(replaced).send().await.is_err());
}

#[tokio::test]
async fn root_assumes_no_role() {
    let stage = two_accounts().await;
    let root = Client::new(&clients::root_config(&stage.sandbox, ACCOUNT));
    let request = root.assume_role().role_arn(TARGET).role_session_name("root").external_id("dw-1234");
    assert_eq!(Refusal::of(&request.send().await.unwrap_err()).message, "Roles may not be assumed by root accounts.");
}
