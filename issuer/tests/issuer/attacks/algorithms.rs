//! The algorithm is the registered key's, never the one that the header asks for (RFC 8725, sections 2.1 and 3.1).

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use driftwise_contract::wire::PublicJwk;
use serde_json::{Value, json};

use super::{Attack, Base, MARK, Range, message, set};
use crate::harness::{TestKey, with};

#[tokio::test]
async fn no_algorithm_but_the_registered_keys_own_is_taken() {
    let range = Range::open().await;
    let bases = range.bases();
    let mut attacks: Vec<Attack> = Vec::new();
    for base in &bases {
        let own = base.key().alg();
        let other = if own == "RS256" { "ES256" } else { "RS256" };
        let names = [
            "none",
            "None",
            "NONE",
            "nOnE",
            "none ",
            " none",
            "none\\u0000",
            "n\\u0000one",
            "",
            " ",
            other,
            "HS256",
            "HS384",
            "HS512",
            "RS384",
            "RS512",
            "PS256",
            "PS384",
            "PS512",
            "ES384",
            "ES512",
            "ES256K",
            "EdDSA",
            "Ed25519",
            "Ed448",
            "RS1",
            "RSA1_5",
            "RSA-OAEP",
            "dir",
            "A256GCM",
            "A256KW",
            "ML-DSA-44",
            "rs256",
            "es256",
            "Rs256",
            "RS256 ",
            "RS256\\u0000",
            "RS256,none",
            "\\uff32\\uff33256",
            "RS\\u200b256",
            MARK,
        ];
        for name in names {
            attacks.push((format!("alg {name:?}, signed by {own}"), base.sign_header("alg", &format!("\"{name}\""))));
            let unsigned = message(&set(&base.header, "alg", &format!("\"{name}\"")), &base.claims.to_string());
            attacks.push((format!("alg {name:?} without a signature"), format!("{unsigned}.")));
        }
        for json in
            ["null", "0", "256", "true", "[]", "{}", "[\"RS256\"]", "[\"ES256\"]", "[\"none\"]", "{\"alg\":\"RS256\"}"]
        {
            attacks.push((format!("alg {json}"), base.sign_header("alg", json)));
        }
        attacks.push(("no alg".into(), base.key().sign(&with(&base.header, json!({"alg": null})), &base.claims)));
        attacks.push(("an empty header".into(), base.sign_header_text("{}")));
    }
    range.refuses(&bases, &attacks).await;
}

/// Everything public about a key that could be taken for an HMAC secret.
fn secrets(key: &TestKey) -> Vec<Vec<u8>> {
    let mut secrets = key.public_spellings();
    let der = secrets[0].clone();
    let text = STANDARD.encode(&der);
    let lines =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect::<Vec<_>>().join("\n");
    for pem in [
        format!("-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n"),
        format!("-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----"),
        format!("-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n").replace('\n', "\r\n"),
        text,
        URL_SAFE_NO_PAD.encode(&der),
        key.kid(),
        String::new(),
    ] {
        secrets.push(pem.into_bytes());
    }
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    match key.public_jwk() {
        PublicJwk::Rsa { n, e } => {
            secrets.extend([decode(&n), [decode(&n), decode(&e)].concat(), n.into_bytes()]);
        }
        PublicJwk::Ec { x, y, .. } => {
            let (plain_x, plain_y) = (decode(&x), decode(&y));
            let compressed = [&[2 + (plain_y[31] & 1)][..], &plain_x].concat();
            let point = [&plain_x[..], &plain_y].concat();
            secrets.extend([[&[4][..], &point].concat(), point, compressed, plain_x, x.into_bytes()]);
        }
    }
    if let TestKey::Rsa(pair) = key {
        // PKCS#1, the other PEM that tools write.
        let pkcs1 = pair.public_key().as_ref().to_vec();
        let text = STANDARD.encode(&pkcs1);
        secrets.push(format!("-----BEGIN RSA PUBLIC KEY-----\n{text}\n-----END RSA PUBLIC KEY-----\n").into_bytes());
        secrets.push(pkcs1);
    }
    secrets
}

fn with_tag(header: &Value, base: &Base<'_>, algorithm: hmac::Algorithm, secret: &[u8]) -> String {
    let message = message(&header.to_string(), &base.claims.to_string());
    let tag = hmac::sign(&hmac::Key::new(algorithm, secret), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

#[tokio::test]
async fn a_public_key_is_no_hmac_secret_however_it_is_spelled() {
    let range = Range::open().await;
    let bases = range.bases();
    let mut attacks: Vec<Attack> = Vec::new();
    for base in &bases {
        for (at, secret) in secrets(base.key()).iter().enumerate() {
            for (alg, algorithm) in
                [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
            {
                let header = with(&base.header, json!({"alg": alg}));
                attacks.push((format!("{alg} with public spelling {at}"), with_tag(&header, base, algorithm, secret)));
            }
            let tagged = with_tag(&base.header, base, hmac::HMAC_SHA256, secret);
            attacks.push((format!("{} over an HMAC with public spelling {at}", base.key().alg()), tagged));
        }
    }
    range.refuses(&bases, &attacks).await;
}

#[tokio::test]
async fn the_right_key_under_another_padding_hash_or_curve_does_not_sign() {
    let range = Range::open().await;
    let bases = range.bases();
    let random = SystemRandom::new();
    let [rsa, ec] = &bases;
    let TestKey::Rsa(pair) = rsa.key() else { panic!("the first base signs by RSA") };
    let mut attacks: Vec<Attack> = Vec::new();
    let encodings: [(&str, &'static dyn RsaEncoding); 3] =
        [("RS384", &RSA_PKCS1_SHA384), ("RS512", &RSA_PKCS1_SHA512), ("PS256", &RSA_PSS_SHA256)];
    for (alg, encoding) in encodings {
        for claimed in ["RS256", alg] {
            let header = with(&rsa.header, json!({"alg": claimed}));
            let message = message(&header.to_string(), &rsa.claims.to_string());
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(encoding, &random, message.as_bytes(), &mut signature).unwrap();
            let assertion = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
            attacks.push((format!("an {alg} signature that says {claimed}"), assertion));
        }
    }
    // Keys of other kinds, under the registered kid.
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let ed25519 = Ed25519KeyPair::generate().unwrap();
    for base in &bases {
        for claimed in ["ES256", "ES384", "EdDSA", base.key().alg()] {
            let message = message(&with(&base.header, json!({"alg": claimed})).to_string(), &base.claims.to_string());
            let signatures = [
                ("P-384", p384.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec()),
                ("Ed25519", ed25519.sign(message.as_bytes()).as_ref().to_vec()),
            ];
            for (kind, signature) in signatures {
                let assertion = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
                attacks.push((format!("a {kind} signature that says {claimed}"), assertion));
            }
        }
    }
    // An RSA key of a stranger whose modulus is larger.
    let large = TestKey::Rsa(std::sync::Arc::new(RsaKeyPair::generate(KeySize::Rsa3072).unwrap()));
    attacks.push(("a larger key of a stranger".into(), large.sign(&rsa.header, &rsa.claims)));
    attacks.push(("an RSA signature for the EC agent".into(), rsa.key().sign(&ec.header, &ec.claims)));
    attacks.push(("an EC signature for the RSA agent".into(), ec.key().sign(&rsa.header, &rsa.claims)));
    range.refuses(&bases, &attacks).await;
}

#[tokio::test]
async fn encrypted_nested_and_json_serialised_tokens_are_refused() {
    let range = Range::open().await;
    let bases = range.bases();
    let mut attacks: Vec<Attack> = Vec::new();
    for base in &bases {
        let good = base.good();
        let parts: Vec<&str> = good.split('.').collect();
        let [header, claims, signature] = parts[..] else { panic!("a JWT has three parts") };
        // RFC 7516: five parts. With `dir` a verifier that decrypts would need no key of ours.
        for alg in ["dir", "RSA-OAEP", "RSA1_5", "ECDH-ES", "A256KW", "PBES2-HS256+A128KW"] {
            let kid = base.key().kid();
            let jwe =
                json!({"alg": alg, "enc": "A256GCM", "kid": kid, "cty": "JWT", "p2c": 2_147_483_647, "p2s": "AAAA"});
            let jwe = URL_SAFE_NO_PAD.encode(jwe.to_string());
            attacks.push((format!("a JWE by {alg}"), format!("{jwe}.AAAA.AAAAAAAAAAAAAAAA.{claims}.{signature}")));
            attacks.push((format!("a JWE header by {alg} on a JWS"), format!("{jwe}.{claims}.{signature}")));
        }
        let cty = with(&base.header, json!({"cty": "JWT"})).to_string();
        attacks.extend([
            ("a JWT in a JWT".to_owned(), base.key().sign_text(&cty, &good)),
            ("a JWT as the only claim".to_owned(), base.sign_claims_text(&json!({"jwt": good}).to_string())),
            ("a JWT in a text".to_owned(), base.sign_claims_text(&json!(good).to_string())),
            (
                "the flattened JSON serialisation".to_owned(),
                json!({"protected": header, "payload": claims, "signature": signature}).to_string(),
            ),
            (
                "the general JSON serialisation".to_owned(),
                json!({"payload": claims, "signatures": [{"protected": header, "signature": signature}]}).to_string(),
            ),
            ("detached claims".to_owned(), format!("{header}..{signature}")),
            ("an SD-JWT".to_owned(), format!("{good}~AAAA~")),
            ("two tokens".to_owned(), format!("{good}.{good}")),
            ("two tokens, by a comma".to_owned(), format!("{good},{good}")),
        ]);
    }
    // What the issuer itself signed is not an agent's word.
    let response = range.issuer.ask_token(&range.issuer.assertion(&range.ec), &range.role).await;
    let token: Value = response.json().await.unwrap();
    attacks.push(("a federation token".into(), token["access_token"].as_str().unwrap().to_owned()));
    range.refuses(&bases, &attacks).await;
}

#[test]
fn the_spellings_are_those_of_the_key() {
    // A guard for the attacks above: the first spelling is the key's SubjectPublicKeyInfo.
    let key = TestKey::p256();
    let TestKey::P256(pair) = &key else { unreachable!() };
    assert_eq!(secrets(&key)[0], pair.public_key().as_der().unwrap().as_ref());
}
