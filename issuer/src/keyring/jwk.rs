//! Public keys as JWK: the thumbprint, and what is published.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use driftwise_contract::Kid;
use driftwise_contract::wire::PublicJwk;
use rsa::pkcs1::EncodeRsaPublicKey as _;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::traits::PublicKeyParts as _;
use rsa::{BigUint, RsaPublicKey};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// A key in the JWKS. Exactly these members: AWS refuses keys with `key_ops`, and needs `kid`, `use` and `alg` as given here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublishedJwk {
    /// `kty`, and `n` and `e` or `crv`, `x` and `y`.
    #[serde(flatten)]
    pub key: PublicJwk,
    /// The thumbprint.
    pub kid: Kid,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub use_: &'static str,
    /// `RS256` or `ES256`.
    pub alg: &'static str,
    /// The key's own certificate, DER in standard base64 (RFC 7517, section 4.7), where the issuer publishes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x5c: Option<[String; 1]>,
}

impl PublishedJwk {
    /// The SHA-1 of the published certificate, 40 hexadecimal digits: what an STS that enforces it calls the provider's
    /// thumbprint. None where no certificate is published.
    pub fn certificate_sha1(&self) -> Option<String> {
        let [certificate] = self.x5c.as_ref()?;
        STANDARD.decode(certificate).ok().map(|der| sha1_hex(&der))
    }
}

/// The JSON Web Key Set (RFC 7517, section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublishedJwks {
    /// The keys, the signing one first.
    pub keys: Vec<PublishedJwk>,
}

/// SHA-1 as a name for a certificate, in the way of IAM's thumbprints; nothing here trusts it.
pub(super) fn sha1_hex(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes);
    digest.as_ref().iter().fold(String::with_capacity(40), |hex, byte| hex + &format!("{byte:02x}"))
}

/// The key as X.509 writes it inside `SubjectPublicKeyInfo`: an `RSAPublicKey` (RFC 8017, A.1.1), or the uncompressed point.
pub(super) fn subject_public_key(public: &PublicJwk) -> Option<Vec<u8>> {
    let number = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    match public {
        PublicJwk::Rsa { n, e } => {
            let key =
                RsaPublicKey::new(BigUint::from_bytes_be(&number(n)?), BigUint::from_bytes_be(&number(e)?)).ok()?;
            Some(key.to_pkcs1_der().ok()?.into_vec())
        }
        PublicJwk::Ec { x, y, .. } => {
            let (x, y) = (number(x)?, number(y)?);
            (x.len() == 32 && y.len() == 32).then(|| [&[4][..], &x, &y].concat())
        }
    }
}

/// The RSA key of a `SubjectPublicKeyInfo` (RFC 5280, section 4.1), DER.
pub(super) fn rsa_from_spki(der: &[u8]) -> Option<PublicJwk> {
    let key = RsaPublicKey::from_public_key_der(der).ok()?;
    // RFC 7518, 6.3: big-endian, the minimum number of octets.
    let number = |value: &BigUint| URL_SAFE_NO_PAD.encode(value.to_bytes_be());
    Some(PublicJwk::Rsa { n: number(key.n()), e: number(key.e()) })
}

/// What stands before the point in the `SubjectPublicKeyInfo` of a P-256 key (RFC 5480): the algorithm, the curve, a bit string.
const P256_SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The P-256 key of a `SubjectPublicKeyInfo`, DER. Whether the point is on the curve is told when it is used.
pub(super) fn p256_from_spki(der: &[u8]) -> Option<PublicJwk> {
    p256_from_point(der.strip_prefix(&P256_SPKI_PREFIX)?)
}

/// The P-256 key of an uncompressed point (SEC 1, section 2.3.3).
pub(super) fn p256_from_point(point: &[u8]) -> Option<PublicJwk> {
    let [4, numbers @ ..] = point else { return None };
    let (x, y) = numbers.split_at_checked(32).filter(|(_, y)| y.len() == 32)?;
    Some(PublicJwk::Ec { crv: "P-256".into(), x: URL_SAFE_NO_PAD.encode(x), y: URL_SAFE_NO_PAD.encode(y) })
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
