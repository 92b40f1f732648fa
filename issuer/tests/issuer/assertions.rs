//! Attacks on the client assertion, at both places that take one.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::claims::TrustForm;
use driftwise_contract::wire::{OAuthError, OAuthErrorCode, Problem};
use serde_json::{Value, json};

use crate::harness::{NOW_S, TestIssuer, TestKey, with};

fn hs256(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(header), encode(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table of attacks, to be read as one")]
async fn no_forged_or_unfitting_assertion_is_accepted_anywhere() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let role = issuer.account(&org, "123456789012", TrustForm::SessionTag).await.role_arn().to_string();
    let agent = issuer.agent(&org, TestKey::rsa()).await;
    let ec_agent = issuer.agent(&org, TestKey::p256()).await;
    let stranger = TestKey::p256();

    let (header, claims) = (agent.key.header(), issuer.claims(&agent));
    let sign = |header: &Value, claims: &Value| agent.key.sign(header, claims);
    let change_claims = |changes: Value| sign(&header, &with(&claims, changes));
    let change_header = |changes: Value| sign(&with(&header, changes), &claims);
    let unsigned = |alg: &str, signature: &str| {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.{signature}", encode(&with(&header, json!({"alg": alg}))), encode(&claims))
    };
    let good = sign(&header, &claims);
    let mut parts: Vec<&str> = good.split('.').collect();
    let tampered_claims = URL_SAFE_NO_PAD.encode(with(&claims, json!({"exp": NOW_S + 200})).to_string());
    parts[1] = &tampered_claims;
    let tampered = parts.join(".");
    let doubled = claims.to_string().replacen('{', &format!("{{\"iss\":\"{}\",", ec_agent.id), 1);

    let too_late = claims.to_string().replace(&(NOW_S + 60).to_string(), "99999999999999999999");

    let null_member = |name: &str| header.to_string().replacen('{', &format!("{{\"{name}\":null,"), 1);

    let mut attacks: Vec<(&str, String)> = vec![
        ("alg none", unsigned("none", "")),
        ("alg None", unsigned("None", "")),
        ("alg none with a signature", change_header(json!({"alg": "none"}))),
        ("no signature", unsigned("RS256", "")),
        ("the signature of other bytes", unsigned("RS256", &URL_SAFE_NO_PAD.encode(agent.key.signature("x")))),
        ("tampered claims", tampered),
        ("a truncated signature", good[..good.len() - 4].to_owned()),
        ("no kid", change_header(json!({"kid": null}))),
        ("a kid of another agent", change_header(json!({"kid": ec_agent.key.kid()}))),
        ("a kid that is a path", change_header(json!({"kid": "../../keys/master.key"}))),
        ("a kid with SQL", change_header(json!({"kid": "' OR '1'='1"}))),
        ("a kid that is a number", change_header(json!({"kid": 1}))),
        ("alg RS512", change_header(json!({"alg": "RS512"}))),
        ("alg PS256", change_header(json!({"alg": "PS256"}))),
        ("alg ES256 over an RSA key", change_header(json!({"alg": "ES256"}))),
        ("alg EdDSA", change_header(json!({"alg": "EdDSA"}))),
        ("a jwk header", stranger.sign(&with(&stranger.header(), json!({"jwk": stranger.public_jwk()})), &claims)),
        ("a jku header", change_header(json!({"jku": "https://evil.example/jwks.json"}))),
        ("an x5u header", change_header(json!({"x5u": "https://evil.example/cert"}))),
        ("an x5c header", change_header(json!({"x5c": ["MIIB"]}))),
        ("a crit header", change_header(json!({"crit": ["exp"]}))),
        ("a crit header of null", agent.key.sign_text(&null_member("crit"), &claims.to_string())),
        ("a jwk header of null", agent.key.sign_text(&null_member("jwk"), &claims.to_string())),
        ("a zip header", change_header(json!({"zip": "DEF"}))),
        ("an unregistered key", stranger.sign(&stranger.header(), &claims)),
        (
            "an unregistered key under the registered kid",
            stranger.sign(&with(&stranger.header(), json!({"kid": agent.key.kid()})), &claims),
        ),
        ("another agent's key for this agent", ec_agent.key.sign(&ec_agent.key.header(), &claims)),
        ("this key for another agent", change_claims(json!({"iss": ec_agent.id, "sub": ec_agent.id}))),
        ("sub is another agent", change_claims(json!({"sub": ec_agent.id}))),
        ("iss missing", change_claims(json!({"iss": null}))),
        ("sub missing", change_claims(json!({"sub": null}))),
        ("aud missing", change_claims(json!({"aud": null}))),
        ("iat missing", change_claims(json!({"iat": null}))),
        ("exp missing", change_claims(json!({"exp": null}))),
        ("jti missing", change_claims(json!({"jti": null}))),
        ("an empty jti", change_claims(json!({"jti": ""}))),
        ("a long jti", change_claims(json!({"jti": "j".repeat(129)}))),
        ("a jti that is a number", change_claims(json!({"jti": 7}))),
        ("the audience of AWS", change_claims(json!({"aud": "sts.amazonaws.com"}))),
        ("an audience with a slash", change_claims(json!({"aud": format!("{}/", issuer.url)}))),
        ("an audience in capitals", change_claims(json!({"aud": issuer.url.to_uppercase()}))),
        ("an audience that only begins so", change_claims(json!({"aud": format!("{}.evil.example", issuer.url)}))),
        ("other audiences", change_claims(json!({"aud": ["https://a.example", "https://b.example"]}))),
        ("another audience beside ours", change_claims(json!({"aud": [issuer.url, "https://other.example"]}))),
        ("no audience in the list", change_claims(json!({"aud": []}))),
        ("an audience that is an object", change_claims(json!({"aud": {"url": issuer.url}}))),
        ("exp as text", change_claims(json!({"exp": (NOW_S + 60).to_string()}))),
        ("exp as a fraction", change_claims(json!({"exp": 1_800_000_060.5}))),
        ("exp as a float", change_claims(json!({"exp": 1.8e9}))),
        ("exp beyond 64 bits", agent.key.sign_text(&header.to_string(), &too_late)),
        ("iat at the beginning of time", change_claims(json!({"iat": i64::MIN, "exp": i64::MAX}))),
        ("a lifetime of an hour", change_claims(json!({"exp": NOW_S + 3_600}))),
        ("a lifetime of 301 s", change_claims(json!({"exp": NOW_S + 301}))),
        ("a lifetime of nothing", change_claims(json!({"exp": NOW_S}))),
        ("a negative lifetime", change_claims(json!({"iat": NOW_S + 30, "exp": NOW_S + 10}))),
        ("expired", change_claims(json!({"iat": NOW_S - 200, "exp": NOW_S - 100}))),
        ("expired at the edge", change_claims(json!({"iat": NOW_S - 120, "exp": NOW_S - 60}))),
        ("from the future", change_claims(json!({"iat": NOW_S + 61, "exp": NOW_S + 120}))),
        ("not before later", change_claims(json!({"nbf": NOW_S + 61}))),
        ("a member twice", agent.key.sign_text(&header.to_string(), &doubled)),
        ("claims that are no object", agent.key.sign_text(&header.to_string(), "[]")),
        ("claims that are no JSON", agent.key.sign_text(&header.to_string(), "{")),
        ("a header that is no JSON", agent.key.sign_text("{", &claims.to_string())),
        ("an agent id in capitals", change_claims(json!({"iss": agent.id.to_string().to_uppercase()}))),
        ("two parts", good.rsplit_once('.').unwrap().0.to_owned()),
        ("four parts", format!("{good}.x")),
        ("five parts", format!("{good}.x.y")),
        ("nothing but dots", "..".to_owned()),
        ("a megabyte would not fit, this is near the limit", "a".repeat(60_000)),
        ("padding", format!("{good}==")),
        ("unicode", "ä.ö.ü".to_owned()),
    ];
    for secret in agent.key.public_spellings() {
        attacks.push(("HS256 with the public key", hs256(&with(&header, json!({"alg": "HS256"})), &claims, &secret)));
        attacks.push(("the header says RS256, the tag is HMAC", hs256(&header, &claims, &secret)));
    }

    for (name, assertion) in &attacks {
        let response = issuer.ask_token(assertion, &role).await;
        assert_eq!(response.status(), 401, "{name}");
        let error: OAuthError = response.json().await.unwrap();
        assert_eq!(error.error, OAuthErrorCode::InvalidClient, "{name}");
        assert!(!error.error_description.contains(assertion.as_str()), "{name}");

        if assertion.is_ascii() {
            let response = issuer.ask_agent(assertion).await;
            assert_eq!(response.status(), 401, "{name}");
            assert!(response.headers().contains_key("www-authenticate"), "{name}");
            let problem: Problem = response.json().await.unwrap();
            assert!(["assertion_invalid", "clock_skew"].contains(&problem.code.as_str()), "{name}: {}", problem.code);
        }
    }
    // None of the attacks used up the good one's jti, and the good one is good.
    assert_eq!(issuer.ask_token(&good, &role).await.status(), 200);
}

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
