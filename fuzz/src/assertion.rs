//! Client assertions (RFC 7523). The first byte says what the rest is:
//!
//! - an even one: the whole text, as an attacker without a key would send it;
//! - an odd one: header and claims, parted by a NUL, which are then signed with a registered key. Mistakes in reading claims
//!   would otherwise hide behind the signature.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::wire::{ASSERTION_LIFETIME_MAX_S, CLOCK_SKEW_S, PublicJwk};
use driftwise_issuer::accounts::{PublicKey, VerificationKey};
use driftwise_issuer::config::Config;
use driftwise_issuer::federation::Settings;
use driftwise_issuer::federation::assertion::UnverifiedAssertion;
use serde_json::Value;

/// The issuer's time: 2027-01-15 08:00:00 UTC.
pub const NOW_S: i64 = 1_800_000_000;
/// Stands in seeds for the thumbprint of the registered key, which is made anew in each run.
pub const KID_PLACE: &str = "@KID@";

/// The key that is registered, with its thumbprint.
struct Registered {
    pair: EcdsaKeyPair,
    key: VerificationKey,
    kid: String,
}

static REGISTERED: LazyLock<Registered> = LazyLock::new(|| {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a P-256 key");
    let point = pair.public_key().as_ref();
    let jwk = PublicJwk::Ec {
        crv: "P-256".into(),
        x: URL_SAFE_NO_PAD.encode(&point[1..33]),
        y: URL_SAFE_NO_PAD.encode(&point[33..]),
    };
    let public = PublicKey::new(jwk).expect("a point on P-256");
    let (key, kid) = (public.prepare().expect("a usable key"), public.kid().to_string());
    Registered { pair, key, kid }
});

static SETTINGS: LazyLock<Settings> =
    LazyLock::new(|| Config::new("https://issuer.example".parse().expect("an issuer URL")).settings());

/// No text makes the issuer panic, none but a signed one is taken, and of what is taken every rule holds.
pub fn check(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    if mode.is_multiple_of(2) {
        let text = String::from_utf8_lossy(rest);
        assert!(!accepts(&text), "{text:?} was taken, and nobody signed it");
        return;
    }
    let (header, claims) = rest.split_at(rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len()));
    let header = String::from_utf8_lossy(header).replace(KID_PLACE, &REGISTERED.kid);
    let claims = claims.strip_prefix(b"\0").unwrap_or(claims);
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(&header), URL_SAFE_NO_PAD.encode(claims));
    let signature = REGISTERED.pair.sign(&SystemRandom::new(), message.as_bytes()).expect("a signature");
    let text = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()));
    if accepts(&text) {
        check_header(&serde_json::from_str(&header).expect("a header that is taken is JSON"));
        check_claims(&serde_json::from_slice(claims).expect("claims that are taken are JSON"));
    }
}

/// Whether the issuer would take it; what it says if not tells nothing of the text.
fn accepts(text: &str) -> bool {
    let verified = UnverifiedAssertion::parse(text, &SETTINGS, NOW_S).and_then(|unverified| {
        let agent = unverified.claimed_agent();
        let key = (unverified.kid().as_str() == REGISTERED.kid).then_some(&REGISTERED.key);
        let verified = unverified.verify(key)?;
        assert_eq!(verified.agent(), agent, "verifying changes nobody's name");
        Ok(verified)
    });
    if let Err(fault) = &verified {
        let told = fault.to_string();
        assert!(told.is_ascii() && told.len() < 300, "{told}");
    }
    verified.is_ok()
}

fn check_header(header: &Value) {
    assert_eq!(header["alg"], "ES256");
    assert_eq!(header["kid"], REGISTERED.kid.as_str());
    for member in ["crit", "zip", "jku", "jwk", "x5u", "x5c"] {
        assert!(header.get(member).is_none(), "{member} was passed over");
    }
}

/// The rules once more, over plain JSON values.
fn check_claims(claims: &Value) {
    assert!(claims["iss"].is_string() && claims["iss"] == claims["sub"], "{claims}");
    let is_ours = |aud: &Value| aud == SETTINGS.issuer.as_str() || aud == SETTINGS.token_endpoint().as_str();
    let aud = &claims["aud"];
    assert!(
        is_ours(aud) || aud.as_array().is_some_and(|auds| !auds.is_empty() && auds.iter().all(is_ours)),
        "{claims}"
    );
    let seconds = |claim: &str| claims[claim].as_i64().unwrap_or_else(|| panic!("{claim} in {claims}"));
    let (iat, exp) = (seconds("iat"), seconds("exp"));
    assert!(iat <= NOW_S + CLOCK_SKEW_S && exp > NOW_S - CLOCK_SKEW_S, "{claims}");
    assert!((1..=ASSERTION_LIFETIME_MAX_S).contains(&exp.saturating_sub(iat)), "{claims}");
    assert!(claims["jti"].as_str().is_some_and(|jti| (1..=128).contains(&jti.len())), "{claims}");
}
