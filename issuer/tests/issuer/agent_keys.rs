//! Agents' keys over time: rotated, revoked, and what was looked up before.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::claims::{FederationClaims, TrustForm};
use driftwise_contract::wire::{AgentInfo, OAuthError, OAuthErrorCode, Problem, TokenResponse};
use driftwise_issuer::store::{accounts, agents, enrolment_codes};
use reqwest::Response;
use serde_json::json;

use crate::harness::{TestAgent, TestIssuer, TestKey};

async fn rotate(issuer: &TestIssuer, agent: &TestAgent, key: &serde_json::Value) -> Response {
    let url = format!("{}/api/v2/agent/key", issuer.url);
    let body = json!({"public_key": key});
    issuer.http.post(url).bearer_auth(issuer.assertion(agent)).json(&body).send().await.unwrap()
}

#[tokio::test]
async fn a_rotated_key_counts_at_the_next_token_and_the_old_one_never_again() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let role = issuer.account(&org, "123456789012", TrustForm::SessionTag).await.role_arn().to_string();
    let old = issuer.agent(&org, TestKey::p256()).await;
    // The old key is known in memory by now.
    assert_eq!(issuer.ask_token(&issuer.assertion(&old), &role).await.status(), 200);

    let new = TestAgent { id: old.id, key: TestKey::rsa() };
    let response = rotate(&issuer, &old, &json!(new.key.public_jwk())).await;
    assert_eq!((response.status().as_u16(), &response.headers()["cache-control"]), (200, &"no-store".parse().unwrap()));
    let info: AgentInfo = response.json().await.unwrap();
    assert_eq!((info.agent_id, info.org_id), (old.id, org.id));

    let refused = issuer.ask_token(&issuer.assertion(&old), &role).await;
    assert_eq!(refused.status(), 401);
    let error: OAuthError = refused.json().await.unwrap();
    assert_eq!(error.error, OAuthErrorCode::InvalidClient);
    assert_eq!(issuer.ask_token(&issuer.assertion(&new), &role).await.status(), 200);
    assert_eq!(rotate(&issuer, &old, &json!(TestKey::p256().public_jwk())).await.status(), 401);
}

#[tokio::test]
async fn of_two_rotations_with_one_key_one_wins() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let agent = issuer.agent(&org, TestKey::p256()).await;
    let keys = [json!(TestKey::p256().public_jwk()), json!(TestKey::p256().public_jwk())];
    let (a, b) = tokio::join!(rotate(&issuer, &agent, &keys[0]), rotate(&issuer, &agent, &keys[1]));
    let mut statuses = [a.status().as_u16(), b.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
}

#[tokio::test]
async fn a_key_that_is_taken_or_unfit_changes_nothing() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let (agent, other) = (issuer.agent(&org, TestKey::p256()).await, issuer.agent(&org, TestKey::p256()).await);
    let mut private = json!(TestKey::p256().public_jwk());
    private["d"] = json!("c2VjcmV0");
    for (key, status, code) in [
        (json!(other.key.public_jwk()), 409, "public_key_taken"),
        (json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}), 400, "public_key_invalid"),
        (private, 400, "public_key_invalid"),
        (json!(null), 400, "request_invalid"),
    ] {
        let response = rotate(&issuer, &agent, &key).await;
        assert_eq!(response.status(), status);
        assert_eq!(response.json::<Problem>().await.unwrap().code, code);
    }
    assert_eq!(issuer.ask_agent(&issuer.assertion(&agent)).await.status(), 200, "the old key still counts");
}

#[tokio::test]
async fn a_revoked_agent_gets_no_token_and_no_new_key_and_stays_on_record() {
    let issuer = TestIssuer::start().await;
    let (org, other) = (issuer.org("Acme").await, issuer.org("Other").await);
    let role = issuer.account(&org, "123456789012", TrustForm::SessionTag).await.role_arn().to_string();
    let agent = issuer.agent(&org, TestKey::p256()).await;
    assert_eq!(issuer.ask_token(&issuer.assertion(&agent), &role).await.status(), 200);

    let mut tx = issuer.store.begin().await.unwrap();
    assert!(!agents::revoke(&mut tx, other.scope(), agent.id, 1).await.unwrap(), "another org's agent");
    assert!(agents::revoke(&mut tx, org.scope(), agent.id, 1).await.unwrap());
    assert!(!agents::revoke(&mut tx, org.scope(), agent.id, 2).await.unwrap(), "once is enough");
    tx.commit().await.unwrap();

    assert_eq!(issuer.ask_token(&issuer.assertion(&agent), &role).await.status(), 401);
    assert_eq!(issuer.ask_token(&issuer.assertion(&agent), "arn:aws:iam::999999999999:role/x").await.status(), 401);
    assert_eq!(issuer.ask_agent(&issuer.assertion(&agent)).await.status(), 401);
    assert_eq!(rotate(&issuer, &agent, &json!(TestKey::p256().public_jwk())).await.status(), 401);
    let listed = agents::list(&mut issuer.store.connection().await.unwrap(), org.scope()).await.unwrap();
    assert_eq!((listed.len(), listed[0].kid.clone(), listed[0].revoked_at_ms), (1, None, Some(1)));
}

#[tokio::test]
async fn an_account_that_changed_or_went_counts_at_the_next_token() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let account = issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let role = account.role_arn().to_string();
    let agent = issuer.agent(&org, TestKey::p256()).await;
    let carries_tags = async || {
        let response = issuer.ask_token(&issuer.assertion(&agent), &role).await;
        let token: TokenResponse = response.json().await.unwrap();
        let claims = URL_SAFE_NO_PAD.decode(token.access_token.split('.').nth(1).unwrap()).unwrap();
        serde_json::from_slice::<FederationClaims>(&claims).unwrap().tags.is_some()
    };
    assert!(carries_tags().await);
    issuer.account(&org, "123456789012", TrustForm::Subject).await;
    assert!(!carries_tags().await, "a token with the old form's tags would be refused by AWS");
    let mut db = issuer.store.connection().await.unwrap();
    accounts::remove(&mut db, org.scope(), account.account_id()).await.unwrap();
    let refused: OAuthError = issuer.ask_token(&issuer.assertion(&agent), &role).await.json().await.unwrap();
    assert_eq!(refused.error, OAuthErrorCode::InvalidTarget);
}

#[tokio::test]
async fn a_revoked_code_enrols_nobody_and_another_orgs_code_is_out_of_reach() {
    let issuer = TestIssuer::start().await;
    let (org, other) = (issuer.org("Acme").await, issuer.org("Other").await);
    let code = issuer.code(&org).await;
    let mut db = issuer.store.connection().await.unwrap();
    let listed = enrolment_codes::list_unused(&mut db, org.scope()).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert!(enrolment_codes::list_unused(&mut db, other.scope()).await.unwrap().is_empty());
    assert!(!enrolment_codes::revoke(&mut db, other.scope(), &listed[0].id).await.unwrap());
    assert!(enrolment_codes::revoke(&mut db, org.scope(), &listed[0].id).await.unwrap());
    assert_eq!(issuer.enrol(&code, &TestKey::p256()).await.status(), 403);
}
