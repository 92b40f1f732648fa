//! Assertions in time and use: taken once, for this issuer, now. Forged ones are in [`super::attacks`].

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::claims::TrustForm;
use driftwise_contract::wire::{OAuthError, Problem};
use driftwise_issuer::clock::Clock as _;
use driftwise_issuer::store::used_assertions;
use serde_json::{Value, json};

use crate::harness::{NOW_S, TestIssuer, TestKey, with};

#[tokio::test]
async fn an_assertion_is_taken_once() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let role = issuer.account(&org, "123456789012", TrustForm::SessionTag).await.role_arn().to_string();
    let agent = issuer.agent(&org, TestKey::p256()).await;

    let assertion = issuer.assertion(&agent);
    let (first, second) = tokio::join!(issuer.ask_token(&assertion, &role), issuer.ask_token(&assertion, &role));
    let mut statuses = [first.status().as_u16(), second.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    let error: OAuthError = issuer.ask_token(&assertion, &role).await.json().await.unwrap();
    assert!(error.error_description.contains("used before"), "{}", error.error_description);
    assert_eq!(issuer.ask_agent(&assertion).await.status(), 401, "nor at another endpoint");

    // The same jti of another agent is another assertion.
    let other = issuer.agent(&org, TestKey::p256()).await;
    let mut claims = issuer.claims(&other);
    let payload = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1).unwrap()).unwrap();
    claims["jti"] = serde_json::from_slice::<Value>(&payload).unwrap()["jti"].clone();
    assert_eq!(issuer.ask_agent(&other.key.sign(&other.key.header(), &claims)).await.status(), 200);
}

#[tokio::test]
async fn audience_lists_the_token_endpoint_and_a_minute_of_skew_are_fine() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let agent = issuer.agent(&org, TestKey::p256()).await;
    for changes in [
        json!({}),
        json!({"aud": issuer.token_endpoint()}),
        json!({"aud": [issuer.url]}),
        json!({"aud": [issuer.token_endpoint(), issuer.url]}),
        json!({"iat": NOW_S + 60, "exp": NOW_S + 360}),
        json!({"iat": NOW_S - 90, "exp": NOW_S - 59}),
        json!({"nbf": NOW_S + 60}),
        json!({"exp": NOW_S + 300}),
        json!({"unknown": {"claims": "are ignored"}}),
    ] {
        let claims = with(&issuer.claims(&agent), changes.clone());
        assert_eq!(issuer.ask_agent(&agent.key.sign(&agent.key.header(), &claims)).await.status(), 200, "{changes}");
    }
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_the_issuers_time() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let role = issuer.account(&org, "123456789012", TrustForm::SessionTag).await.role_arn().to_string();
    let agent = issuer.agent(&org, TestKey::p256()).await;
    for (advance_s, says, time, date) in [
        (3_600, "behind", "2027-01-15T09:00:00Z", "Fri, 15 Jan 2027 09:00:00 GMT"),
        (-7_200, "ahead", "2027-01-15T07:00:00Z", "Fri, 15 Jan 2027 07:00:00 GMT"),
    ] {
        // The agent's clock stays where the issuer's was.
        let (for_token, for_agent) = (issuer.assertion(&agent), issuer.assertion(&agent));
        issuer.clock.advance(advance_s);
        let response = issuer.ask_token(&for_token, &role).await;
        assert_eq!(response.headers()["date"], date);
        let error: OAuthError = response.json().await.unwrap();
        assert!(error.error_description.contains(time) && error.error_description.contains(says), "{error:?}");
        let problem: Problem = issuer.ask_agent(&for_agent).await.json().await.unwrap();
        assert_eq!(problem.code, "clock_skew");
    }
}

#[tokio::test]
async fn a_used_assertion_stays_used_when_a_clock_was_set_forward_for_a_while() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let account = issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let agent = issuer.agent(&org, TestKey::p256()).await;
    let assertion = issuer.assertion(&agent);
    let role = account.role_arn().as_str();
    assert_eq!(issuer.ask_token(&assertion, role).await.status(), 200);
    let sweep = async || {
        issuer.running.refresh().await.unwrap();
        let mut db = issuer.store.connection().await.unwrap();
        used_assertions::sweep(&mut db, issuer.clock.now_ms()).await.unwrap()
    };
    issuer.clock.set(7_200);
    assert_eq!(sweep().await, 0);
    issuer.clock.set(-7_200);
    sweep().await;
    let replayed = issuer.ask_token(&assertion, role).await;
    assert_eq!(replayed.status(), 401, "{}", replayed.text().await.unwrap());
    // In time it is forgotten.
    issuer.clock.advance(3_600);
    assert_eq!(sweep().await, 1);
}
