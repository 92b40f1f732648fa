//! Tokens for the holders of API keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::SessionScope;
use driftwise_contract::claims::{FederationClaims, TrustForm};
use driftwise_contract::wire::{Problem, TokenResponse};
use driftwise_issuer::accounts::ApiKeyScope;
use driftwise_issuer::store::{accounts, api_keys, authority};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::harness::TestIssuer;

fn claims(token: &TokenResponse) -> FederationClaims {
    let payload = token.access_token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn a_key_gets_a_token_for_a_registered_role_of_its_org_and_no_other() {
    let issuer = TestIssuer::start().await;
    let (org, other) = (issuer.org("Acme").await, issuer.org("Other").await);
    let account = issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let theirs = issuer.account(&other, "210987654321", TrustForm::SessionTag).await;
    let key = issuer.api_key(&org, &[ApiKeyScope::CreateFederationToken]).await.reveal();
    let here = org.id.to_string();
    let ask = async |body| issuer.ask_by_key(key.expose_secret(), &here, &body).await;

    let response = ask(json!({"role_arn": account.role_arn()})).await;
    assert_eq!((response.status().as_u16(), &response.headers()["cache-control"]), (200, &"no-store".parse().unwrap()));
    let token: TokenResponse = response.json().await.unwrap();
    assert_eq!((token.token_type.as_str(), token.expires_in, token.scope), ("Bearer", 300, SessionScope::Scan));
    let claims = claims(&token);
    assert_eq!((claims.dw_org_id, claims.sub.to_string()), (org.id, format!("org-{}", org.id)));
    assert_eq!(claims.roles, Some(vec![account.role_arn().clone()]));

    let token: TokenResponse =
        ask(json!({"role_arn": account.role_arn(), "scope": "driftwise:role"})).await.json().await.unwrap();
    assert_eq!(token.scope, SessionScope::Role);

    let mut details = Vec::new();
    for role in [theirs.role_arn().as_str(), "arn:aws:iam::999999999999:role/scan"] {
        let response = ask(json!({"role_arn": role})).await;
        assert_eq!(response.status(), 404);
        let problem: Problem = response.json().await.unwrap();
        assert_eq!(problem.code, "role_not_registered");
        details.push(problem.detail.unwrap().replace(role, "ROLE"));
    }
    assert_eq!(details[0], details[1], "whether another org has it is not told");

    for body in [
        json!({}),
        json!({"role_arn": "not-an-arn"}),
        json!({"role_arn": account.role_arn(), "scope": "everything"}),
        json!({"role_arn": account.role_arn(), "admin": true}),
    ] {
        let response = ask(body.clone()).await;
        assert_eq!(response.status(), 400, "{body}");
        assert_eq!(response.json::<Problem>().await.unwrap().code, "request_invalid", "{body}");
    }
}

#[tokio::test]
async fn a_revoked_key_and_a_removed_account_count_at_the_next_call() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let account = issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let key = issuer.api_key(&org, &[ApiKeyScope::CreateFederationToken]).await;
    let here = org.id.to_string();
    let ask = async || {
        let body = json!({"role_arn": account.role_arn()});
        issuer.ask_by_key(key.reveal().expose_secret(), &here, &body).await.status().as_u16()
    };
    assert_eq!(ask().await, 200);
    let mut db = issuer.store.connection().await.unwrap();
    assert!(accounts::remove(&mut db, org.scope(), account.account_id()).await.unwrap());
    assert_eq!(ask().await, 404);
    accounts::upsert(&mut db, org.scope(), &account, 1).await.unwrap();
    assert_eq!(ask().await, 200);
    let before = authority::version(&mut db).await.unwrap();
    api_keys::note_use(&mut db, key.id(), 1).await.unwrap();
    assert_eq!(authority::version(&mut db).await.unwrap(), before, "a use holds up no token");
    assert!(api_keys::revoke(&mut db, org.scope(), key.id(), 1).await.unwrap());
    let after = authority::version(&mut db).await.unwrap();
    assert!(after > before, "so a token that was decided before does not leave");
    assert_eq!(ask().await, 401);
    assert!(!api_keys::revoke(&mut db, org.scope(), key.id(), 1).await.unwrap(), "once is enough");
}

#[tokio::test]
async fn a_use_is_noted_once_a_minute_and_the_store_never_has_the_key() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let key = issuer.api_key(&org, &[ApiKeyScope::CreateFederationToken]).await;
    let here = org.id.to_string();
    let last_use = async || {
        let role = json!({"role_arn": "arn:aws:iam::123456789012:role/scan"});
        assert_eq!(issuer.ask_by_key(key.reveal().expose_secret(), &here, &role).await.status(), 404);
        let mut db = issuer.store.connection().await.unwrap();
        let record = api_keys::find(&mut db, key.id()).await.unwrap().unwrap();
        assert!(!key.reveal().expose_secret().contains(record.hash.as_str()));
        record.last_used_at_ms.unwrap()
    };
    let first = last_use().await;
    issuer.clock.advance(59);
    assert_eq!(last_use().await, first);
    issuer.clock.advance(1);
    assert_eq!(last_use().await, first + 60_000);
}

#[tokio::test]
async fn a_key_of_another_org_can_not_be_revoked_nor_seen() {
    let issuer = TestIssuer::start().await;
    let (org, other) = (issuer.org("Acme").await, issuer.org("Other").await);
    let key = issuer.api_key(&org, &[ApiKeyScope::ReadAudit]).await;
    let mut db = issuer.store.connection().await.unwrap();
    assert!(!api_keys::revoke(&mut db, other.scope(), key.id(), 1).await.unwrap());
    assert!(api_keys::list(&mut db, other.scope()).await.unwrap().is_empty());
    let listed = api_keys::list(&mut db, org.scope()).await.unwrap();
    assert_eq!((listed.len(), listed[0].revoked_at_ms), (1, None));
}
