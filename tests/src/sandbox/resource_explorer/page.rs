//! Page tokens: opaque, valid for 24 hours, and only for the request that they came from.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use crate::sandbox::AwsError;

/// "The pagination tokens expire after 24 hours."
const LIFETIME: Duration = Duration::hours(24);

#[derive(Serialize, Deserialize)]
struct Token {
    offset: usize,
    request: String,
    made_at: i64,
}

/// A token for the page that starts at `offset` of the answer to `request`.
pub(super) fn token(offset: usize, request: &[&str], now: OffsetDateTime) -> String {
    let token = Token { offset, request: fingerprint(request), made_at: now.unix_timestamp() };
    // A struct of text and numbers always serialises.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
}

/// Where the page of a token starts.
pub(super) fn offset(token: Option<&str>, request: &[&str], now: OffsetDateTime) -> Result<usize, AwsError> {
    let Some(token) = token else { return Ok(0) };
    let refusal = || AwsError::bad_request("ValidationException", "Invalid pagination token.");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| refusal())?;
    let token: Token = serde_json::from_slice(&bytes).map_err(|_| refusal())?;
    let age = Duration::seconds(now.unix_timestamp() - token.made_at);
    if token.request == fingerprint(request) && age <= LIFETIME { Ok(token.offset) } else { Err(refusal()) }
}

fn fingerprint(request: &[&str]) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(request.join("\u{0}"))[..12])
}
