//! An issuer, as a process, whose keys lie in KMS.

use driftwise_contract::wire::{OAuthErrorCode, paths};
use driftwise_tests::sandbox::{Fault, FaultRule};
use driftwise_tests::stage::{
    ACCOUNT_ID, Props, Relay, SMALL_STATE, Stage, TestAgent, key_id_of, small_world, system_now_s, verify_against,
    verify_with_josekit,
};
use serde_json::json;

use crate::{assume, program, published_at, wait_for};

/// What docs and code say that the issuer needs of KMS, and no more.
const ACTIONS: &[&str] =
    &["kms:CreateKey", "kms:TagResource", "kms:GetPublicKey", "kms:Sign", "kms:ScheduleKeyDeletion"];

fn props() -> Props {
    Props {
        world: Some(small_world()),
        keys_config: "backend = \"kms\"\nstore = \"database\"\nrefresh = \"1s\"".into(),
        issuer_actions: ACTIONS,
        ..Props::default()
    }
}

/// How many keys KMS has, and for how many the deletion is scheduled.
fn keys_in_kms(stage: &Stage) -> (usize, usize) {
    let world = stage.sandbox.world();
    let count = world.account(ACCOUNT_ID, |account| {
        let keys = || account.kms.iter(world.now());
        (keys().count(), keys().filter(|key| key.deletion_at.is_some()).count())
    });
    count.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_with_keys_in_kms_serves_rotates_and_gives_keys_up() {
    let relay = Relay::start().await.unwrap();
    let (stage, served) = Stage::open_served(program(), props(), &relay).await.unwrap();
    let customer = stage.customer_of_small().await.unwrap();
    let agent = TestAgent::enrol(&stage, customer.org).await.unwrap();
    assert_eq!(keys_in_kms(&stage), (1, 0));
    let first = agent.token(&customer.role_arn).await.unwrap().unwrap();
    verify_with_josekit(&stage, &first).await.unwrap();
    assume(&stage, &customer.role_arn, &first).await.unwrap();

    stage.issuer(&["keys", "rotate", "--now"]).run().await.unwrap().success().unwrap();
    assert_eq!(keys_in_kms(&stage), (2, 0));
    let second = agent.token(&customer.role_arn).await.unwrap().unwrap();
    assert_ne!(key_id_of(&second).unwrap(), key_id_of(&first).unwrap());
    for token in [&first, &second] {
        verify_with_josekit(&stage, token).await.unwrap();
        assume(&stage, &customer.role_arn, token).await.unwrap();
    }

    let retired = key_id_of(&first).unwrap();
    stage.issuer(&["keys", "revoke", &retired, "--yes"]).run().await.unwrap().success().unwrap();
    wait_for("KMS is told to delete the removed key, and no other", async || {
        (keys_in_kms(&stage) == (2, 1)).then_some(())
    })
    .await;
    wait_for("the removed key vanishes from the key set", async || {
        published_at(&stage.url(paths::JWKS)).await.filter(|kids| !kids.contains(&retired))
    })
    .await;
    let (code, _) = assume(&stage, &customer.role_arn, &first).await.unwrap_err();
    assert_eq!(code, "InvalidIdentityToken");

    // A restart opens the references and signs on.
    served.stop().await.unwrap();
    let again = stage.serve(&[]).await.unwrap();
    relay.forward_to(again.url());
    let third = agent.token(&customer.role_arn).await.unwrap().unwrap();
    assert_eq!(key_id_of(&third).unwrap(), key_id_of(&second).unwrap());
    let scan = stage.agent(&customer.data_dir, &["scan", "--state", SMALL_STATE]).run().await.unwrap();
    assert_eq!(scan.code, 1, "the issuer's own user is in no state: {}", scan.stdout);
    again.stop().await.unwrap();
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_kms_refuses_there_is_no_token_and_no_other_key_stands_in() {
    let relay = Relay::start().await.unwrap();
    let (stage, served) = Stage::open_served(program(), props(), &relay).await.unwrap();
    let customer = stage.customer_of_small().await.unwrap();
    let agent = TestAgent::enrol(&stage, customer.org).await.unwrap();
    let shared = key_id_of(&agent.token(&customer.role_arn).await.unwrap().unwrap()).unwrap();
    let faults = &stage.sandbox.world().faults;

    // The org's own keys can't be made.
    faults.add(FaultRule::new("kms", "CreateKey", Fault::AccessDenied));
    let org = customer.org.to_string();
    stage.issuer(&["org", "issuer", "set", "--org", &org, "--keys", "own"]).run().await.unwrap().success().unwrap();
    stage.register_with(customer.org, &customer.role_arn, &["--issuer", "org"]).await.unwrap();
    let refusal = agent.token(&customer.role_arn).await.unwrap().expect_err("the org has no key");
    assert_eq!((refusal.status, refusal.error.error), (503, OAuthErrorCode::TemporarilyUnavailable));
    wait_for("the running issuer has tried to make the org's key", async || {
        (stage.sandbox.world().calls("kms", "CreateKey") >= 2).then_some(())
    })
    .await;
    let org_url = format!("{}/orgs/{org}", stage.issuer_url());
    for path in [paths::DISCOVERY, paths::JWKS] {
        let status = reqwest::get(format!("{org_url}{path}")).await.unwrap().status();
        assert_eq!(status, 503, "{path}");
    }
    let refusal = agent.token(&customer.role_arn).await.unwrap().expect_err("the org has no key");
    assert_eq!((refusal.status, refusal.error.error), (503, OAuthErrorCode::TemporarilyUnavailable));
    // Another org's issuer does not wait for it.
    let other = stage.create_org("Other").await.unwrap().to_string();
    let set = ["org", "issuer", "set", "--org", &other, "--keys", "shared"];
    stage.issuer(&set).run().await.unwrap().success().unwrap();
    let other_url = stage.url(&format!("/orgs/{other}{}", paths::JWKS));
    wait_for("the other org's issuer is published", async || published_at(&other_url).await).await;

    // Now they can; the job comes back by itself.
    faults.clear();
    let token = wait_for("the org's key is made and signs", async || {
        agent.token_at(stage.issuer_url(), &customer.role_arn, system_now_s()).await.unwrap().ok()
    })
    .await;
    assert_ne!(key_id_of(&token).unwrap(), shared);
    let claims = verify_against(&format!("{org_url}{}", paths::JWKS), &token).await.unwrap();
    assert_eq!(claims["iss"], json!(org_url));
    assert!(verify_with_josekit(&stage, &token).await.is_err(), "the shared key set does not have the org's key");

    // Signing fails: the caller is told to come back, and KMS's words stay in the log.
    faults.add(FaultRule::new("kms", "Sign", Fault::AccessDenied));
    let refusal = agent.token(&customer.role_arn).await.unwrap().expect_err("KMS does not sign");
    assert!(refusal.status >= 500, "{refusal:?}");
    assert!(!refusal.error.error_description.contains("arn:aws:kms"), "{refusal:?}");
    faults.clear();
    agent.token(&customer.role_arn).await.unwrap().expect("KMS signs again");
    served.stop().await.unwrap();
    stage.close().await.unwrap();
}
