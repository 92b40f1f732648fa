//! One org can't reach another's accounts, nor learn of them.

use driftwise_contract::claims::TrustForm;
use driftwise_contract::wire::{AgentInfo, OAuthError, OAuthErrorCode};
use driftwise_issuer::Error;
use driftwise_issuer::accounts::AwsAccount;
use driftwise_issuer::store::accounts;

use crate::harness::{NOW_S, TestIssuer, TestKey};

#[tokio::test]
async fn a_role_of_another_org_is_refused_like_one_that_nobody_has() {
    let issuer = TestIssuer::start().await;
    let (org, other) = (issuer.org("Acme").await, issuer.org("Other").await);
    issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let theirs = issuer.account(&other, "210987654321", TrustForm::SessionTag).await;
    let agent = issuer.agent(&org, TestKey::p256()).await;

    let mut answers = Vec::new();
    for role in [theirs.role_arn().as_str(), "arn:aws:iam::999999999999:role/scan"] {
        let response = issuer.ask_token(&issuer.assertion(&agent), role).await;
        assert_eq!(response.status(), 400);
        let error: OAuthError = response.json().await.unwrap();
        assert_eq!(error.error, OAuthErrorCode::InvalidTarget);
        answers.push(error.error_description.replace(role, "ROLE"));
    }
    assert_eq!(answers[0], answers[1], "whether another org has it is not told");

    let info: AgentInfo = issuer.ask_agent(&issuer.assertion(&agent)).await.json().await.unwrap();
    assert!(info.accounts.iter().all(|account| account.account_id.as_str() == "123456789012"));
}

#[tokio::test]
async fn two_orgs_can_not_register_one_role() {
    let issuer = TestIssuer::start().await;
    let (org, other) = (issuer.org("Acme").await, issuer.org("Other").await);
    let account = issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let mut db = issuer.store.connection().await.unwrap();
    let error = accounts::upsert(&mut db, other.scope(), &account, NOW_S).await.unwrap_err();
    assert!(matches!(error, Error::RoleTaken(_)), "{error}");
    assert!(accounts::list(&mut db, other.scope()).await.unwrap().is_empty());
    assert_eq!(accounts::list(&mut db, org.scope()).await.unwrap(), [account]);
}

#[tokio::test]
async fn an_account_keeps_its_role_while_region_and_form_may_change() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let account = issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let changed = issuer.account(&org, "123456789012", TrustForm::Subject).await;
    let mut db = issuer.store.connection().await.unwrap();
    assert_eq!(accounts::find(&mut db, org.scope(), account.account_id()).await.unwrap(), Some(changed.clone()));
    let other_role = AwsAccount::new(
        account.account_id().clone(),
        "arn:aws:iam::123456789012:role/other".parse().unwrap(),
        account.region().clone(),
        TrustForm::Subject,
    )
    .unwrap();
    let error = accounts::upsert(&mut db, org.scope(), &other_role, NOW_S).await.unwrap_err();
    assert!(matches!(error, Error::AccountHasOtherRole { .. }), "{error}");
    assert_eq!(accounts::list(&mut db, org.scope()).await.unwrap(), [changed]);
}

#[tokio::test]
async fn a_role_in_another_case_is_the_same_role_as_iam_sees_it() {
    let issuer = TestIssuer::start().await;
    let (org, other) = (issuer.org("Acme").await, issuer.org("Other").await);
    let account = issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let shouted = AwsAccount::new(
        account.account_id().clone(),
        "arn:aws:iam::123456789012:role/SCAN".parse().unwrap(),
        account.region().clone(),
        account.trust_form(),
    )
    .unwrap();
    let mut db = issuer.store.connection().await.unwrap();
    let error = accounts::upsert(&mut db, other.scope(), &shouted, NOW_S).await.unwrap_err();
    assert!(matches!(error, Error::RoleTaken(_)), "{error}");
    let found = accounts::find_by_role(&mut db, org.scope(), shouted.role_arn()).await.unwrap().unwrap();
    assert_eq!(found.role_arn(), account.role_arn(), "as it was registered");
    assert!(accounts::find_by_role(&mut db, other.scope(), shouted.role_arn()).await.unwrap().is_none());
}
