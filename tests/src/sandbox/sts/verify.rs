//! The signature of a web identity token.
//!
//! josekit does the checking, not the issuer's own code: a library here keeps one mistake from agreeing with itself. It knows
//! ES512 too, which STS takes.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use josekit::{
    jwk::Jwk,
    jws::{ES256, ES384, ES512, JwsVerifier, RS256, RS384, RS512},
};
use serde_json::{Map, Value};

use super::{
    provider_keys::no_key,
    token::{UnverifiedToken, invalid},
};
use crate::sandbox::AwsError;

/// The key type that an algorithm needs; `None` for one that STS does not take.
pub(super) fn key_type(algorithm: &str) -> Option<&'static str> {
    match algorithm {
        "RS256" | "RS384" | "RS512" => Some("RSA"),
        "ES256" | "ES384" | "ES512" => Some("EC"),
        _ => None,
    }
}

/// Refuses a signature that this key did not make. The token's `alg` picks the hash; the key's own `alg` does not (recorded).
pub(super) fn check(token: &UnverifiedToken<'_>, key: &Map<String, Value>) -> Result<(), AwsError> {
    let verifier = verifier(&token.algorithm, key).ok_or_else(no_key)?;
    verifier.verify(token.signed, &token.signature).map_err(|_| {
        invalid(
            "The web identity token provided could not be validated. See the AssumeRoleWithWebIdentity documentation for \
             requirements.",
        )
    })
}

fn verifier(algorithm: &str, key: &Map<String, Value>) -> Option<Box<dyn JwsVerifier>> {
    let members: &[&str] = if key_type(algorithm)? == "RSA" { &["n", "e"] } else { &["crv", "x", "y"] };
    if !certificate_agrees(key, if members.len() == 2 { &["n"] } else { &["x", "y"] }) {
        return None;
    }
    // Only the bare key goes on, so that nothing else in the JWK influences the check.
    let mut bare = Jwk::new(key_type(algorithm)?);
    for member in members {
        bare.set_parameter(member, Some(key.get(*member)?.clone())).ok()?;
    }
    Some(match algorithm {
        "RS256" => Box::new(RS256.verifier_from_jwk(&bare).ok()?),
        "RS384" => Box::new(RS384.verifier_from_jwk(&bare).ok()?),
        "RS512" => Box::new(RS512.verifier_from_jwk(&bare).ok()?),
        "ES256" => Box::new(ES256.verifier_from_jwk(&bare).ok()?),
        "ES384" => Box::new(ES384.verifier_from_jwk(&bare).ok()?),
        "ES512" => Box::new(ES512.verifier_from_jwk(&bare).ok()?),
        _ => return None,
    })
}

/// A certificate beside the key must be of the same key: its DER then holds the key's numbers verbatim.
fn certificate_agrees(key: &Map<String, Value>, numbers: &[&str]) -> bool {
    let Some(chain) = key.get("x5c") else { return true };
    let first = chain.as_array().and_then(|chain| chain.first()).and_then(Value::as_str);
    let Some(certificate) = first.and_then(|text| STANDARD.decode(text).ok()) else { return false };
    numbers.iter().all(|number| {
        let bytes = key.get(*number).and_then(Value::as_str).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        bytes.is_some_and(|bytes| {
            !bytes.is_empty() && certificate.windows(bytes.len()).any(|window| window == bytes.as_slice())
        })
    })
}
