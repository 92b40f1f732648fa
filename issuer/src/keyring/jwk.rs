//! Public keys as JWK: the thumbprint, and what is published.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::Kid;
use driftwise_contract::wire::PublicJwk;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// A key in the JWKS. Exactly these members: AWS refuses keys with `key_ops`, and needs `kid`, `use` and `alg` as given here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublishedJwk {
    /// Always `RSA`.
    pub kty: &'static str,
    /// The thumbprint.
    pub kid: Kid,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub use_: &'static str,
    /// Always `RS256`.
    pub alg: &'static str,
    /// The modulus.
    pub n: String,
    /// The exponent.
    pub e: String,
}

/// The JSON Web Key Set (RFC 7517, section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublishedJwks {
    /// The keys, the signing one first.
    pub keys: Vec<PublishedJwk>,
}

/// The RFC 7638 thumbprint: SHA-256 over the required members in the order of their names, without blanks.
///
/// The members must be base64url and short words, as checked keys are: they are written into JSON as they stand.
pub fn thumbprint(jwk: &PublicJwk) -> Kid {
    let canonical = match jwk {
        PublicJwk::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        PublicJwk::Ec { crv, x, y } => format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#),
    };
    let text = URL_SAFE_NO_PAD.encode(Sha256::digest(canonical));
    #[expect(
        clippy::missing_panics_doc,
        reason = "32 bytes are always 43 base64url characters, which is what a Kid is"
    )]
    text.parse().expect("43 base64url characters are a Kid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_7638() {
        // RFC 7638, section 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3okn\
                 jhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qM\
                 QvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJz\
                 KnqDKgw";
        let jwk = PublicJwk::Rsa { n: n.into(), e: "AQAB".into() };
        assert_eq!(thumbprint(&jwk).as_str(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }
}
