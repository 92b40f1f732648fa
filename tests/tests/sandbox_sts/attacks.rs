//! Forged web identities: only a signature by a published key of the provider is believed, whatever the token says of itself.
//! What AWS says to a wrong claim is in [`super::refusals`].

use std::io::ErrorKind;
use std::net::TcpListener;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jws::{ES256, HS256, JwsSigner, RS256};
use serde_json::{Value, json};

use crate::stage::Stage;

fn message(header: &Value, claims: &Value) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn sign(signer: &dyn JwsSigner, header: &Value, claims: &Value) -> String {
    let message = message(header, claims);
    let signature = signer.sign(message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Asserts that STS refuses each token as no identity, and that the good one is taken.
async fn refuses(stage: &Stage, attacks: &[(String, String)]) {
    assert!(!attacks.is_empty());
    for (name, token) in attacks {
        let refusal = stage.assume(token).await.map(|_| ()).expect_err(name);
        let classes = ["InvalidIdentityToken", "ValidationError"];
        assert!(classes.contains(&refusal.code.as_str()), "{name}: {refusal:?}");
        assert!(!refusal.message.contains(token.as_str()), "{name} is repeated: {refusal:?}");
    }
    assert!(stage.assume(&stage.token_with(&json!({}))).await.is_ok());
}

#[tokio::test]
async fn no_token_is_believed_without_the_providers_signature() {
    let stage = Stage::new().await;
    let claims = stage.provider.claims(stage.now_s());
    let mut attacks = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", "", "none ", "rs256", "RS256 ", "PS256", "EdDSA", "dir", "RSA-OAEP"] {
        let header = json!({ "alg": alg, "kid": "rsa" });
        attacks.push((format!("alg {alg:?} without a signature"), format!("{}.", message(&header, &claims))));
        attacks.push((format!("alg {alg:?} with one"), stage.provider.sign("RS256", &header, &claims)));
    }
    for alg in [json!(null), json!(0), json!(["RS256"]), json!({ "alg": "RS256" })] {
        let header = json!({ "alg": alg, "kid": "rsa" });
        attacks.push((format!("alg {alg}"), stage.provider.sign("RS256", &header, &claims)));
    }
    // Each published key as an HMAC secret, by its numbers and as JSON.
    let published = stage.provider.documents.lock().unwrap().key_set["keys"].as_array().unwrap().clone();
    for key in &published {
        let numbers = ["n", "x", "y"].into_iter().filter_map(|member| key[member].as_str());
        let mut secrets: Vec<Vec<u8>> = vec![key.to_string().into_bytes()];
        for number in numbers {
            secrets.push(number.as_bytes().to_vec());
            secrets.push(URL_SAFE_NO_PAD.decode(number).unwrap());
        }
        for secret in secrets {
            let signer = HS256.signer_from_bytes(&secret).unwrap();
            for alg in ["HS256", "RS256", "ES256"] {
                let header = json!({ "alg": alg, "kid": key["kid"] });
                attacks.push((format!("{alg} over an HMAC"), sign(&signer, &header, &claims)));
            }
        }
    }
    refuses(&stage, &attacks).await;
}

#[tokio::test]
async fn keys_that_a_token_brings_along_are_neither_used_nor_fetched() {
    let stage = Stage::new().await;
    let claims = stage.provider.claims(stage.now_s());
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let address = trap.local_addr().unwrap();
    let (rsa, ec) = (Jwk::generate_rsa_key(2048).unwrap(), Jwk::generate_ec_key(EcCurve::P256).unwrap());
    let strangers: [(&str, &str, &Jwk, Box<dyn JwsSigner>); 2] = [
        ("RS256", "rsa", &rsa, Box::new(RS256.signer_from_jwk(&rsa).unwrap())),
        ("ES256", "ES256", &ec, Box::new(ES256.signer_from_jwk(&ec).unwrap())),
    ];
    let mut attacks = Vec::new();
    for (alg, published, jwk, signer) in &strangers {
        let public = Value::Object(jwk.to_public_key().unwrap().as_ref().clone());
        for kid in [json!(published), json!("theirs"), json!("../keys"), json!("' OR '1'='1"), json!(null), json!(7)] {
            let bare = json!({ "alg": alg, "kid": kid });
            attacks.push((format!("a stranger's {alg} under {kid}"), sign(&**signer, &bare, &claims)));
            for (member, offer) in [
                ("jwk", public.clone()),
                ("jku", json!(format!("http://{address}/keys"))),
                ("x5u", json!(format!("http://{address}/certificate"))),
                ("x5c", json!([STANDARD.encode(b"certificate")])),
            ] {
                let mut header = bare.clone();
                header[member] = offer;
                attacks.push((format!("{member} under {kid}"), sign(&**signer, &header, &claims)));
            }
        }
        // Nor does a claim say where the keys are.
        let mut claims = claims.clone();
        claims["jwks_uri"] = json!(format!("http://{address}/keys"));
        claims["cnf"] = json!({ "jwk": public });
        attacks
            .push(("a key in the claims".into(), sign(&**signer, &json!({ "alg": alg, "kid": published }), &claims)));
    }
    refuses(&stage, &attacks).await;
    assert_eq!(trap.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "nobody followed an address");
}

#[tokio::test]
async fn a_token_cut_anywhere_or_changed_in_any_byte_is_refused() {
    let stage = Stage::new().await;
    let claims = stage.provider.claims(stage.now_s());
    let good = stage.provider.sign("ES256", &json!({ "alg": "ES256", "kid": "ES256" }), &claims);
    let mut attacks: Vec<_> =
        (1..good.len()).map(|length| (format!("the first {length} bytes"), good[..length].to_owned())).collect();
    for (at, character) in good.char_indices() {
        let mut changed = good.clone();
        changed.replace_range(at..=at, if character == 'A' { "B" } else { "A" });
        attacks.push((format!("byte {at} changed"), changed));
    }
    // A change in the claims may also make them another provider's or another time's; the signature is checked last.
    for (name, token) in &attacks {
        assert!(stage.assume(token).await.is_err(), "{name}");
    }
    assert!(stage.assume(&good).await.is_ok());
}

#[tokio::test]
async fn signatures_in_other_forms_are_refused() {
    let stage = Stage::new().await;
    let claims = stage.provider.claims(stage.now_s());
    let mut attacks = Vec::new();
    for alg in ["ES256", "RS256"] {
        let kid = if alg == "RS256" { "rsa" } else { alg };
        let header = json!({ "alg": alg, "kid": kid });
        let good = stage.provider.sign(alg, &header, &claims);
        let (message, signature) = good.rsplit_once('.').unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let size = bytes.len();
        for (name, form) in [
            ("zeros", vec![0; size]),
            ("ones", vec![0xff; size]),
            ("nothing", Vec::new()),
            ("half", bytes[..size / 2].to_vec()),
            ("twice", [&bytes[..], &bytes].concat()),
            ("a byte before", [&[0], &bytes[..]].concat()),
            ("a byte after", [&bytes[..], &[0]].concat()),
            ("backwards", bytes.iter().rev().copied().collect()),
            ("DER", [&[0x30, 0x44, 2, 32], &bytes[..32], &[2, 32], &bytes[32..64]].concat()),
        ] {
            attacks.push((format!("{alg}: {name}"), format!("{message}.{}", URL_SAFE_NO_PAD.encode(form))));
        }
        for (name, text) in [
            ("padded", format!("{good}==")),
            ("a line break", format!("{good}\n")),
            ("a fourth part", format!("{good}.x")),
            ("two tokens", format!("{good}.{good}")),
            ("nested", stage.provider.sign(alg, &json!({ "alg": alg, "kid": kid, "cty": "JWT" }), &json!(good))),
            ("a megabyte", good.clone() + &"A".repeat(1 << 20)),
        ] {
            attacks.push((format!("{alg}: {name}"), text));
        }
    }
    refuses(&stage, &attacks).await;
}

#[tokio::test]
async fn depth_is_no_way_to_the_end_of_the_stack() {
    let stage = Stage::new().await;
    let header = json!({ "alg": "RS256", "kid": "rsa" }).to_string();
    let claims = stage.provider.claims(stage.now_s()).to_string();
    // As deep as fits into a token of 20,000 characters, and 100,000 levels, which do not.
    let mut attacks = Vec::new();
    for depth in [200, 7_000, 100_000] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let member = format!("{{\"a\":{deep},{}", &claims[1..]);
        for (header, claims) in [(&header, &deep), (&header, &member), (&deep, &claims)] {
            let (header, claims) = (URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
            attacks.push((format!("{depth} levels"), format!("{header}.{claims}.AAAA")));
        }
    }
    refuses(&stage, &attacks).await;
}
