//! A running issuer, as a process, and what the command line takes away beside it: it counts at the next token.

use driftwise_contract::wire::OAuthErrorCode;
use driftwise_tests::stage::{Customer, Props, Relay, Served, Stage, TestAgent, small_world, verify_with_josekit};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{assert_fails_with, assume, program};

async fn served() -> (Stage, Served, Customer) {
    let relay = Relay::start().await.unwrap();
    let props = Props { world: Some(small_world()), ..Props::default() };
    let (stage, served) = Stage::open_served(program(), props, &relay).await.unwrap();
    let customer = stage.customer_of_small().await.unwrap();
    (stage, served, customer)
}

/// The issuer's own command with `--org` and `--json`; it must end with 0.
async fn issuer(stage: &Stage, customer: &Customer, args: &[&str]) -> Value {
    let org = customer.org.to_string();
    let program = stage.issuer(args).args(&["--org", &org, "--json"]);
    program.run().await.unwrap().success().unwrap().json().unwrap()
}

/// Copies an agent's data directory, as a thief or a backup does.
fn copy(stage: &Stage, customer: &Customer) -> Customer {
    let data_dir = stage.directory().join("copy-of-the-agent");
    std::fs::create_dir(&data_dir).unwrap();
    let permissions = std::fs::metadata(&customer.data_dir).unwrap().permissions();
    std::fs::set_permissions(&data_dir, permissions).unwrap();
    for entry in std::fs::read_dir(&customer.data_dir).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), data_dir.join(entry.file_name())).unwrap();
    }
    Customer { data_dir, ..customer.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_agent_key_works_on_and_a_copy_of_the_old_one_gets_no_token() {
    let (stage, served, customer) = served().await;
    let thief = copy(&stage, &customer);
    assert_eq!(stage.scan_small(&thief, &[]).run().await.unwrap().code, 0, "until now the copy is as good");

    let rotated = stage.agent(&customer.data_dir, &["rotate-key"]).run().await.unwrap().success().unwrap();
    let agents = issuer(&stage, &customer, &["agent", "list"]).await;
    assert_eq!(agents[0]["kid"], json!(rotated.stdout.trim()), "{agents}");
    assert_fails_with(&stage.scan_small(&thief, &[]).run().await.unwrap(), "issuer.agent_refused");
    let stolen = stage.agent(&thief.data_dir, &["rotate-key"]).run().await.unwrap();
    assert_eq!(stolen.code, 2, "an old key takes no key's place: {}", stolen.stderr);
    let scan = stage.scan_small(&customer, &[]).run().await.unwrap();
    assert_eq!(scan.code, 0, "{}", scan.stderr);

    let agent = customer.agent.to_string();
    issuer(&stage, &customer, &["agent", "revoke", "--agent", &agent]).await;
    assert_fails_with(&stage.scan_small(&customer, &[]).run().await.unwrap(), "issuer.agent_refused");
    served.stop().await.unwrap();
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_gets_tokens_that_sts_takes_until_it_is_revoked() {
    let (stage, served, customer) = served().await;
    let args = ["apikey", "create", "--name", "deploy", "--scope", "federation-token:create"];
    let made = issuer(&stage, &customer, &args).await;
    let [key, id] = ["api_key", "api_key_id"].map(|member| made[member].as_str().unwrap().to_owned());
    let url = served.at(&format!("/api/v2/orgs/{}/federation-token", customer.org));
    let client = reqwest::Client::new();
    let ask = async || {
        let request = client.post(&url).bearer_auth(&key).json(&json!({"role_arn": customer.role_arn}));
        request.send().await.unwrap()
    };
    for _ in 0..2 {
        let answer = ask().await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let body: Value = answer.json().await.unwrap();
        let token = body["access_token"].as_str().unwrap();
        let claims = verify_with_josekit(&stage, token).await.unwrap();
        assert_eq!(claims["sub"], json!(format!("org-{}", customer.org)));
        assume(&stage, &customer.role_arn, token).await.unwrap();
    }
    issuer(&stage, &customer, &["apikey", "revoke", "--key", &id]).await;
    let answer = ask().await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["code"], json!("api_key_invalid"));
    served.stop().await.unwrap();
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_registered_no_more_gets_no_token() {
    let (stage, served, customer) = served().await;
    let agent = TestAgent::enrol(&stage, customer.org).await.unwrap();
    agent.token(&customer.role_arn).await.unwrap().unwrap();
    let account = customer.role_arn.split(':').nth(4).unwrap();
    let org = customer.org.to_string();
    let remove = ["account", "remove", "--org", &org, "--account-id", account];
    stage.issuer(&remove).run().await.unwrap().success().unwrap();
    let refusal = agent.token(&customer.role_arn).await.unwrap().unwrap_err();
    assert_eq!((refusal.status, refusal.error.error), (400, OAuthErrorCode::InvalidTarget));
    served.stop().await.unwrap();
    stage.close().await.unwrap();
}
