//! `driftwise-agent prove`: a role that lets its org in and no other is proven, and every other one is told for what it is.

use aws_credential_types::Credentials;
use driftwise_tests::sandbox::clients;
use driftwise_tests::stage::{ACCOUNT_ID, Customer, Finished, Program, Props, REGION, ROLE_NAME, Stage, small_world};
use serde_json::{Value, json};

use crate::{program, stage};

const ASSUME: &str = "AssumeRoleWithWebIdentity";

/// A small account with a customer.
async fn small() -> (Stage, Customer) {
    Stage::open_small(program()).await.unwrap()
}

fn prove(stage: &Stage, customer: &Customer, args: &[&str]) -> Program {
    // A second is the pause that AWS needs between attempts, not the sandbox.
    stage.agent(&customer.data_dir, &["prove"]).args(args).env("DRIFTWISE_AGENT__AWS__INITIAL_BACKOFF_MS", "1")
}

/// Runs it, and checks that it ends with this code and this outcome. Gives the JSON document and what was said.
async fn outcome(stage: &Stage, customer: &Customer, args: &[&str], code: i32, outcome: &str) -> (Value, Finished) {
    let finished = prove(stage, customer, args).arg("--json").run().await.unwrap();
    assert_eq!(finished.code, code, "{}\n{}", finished.stdout, finished.stderr);
    let proof = finished.json().unwrap();
    assert_eq!(proof["outcome"], outcome, "{proof:#}");
    (proof, finished)
}

/// The generated trust policy, changed.
async fn set_trust(stage: &Stage, customer: &Customer, args: &[&str], change: impl Fn(&mut Value)) {
    let text = stage.document(customer.org, &[&["trust-policy"], args].concat()).await.unwrap();
    let mut policy: Value = serde_json::from_str(&text).unwrap();
    for statement in policy["Statement"].as_array_mut().unwrap() {
        change(statement);
    }
    let update = stage.iam().update_assume_role_policy().role_name(ROLE_NAME).policy_document(policy.to_string());
    update.send().await.unwrap();
}

/// Takes a condition key away, which ends in `end`.
fn without(statement: &mut Value, end: &str) {
    statement["Condition"]["StringEquals"].as_object_mut().unwrap().retain(|key, _| !key.ends_with(end));
}

fn without_sub(statement: &mut Value) {
    without(statement, ":sub");
    without(statement, "RequestTag/dw_org_id");
}

fn steps(proof: &Value) -> Vec<(String, String)> {
    let word = |step: &Value, name: &str| step[name].as_str().unwrap().to_owned();
    proof["steps"].as_array().unwrap().iter().map(|step| (word(step, "token"), word(step, "result"))).collect()
}

/// The account as the operator sees it.
async fn account_of(stage: &Stage, customer: &Customer) -> Value {
    let list = stage.issuer(&["account", "list", "--org", &customer.org.to_string(), "--json"]);
    list.run().await.unwrap().success().unwrap().json().unwrap()[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_with_the_generated_trust_policy_is_proven_in_either_form() {
    let (stage, customer) = small().await;
    for form in ["session-tag", "subject"] {
        stage.register(customer.org, &customer.role_arn, form).await.unwrap();
        set_trust(&stage, &customer, &["--form", form], |_| {}).await;
        let (proof, finished) = outcome(&stage, &customer, &[], 0, "proven").await;
        let told = steps(&proof);
        let told: Vec<(&str, &str)> = told.iter().map(|(token, result)| (token.as_str(), result.as_str())).collect();
        let expected = [("canary_with_tags", "refused"), ("canary_without_tags", "refused"), ("own", "admitted")];
        assert_eq!(told, expected, "{form}");
        assert!(proof["steps"].as_array().unwrap().iter().all(|step| step["as_expected"] == true), "{proof:#}");
        assert_eq!(proof["steps"][2]["session_account_id"], ACCOUNT_ID);
        assert!(!finished.stdout.contains("eyJ") && !finished.stderr.contains("eyJ"), "no token is shown");
        let account = account_of(&stage, &customer).await;
        assert_eq!(account["proof"]["outcome"], "proven", "{account:#}");
        assert_eq!(account["proof"]["agent_id"], json!(customer.agent));
        assert_eq!(account["proof"]["is_current"], true);
    }
    // Registered anew, the account is not the one that was proven.
    stage.register(customer.org, &customer.role_arn, "session-tag").await.unwrap();
    assert_eq!(account_of(&stage, &customer).await["proof"]["is_current"], false);

    let text = prove(&stage, &customer, &["--no-report"]).run().await.unwrap();
    assert!(text.stdout.contains("another org's token with session tags was refused"), "{}", text.stdout);
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trust_policy_without_sub_lets_the_canary_in_and_that_is_told_loudly() {
    let (stage, customer) = small().await;
    set_trust(&stage, &customer, &[], without_sub).await;
    let (proof, finished) = outcome(&stage, &customer, &[], 1, "foreign_org_admitted").await;
    assert!(finished.stderr.contains("error[prove.foreign_org_admitted]"), "{}", finished.stderr);
    assert!(finished.stderr.contains("hint: Replace the trust policy now"), "{}", finished.stderr);
    assert_eq!(steps(&proof).len(), 2, "the org's own token is not asked for");
    let subject = proof["steps"][0]["subject"].as_str().unwrap();
    assert!(subject.starts_with("org-") && !subject.contains(&customer.org.to_string()), "{subject}");
    assert_eq!(account_of(&stage, &customer).await["proof"]["code"], "prove.foreign_org_admitted");
    let text = prove(&stage, &customer, &[]).run().await.unwrap();
    assert!(text.stdout.contains("NOT SAFE"), "{}", text.stdout);
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_gets_hold_of_a_proofs_session_can_do_nothing_with_it() {
    let (stage, customer) = small().await;
    set_trust(&stage, &customer, &[], without_sub).await;
    outcome(&stage, &customer, &["--no-report"], 1, "foreign_org_admitted").await;
    set_trust(&stage, &customer, &[], |_| {}).await;
    outcome(&stage, &customer, &["--no-report"], 0, "proven").await;
    let sessions = stage.sandbox.world().sessions();
    assert_eq!(sessions.len(), 3, "two canaries and the org's own");
    for session in sessions {
        assert_eq!((session.expires_at - session.issued_at).whole_seconds(), 900, "the shortest that STS opens");
        let credentials = Credentials::new(session.key.id, session.key.secret, Some(session.token), None, "stolen");
        let config = clients::config(&stage.sandbox, credentials, REGION);
        let iam = aws_sdk_iam::Client::new(&config);
        assert!(iam.list_users().send().await.is_err(), "the role itself may");
        assert!(aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.is_ok(), "the session lives");
    }
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn guards_that_guard_one_kind_of_token_only_are_found() {
    let (stage, customer) = small().await;
    let org = customer.org.to_string();
    // Of a token without tags the condition is not asked.
    set_trust(&stage, &customer, &[], |statement| {
        without_sub(statement);
        statement["Condition"]["StringEqualsIfExists"] = json!({"aws:RequestTag/dw_org_id": org});
    })
    .await;
    let (proof, _) = outcome(&stage, &customer, &[], 1, "foreign_org_admitted").await;
    let told = steps(&proof);
    assert_eq!((told[0].1.as_str(), told[1].1.as_str()), ("refused", "admitted"), "{proof:#}");

    // A wildcard that orgs share whose ids begin alike, as those that are made soon after each other do.
    let issuer = stage.issuer_url().trim_start_matches("http://").to_owned();
    set_trust(&stage, &customer, &[], |statement| {
        without_sub(statement);
        statement["Condition"]["StringLike"] = json!({format!("{issuer}:sub"): format!("org-{}-*", &org[..8])});
    })
    .await;
    outcome(&stage, &customer, &[], 1, "foreign_org_admitted").await;
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_role_is_waited_for_and_its_first_refusals_prove_nothing() {
    // The first three shows are refused whatever the policy says: both canaries' and one of the org's own.
    let stage = Stage::open(program(), Props { world: Some(small_world()), ..Props::default() }).await.unwrap();
    stage.sandbox.world().delay_new_roles(3);
    let customer = stage.customer_of_small().await.unwrap();
    set_trust(&stage, &customer, &[], without_sub).await;
    let (proof, _) = outcome(&stage, &customer, &[], 1, "foreign_org_admitted").await;
    assert_eq!(proof["steps"][0]["attempts"], 2, "shown again once the role was there: {proof:#}");
    assert_eq!(proof["steps"][2]["attempts"], 2);
    stage.close().await.unwrap();

    let stage = Stage::open(program(), Props { world: Some(small_world()), ..Props::default() }).await.unwrap();
    stage.sandbox.world().delay_new_roles(3);
    let customer = stage.customer_of_small().await.unwrap();
    let (_, finished) = outcome(&stage, &customer, &[], 0, "proven").await;
    assert!(finished.stderr.contains("the role may be new"), "{}", finished.stderr);
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_refuses_its_own_org_is_not_proven_and_the_reason_is_named() {
    let (stage, customer) = small().await;
    let other = stage.create_org("Other").await.unwrap();
    stage.register(other, &format!("arn:aws:iam::{ACCOUNT_ID}:role/other"), "session-tag").await.unwrap();
    let trust = stage.document(other, &["trust-policy"]).await.unwrap();
    let update = stage.iam().update_assume_role_policy().role_name(ROLE_NAME).policy_document(trust);
    update.send().await.unwrap();
    let before = stage.sandbox.world().calls("sts", ASSUME);
    let (proof, finished) = outcome(&stage, &customer, &["--wait", "0"], 3, "own_org_refused").await;
    assert_eq!(proof["code"], "aws.sts.access_denied");
    assert!(finished.stderr.contains("cause: AccessDenied: Not authorized"), "{}", finished.stderr);
    assert_eq!(stage.sandbox.world().calls("sts", ASSUME) - before, 3, "nothing is waited for");

    // The token has tags, the policy does not take them: refused as well, for a reason of its own.
    set_trust(&stage, &customer, &["--form", "subject"], |_| {}).await;
    let (proof, _) = outcome(&stage, &customer, &["--wait", "0"], 3, "own_org_refused").await;
    assert_eq!(proof["code"], "aws.sts.tag_session_denied");

    let provider =
        format!("arn:aws:iam::{ACCOUNT_ID}:oidc-provider/{}", stage.issuer_url().trim_start_matches("http://"));
    let delete = stage.iam().delete_open_id_connect_provider().open_id_connect_provider_arn(provider);
    delete.send().await.unwrap();
    let (proof, _) = outcome(&stage, &customer, &[], 3, "own_org_refused").await;
    assert_eq!(proof["code"], "aws.sts.provider_not_found");
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_canaries_there_is_no_proof_and_the_operators_setting_is_named() {
    let props =
        Props { world: Some(small_world()), more_config: "[federation]\ncanary = false\n".into(), ..Props::default() };
    let stage = Stage::open(program(), props).await.unwrap();
    let customer = stage.customer_of_small().await.unwrap();
    let finished = prove(&stage, &customer, &[]).run().await.unwrap();
    crate::assert_fails_with(&finished, "issuer.refused");
    assert!(finished.stderr.contains("federation.canary"), "{}", finished.stderr);
    assert_eq!(stage.sandbox.world().calls("sts", ASSUME), 0);
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_on_its_orgs_own_issuer_is_proven_though_it_knows_no_other_issuer() {
    let stage = stage().await;
    let org = stage.create_org("Own").await.unwrap();
    let (org_text, role_arn) = (org.to_string(), format!("arn:aws:iam::{ACCOUNT_ID}:role/own"));
    let set = ["org", "issuer", "set", "--org", &org_text, "--keys", "shared"];
    stage.issuer(&set).run().await.unwrap().success().unwrap();
    stage.register_with(org, &role_arn, &["--issuer", "org"]).await.unwrap();
    stage.running().unwrap().refresh().await.unwrap();
    let provider = stage.iam().create_open_id_connect_provider().url(stage.url(&format!("/orgs/{org}")));
    provider.client_id_list("sts.amazonaws.com").send().await.unwrap();
    let trust = stage.document(org, &["trust-policy"]).await.unwrap();
    stage.iam().create_role().role_name("own").assume_role_policy_document(trust).send().await.unwrap();
    let (agent, data_dir) = stage.enrol(org, "agent-own").await.unwrap();
    let customer = Customer { org, role_arn, agent, data_dir };
    let (proof, _) = outcome(&stage, &customer, &[], 0, "proven").await;
    assert_eq!(proof["steps"][0]["code"], "aws.sts.provider_not_found");
    stage.close().await.unwrap();
}
