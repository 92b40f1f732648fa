//! Making RSA keys. The `rsa` crate generates and encodes here and does nothing else: it never signs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::wire::PublicJwk;
use rand::rngs::OsRng;
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use rsa::{BigUint, RsaPrivateKey};

use super::signing_key::PrivateJwk;
use super::{KeyringError, thumbprint};

const BITS: usize = 2048;

pub(super) fn generate_rsa(created_at: i64) -> Result<PrivateJwk, KeyringError> {
    let fault = |cause: &str| KeyringError::Generation(cause.to_owned());
    let mut key = RsaPrivateKey::new(&mut OsRng, BITS).map_err(|error| KeyringError::Generation(error.to_string()))?;
    key.precompute().map_err(|error| KeyringError::Generation(error.to_string()))?;
    // RFC 7518, 6.3: big-endian, the minimum number of octets.
    let number = |value: &BigUint| URL_SAFE_NO_PAD.encode(value.to_bytes_be());
    let [p, q] = key.primes() else { return Err(fault("it does not have two primes")) };
    let (Some(dp), Some(dq)) = (key.dp(), key.dq()) else { return Err(fault("its exponents are incomplete")) };
    let qi = key.crt_coefficient().ok_or_else(|| fault("its coefficient is incomplete"))?;
    let (n, e) = (number(key.n()), number(key.e()));
    Ok(PrivateJwk {
        kty: "RSA".into(),
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
    })
}
