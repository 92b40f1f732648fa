//! Sizes: what is too long is refused before it is read.

use driftwise_contract::wire::{JWT_BEARER, paths};
use reqwest::Method;
use serde_json::json;

use super::{Attack, MARK, Range, doors};
use crate::harness::with;

#[tokio::test]
async fn an_assertion_longer_than_any_honest_one_is_refused_unread() {
    let range = Range::open().await;
    let bases = range.bases();
    let mut attacks: Vec<Attack> = Vec::new();
    for base in &bases {
        let padded = |bytes: usize| with(&base.claims, json!({"padding": "p".repeat(bytes)}));
        attacks.push((
            "valid but for its 8,193 and more characters".into(),
            base.key().sign(&base.header, &padded(8_192)),
        ));
        attacks.push(("a signature of 8 KiB".into(), format!("{}.{}", base.message(), "A".repeat(8_192))));
        attacks.push(("a header of 8 KiB".into(), base.sign_header("padding", &json!("p".repeat(8_192)).to_string())));
    }
    attacks.push(("8 KiB of dots".into(), ".".repeat(8_192)));
    attacks.push(("8 KiB of nothing".into(), "a".repeat(8_192)));
    range.refuses(&bases, &attacks).await;
}

/// Far beyond the limits no door reads to the end: the answer is a refusal by size, or the connection ends.
#[tokio::test]
async fn a_megabyte_is_refused_at_the_door() {
    let range = Range::open().await;
    let base = range.base(&range.ec);
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let huge = [
        ("a megabyte of letters", "a".repeat(1 << 20)),
        ("a megabyte of dots", ".".repeat(1 << 20)),
        (
            "a valid assertion with a megabyte of padding",
            base.sign_claim("padding", &json!(MARK.repeat(1 << 17)).to_string()),
        ),
        ("100,000 levels of claims", base.sign_claims_text(&nested)),
        ("100,000 levels of a header", base.sign_header_text(&nested)),
    ];
    for door in doors() {
        for (name, assertion) in &huge {
            let method = Method::from_bytes(door.method.as_str().as_bytes()).unwrap();
            let request = range.issuer.http.request(method, format!("{}{}", range.issuer.url, door.path));
            let request = if door.path == paths::TOKEN {
                request.form(&[
                    ("grant_type", "client_credentials"),
                    ("client_assertion_type", JWT_BEARER),
                    ("client_assertion", assertion),
                    ("resource", &range.role),
                ])
            } else {
                request.bearer_auth(assertion)
            };
            // A server that stops reading may close before the client has written all: that too is a refusal.
            let Ok(response) = request.send().await else { continue };
            let status = response.status().as_u16();
            assert!([400, 401, 413, 431].contains(&status), "{name} at {}: {status}", door.path);
            assert!(!response.text().await.unwrap_or_default().contains(MARK), "{name} at {} is repeated", door.path);
        }
    }
    let response = range.issuer.ask_token(&base.good(), &range.role).await;
    assert_eq!(response.status(), 200, "and the issuer serves on");
}
