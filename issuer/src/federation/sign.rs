//! Signing: prepared claims become a compact JWS (RFC 7515). There is no rule here about what is signed, only about when: an
//! RSA signature takes a quarter of a millisecond of a core, so as many are made at once as there are cores, and who finds too
//! many waiting is sent away. A signature is made on the thread that serves its request: another one would cost two wake-ups,
//! a tenth of an RSA signature. There is one such thread more than cores ([`worker_threads`]), so that whatever waits to be
//! signed, one is free to serve keys and pages.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde::Serialize;
use tokio::sync::Semaphore;

use super::PreparedToken;
use crate::Error;
use crate::keyring::{KeyringError, Signer};

/// How many tokens may be signed or wait for it, per core: about a quarter of a second of RSA.
const PLACES_PER_CORE: usize = 512;

/// How many threads a runtime needs to serve tokens on that many cores: one more than may sign at once.
pub fn worker_threads(cores: usize) -> usize {
    cores.max(1) + 1
}

/// A signed token. Its Debug shows nothing.
#[derive(Debug)]
pub struct SignedToken(SecretString);

impl SignedToken {
    /// The token, to be handed to the one who asked for it.
    pub fn into_secret(self) -> SecretString {
        self.0
    }
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

/// Where tokens are signed, and how many at a time.
#[derive(Debug)]
pub struct SigningPool {
    places: Semaphore,
    turns: Semaphore,
}

impl SigningPool {
    /// A pool for that many cores.
    pub fn new(cores: usize) -> Self {
        let cores = cores.max(1);
        Self { places: Semaphore::new(cores * PLACES_PER_CORE), turns: Semaphore::new(cores) }
    }

    /// Signs a prepared token. [`Error::Busy`], at once, when too many wait.
    pub async fn sign(&self, token: &PreparedToken, signer: &Arc<dyn Signer>) -> Result<SignedToken, Error> {
        let _place = self.places.try_acquire().map_err(|_| Error::Busy)?;
        let mut text = signing_input(token, &**signer)?;
        let _turn = if signer.occupies_a_core() {
            // The semaphore is never closed.
            Some(self.turns.acquire().await.map_err(|_| Error::Busy)?)
        } else {
            None
        };
        let signature = signer.sign(text.as_bytes()).await?;
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut text);
        Ok(SignedToken(text.into()))
    }
}

/// Header and claims, as they are signed (RFC 7515, section 5.1).
fn signing_input(token: &PreparedToken, signer: &dyn Signer) -> Result<String, KeyringError> {
    let header = Header { alg: signer.algorithm(), typ: "JWT", kid: signer.kid().as_str() };
    let fault =
        |error: serde_json::Error| KeyringError::Signing { kid: signer.kid().to_string(), cause: error.to_string() };
    let mut text = String::with_capacity(1_024);
    URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(&header).map_err(fault)?, &mut text);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(token.claims()).map_err(fault)?, &mut text);
    Ok(text)
}
