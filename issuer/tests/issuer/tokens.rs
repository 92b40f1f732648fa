//! Tokens: what stands in them, who gets them, and how a refusal reads.

use driftwise_contract::claims::{FederationClaims, SessionTags, TrustForm};
use driftwise_contract::wire::{JWT_BEARER, OAuthError, OAuthErrorCode, TokenResponse};
use josekit::jwk::JwkSet;
use josekit::jws::RS256;
use serde_json::Value;

use crate::harness::{NOW_S, TestIssuer, TestKey};

/// Verifies with the published key set, by another library than the issuer's, and without anything of the issuer's code.
pub(crate) async fn verify(issuer: &TestIssuer, token: &str) -> (Value, Value) {
    let jwks = JwkSet::from_bytes(issuer.get("/.well-known/jwks.json").await.bytes().await.unwrap()).unwrap();
    let header = josekit::jwt::decode_header(token).unwrap();
    let kid = header.claim("kid").unwrap().as_str().unwrap().to_owned();
    let keys = jwks.get(&kid);
    let [key] = keys.as_slice() else { panic!("the kid is published once") };
    let verifier = RS256.verifier_from_jwk(key).unwrap();
    let (payload, header) = josekit::jwt::decode_with_verifier(token, &verifier).unwrap();
    (Value::Object(payload.claims_set().clone()), Value::Object(header.claims_set().clone()))
}

#[tokio::test]
async fn a_token_is_pinned_to_its_role_and_verifies_with_another_library() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let account = issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    for key in [TestKey::p256(), TestKey::rsa()] {
        let agent = issuer.agent(&org, key).await;
        let response = issuer.ask_token(&issuer.assertion(&agent), account.role_arn().as_str()).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["cache-control"], "no-store");
        let token: TokenResponse = response.json().await.unwrap();
        assert_eq!((token.token_type.as_str(), token.expires_in), ("Bearer", 300));

        let (claims, header) = verify(&issuer, &token.access_token).await;
        assert_eq!(header["alg"], "RS256");
        assert!(claims.get("azp").is_none(), "azp would replace aud as the audience");
        assert!(claims["aud"].is_string(), "several audiences need azp");
        assert!(["iat", "nbf", "exp"].iter().all(|name| claims[*name].is_i64()), "AWS refuses fractions");
        let claims: FederationClaims = serde_json::from_value(claims).unwrap();
        assert_eq!(claims.iss.as_str(), issuer.url);
        assert_eq!(claims.sub.org(), org.id);
        assert_eq!(claims.aud.as_str(), "sts.amazonaws.com");
        assert_eq!((claims.iat, claims.nbf, claims.exp), (NOW_S, NOW_S, NOW_S + 300));
        assert_eq!(claims.dw_org_id, org.id);
        assert_eq!(claims.roles, Some(vec![account.role_arn().clone()]));
        assert_eq!(claims.tags, Some(SessionTags::of_org(org.id)));
        assert_eq!(claims.jti.parse::<uuid::Uuid>().unwrap().get_version_num(), 7);
    }
}

#[tokio::test]
async fn a_token_carries_tags_only_where_the_trust_policy_takes_them() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let agent = issuer.agent(&org, TestKey::p256()).await;
    for (account_id, form) in [("111111111111", TrustForm::Subject), ("222222222222", TrustForm::CustomClaim)] {
        let account = issuer.account(&org, account_id, form).await;
        let response = issuer.ask_token(&issuer.assertion(&agent), account.role_arn().as_str()).await;
        let token: TokenResponse = response.json().await.unwrap();
        let (claims, _) = verify(&issuer, &token.access_token).await;
        assert!(claims.get("https://aws.amazon.com/tags").is_none(), "{form}");
        assert_eq!(claims["https://aws.amazon.com/roles"][0], account.role_arn().as_str());
    }
}

#[tokio::test]
async fn every_token_has_its_own_jti() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let account = issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let agent = issuer.agent(&org, TestKey::p256()).await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..5 {
        let response = issuer.ask_token(&issuer.assertion(&agent), account.role_arn().as_str()).await;
        let token: TokenResponse = response.json().await.unwrap();
        assert!(seen.insert(verify(&issuer, &token.access_token).await.0["jti"].to_string()));
    }
}

/// A name, the changes to a good request, the expected code, and a word of the description.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], OAuthErrorCode, &'a str);

#[tokio::test]
async fn malformed_requests_are_refused_with_the_code_of_rfc_6749() {
    use OAuthErrorCode::{InvalidClient, InvalidRequest, InvalidScope, InvalidTarget, UnsupportedGrantType};
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let role = issuer.account(&org, "123456789012", TrustForm::SessionTag).await.role_arn().to_string();
    let agent = issuer.agent(&org, TestKey::p256()).await;
    let other = issuer.agent(&org, TestKey::p256()).await;
    let other_id = other.id.to_string();

    // Changes to a good request: a parameter set, added once more, or (empty) taken away.
    let cases: [Case<'_>; 16] = [
        ("no grant type", &[("grant_type", "")], InvalidRequest, "grant_type"),
        ("another grant type", &[("grant_type", "password")], UnsupportedGrantType, "client_credentials"),
        ("no assertion type", &[("client_assertion_type", "")], InvalidRequest, JWT_BEARER),
        ("another assertion type", &[("client_assertion_type", "saml")], InvalidRequest, JWT_BEARER),
        ("no assertion", &[("client_assertion", "")], InvalidRequest, "client_assertion"),
        ("no resource", &[("resource", "")], InvalidRequest, "resource"),
        ("no role", &[("resource", "https://sts.amazonaws.com")], InvalidTarget, "arn:aws:iam"),
        ("a user", &[("resource", "arn:aws:iam::123456789012:user/x")], InvalidTarget, "not a role"),
        ("a wildcard", &[("resource", "arn:aws:iam::123456789012:role/*")], InvalidTarget, "1 to 64"),
        (
            "an unregistered role",
            &[("resource", "arn:aws:iam::123456789012:role/other")],
            InvalidTarget,
            "not registered",
        ),
        ("two resources", &[("+resource", "arn:aws:iam::123456789012:role/x")], InvalidRequest, "more than once"),
        ("two grant types", &[("+grant_type", "client_credentials")], InvalidRequest, "more than once"),
        (
            "an empty duplicate value later",
            &[("+client_id", &other_id), ("+client_id", "x")],
            InvalidRequest,
            "more than once",
        ),
        ("a scope", &[("+scope", "openid")], InvalidScope, "scope"),
        ("a secret", &[("+client_secret", "hunter2")], InvalidClient, "client_assertion"),
        ("another client's id", &[("+client_id", &other_id)], InvalidClient, "client_id"),
    ];
    for (name, changes, code, says) in cases {
        let assertion = issuer.assertion(&agent);
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion.as_str()),
            ("resource", role.as_str()),
        ];
        for (parameter, value) in changes {
            match parameter.strip_prefix('+') {
                Some(parameter) => form.push((parameter, value)),
                None => form.iter_mut().filter(|(known, _)| known == parameter).for_each(|slot| slot.1 = value),
            }
        }
        let response = issuer.post_form(&form).await;
        let status = response.status().as_u16();
        assert_eq!(status, if code == InvalidClient { 401 } else { 400 }, "{name}");
        assert_eq!(response.headers().contains_key("www-authenticate"), code == InvalidClient, "{name}");
        assert_eq!(response.headers()["cache-control"], "no-store", "{name}");
        let error: OAuthError = response.json().await.unwrap();
        assert_eq!(error.error, code, "{name}: {}", error.error_description);
        assert!(error.error_description.contains(says), "{name}: {}", error.error_description);
        assert!(!error.error_description.contains("hunter2"));
    }
}

#[tokio::test]
async fn a_client_id_that_names_the_agent_is_welcome() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let role = issuer.account(&org, "123456789012", TrustForm::SessionTag).await.role_arn().to_string();
    let agent = issuer.agent(&org, TestKey::p256()).await;
    let response = issuer
        .post_form(&[
            ("client_id", &agent.id.to_string()),
            ("grant_type", "client_credentials"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", &issuer.assertion(&agent)),
            ("resource", &role),
            ("unknown", "parameters are ignored"),
        ])
        .await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn other_media_types_credentials_and_sizes_are_refused() {
    let issuer = TestIssuer::start().await;
    let send = |builder: reqwest::RequestBuilder| async { builder.send().await.unwrap() };
    let post = || issuer.http.post(issuer.token_endpoint());

    let json = send(post().json(&serde_json::json!({"grant_type": "client_credentials"}))).await;
    assert_eq!(json.status(), 400);
    assert!(json.json::<OAuthError>().await.unwrap().error_description.contains("x-www-form-urlencoded"));

    let basic = send(post().basic_auth("id", Some("secret")).form(&[("grant_type", "client_credentials")])).await;
    assert_eq!(basic.status(), 400);
    assert!(basic.json::<OAuthError>().await.unwrap().error_description.contains("Authorization"));

    let large = send(post().form(&[("client_assertion", "a".repeat(70_000))])).await;
    assert_eq!(large.status(), 413);
    assert_eq!(large.headers()["content-type"], "application/problem+json");
}
