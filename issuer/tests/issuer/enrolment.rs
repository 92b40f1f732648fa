//! Enrolment: a one-time code for a registered key.

use driftwise_contract::claims::TrustForm;
use driftwise_contract::wire::{AgentInfo, Problem};
use serde_json::json;

use crate::harness::{TestIssuer, TestKey};

#[tokio::test]
async fn an_enrolled_agent_learns_who_it_is_and_what_it_may_scan() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme & Söhne").await;
    let account = issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let stranger = issuer.org("Other").await;
    issuer.account(&stranger, "210987654321", TrustForm::SessionTag).await;

    let key = TestKey::p256();
    let response = issuer.enrol(&issuer.code(&org).await.to_lowercase(), &key).await;
    assert_eq!(response.status(), 201);
    let info: AgentInfo = response.json().await.unwrap();
    assert_eq!((info.org_id, info.org_name.as_str()), (org.id, "Acme & Söhne"));
    assert_eq!(info.issuer.as_str(), issuer.url);
    assert_eq!(info.token_endpoint, issuer.token_endpoint());
    assert_eq!(info.accounts, [account.info()], "the other org's account is not there");

    let agent = crate::harness::TestAgent { id: info.agent_id, key };
    let again: AgentInfo = issuer.ask_agent(&issuer.assertion(&agent)).await.json().await.unwrap();
    assert_eq!(again, info);
}

#[tokio::test]
async fn of_two_enrolments_with_one_code_one_wins() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let code = issuer.code(&org).await;
    let keys = [TestKey::p256(), TestKey::p256(), TestKey::p256()];
    let (a, b, c) =
        tokio::join!(issuer.enrol(&code, &keys[0]), issuer.enrol(&code, &keys[1]), issuer.enrol(&code, &keys[2]));
    let mut statuses = [a.status().as_u16(), b.status().as_u16(), c.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 403, 403]);
}

#[tokio::test]
async fn unknown_used_and_expired_codes_read_the_same() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let used = issuer.code(&org).await;
    assert_eq!(issuer.enrol(&used, &TestKey::p256()).await.status(), 201);
    let expired = issuer.code(&org).await;
    issuer.clock.advance(3_600);
    let mut details = Vec::new();
    for code in [used.as_str(), &expired, "7K2QD-7K2QD-7K2QD-7K2QD", "nonsense", ""] {
        let response = issuer.enrol(code, &TestKey::p256()).await;
        assert_eq!(response.status(), 403, "{code}");
        let problem: Problem = response.json().await.unwrap();
        assert_eq!(problem.code, "enrolment_code_invalid");
        details.push(problem.detail);
    }
    details.dedup();
    assert_eq!(details.len(), 1, "which of them it was is not told");
}

#[tokio::test]
async fn a_bad_request_does_not_use_the_code_up() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let taken = TestKey::p256();
    assert_eq!(issuer.enrol(&issuer.code(&org).await, &taken).await.status(), 201);

    let code = issuer.code(&org).await;
    let post =
        |body: serde_json::Value| issuer.http.post(format!("{}/api/v2/agents/enrol", issuer.url)).json(&body).send();
    let good_key = json!(TestKey::p256().public_jwk());
    let off_curve = json!({"kty": "EC", "crv": "P-256", "x": "A".repeat(43), "y": "A".repeat(43)});
    for (body, status, code_word) in [
        (json!({"code": code, "public_key": off_curve}), 400, "public_key_invalid"),
        (json!({"code": code, "public_key": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}), 400, "public_key_invalid"),
        (json!({"code": code, "public_key": {"kty": "oct", "k": "AAAA"}}), 400, "public_key_invalid"),
        (json!({"code": code, "public_key": {"kty": "OKP", "x": "AAAA"}}), 400, "request_invalid"),
        (json!({"code": code, "public_key": good_key, "name": "a\nb"}), 400, "request_invalid"),
        (json!({"code": code, "public_key": good_key, "admin": true}), 400, "request_invalid"),
        (json!({"code": code}), 400, "request_invalid"),
        (json!({"code": code, "public_key": taken.public_jwk()}), 409, "public_key_taken"),
    ] {
        let response = post(body).await.unwrap();
        assert_eq!(response.status(), status);
        let problem: Problem = response.json().await.unwrap();
        assert_eq!(problem.code, code_word);
        assert!(!problem.detail.unwrap_or_default().contains(&code));
    }
    assert_eq!(issuer.enrol(&code, &TestKey::rsa()).await.status(), 201);
}

#[tokio::test]
async fn a_private_key_is_refused_and_called_exposed() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let code = issuer.code(&org).await;
    let key = TestKey::p256();
    let url = format!("{}/api/v2/agents/enrol", issuer.url);
    let mut jwk = json!(key.public_jwk());
    jwk["d"] = json!("c2VjcmV0");
    let response = issuer.http.post(&url).json(&json!({"code": code, "public_key": jwk})).send().await.unwrap();
    assert_eq!(response.status(), 400);
    let problem: Problem = response.json().await.unwrap();
    let detail = problem.detail.unwrap();
    assert_eq!(problem.code, "public_key_invalid");
    assert!(detail.contains("consider it exposed") && !detail.contains("c2VjcmV0"), "{detail}");

    let mut jwk = json!(key.public_jwk());
    jwk["use"] = json!("sig");
    let response = issuer.http.post(&url).json(&json!({"code": code, "public_key": jwk})).send().await.unwrap();
    assert_eq!(response.status(), 201, "the code was not used up");
}
