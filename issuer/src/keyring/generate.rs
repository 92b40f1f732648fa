//! Making keys. The `rsa` crate generates and encodes here and does nothing else: it never signs.

use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::wire::PublicJwk;
use rand::rngs::OsRng;
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use rsa::{BigUint, RsaPrivateKey};

use super::private_jwk::{PrivateEcJwk, PrivateJwk, PrivateRsaJwk};
use super::{KeyAlgorithm, KeyringError, jwk, thumbprint};

/// A new private key, without a certificate.
pub(super) fn generate(algorithm: KeyAlgorithm, created_at_s: i64) -> Result<PrivateJwk, KeyringError> {
    match algorithm {
        KeyAlgorithm::Rs256 => rsa(2048, created_at_s),
        KeyAlgorithm::Rs256Bits3072 => rsa(3072, created_at_s),
        KeyAlgorithm::Es256 => p256(created_at_s),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands where map_err hands errors over")]
fn fault(cause: impl ToString) -> KeyringError {
    KeyringError::Generation(cause.to_string())
}

fn rsa(bits: usize, created_at: i64) -> Result<PrivateJwk, KeyringError> {
    let mut key = RsaPrivateKey::new(&mut OsRng, bits).map_err(fault)?;
    key.precompute().map_err(fault)?;
    // RFC 7518, 6.3: big-endian, the minimum number of octets.
    let number = |value: &BigUint| URL_SAFE_NO_PAD.encode(value.to_bytes_be());
    let [p, q] = key.primes() else { return Err(fault("it does not have two primes")) };
    let (Some(dp), Some(dq)) = (key.dp(), key.dq()) else { return Err(fault("its exponents are incomplete")) };
    let qi = key.crt_coefficient().ok_or_else(|| fault("its coefficient is incomplete"))?;
    let (n, e) = (number(key.n()), number(key.e()));
    Ok(PrivateJwk::Rsa(PrivateRsaJwk {
        kid: thumbprint(&PublicJwk::Rsa { n: n.clone(), e: e.clone() }).to_string(),
        alg: "RS256".into(),
        use_: "sig".into(),
        created_at,
        d: number(key.d()),
        p: number(p),
        q: number(q),
        dp: number(dp),
        dq: number(dq),
        qi: number(&qi),
        n,
        e,
        x5c: None,
    }))
}

fn p256(created_at: i64) -> Result<PrivateJwk, KeyringError> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(fault)?;
    let d = pair.private_key().as_be_bytes().map_err(fault)?;
    let public = jwk::p256_from_point(pair.public_key().as_ref());
    let kid = public.as_ref().map(thumbprint);
    let (Some(PublicJwk::Ec { crv, x, y }), Some(kid)) = (public, kid) else {
        return Err(fault("its point is not uncompressed"));
    };
    Ok(PrivateJwk::Ec(PrivateEcJwk {
        kid: kid.to_string(),
        alg: "ES256".into(),
        use_: "sig".into(),
        created_at,
        crv,
        x,
        y,
        // RFC 7518, 6.2.2.1: as many octets as the order of the curve has.
        d: URL_SAFE_NO_PAD.encode(d.as_ref()),
        x5c: None,
    }))
}
