//! A web identity token before anybody believed it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::sandbox::AwsError;

/// The longest token that STS reads.
const TOKEN_MAX: usize = 20_000;

/// A parsed JWT whose signature was not checked yet.
pub(super) struct UnverifiedToken<'a> {
    /// The `alg` of the header.
    pub(super) algorithm: String,
    /// The `kid` of the header.
    pub(super) key_id: Option<String>,
    /// The claims. Of a claim given twice the last counts, as JSON parsing leaves it.
    pub(super) claims: Map<String, Value>,
    /// The bytes that the signature covers.
    pub(super) signed: &'a [u8],
    /// The signature.
    pub(super) signature: Vec<u8>,
}

impl<'a> UnverifiedToken<'a> {
    /// Takes a token apart.
    pub(super) fn parse(token: &'a str) -> Result<Self, AwsError> {
        if !(4..=TOKEN_MAX).contains(&token.len()) {
            return Err(AwsError::validation(format!(
                "1 validation error detected: Value at 'webIdentityToken' failed to satisfy constraint: Member must have \
                 length between 4 and {TOKEN_MAX}"
            )));
        }
        Self::take_apart(token).ok_or_else(|| {
            invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
        })
    }

    fn take_apart(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header = object(header)?;
        // No extension is understood, so a critical one makes the token unreadable (RFC 7515, 4.1.11).
        if header.contains_key("crit") {
            return None;
        }
        Some(Self {
            algorithm: header.get("alg")?.as_str()?.to_owned(),
            key_id: header.get("kid").and_then(Value::as_str).map(str::to_owned),
            claims: object(claims)?,
            signed: signed.as_bytes(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }
}

fn object(segment: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment).ok()?).ok()
}

/// `InvalidIdentityToken`, status 400.
pub(super) fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::bad_request("InvalidIdentityToken", message)
}
