//! Web identities that AWS refuses: each with its code and its message.

use serde_json::{Value, json};

use crate::{
    provider::Documents,
    stage::{ACCOUNT, ROLE, Refusal, Stage},
};

/// What a provider does wrong to its documents.
type Mistake = fn(&mut Documents);

const NO_KEY: &str = "Couldn't retrieve verification key from your identity provider,  please reference \
                      AssumeRoleWithWebIdentity documentation for requirements";

#[tokio::test]
async fn each_bad_claim_has_its_own_refusal() {
    let stage = Stage::new().await;
    let now_s = stage.now_s();
    let other_role = format!("arn:aws:iam::{ACCOUNT}:role/other");
    let table: Vec<(Value, &str, &str)> = vec![
        (json!({ "sub": null }), "InvalidIdentityToken", "Missing a required claim: sub"),
        (json!({ "exp": null }), "InvalidIdentityToken", "Missing a required claim: exp"),
        (
            json!({ "iss": "https://elsewhere.example.com" }),
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for https://elsewhere.example.com",
        ),
        (
            json!({ "iss": format!("{}/", stage.provider.issuer) }),
            "InvalidIdentityToken",
            "No OpenIDConnect provider found",
        ),
        (json!({ "aud": "another" }), "InvalidIdentityToken", "Incorrect token audience"),
        (json!({ "azp": "another" }), "InvalidIdentityToken", "Incorrect token audience"),
        (
            json!({ "aud": ["sts.amazonaws.com", "another"] }),
            "InvalidIdentityToken",
            "more than one audience while authorized party is not present",
        ),
        (json!({ "aud": [] }), "InvalidIdentityToken", "Claim is not allowed to be empty: aud"),
        (json!({ "exp": now_s - 400 }), "ExpiredTokenException", "Token expired: current date/time"),
        (json!({ "iat": now_s + 3_600 }), "InvalidIdentityToken", "Token issued in the future"),
        (json!({ "nbf": now_s + 3_600 }), "InvalidIdentityToken", "Token not yet valid"),
        (json!({ "exp": 1.5 }), "InvalidIdentityToken", "Invalid timestamp in token claims."),
        (
            json!({ "https://aws.amazon.com/roles": [other_role] }),
            "InvalidIdentityToken",
            "The target role ARN is not present in the roles claim of the identity token",
        ),
        (json!({ "https://aws.amazon.com/roles": [] }), "InvalidIdentityToken", "roles claim"),
        (
            json!({ "https://aws.amazon.com/tags": { "principal_tags": { "a": "b" } } }),
            "InvalidIdentityToken",
            "principal_tags passed in claim is not in correct format.",
        ),
        (json!({ "sub": "org-b" }), "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"),
    ];
    for (changes, code, words) in table {
        let refusal = stage.assume(&stage.token_with(&changes)).await.unwrap_err();
        assert_eq!(refusal.code, code, "{changes}: {refusal:?}");
        assert!(refusal.message.contains(words), "{changes}: {refusal:?}");
    }
}

#[tokio::test]
async fn the_roles_claim_is_read_before_the_trust_policy() {
    let stage = Stage::new().await;
    let other = format!("arn:aws:iam::{ACCOUNT}:role/other");
    let token = stage.token_with(&json!({ "sub": "org-b", "https://aws.amazon.com/roles": other }));
    assert_eq!(stage.assume(&token).await.unwrap_err().code, "InvalidIdentityToken");
}

#[tokio::test]
async fn a_token_is_refused_unless_a_published_key_made_its_signature() {
    let stage = Stage::new().await;
    let claims = stage.provider.claims(stage.now_s());
    let sign = |header: Value| stage.provider.sign("RS256", &header, &claims);
    let good = sign(json!({ "alg": "RS256", "kid": "rsa" }));
    let mut forged = good.clone();
    // Another last claim under the old signature.
    forged.replace_range(good.find('.').unwrap() + 1..good.rfind('.').unwrap(), "eyJpc3MiOiJ4In0");
    for (what, token, words) in [
        ("an unknown key id", sign(json!({ "alg": "RS256", "kid": "gone" })), NO_KEY),
        ("the key of another type", sign(json!({ "alg": "RS256", "kid": "ES256" })), NO_KEY),
        ("another algorithm", sign(json!({ "alg": "RS512", "kid": "rsa" })), "could not be validated"),
        ("no signature", sign(json!({ "alg": "none" })), "is not a valid JWT"),
        ("an HMAC", sign(json!({ "alg": "HS256", "kid": "rsa" })), "is not a valid JWT"),
        (
            "a critical header",
            sign(json!({ "alg": "RS256", "kid": "rsa", "crit": ["x"], "x": 1 })),
            "is not a valid JWT",
        ),
        ("no token at all", "opaque-access-token".to_owned(), "is not a valid JWT"),
        ("other claims", forged, "Missing a required claim"),
    ] {
        let refusal = stage.assume(&token).await.unwrap_err();
        assert_eq!(refusal.code, "InvalidIdentityToken", "{what}: {refusal:?}");
        assert!(refusal.message.contains(words), "{what}: {refusal:?}");
    }
    assert!(stage.assume(&good).await.is_ok());
}

#[tokio::test]
async fn a_provider_that_publishes_wrongly_has_no_keys() {
    let stage = Stage::new().await;
    let good: Documents = stage.provider.documents.lock().unwrap().clone();
    let token = stage.token_with(&json!({}));
    let mistakes: [(&str, Mistake); 7] = [
        ("another issuer", |documents| documents.discovery["issuer"] = json!("http://127.0.0.1:1")),
        ("no response types", |documents| {
            documents.discovery.as_object_mut().unwrap().remove("response_types_supported");
        }),
        ("no key set", |documents| documents.key_set = json!({ "keys": [] })),
        ("a key for encryption", |documents| documents.key_set["keys"][0]["use"] = json!("enc")),
        ("key_ops", |documents| documents.key_set["keys"][0]["key_ops"] = json!(["verify"])),
        ("a foreign certificate", |documents| documents.key_set["keys"][0]["x5c"] = json!(["MIIB"])),
        ("a later key of the same id", |documents| {
            let mut twin = documents.key_set["keys"][0].clone();
            twin["use"] = json!("enc");
            documents.key_set["keys"].as_array_mut().unwrap().push(twin);
        }),
    ];
    for (what, mistake) in mistakes {
        let mut documents = good.clone();
        mistake(&mut documents);
        *stage.provider.documents.lock().unwrap() = documents;
        let refusal = stage.assume(&token).await.unwrap_err();
        assert_eq!(refusal, Refusal { code: "InvalidIdentityToken".to_owned(), message: NO_KEY.to_owned() }, "{what}");
    }
    *stage.provider.documents.lock().unwrap() = good;
    assert!(stage.assume(&token).await.is_ok());
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_a_communication_error() {
    let stage = Stage::new().await;
    // Nobody listens on port 1.
    stage.provider.documents.lock().unwrap().discovery["jwks_uri"] = json!("http://127.0.0.1:1/keys");
    assert_eq!(stage.assume(&stage.token_with(&json!({}))).await.unwrap_err().code, "IDPCommunicationError");
}

#[tokio::test]
async fn roles_that_are_missing_or_elsewhere_are_refused() {
    let stage = Stage::new().await;
    let token = stage.token_with(&json!({}));
    for (role, code) in [
        (format!("arn:aws:iam::{ACCOUNT}:role/none"), "AccessDenied"),
        (format!("arn:aws:iam::{ACCOUNT}:role/path/scan"), "AccessDenied"),
        ("arn:aws:iam::999999999999:role/scan".to_owned(), "InvalidIdentityToken"),
        ("scan-role-without-an-arn".to_owned(), "ValidationError"),
    ] {
        let refusal = stage.assume_named(&role, &token).await.unwrap_err();
        assert_eq!(refusal.code, code, "{role}: {refusal:?}");
    }
}

#[tokio::test]
async fn parameters_out_of_bounds_are_refused() {
    let stage = Stage::new().await;
    let request = || {
        stage
            .sts
            .assume_role_with_web_identity()
            .role_arn(ROLE)
            .role_session_name("scan-1")
            .web_identity_token(stage.token_with(&json!({})))
    };
    let long = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:*",
        "Resource": format!("arn:aws:s3:::{}", "x".repeat(2_048)) }] });
    for (refusal, code, words) in [
        (request().duration_seconds(899).send().await, "ValidationError", "greater than or equal to 900"),
        (
            request().duration_seconds(3_601).send().await,
            "ValidationError",
            "exceeds the MaxSessionDuration set for this role",
        ),
        (request().role_session_name("a b").send().await, "ValidationError", r"[\w+=,.@-]*"),
        (request().role_session_name("a").send().await, "ValidationError", "length greater than or equal to 2"),
        (request().policy(long.to_string()).send().await, "ValidationError", "length less than or equal to 2048"),
        (request().provider_id("graph.example.com").send().await, "AccessDenied", "Not authorized"),
    ] {
        let refusal = Refusal::of(&refusal.unwrap_err());
        assert_eq!(refusal.code, code, "{refusal:?}");
        assert!(refusal.message.contains(words), "{refusal:?}");
    }
}
