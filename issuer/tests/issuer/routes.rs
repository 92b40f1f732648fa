//! Every route with every wrong caller. The rows come from the route table itself: a new route without a rule for its wrong
//! callers fails here.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::claims::TrustForm;
use driftwise_contract::wire::{JWT_BEARER, Problem};
use driftwise_issuer::accounts::{ApiKeyScope, IssuerKeys};
use driftwise_issuer::app::Issuer;
use driftwise_issuer::clock::Clock as _;
use driftwise_issuer::config::Config;
use driftwise_issuer::http::{Caller, ROUTES};
use driftwise_issuer::store::api_keys;
use reqwest::{Method, RequestBuilder};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::harness::{NOW_S, TestAgent, TestClock, TestIssuer, TestKey, with};

/// The key that agents of these tests change to.
static NEXT: LazyLock<TestKey> = LazyLock::new(TestKey::p256);

/// The claims by which an assertion is for that route.
fn purpose(path: &str) -> Value {
    if path == "/api/v2/agent/key" { json!({"dw_new_kid": NEXT.kid()}) } else { json!({}) }
}

/// Puts an assertion where the route takes it.
pub(crate) fn present(request: RequestBuilder, path: &str, assertion: &str, role: &str) -> RequestBuilder {
    match path {
        "/oauth2/token" => request.form(&[
            ("grant_type", "client_credentials"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion),
            ("resource", role),
        ]),
        "/api/v2/agent" => request.bearer_auth(assertion),
        "/api/v2/agent/key" => {
            // The new key signs the assertion's own claims, whatever they are.
            let claims = assertion.split('.').nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
            let claims = claims.and_then(|claims| serde_json::from_slice::<Value>(&claims).ok()).unwrap_or(json!({}));
            let body = json!({"public_key": NEXT.public_jwk(), "proof": NEXT.sign(&NEXT.header(), &claims)});
            request.bearer_auth(assertion).json(&body)
        }
        "/api/v2/agent/canary-token" => {
            request.bearer_auth(assertion).json(&json!({"role_arn": role, "trust_form": "subject"}))
        }
        "/api/v2/agent/proof" => {
            let account = role.split(':').nth(4);
            request.bearer_auth(assertion).json(&json!({"account_id": account, "role_arn": role, "outcome": "proven"}))
        }
        other => panic!("{other} takes assertions: say here how"),
    }
}

/// Presents an API key with a body that the route takes.
fn present_key(request: RequestBuilder, path: &str, key: &str, role: &str) -> RequestBuilder {
    let request = request.bearer_auth(key);
    if path.ends_with("/federation-token") { request.json(&json!({"role_arn": role})) } else { request }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table of callers; its arms share what stands before them")]
async fn every_route_refuses_every_wrong_caller() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let role = issuer.account(&org, "123456789012", TrustForm::SessionTag).await.role_arn().to_string();
    let other_org = issuer.org("Other").await;
    let elsewhere = TestIssuer::start().await;
    let foreign_org = elsewhere.org("Acme").await;
    let foreign_agent = elsewhere.agent(&foreign_org, TestKey::p256()).await;
    let code = issuer.code(&org).await;
    issuer.org_issuer(&org, IssuerKeys::Shared).await;

    for route in ROUTES {
        // A fresh one for each: some routes change what they are called by.
        let agent = issuer.agent(&org, TestKey::p256()).await;
        let (method, path) = (
            Method::from_bytes(route.method.as_str().as_bytes()).unwrap(),
            &*route.path.replace("{org_id}", &org.id.to_string()),
        );
        let request = || issuer.http.request(method.clone(), format!("{}{path}", issuer.url));
        match route.caller {
            Caller::AnyoneLimited if method == Method::POST => {
                let form = [("policy", "{}")];
                assert_eq!(request().form(&form).send().await.unwrap().status(), 200, "{path}");
                assert_eq!(request().send().await.unwrap().status(), 400, "{path} without a form");
            }
            Caller::Anyone | Caller::AnyoneLimited => {
                assert_eq!(request().send().await.unwrap().status(), 200, "{path}");
                // Credentials change nothing.
                assert_eq!(request().bearer_auth("garbage").send().await.unwrap().status(), 200, "{path}");
            }
            Caller::Agent => {
                let bare = request().send().await.unwrap().status();
                assert!(bare == 401 || bare == 400, "{path} without credentials: {bare}");
                let good = || with(&issuer.claims(&agent), purpose(path));
                let signed = |agent: &TestAgent, claims: &Value| agent.key.sign(&agent.key.header(), claims);
                let replayed = signed(&agent, &good());
                assert_eq!(present(request(), path, &replayed, &role).send().await.unwrap().status(), 200, "{path}");
                let wrong = [
                    ("garbage", "garbage".to_owned()),
                    ("a replayed assertion", replayed),
                    (
                        "an agent of another issuer",
                        signed(&foreign_agent, &with(&issuer.claims(&foreign_agent), purpose(path))),
                    ),
                    (
                        "an assertion for another issuer",
                        signed(&agent, &with(&elsewhere.claims(&agent), purpose(path))),
                    ),
                    (
                        "an expired assertion",
                        signed(&agent, &with(&good(), json!({"iat": NOW_S - 400, "exp": NOW_S - 200}))),
                    ),
                    ("an enrolment code", code.clone()),
                    ("an assertion for something else", {
                        let other = if purpose(path) == json!({}) { json!(NEXT.kid()) } else { json!(null) };
                        signed(&agent, &with(&good(), json!({"dw_new_kid": other})))
                    }),
                ];
                for (name, assertion) in wrong {
                    let status = present(request(), path, &assertion, &role).send().await.unwrap().status();
                    assert_eq!(status, 401, "{path} by {name}");
                }
                for scheme in ["Basic Zm9vOmJhcg==", "Bearer", "Digest x", "bearer  "] {
                    let status = request().header("authorization", scheme).send().await.unwrap().status();
                    assert!(status == 401 || status == 400, "{path} with {scheme}: {status}");
                }
            }
            Caller::ApiKey(scope) => {
                let key_of = async |org, scopes: &[ApiKeyScope]| {
                    issuer.api_key(org, scopes).await.reveal().expose_secret().to_owned()
                };
                let key = key_of(&org, &[scope]).await;
                let to = |org: &str| {
                    let path = route.path.replace("{org_id}", org);
                    issuer.http.request(method.clone(), format!("{}{path}", issuer.url))
                };
                let here = org.id.to_string();
                let status = async |request: RequestBuilder| request.send().await.unwrap().status().as_u16();
                assert_eq!(status(present_key(to(&here), path, &key, &role)).await, 200, "{path}");
                assert_eq!(status(to(&here)).await, 401, "{path} without a key");

                let others: Vec<ApiKeyScope> =
                    ApiKeyScope::ALL.iter().copied().filter(|other| *other != scope).collect();
                let narrow = key_of(&org, &others).await;
                assert_eq!(status(present_key(to(&here), path, &narrow, &role)).await, 403, "{path} without the scope");

                let theirs = key_of(&other_org, ApiKeyScope::ALL).await;
                let nobodys = "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21";
                for (name, org, key) in [
                    ("another org's key", here.as_str(), &theirs),
                    ("a key of no such org", nobodys, &key),
                    ("a path that is no org", "ACME", &key),
                    ("an org in capitals", &here.to_uppercase(), &key),
                ] {
                    assert_eq!(status(present_key(to(org), path, key, &role)).await, 404, "{path} by {name}");
                }

                let revoked = issuer.api_key(&org, ApiKeyScope::ALL).await;
                let mut db = issuer.store.connection().await.unwrap();
                assert!(api_keys::revoke(&mut db, org.scope(), revoked.id(), issuer.clock.now_ms()).await.unwrap());
                drop(db);
                let foreign = elsewhere.api_key(&foreign_org, ApiKeyScope::ALL).await;
                let other_secret = format!("{}{}", &key[..key.len() - 64], "0".repeat(64));
                for (name, wrong) in [
                    ("garbage", "garbage"),
                    ("an assertion", &issuer.assertion(&agent)),
                    ("an enrolment code", &code),
                    ("another secret", &other_secret),
                    ("a key in capitals", &key.to_uppercase()),
                    ("a revoked key", revoked.reveal().expose_secret()),
                    ("a key of another issuer", foreign.reveal().expose_secret()),
                ] {
                    assert_eq!(status(present_key(to(&here), path, wrong, &role)).await, 401, "{path} by {name}");
                }
                for scheme in ["Basic Zm9vOmJhcg==", "Bearer", "Digest x", "bearer  "] {
                    assert_eq!(status(to(&here).header("authorization", scheme)).await, 401, "{path} with {scheme}");
                }
                let ended = key_of(&org, &[scope]).await;
                issuer.clock.advance(3_600);
                assert_eq!(status(present_key(to(&here), path, &ended, &role)).await, 401, "{path} by an expired key");
                issuer.clock.advance(-3_600);
            }
            Caller::Visitor | Caller::LinkHolder if method == Method::POST => {
                // The form needs a visit and its token; what it opens, the tests of sign_in hold to every attack.
                assert_eq!(request().send().await.unwrap().status(), 403, "{path} without a visit");
                let admin = issuer.admin(&format!("ada{}", issuer.clock.new_uuid().simple())).await;
                let form = [("csrf", "AAAA"), ("name", "ada"), ("password", "correct horse battery staple")];
                for cookie in ["", "driftwise-visit=garbage", &admin, &admin.replace("session", "visit")] {
                    let status = request().header("cookie", cookie).form(&form).send().await.unwrap().status();
                    assert_eq!(status, 403, "{path} with {cookie}");
                }
            }
            Caller::LinkHolder => {
                for query in ["", "?token=", "?token=garbage", &format!("?token={}", "A".repeat(43)), "?token=%ff"] {
                    let url = format!("{}{path}{query}", issuer.url);
                    assert_eq!(issuer.http.get(url).send().await.unwrap().status(), 404, "{path}{query}");
                }
            }
            Caller::Admin => {
                let admin = issuer.admin(&format!("ada{}", issuer.clock.new_uuid().simple())).await;
                let by = |cookie: &str| request().header("cookie", cookie);
                let foreign = elsewhere.admin(&format!("eve{}", issuer.clock.new_uuid().simple())).await;
                let is_page = method == Method::GET;
                let good = if is_page { by(&admin) } else { by(&admin).form(&[("csrf", "AAAA")]) };
                let good = good.send().await.unwrap().status();
                // What changes something takes a form besides, which carries a token of the session.
                assert_eq!(good, if is_page { 200 } else { 403 }, "{path}");
                let halved = &admin[..admin.len() - 20];
                let doubled = format!("{admin}; {admin}");
                let value = admin.split_once('=').unwrap().1;
                for (name, cookie) in [
                    ("nobody", ""),
                    ("garbage", "driftwise-session=garbage"),
                    ("half a cookie", halved),
                    ("two cookies", &doubled),
                    ("a cookie of another name", &format!("__Host-driftwise-session={value}")),
                    ("an admin of another issuer", &foreign),
                ] {
                    let response = by(cookie).send().await.unwrap();
                    assert_eq!(response.status(), 303, "{path} by {name}");
                    let location = response.headers()["location"].to_str().unwrap();
                    let back = format!("/sign-in?next={}", path.replace('/', "%2F"));
                    assert_eq!(location, if is_page { &back } else { "/sign-in" }, "{path} by {name}");
                }
                let bearer = request().bearer_auth(value).send().await.unwrap();
                assert_eq!(bearer.status(), 303, "{path} by a session as bearer token");
                issuer.clock.advance(1_800);
                assert_eq!(by(&admin).send().await.unwrap().status(), 303, "{path} after half an hour");
                issuer.clock.advance(-1_800);
            }
            Caller::CodeHolder => {
                assert_eq!(request().send().await.unwrap().status(), 415, "{path}");
                for wrong in ["", "garbage", "7K2QD-7K2QD-7K2QD-7K2QD", &issuer.assertion(&agent)] {
                    assert_eq!(issuer.enrol(wrong, &TestKey::p256()).await.status(), 403, "{path} with {wrong:?}");
                }
                let foreign_code = elsewhere.code(&foreign_org).await;
                assert_eq!(issuer.enrol(&foreign_code, &TestKey::p256()).await.status(), 403, "{path}");
            }
            _ => panic!("{path} has a kind of caller that this test does not know"),
        }
        let wrong_method = issuer.http.delete(format!("{}{path}", issuer.url)).send().await.unwrap();
        assert_eq!(wrong_method.status(), 405, "{path}");
        assert!(wrong_method.headers()["allow"].to_str().unwrap().contains(method.as_str()), "{path}");
        assert_eq!(wrong_method.json::<Problem>().await.unwrap().code, "method_not_allowed");
    }
}

#[tokio::test]
async fn an_unknown_path_is_a_problem_with_a_request_id() {
    let issuer = TestIssuer::start().await;
    for path in ["/nowhere", "/api/v2", "/.well-known/", "/keys/master.key", "/..%2f..%2fetc/passwd"] {
        let response = issuer.get(path).await;
        assert_eq!(response.status(), 404, "{path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let problem: Problem = response.json().await.unwrap();
        assert_eq!((problem.code.as_str(), problem.status), ("not_found", 404));
        assert_eq!(problem.request_id, id);
    }
}

#[tokio::test]
async fn every_answer_has_the_issuers_date_and_refuses_sniffing() {
    let issuer = TestIssuer::start().await;
    for path in ["/", "/healthz", "/nowhere", "/.well-known/jwks.json"] {
        let response = issuer.get(path).await;
        assert_eq!(response.headers()["date"], "Fri, 15 Jan 2027 08:00:00 GMT", "{path}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
    }
}

#[tokio::test]
async fn after_shutdown_nobody_listens() {
    let issuer = TestIssuer::start().await;
    assert_eq!(issuer.get("/readyz").await.text().await.unwrap(), "ready\n");
    let address = issuer.running.address();
    issuer.running.shutdown().await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn an_idle_connection_does_not_keep_the_issuer_alive() {
    let issuer = TestIssuer::start().await;
    let idle = tokio::net::TcpStream::connect(issuer.running.address()).await.unwrap();
    // Connections are accepted in order: once this one is served, the idle one is accepted.
    assert_eq!(issuer.get("/healthz").await.status(), 200);
    issuer.running.shutdown_within(std::time::Duration::from_millis(10)).await.unwrap();
    drop(idle);
}

#[tokio::test]
async fn an_issuer_path_that_can_not_be_served_stops_the_start() {
    for path in ["/:t", "/*x", "/healthz", "/api"] {
        let directory = tempfile::TempDir::new().unwrap();
        let mut config = Config::new(format!("http://127.0.0.1:9{path}").parse().unwrap());
        config.store.path = directory.path().join("issuer.db");
        config.keys.directory = directory.path().join("keys");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let error = Issuer::start(config, TestClock::at(NOW_S), listener).await.unwrap_err();
        assert!(error.to_string().contains("is not usable"), "{path}: {error}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing was made");
    }
}

#[tokio::test]
async fn a_callers_request_id_is_kept_where_it_is_plain_and_replaced_where_not() {
    let issuer = TestIssuer::start().await;
    let ask = async |ids: &[&str]| {
        let request = issuer.http.get(format!("{}/nowhere", issuer.url));
        let request = ids.iter().fold(request, |request, id| request.header("x-request-id", *id));
        let response = request.send().await.unwrap();
        let header = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let problem: Problem = response.json().await.unwrap();
        assert_eq!(problem.request_id, header, "{ids:?}");
        header
    };
    assert_eq!(ask(&["trace-1.a_b"]).await, "trace-1.a_b");
    for strange in [&["two words"][..], &[""], &["<script>"], &["a", "b"], &[&"x".repeat(65)]] {
        let made = ask(strange).await;
        assert!(made.parse::<uuid::Uuid>().is_ok(), "{strange:?}: {made}");
    }
}
