//! The generated trust policies of callers with AWS credentials of their own, applied and tried.

use aws_credential_types::Credentials;
use aws_sdk_sts::Client;
use driftwise_issuer::setup::request::ExternalId;
use driftwise_issuer::setup::{IssuerFacts, RawRequest, SetupPlan};
use driftwise_tests::sandbox::{Account, clients};
use serde_json::json;

use crate::stage::{ACCOUNT, ROLE, Refusal, Stage};

const CUSTOMER: &str = "444455556666";
const TARGET: &str = "arn:aws:iam::444455556666:role/driftwise-readonly";

/// The plan of a customer whose account the role lies in.
fn plan(trust: &str, principal: &str, external_id: &ExternalId) -> SetupPlan {
    let facts = IssuerFacts {
        issuer: "https://id.example.com".parse().unwrap(),
        audience: "sts.amazonaws.com".parse().unwrap(),
        thumbprints: Vec::new(),
        roles_authorized_by_idp: Vec::new(),
    };
    let raw = RawRequest {
        org: "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21".into(),
        account: CUSTOMER.into(),
        region: "eu-central-1".into(),
        trust: trust.into(),
        principal: principal.into(),
        external_id: external_id.to_string(),
        ..RawRequest::default()
    };
    raw.parse(&facts).unwrap().plan().unwrap()
}

/// Users before roles, as the plan says; and an access key of the first user.
async fn apply(stage: &Stage, plan: &SetupPlan) -> Option<Credentials> {
    stage.sandbox.world().add_account(Account::new(CUSTOMER));
    let iam = aws_sdk_iam::Client::new(&clients::root_config(&stage.sandbox, CUSTOMER));
    let mut credentials = None;
    for user in &plan.users {
        iam.create_user().user_name(&user.name).path(&user.path).send().await.unwrap();
        for policy in &user.inline {
            let put = iam.put_user_policy().user_name(&user.name).policy_name(&policy.name);
            put.policy_document(policy.document.to_string()).send().await.unwrap();
        }
        let everything =
            json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
        let put = iam.put_user_policy().user_name(&user.name).policy_name("a-later-mistake");
        put.policy_document(everything.to_string()).send().await.unwrap();
        let key = iam.create_access_key().user_name(&user.name).send().await.unwrap().access_key.unwrap();
        credentials = Some(Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test"));
    }
    for role in &plan.roles {
        iam.create_role()
            .role_name(&role.name)
            .path(&role.path)
            .description(&role.description)
            .assume_role_policy_document(role.trust.to_string())
            .send()
            .await
            .unwrap();
    }
    credentials
}

#[tokio::test]
async fn the_external_id_form_lets_one_role_in_with_its_id_and_nobody_else() {
    let stage = Stage::new().await;
    let (id, other_id) = (ExternalId::generate().unwrap(), ExternalId::generate().unwrap());
    apply(&stage, &plan("external-id", ROLE, &id)).await;
    stage.create_role("other", &stage.trust(&["sts:AssumeRoleWithWebIdentity"], &json!({}))).await;
    let may = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": TARGET}});
    for role in ["scan", "other"] {
        let put = stage.iam.put_role_policy().role_name(role).policy_name("chain");
        put.policy_document(may.to_string()).send().await.unwrap();
    }
    let token = stage.token_with(&json!({}));
    let scan = Client::new(&stage.session_config(&stage.assume(&token).await.unwrap()));
    let other = stage.assume_named(&format!("arn:aws:iam::{ACCOUNT}:role/other"), &token).await.unwrap();
    let other = Client::new(&stage.session_config(&other));
    let ask = |sts: &Client| sts.assume_role().role_arn(TARGET).role_session_name("scan");

    let answer = ask(&scan).external_id(id.as_str()).send().await.unwrap();
    assert!(answer.assumed_role_user().unwrap().arn().contains("assumed-role/driftwise-readonly/"));
    for (name, refused) in [
        ("without the id", ask(&scan).send().await),
        ("with another connection's id", ask(&scan).external_id(other_id.as_str()).send().await),
        ("another role of the account", ask(&other).external_id(id.as_str()).send().await),
    ] {
        assert_eq!(Refusal::of(&refused.expect_err(name)).code, "AccessDenied", "{name}");
    }
}

#[tokio::test]
async fn the_two_layer_user_opens_one_role_and_nothing_else_whatever_is_allowed_later() {
    let stage = Stage::new().await;
    let id = ExternalId::generate().unwrap();
    let credentials = apply(&stage, &plan("two-layer", "", &id)).await.unwrap();
    let config = clients::config(&stage.sandbox, credentials, "eu-central-1");
    let sts = Client::new(&config);
    let ask = || sts.assume_role().role_arn(TARGET).role_session_name("scan");

    ask().external_id(id.as_str()).send().await.unwrap();
    assert_eq!(Refusal::of(&ask().send().await.unwrap_err()).code, "AccessDenied", "without the id");
    let users = aws_sdk_iam::Client::new(&config).list_users().send().await;
    assert_eq!(Refusal::of(&users.unwrap_err()).code, "AccessDenied", "everything is allowed, and denied");
    let elsewhere = sts.assume_role().role_arn(ROLE).role_session_name("scan").external_id(id.as_str()).send().await;
    assert_eq!(Refusal::of(&elsewhere.unwrap_err()).code, "AccessDenied", "another role");
}
