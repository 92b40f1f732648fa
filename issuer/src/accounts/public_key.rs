//! The public keys that agents register. A [`PublicKey`] was checked: RSA of 2,048 to 4,096 bits with a sane exponent, or
//! a point on P-256, each spelled in the one way that base64url and RFC 7518 allow, so that its thumbprint is unique.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::Kid;
use driftwise_contract::wire::PublicJwk;

use crate::Error;
use crate::keyring::thumbprint;

/// A checked public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    jwk: PublicJwk,
    kid: Kid,
}

/// A public key made ready to verify: parsed once, used for many signatures.
pub struct VerificationKey {
    algorithm: KeyAlgorithm,
    key: ParsedPublicKey,
}

/// The one signature algorithm that a key is used with. A key never verifies another: that is what stops a public RSA
/// key from being taken for an HMAC secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl PublicKey {
    /// Checks a key.
    pub fn new(jwk: PublicJwk) -> Result<Self, Error> {
        parse(&jwk)?;
        let kid = thumbprint(&jwk);
        Ok(Self { jwk, kid })
    }

    /// The key made ready to verify.
    pub fn prepare(&self) -> Result<VerificationKey, Error> {
        Ok(VerificationKey { algorithm: self.algorithm(), key: parse(&self.jwk)? })
    }

    /// The key as JWK.
    pub fn jwk(&self) -> &PublicJwk {
        &self.jwk
    }

    /// Its RFC 7638 thumbprint.
    pub fn kid(&self) -> &Kid {
        &self.kid
    }

    /// The algorithm that it is used with.
    pub fn algorithm(&self) -> KeyAlgorithm {
        match self.jwk {
            PublicJwk::Rsa { .. } => KeyAlgorithm::Rs256,
            PublicJwk::Ec { .. } => KeyAlgorithm::Es256,
        }
    }
}

impl VerificationKey {
    /// The algorithm that it is used with.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// Whether the signature of the message is this key's, in JWS form (RFC 7518, sections 3.3 and 3.4: for P-256 the 64
    /// bytes of r and s).
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        // Counted by the test that refusals cost the same work, whoever is unknown.
        tracing::trace!("checked a signature");
        self.key.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

fn parse(jwk: &PublicJwk) -> Result<ParsedPublicKey, Error> {
    match jwk {
        PublicJwk::Rsa { n, e } => parse_rsa(n, e),
        PublicJwk::Ec { crv, x, y } => parse_p256(crv, x, y),
    }
}

fn refused(cause: impl Into<String>) -> Error {
    Error::PublicKeyInvalid(cause.into())
}

fn decode(member: &str, text: &str) -> Result<Vec<u8>, Error> {
    // The engine is strict: no padding, no stray bits in the last character.
    URL_SAFE_NO_PAD.decode(text).map_err(|_| refused(format!("its {member} is not base64url without padding")))
}

fn parse_rsa(n: &str, e: &str) -> Result<ParsedPublicKey, Error> {
    if n.len() > 700 || e.len() > 12 {
        return Err(refused("an RSA key has 2,048 to 4,096 bits"));
    }
    let (modulus, exponent) = (decode("n", n)?, decode("e", e)?);
    // RFC 7518, 6.3.1.1: the minimum number of octets, so no leading zero.
    if modulus.first().is_none_or(|byte| *byte == 0) || exponent.first().is_none_or(|byte| *byte == 0) {
        return Err(refused("n and e are written without leading zeros (RFC 7518)"));
    }
    let bits = modulus.len() * 8 - modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
    if !(2048..=4096).contains(&bits) {
        return Err(refused(format!("an RSA key has 2,048 to 4,096 bits, this one has {bits}")));
    }
    if modulus.last().is_some_and(|byte| byte % 2 == 0) {
        return Err(refused("its modulus is even"));
    }
    let exponent_value = exponent.iter().fold(0u128, |value, byte| value << 8 | u128::from(*byte));
    // NIST SP 800-56B takes odd exponents from 65,537; OpenSSL and AWS-LC take no more than 33 bits.
    if exponent_value < 65_537 || exponent_value % 2 == 0 || exponent_value >= 1 << 33 {
        return Err(refused("its exponent is not an odd number from 65,537 to 33 bits"));
    }
    RsaPublicKeyComponents { n: modulus, e: exponent }
        .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
        .map_err(|_| refused("n and e are no RSA key"))
}

fn parse_p256(crv: &str, x: &str, y: &str) -> Result<ParsedPublicKey, Error> {
    if crv != "P-256" {
        return Err(refused(format!("curve {crv:.20}: only P-256 is taken")));
    }
    // RFC 7518, 6.2.1.2: always the full size of a coordinate.
    let mut point = vec![4u8];
    for (member, text) in [("x", x), ("y", y)] {
        let coordinate = if text.len() == 43 { decode(member, text)? } else { Vec::new() };
        if coordinate.len() != 32 {
            return Err(refused(format!("its {member} is not 32 bytes in base64url")));
        }
        point.extend(coordinate);
    }
    ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| refused("x and y are no point on P-256"))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

    use super::*;

    fn p256() -> (String, String) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]))
    }

    fn ec(crv: &str, x: &str, y: &str) -> Result<PublicKey, Error> {
        PublicKey::new(PublicJwk::Ec { crv: crv.into(), x: x.into(), y: y.into() })
    }

    fn rsa_of(modulus: &[u8], exponent: &[u8]) -> Result<PublicKey, Error> {
        PublicKey::new(PublicJwk::Rsa { n: URL_SAFE_NO_PAD.encode(modulus), e: URL_SAFE_NO_PAD.encode(exponent) })
    }

    #[test]
    fn a_p256_key_is_taken_and_anything_near_it_is_not() {
        let (x, y) = p256();
        assert_eq!(ec("P-256", &x, &y).unwrap().algorithm(), KeyAlgorithm::Es256);
        assert!(ec("P-384", &x, &y).is_err());
        assert!(ec("P-256", &y, &x).is_err(), "a point off the curve");
        assert!(ec("P-256", &x[1..], &y).is_err());
        assert!(ec("P-256", &format!("{x}="), &y).is_err());
        assert!(ec("P-256", "", "").is_err());
        let zero = URL_SAFE_NO_PAD.encode([0u8; 32]);
        assert!(ec("P-256", &zero, &zero).is_err());
    }

    #[test]
    fn a_prepared_key_verifies_its_own_signatures_only() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let key = ec("P-256", &URL_SAFE_NO_PAD.encode(&point[1..33]), &URL_SAFE_NO_PAD.encode(&point[33..])).unwrap();
        let prepared = key.prepare().unwrap();
        let signature = pair.sign(&aws_lc_rs::rand::SystemRandom::new(), b"message").unwrap();
        assert!(prepared.verifies(b"message", signature.as_ref()));
        assert!(!prepared.verifies(b"massage", signature.as_ref()));
        assert!(!prepared.verifies(b"message", &signature.as_ref()[..63]));
        assert!(!prepared.verifies(b"message", b""));
        let (x, y) = p256();
        assert!(!ec("P-256", &x, &y).unwrap().prepare().unwrap().verifies(b"message", signature.as_ref()));
    }

    #[test]
    fn rsa_keys_of_other_sizes_and_exponents_are_refused() {
        let modulus = |bytes: usize, last: u8| {
            let mut modulus = vec![0xc5; bytes];
            modulus[bytes - 1] = last;
            modulus
        };
        let exponent = [1, 0, 1];
        assert_eq!(rsa_of(&modulus(256, 1), &exponent).unwrap().algorithm(), KeyAlgorithm::Rs256);
        assert!(rsa_of(&modulus(512, 1), &exponent).is_ok());
        for (modulus, exponent, why) in [
            (modulus(128, 1), &exponent[..], "1,024 bits"),
            (modulus(513, 1), &exponent, "more than 4,096 bits"),
            (modulus(256, 2), &exponent, "an even modulus"),
            (modulus(256, 1), &[3], "exponent 3"),
            (modulus(256, 1), &[1], "exponent 1"),
            (modulus(256, 1), &[1, 0, 2], "an even exponent"),
            (modulus(256, 1), &[0, 1, 0, 1], "a leading zero"),
            (modulus(256, 1), &[0xff; 8], "a huge exponent"),
            (modulus(256, 1), &[], "no exponent"),
            (vec![], &exponent, "no modulus"),
        ] {
            assert!(rsa_of(&modulus, exponent).is_err(), "{why}");
        }
    }
}
