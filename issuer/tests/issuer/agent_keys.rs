//! Agents' keys over time: rotated, revoked, and what was looked up before.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::claims::{FederationClaims, TrustForm};
use driftwise_contract::wire::{AgentInfo, OAuthError, OAuthErrorCode, Problem, TokenResponse};
use driftwise_issuer::accounts::ApiKeyScope;
use driftwise_issuer::store::{accounts, agents, enrolment_codes};
use reqwest::Response;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::harness::{NOW_S, TestAgent, TestIssuer, TestKey, with};

/// The claims of an assertion for the rotation to that key.
fn rotation(issuer: &TestIssuer, agent: &TestAgent, new: &TestKey) -> Value {
    with(&issuer.claims(agent), json!({"dw_new_kid": new.kid()}))
}

fn sign(key: &TestKey, claims: &Value) -> String {
    key.sign(&key.header(), claims)
}

async fn send(issuer: &TestIssuer, assertion: &str, body: &Value) -> Response {
    let url = format!("{}/api/v2/agent/key", issuer.url);
    issuer.http.post(url).bearer_auth(assertion).json(body).send().await.unwrap()
}

async fn rotate(issuer: &TestIssuer, agent: &TestAgent, new: &TestKey) -> Response {
    let claims = rotation(issuer, agent, new);
    let body = json!({"public_key": new.public_jwk(), "proof": sign(new, &claims)});
    send(issuer, &sign(&agent.key, &claims), &body).await
}

#[tokio::test]
async fn an_assertion_that_was_made_for_a_token_takes_no_key_away() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let role = issuer.account(&org, "123456789012", TrustForm::SessionTag).await.role_arn().to_string();
    let agent = issuer.agent(&org, TestKey::p256()).await;
    let (mine, thief) = (TestKey::p256(), TestKey::p256());
    let proof = sign(&thief, &rotation(&issuer, &agent, &thief));
    let body = json!({"public_key": thief.public_jwk(), "proof": proof});
    for (name, claims) in [
        ("an assertion for a token", issuer.claims(&agent)),
        ("an assertion for another key", rotation(&issuer, &agent, &mine)),
    ] {
        let response = send(&issuer, &sign(&agent.key, &claims), &body).await;
        assert_eq!(response.status(), 401, "{name}");
        assert_eq!(response.json::<Problem>().await.unwrap().code, "assertion_invalid", "{name}");
    }
    let rotation = || sign(&agent.key, &rotation(&issuer, &agent, &mine));
    assert_eq!(issuer.ask_token(&rotation(), &role).await.status(), 401, "an assertion for a key is for no token");
    assert_eq!(issuer.ask_agent(&rotation()).await.status(), 401);
    assert_eq!(issuer.ask_token(&issuer.assertion(&agent), &role).await.status(), 200, "the key is the agent's still");
}

#[tokio::test]
async fn a_new_key_is_registered_only_by_who_holds_it() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let role = issuer.account(&org, "123456789012", TrustForm::SessionTag).await.role_arn().to_string();
    let agent = issuer.agent(&org, TestKey::p256()).await;
    let other = issuer.agent(&org, TestKey::p256()).await;
    let (new, stranger) = (TestKey::p256(), TestKey::p256());
    let good = rotation(&issuer, &agent, &new);
    let changed = |change| with(&good, change);
    let forged = stranger.sign(&new.header(), &good);
    for (name, proof) in [
        ("nothing", String::new()),
        ("the present key's signature", sign(&agent.key, &good)),
        ("a stranger's signature", sign(&stranger, &good)),
        ("a stranger's signature in the new key's name", forged),
        ("an assertion without a purpose", sign(&new, &changed(json!({"dw_new_kid": null})))),
        ("a proof for another key", sign(&new, &changed(json!({"dw_new_kid": stranger.kid()})))),
        ("a proof for another agent", sign(&new, &rotation(&issuer, &other, &new))),
        ("a proof for another issuer", sign(&new, &changed(json!({"aud": "https://id.example.com"})))),
        ("a proof that lives long", sign(&new, &changed(json!({"exp": NOW_S + 4_000})))),
        ("an old proof", sign(&new, &changed(json!({"iat": NOW_S - 400, "exp": NOW_S - 200})))),
    ] {
        let body = json!({"public_key": new.public_jwk(), "proof": proof});
        let response = send(&issuer, &sign(&agent.key, &rotation(&issuer, &agent, &new)), &body).await;
        assert_eq!(response.status(), 400, "{name}");
        assert_eq!(response.json::<Problem>().await.unwrap().code, "key_proof_invalid", "{name}");
    }
    let body = json!({"public_key": new.public_jwk()});
    assert_eq!(send(&issuer, &sign(&agent.key, &rotation(&issuer, &agent, &new)), &body).await.status(), 400);
    assert_eq!(issuer.ask_token(&issuer.assertion(&agent), &role).await.status(), 200);

    // The proof of a rotation that was done is no assertion of the new key.
    assert_eq!(rotate(&issuer, &agent, &new).await.status(), 200);
    assert_eq!(issuer.ask_token(&sign(&new, &good), &role).await.status(), 401);
    let again = json!({"public_key": new.public_jwk(), "proof": sign(&new, &good)});
    assert_eq!(send(&issuer, &sign(&new, &good), &again).await.status(), 409);
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
    let response = rotate(&issuer, &old, &new.key).await;
    assert_eq!((response.status().as_u16(), &response.headers()["cache-control"]), (200, &"no-store".parse().unwrap()));
    let info: AgentInfo = response.json().await.unwrap();
    assert_eq!((info.agent_id, info.org_id), (old.id, org.id));

    let refused = issuer.ask_token(&issuer.assertion(&old), &role).await;
    assert_eq!(refused.status(), 401);
    let error: OAuthError = refused.json().await.unwrap();
    assert_eq!(error.error, OAuthErrorCode::InvalidClient);
    assert_eq!(issuer.ask_token(&issuer.assertion(&new), &role).await.status(), 200);
    assert_eq!(rotate(&issuer, &old, &TestKey::p256()).await.status(), 401);
}

#[tokio::test]
async fn an_agent_rotates_its_key_so_often_and_no_more_while_others_go_on() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let role = issuer.account(&org, "123456789012", TrustForm::SessionTag).await.role_arn().to_string();
    let mut agent = issuer.agent(&org, TestKey::p256()).await;
    let other = issuer.agent(&org, TestKey::p256()).await;
    for _ in 0..2 {
        let new = TestKey::p256();
        assert_eq!(rotate(&issuer, &agent, &new).await.status(), 200);
        agent.key = new;
    }
    let refused = rotate(&issuer, &agent, &TestKey::p256()).await;
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"600".parse().unwrap()));
    assert_eq!(refused.json::<Problem>().await.unwrap().code, "too_many_requests");
    assert_eq!(issuer.ask_token(&issuer.assertion(&agent), &role).await.status(), 200, "its key still counts");
    assert_eq!(rotate(&issuer, &other, &TestKey::p256()).await.status(), 200);
    issuer.clock.advance(600);
    assert_eq!(rotate(&issuer, &agent, &TestKey::p256()).await.status(), 200);
}

#[tokio::test]
async fn the_agents_of_an_org_together_rotate_so_often_and_no_more() {
    let issuer = TestIssuer::start().await;
    let (org, other) = (issuer.org("Acme").await, issuer.org("Other").await);
    for _ in 0..20 {
        let agent = issuer.agent(&org, TestKey::p256()).await;
        assert_eq!(rotate(&issuer, &agent, &TestKey::p256()).await.status(), 200);
    }
    let (late, theirs) = (issuer.agent(&org, TestKey::p256()).await, issuer.agent(&other, TestKey::p256()).await);
    assert_eq!(rotate(&issuer, &late, &TestKey::p256()).await.status(), 429);
    assert_eq!(rotate(&issuer, &theirs, &TestKey::p256()).await.status(), 200);
}

#[tokio::test]
async fn an_agent_or_api_key_that_asks_too_often_waits() {
    let issuer = TestIssuer::start_changed("", |config| {
        (config.limits.caller.requests_per_second, config.limits.caller.burst) = (1, 3);
    })
    .await;
    let org = issuer.org("Acme").await;
    let role = issuer.account(&org, "123456789012", TrustForm::SessionTag).await.role_arn().to_string();
    let (agent, other) = (issuer.agent(&org, TestKey::p256()).await, issuer.agent(&org, TestKey::p256()).await);
    for _ in 0..3 {
        assert_eq!(issuer.ask_token(&issuer.assertion(&agent), &role).await.status(), 200);
    }
    let refused = issuer.ask_token(&issuer.assertion(&agent), &role).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(
        (&refused.headers()["retry-after"], &refused.headers()["cache-control"]),
        (&"1".parse().unwrap(), &"no-store".parse().unwrap())
    );
    assert_eq!(refused.json::<OAuthError>().await.unwrap().error, OAuthErrorCode::TemporarilyUnavailable);
    assert_eq!(issuer.ask_agent(&issuer.assertion(&agent)).await.status(), 429, "whatever it asks");
    assert_eq!(issuer.ask_token(&issuer.assertion(&other), &role).await.status(), 200, "another agent has its own");

    let key = issuer.api_key(&org, &[ApiKeyScope::CreateFederationToken]).await.reveal().expose_secret().to_owned();
    let ask =
        || async { issuer.ask_by_key(&key, &org.id.to_string(), &json!({"role_arn": role})).await.status().as_u16() };
    assert_eq!([ask().await, ask().await, ask().await, ask().await], [200, 200, 200, 429]);
    issuer.clock.advance(1);
    assert_eq!(issuer.ask_token(&issuer.assertion(&agent), &role).await.status(), 200);
    assert_eq!(ask().await, 200);
}

#[tokio::test]
async fn the_callers_of_an_org_together_take_nothing_from_another_org() {
    let issuer = TestIssuer::start_changed("", |config| {
        (config.limits.org.requests_per_second, config.limits.org.burst) = (1, 2);
    })
    .await;
    let (org, other) = (issuer.org("Acme").await, issuer.org("Other").await);
    let mut agents = Vec::new();
    for org in [&org, &org, &org, &other] {
        agents.push(issuer.agent(org, TestKey::p256()).await);
    }
    let mut statuses = Vec::new();
    for agent in &agents {
        statuses.push(issuer.ask_agent(&issuer.assertion(agent)).await.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 429, 200]);
}

#[tokio::test]
async fn of_two_rotations_with_one_key_one_wins() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let agent = issuer.agent(&org, TestKey::p256()).await;
    let keys = [TestKey::p256(), TestKey::p256()];
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
        let claims = rotation(&issuer, &agent, &other.key);
        let body = json!({"public_key": key, "proof": sign(&other.key, &claims)});
        let response = send(&issuer, &sign(&agent.key, &claims), &body).await;
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
    assert_eq!(rotate(&issuer, &agent, &TestKey::p256()).await.status(), 401);
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
