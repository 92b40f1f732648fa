//! Tokens and roles: who gets in, and who does not.

use driftwise_contract::wire::{JWT_BEARER, OAuthErrorCode, paths};
use driftwise_tests::stage::{ACCOUNT_ID, Stage, TestAgent, system_now_s, verify_with_josekit};
use serde_json::{Value, json};

use crate::{assume, stage};

fn role(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT_ID}:role/{name}")
}

/// Creates a role whose trust policy is the one that the issuer generates for `org`.
async fn create_role_for(stage: &Stage, org: driftwise_contract::OrgId, name: &str) {
    let trust = stage.document(org, &["trust-policy"]).await.unwrap();
    stage.iam().create_role().role_name(name).assume_role_policy_document(trust).send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_its_own_orgs_role_and_verifies_with_a_second_library() {
    let stage = stage().await;
    let customer = stage.customer("Acme").await.unwrap();
    let agent = TestAgent::enrol(&stage, customer.org).await.unwrap();
    let before = system_now_s();
    let token = agent.token(&customer.role_arn).await.unwrap().expect("a token for the registered role");

    let claims = verify_with_josekit(&stage, &token).await.unwrap();
    let org = customer.org.to_string();
    assert_eq!(claims["iss"], json!(stage.issuer_url()));
    assert_eq!(claims["sub"], json!(format!("org-{org}")));
    assert_eq!(claims["aud"], json!("sts.amazonaws.com"), "one audience, as a string");
    assert_eq!(claims["dw_org_id"], json!(org));
    assert_eq!(claims["https://aws.amazon.com/roles"], json!([customer.role_arn]));
    assert_eq!(
        claims["https://aws.amazon.com/tags"],
        json!({"principal_tags": {"dw_org_id": [org]}, "transitive_tag_keys": ["dw_org_id"]})
    );
    assert_eq!(claims.get("azp"), None, "azp would replace aud as the audience");
    let (iat, exp) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    assert!(iat >= before && exp - iat == 300, "iat {iat}, exp {exp}");

    let session = assume(&stage, &customer.role_arn, &token).await.unwrap();
    assert_eq!(session, format!("arn:aws:sts::{ACCOUNT_ID}:assumed-role/driftwise-readonly/e2e"));
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_org_a_cant_assume_org_bs_role() {
    let stage = stage().await;
    let b = stage.customer("Org B").await.unwrap();
    let a = stage.create_org("Org A").await.unwrap();
    stage.register(a, &role("org-a"), "session-tag").await.unwrap();
    create_role_for(&stage, a, "org-a").await;
    let agent = TestAgent::enrol(&stage, a).await.unwrap();

    // The issuer mints nothing for a role of another org, and does not tell whether it is registered.
    let foreign = agent.token(&b.role_arn).await.unwrap().unwrap_err();
    let unknown = agent.token(&role("never-registered")).await.unwrap().unwrap_err();
    assert_eq!((foreign.status, foreign.error.error), (400, OAuthErrorCode::InvalidTarget));
    assert_eq!(
        foreign.error.error_description.replace(&b.role_arn, "ROLE"),
        unknown.error.error_description.replace(&role("never-registered"), "ROLE"),
    );

    // A's own token does not open B's role: STS refuses by the roles claim, before it reads the trust policy.
    let token = agent.token(&role("org-a")).await.unwrap().unwrap();
    assert!(assume(&stage, &role("org-a"), &token).await.is_ok());
    let (code, message) = assume(&stage, &b.role_arn, &token).await.unwrap_err();
    assert_eq!(code, "InvalidIdentityToken");
    assert!(message.contains("roles claim"), "{message}");
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_trusts_org_b_refuses_org_a_even_when_a_registered_it() {
    let stage = stage().await;
    let b = stage.customer("Org B").await.unwrap();
    let a = stage.create_org("Org A").await.unwrap();
    // The role exists and trusts B; A registers it first, so the issuer pins A's tokens to it.
    create_role_for(&stage, b.org, "trusts-b").await;
    stage.register(a, &role("trusts-b"), "session-tag").await.unwrap();
    let agent = TestAgent::enrol(&stage, a).await.unwrap();
    let token = agent.token(&role("trusts-b")).await.unwrap().unwrap();
    let (code, message) = assume(&stage, &role("trusts-b"), &token).await.unwrap_err();
    assert_eq!(code, "AccessDenied");
    assert!(message.contains("Not authorized to perform sts:AssumeRoleWithWebIdentity"), "{message}");
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn client_assertions_are_taken_once_in_time_and_from_their_own_agent_only() {
    let stage = stage().await;
    let customer = stage.customer("Acme").await.unwrap();
    let agent = TestAgent::enrol(&stage, customer.org).await.unwrap();
    let other = TestAgent::enrol(&stage, customer.org).await.unwrap();
    let now = system_now_s();
    let ask = |assertion: String| {
        let role_arn = customer.role_arn.clone();
        let agent = &agent;
        async move {
            agent
                .token_with(&[
                    ("grant_type", "client_credentials"),
                    ("client_assertion_type", JWT_BEARER),
                    ("client_assertion", &assertion),
                    ("resource", &role_arn),
                ])
                .await
                .unwrap()
        }
    };
    let once = agent.assertion(now, |_| {}).unwrap();
    assert!(ask(once.clone()).await.is_ok());
    let other_id = other.info.agent_id.to_string();
    let cases: Vec<(&str, String)> = vec![
        ("replayed", once),
        ("expired", agent.assertion(now - 600, |_| {}).unwrap()),
        ("from the future", agent.assertion(now + 600, |_| {}).unwrap()),
        ("an hour long", agent.assertion(now, |claims| claims["exp"] = json!(now + 3_600)).unwrap()),
        (
            "for another server",
            agent.assertion(now, |claims| claims["aud"] = json!("https://elsewhere.example")).unwrap(),
        ),
        (
            "in another agent's name",
            agent
                .assertion(now, |claims| {
                    claims["iss"] = json!(other_id);
                    claims["sub"] = json!(other_id);
                })
                .unwrap(),
        ),
        (
            "without jti",
            agent
                .assertion(now, |claims| {
                    claims.as_object_mut().unwrap().shift_remove("jti");
                })
                .unwrap(),
        ),
        (
            "without exp",
            agent
                .assertion(now, |claims| {
                    claims.as_object_mut().unwrap().shift_remove("exp");
                })
                .unwrap(),
        ),
        ("not a JWT", "no.jwt".to_owned()),
    ];
    for (name, assertion) in cases {
        let refusal = ask(assertion).await.expect_err(name);
        assert_eq!((refusal.status, refusal.error.error), (401, OAuthErrorCode::InvalidClient), "{name}");
    }
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_documents_hold_what_aws_reads_and_nothing_that_it_refuses() {
    let stage = stage().await;
    let discovery: Value = reqwest::get(stage.url(paths::DISCOVERY)).await.unwrap().json().await.unwrap();
    assert_eq!(discovery["issuer"], json!(stage.issuer_url()));
    for member in [
        "jwks_uri",
        "response_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
        "claims_supported",
    ] {
        assert!(!discovery[member].is_null(), "{member}");
    }
    let jwks: Value = reqwest::get(discovery["jwks_uri"].as_str().unwrap()).await.unwrap().json().await.unwrap();
    for key in jwks["keys"].as_array().unwrap() {
        let mut members: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"], "exactly what AWS takes: key_ops alone would fail");
        assert_eq!((&key["use"], &key["alg"]), (&json!("sig"), &json!("RS256")));
    }
    let first: Value = reqwest::get(stage.url(paths::FEDERATION_INFO)).await.unwrap().json().await.unwrap();
    let second: Value = reqwest::get(stage.url(paths::FEDERATION_INFO_V2)).await.unwrap().json().await.unwrap();
    assert_eq!(first, second);
    assert_eq!(first["issuer"], json!(stage.issuer_url()));
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_session_that_aws_logs_leads_to_the_tokens_row_in_the_audit_log() {
    let stage = stage().await;
    let customer = stage.customer("Acme").await.unwrap();
    stage.report(stage.scan(&customer, &[])).await.unwrap();

    let org = customer.org.to_string();
    let listed = stage.issuer(&["audit", "list", "--org", &org, "--json"]).run().await.unwrap().success().unwrap();
    let rows = listed.json().unwrap();
    let minted: Vec<&Value> = rows.as_array().unwrap().iter().map(|row| &row["event"]).collect();
    let minted: Vec<&Value> = minted.into_iter().filter(|event| event["type"] == "token_minted").collect();
    assert!(!minted.is_empty(), "{rows}");

    let prefix = format!("arn:aws:sts::{ACCOUNT_ID}:assumed-role/driftwise-readonly/driftwise-");
    let calls = stage.sandbox.world().requests();
    let sessions: std::collections::BTreeSet<&str> =
        calls.iter().filter_map(|call| call.caller.strip_prefix(&prefix)).collect();
    assert!(!sessions.is_empty(), "{:?}", calls.iter().map(|call| &call.caller).collect::<Vec<_>>());
    for jti in sessions {
        let row = minted.iter().find(|event| event["jti"] == jti).expect("each session has its token's row");
        assert_eq!((&row["role"], &row["actor"]["id"]), (&json!(customer.role_arn), &json!(customer.agent)));
    }
    stage.close().await.unwrap();
}
