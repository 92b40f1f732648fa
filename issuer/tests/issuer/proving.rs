//! Canary tokens: what stands in them, who gets them, and what is noted of a proof.

use std::collections::BTreeSet;

use driftwise_contract::claims::{FederationClaims, SessionTags, TrustForm};
use driftwise_contract::codes::Code;
use driftwise_contract::proof::{CanaryTokenResponse, ProofOutcome, ProofReceipt};
use driftwise_contract::wire::{Problem, TokenResponse};
use driftwise_issuer::accounts::{AccountIssuer, AwsAccount, IssuerKeys};
use driftwise_issuer::audit::Chain;
use driftwise_issuer::clock::Clock as _;
use driftwise_issuer::store::{accounts, audit, orgs, proofs};
use reqwest::Response;
use serde_json::{Value, json};

use crate::harness::{TestAgent, TestIssuer, TestKey, with};
use crate::tokens::verify;

async fn ask_canary(issuer: &TestIssuer, agent: &TestAgent, role: &str, form: TrustForm) -> Response {
    let request = issuer.http.post(format!("{}/api/v2/agent/canary-token", issuer.url));
    let body = json!({"role_arn": role, "trust_form": form});
    request.bearer_auth(issuer.assertion(agent)).json(&body).send().await.unwrap()
}

async fn canary(issuer: &TestIssuer, agent: &TestAgent, account: &AwsAccount, form: TrustForm) -> CanaryTokenResponse {
    let response = ask_canary(issuer, agent, account.role_arn().as_str(), form).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    response.json().await.unwrap()
}

async fn report(issuer: &TestIssuer, agent: &TestAgent, body: &Value) -> Response {
    let request = issuer.http.post(format!("{}/api/v2/agent/proof", issuer.url));
    request.bearer_auth(issuer.assertion(agent)).json(body).send().await.unwrap()
}

async fn refused_with(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    (status, response.json::<Problem>().await.unwrap().code)
}

async fn rows(issuer: &TestIssuer, org: &orgs::Org) -> Vec<Value> {
    let mut db = issuer.store.connection().await.unwrap();
    let page = audit::page(&mut db, Chain::Org(org.id), 0, 1000).await.unwrap();
    page.into_iter().map(|row| serde_json::from_str(&row.event).unwrap()).collect()
}

#[tokio::test]
async fn a_canary_differs_from_the_orgs_own_token_in_the_org_and_in_nothing_else() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let agent = issuer.agent(&org, TestKey::p256()).await;
    for (account_id, form) in [("111111111111", TrustForm::SessionTag), ("222222222222", TrustForm::Subject)] {
        let account = issuer.account(&org, account_id, form).await;
        let own: TokenResponse =
            issuer.ask_token(&issuer.assertion(&agent), account.role_arn().as_str()).await.json().await.unwrap();
        let canary = canary(&issuer, &agent, &account, form).await;
        assert_eq!(canary.expires_in, 300);
        let ((own, own_header), (claims, header)) =
            (verify(&issuer, &own.access_token).await, verify(&issuer, &canary.access_token).await);
        assert_eq!(header, own_header);

        let read: FederationClaims = serde_json::from_value(claims.clone()).unwrap();
        assert_eq!((read.sub, &read.iss), (canary.subject, &canary.issuer));
        assert_ne!(read.dw_org_id, org.id);
        assert_eq!(read.sub.org(), read.dw_org_id);
        assert_eq!(read.tags, form.tags_the_session().then(|| SessionTags::of_org(read.dw_org_id)));
        let in_the_orgs_place = claims.to_string().replace(&read.dw_org_id.to_string(), &org.id.to_string());
        let in_the_orgs_place: Value = serde_json::from_str(&in_the_orgs_place).unwrap();
        assert_eq!(with(&in_the_orgs_place, json!({"jti": own["jti"]})), own);
    }
}

#[tokio::test]
async fn a_canary_is_asked_for_in_any_form_whatever_the_account_has() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let agent = issuer.agent(&org, TestKey::p256()).await;
    let account = issuer.account(&org, "123456789012", TrustForm::Subject).await;
    for (form, has_tags) in
        [(TrustForm::SessionTag, true), (TrustForm::Subject, false), (TrustForm::CustomClaim, false)]
    {
        let canary = canary(&issuer, &agent, &account, form).await;
        let (claims, _) = verify(&issuer, &canary.access_token).await;
        assert_eq!(claims.get("https://aws.amazon.com/tags").is_some(), has_tags, "{form}");
        assert_eq!(claims["https://aws.amazon.com/roles"], json!([account.role_arn()]), "{form}");
    }
}

#[tokio::test]
async fn every_canary_speaks_for_another_org_and_none_of_them_exists() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let account = issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let agent = issuer.agent(&org, TestKey::p256()).await;
    let mut seen = BTreeSet::from([org.id]);
    for _ in 0..3 {
        let canary = canary(&issuer, &agent, &account, TrustForm::SessionTag).await.subject.org();
        assert!(seen.insert(canary), "{canary} twice");
        let mut db = issuer.store.connection().await.unwrap();
        assert!(orgs::find(&mut db, canary).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_canary_for_a_role_of_another_org_is_refused_like_one_for_a_role_that_nobody_has() {
    let issuer = TestIssuer::start().await;
    let (org, other) = (issuer.org("Acme").await, issuer.org("Other").await);
    issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let theirs = issuer.account(&other, "210987654321", TrustForm::SessionTag).await;
    let agent = issuer.agent(&org, TestKey::p256()).await;
    let mut answers = Vec::new();
    for role in [theirs.role_arn().as_str(), "arn:aws:iam::999999999999:role/scan"] {
        let response = ask_canary(&issuer, &agent, role, TrustForm::Subject).await;
        assert_eq!(response.status(), 404);
        let problem: Problem = response.json().await.unwrap();
        assert_eq!(problem.code, "role_not_registered");
        answers.push(problem.detail.unwrap().replace(role, "ROLE"));
    }
    assert_eq!(answers[0], answers[1], "whether another org has it is not told");
}

#[tokio::test]
async fn an_orgs_own_issuer_speaks_for_that_org_alone_so_the_canary_comes_from_the_shared_one() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    issuer.org_issuer(&org, IssuerKeys::Own).await;
    let account = issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let account = account.with_issuer(AccountIssuer::Org(IssuerKeys::Own));
    let mut db = issuer.store.connection().await.unwrap();
    accounts::upsert(&mut db, org.scope(), &account, issuer.clock.now_ms()).await.unwrap();
    drop(db);
    let agent = issuer.agent(&org, TestKey::p256()).await;
    let canary = canary(&issuer, &agent, &account, TrustForm::SessionTag).await;
    assert_eq!(canary.issuer.as_str(), issuer.url);
    let (claims, _) = verify(&issuer, &canary.access_token).await;
    assert_eq!(claims["iss"], issuer.url);
}

#[tokio::test]
async fn a_canary_has_a_row_of_its_own_in_the_chain_of_the_org_that_asked() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let account = issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let agent = issuer.agent(&org, TestKey::p256()).await;
    let canary = canary(&issuer, &agent, &account, TrustForm::SessionTag).await;
    let (claims, _) = verify(&issuer, &canary.access_token).await;
    let rows = rows(&issuer, &org).await;
    let row = rows.last().unwrap();
    assert_eq!(row["type"], "canary_token_minted");
    assert_eq!((&row["sub"], &row["jti"]), (&claims["sub"], &claims["jti"]));
    assert_eq!(row["actor"]["id"], json!(agent.id));
    assert_eq!(row["address"], "127.0.0.1");
    assert!(rows.iter().all(|row| row["type"] != "token_minted"));
    assert!(!json!(rows).to_string().contains(&canary.access_token));
}

#[tokio::test]
async fn canaries_can_be_turned_off_and_then_nothing_is_minted() {
    let issuer = TestIssuer::start_changed("", |config| config.federation.canary = false).await;
    let org = issuer.org("Acme").await;
    let account = issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let agent = issuer.agent(&org, TestKey::p256()).await;
    let response = ask_canary(&issuer, &agent, account.role_arn().as_str(), TrustForm::SessionTag).await;
    assert_eq!(refused_with(response).await, (403, "canary_off".into()));
    assert!(rows(&issuer, &org).await.iter().all(|row| row["type"] != "canary_token_minted"));
    let own = issuer.ask_token(&issuer.assertion(&agent), account.role_arn().as_str()).await;
    assert_eq!(own.status(), 200, "the org's own tokens go on");
}

#[tokio::test]
async fn an_agent_has_a_few_canaries_at_once_and_is_then_told_to_wait() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let account = issuer.account(&org, "123456789012", TrustForm::Subject).await;
    let [agent, other] = [issuer.agent(&org, TestKey::p256()).await, issuer.agent(&org, TestKey::p256()).await];
    let role = account.role_arn().as_str();
    for _ in 0..20 {
        canary(&issuer, &agent, &account, TrustForm::Subject).await;
    }
    let response = ask_canary(&issuer, &agent, role, TrustForm::Subject).await;
    assert_eq!(response.headers()["retry-after"], "60", "60 an hour");
    assert_eq!(refused_with(response).await, (429, "too_many_requests".into()));
    canary(&issuer, &other, &account, TrustForm::Subject).await;
    assert_eq!(issuer.ask_token(&issuer.assertion(&agent), role).await.status(), 200, "its own tokens go on");
    issuer.clock.advance(60);
    canary(&issuer, &agent, &account, TrustForm::Subject).await;
}

#[tokio::test]
async fn what_an_agent_found_is_noted_with_the_account_and_in_the_audit_log() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let account = issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let agent = issuer.agent(&org, TestKey::p256()).await;
    let body = json!({
        "account_id": account.account_id(), "role_arn": account.role_arn(),
        "outcome": "foreign_org_admitted", "code": "prove.foreign_org_admitted",
    });
    let response = report(&issuer, &agent, &body).await;
    assert_eq!(response.status(), 200);
    let receipt: ProofReceipt = response.json().await.unwrap();
    assert_eq!(receipt.reported_at, "2027-01-15T08:00:00Z", "the issuer's time");
    let mut db = issuer.store.connection().await.unwrap();
    let proof = proofs::find(&mut db, org.scope(), account.account_id()).await.unwrap().unwrap();
    assert_eq!((proof.agent, proof.outcome), (agent.id, ProofOutcome::ForeignOrgAdmitted));
    assert_eq!(proof.code, Some(Code::ProveForeignOrgAdmitted));
    assert!(proof.is_about(&account));
    drop(db);
    let rows = rows(&issuer, &org).await;
    let row = rows.last().unwrap();
    assert_eq!((&row["type"], &row["outcome"]), (&json!("proof_reported"), &json!("foreign_org_admitted")));
    assert_eq!(row["actor"]["id"], json!(agent.id));
}

#[tokio::test]
async fn a_proof_is_taken_only_of_a_registered_role_of_the_callers_org() {
    let issuer = TestIssuer::start().await;
    let (org, other) = (issuer.org("Acme").await, issuer.org("Other").await);
    let account = issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let (agent, stranger) = (issuer.agent(&org, TestKey::p256()).await, issuer.agent(&other, TestKey::p256()).await);
    let good = json!({"account_id": account.account_id(), "role_arn": account.role_arn(), "outcome": "proven"});
    assert_eq!(refused_with(report(&issuer, &stranger, &good).await).await, (404, "role_not_registered".into()));
    let other_role = with(&good, json!({"role_arn": "arn:aws:iam::123456789012:role/other"}));
    assert_eq!(refused_with(report(&issuer, &agent, &other_role).await).await, (404, "role_not_registered".into()));
    for change in [
        json!({"outcome": "fine"}),
        json!({"code": "no.such_code"}),
        json!({"account_id": "12"}),
        json!({"note": "<script>"}),
        json!({"outcome": null}),
    ] {
        let refused = refused_with(report(&issuer, &agent, &with(&good, change.clone())).await).await;
        assert_eq!(refused, (400, "request_invalid".into()), "{change}");
    }
    let mut db = issuer.store.connection().await.unwrap();
    assert!(proofs::list(&mut db, org.scope()).await.unwrap().is_empty());
}
