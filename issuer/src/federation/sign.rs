//! Signing: prepared claims become a compact JWS (RFC 7515). There is no rule here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde::Serialize;

use super::PreparedToken;
use crate::keyring::{KeyringError, Signer};

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

/// Signs a prepared token.
pub async fn sign(token: &PreparedToken, signer: &dyn Signer) -> Result<SignedToken, KeyringError> {
    let header = Header { alg: signer.algorithm(), typ: "JWT", kid: signer.kid().as_str() };
    let fault =
        |error: serde_json::Error| KeyringError::Signing { kid: signer.kid().to_string(), cause: error.to_string() };
    let mut text = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header).map_err(fault)?);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(token.claims()).map_err(fault)?, &mut text);
    let signature = signer.sign(text.as_bytes()).await?;
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut text);
    Ok(SignedToken(text.into()))
}
