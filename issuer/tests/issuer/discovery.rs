//! What the issuer says of itself.

use driftwise_contract::wire::FederationInfo;
use serde_json::{Value, json};

use crate::harness::TestIssuer;

#[tokio::test]
async fn discovery_has_what_aws_and_rfc_8414_ask_for() {
    let issuer = TestIssuer::start().await;
    let response = issuer.get("/.well-known/openid-configuration").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert!(response.headers()["cache-control"].to_str().unwrap().contains("max-age=3600"));
    let url = &issuer.url;
    assert_eq!(
        response.json::<Value>().await.unwrap(),
        json!({
            "issuer": url,
            "jwks_uri": format!("{url}/.well-known/jwks.json"),
            "token_endpoint": format!("{url}/oauth2/token"),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": [
                "iss", "sub", "aud", "iat", "nbf", "exp", "jti", "dw_org_id", "https://aws.amazon.com/roles",
                "https://aws.amazon.com/tags",
            ],
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256"],
        })
    );
}

#[tokio::test]
async fn a_published_key_has_exactly_the_members_that_aws_takes() {
    let issuer = TestIssuer::start().await;
    let response = issuer.get("/.well-known/jwks.json").await;
    assert_eq!(response.headers()["content-type"], "application/jwk-set+json");
    let jwks: Value = response.json().await.unwrap();
    let [key] = jwks["keys"].as_array().unwrap().as_slice() else { panic!("one key") };
    let members: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["kty", "n", "e", "kid", "use", "alg"]);
    assert_eq!(key["n"].as_str().unwrap().len(), 342, "RSA-2048");
    assert_eq!((&key["kty"], &key["use"], &key["alg"]), (&json!("RSA"), &json!("sig"), &json!("RS256")));
}

#[tokio::test]
async fn an_unchanged_document_is_not_sent_again() {
    let issuer = TestIssuer::start().await;
    for path in
        ["/.well-known/openid-configuration", "/.well-known/jwks.json", "/api/v2/federation-info", "/federation-info"]
    {
        let etag = issuer.get(path).await.headers()["etag"].clone();
        let again =
            issuer.http.get(format!("{}{path}", issuer.url)).header("if-none-match", &etag).send().await.unwrap();
        assert_eq!(again.status(), 304, "{path}");
        assert!(again.bytes().await.unwrap().is_empty());
        let other =
            issuer.http.get(format!("{}{path}", issuer.url)).header("if-none-match", "\"x\"").send().await.unwrap();
        assert_eq!(other.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn federation_info_is_json_for_programs_and_a_page_for_browsers() {
    let issuer = TestIssuer::start().await;
    let info: FederationInfo = issuer.get("/federation-info").await.json().await.unwrap();
    assert_eq!(info.issuer.as_str(), issuer.url);
    assert_eq!(info.audiences[0].as_str(), "sts.amazonaws.com");
    assert_eq!(info, issuer.get("/api/v2/federation-info").await.json().await.unwrap());

    for path in ["/federation-info", "/"] {
        let page = issuer
            .http
            .get(format!("{}{path}", issuer.url))
            .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .send()
            .await
            .unwrap();
        assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
        let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        let html = page.text().await.unwrap();
        assert!(html.contains(&issuer.url), "{path}");
        assert!(!html.contains("<script") && !html.contains("style=") && !html.contains("<style"), "{path}");
    }
    let style = issuer.get("/assets/style.css").await;
    assert_eq!(style.headers()["content-type"], "text/css; charset=utf-8");
}

#[tokio::test]
async fn the_issuer_is_never_taken_from_the_host_header() {
    let issuer = TestIssuer::start().await;
    for path in ["/.well-known/openid-configuration", "/federation-info", "/"] {
        let response = issuer
            .http
            .get(format!("{}{path}", issuer.url))
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example")
            .header("forwarded", "host=evil.example")
            .send()
            .await
            .unwrap();
        assert!(!response.text().await.unwrap().contains("evil.example"), "{path}");
    }
}

#[tokio::test]
async fn an_issuer_url_with_a_path_is_served_below_it_and_at_the_root() {
    let issuer = TestIssuer::start_below("/base/of-it").await;
    let root = issuer.url.strip_suffix("/base/of-it").unwrap();
    for url in [&issuer.url, root] {
        let text = issuer.http.get(format!("{url}/.well-known/openid-configuration")).send().await.unwrap();
        let discovery: Value = text.json().await.unwrap();
        assert_eq!(discovery["issuer"], json!(issuer.url));
        assert_eq!(discovery["jwks_uri"], json!(format!("{}/.well-known/jwks.json", issuer.url)));
    }
    let page = issuer.http.get(&issuer.url).header("accept", "text/html").send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert_eq!(issuer.get("/").await.status(), 200, "what the pages link to");
    assert!(page.text().await.unwrap().contains("href=\"/base/of-it/assets/style.css\""));
}
