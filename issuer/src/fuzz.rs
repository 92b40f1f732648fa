//! The way in for the fuzz targets (`fuzz/`) to what reads strangers' bytes and is otherwise private. No interface of this
//! crate: it changes with what it shows.

use driftwise_contract::{RoleArn, SessionScope};

/// What a token request asks for, as far as it can be told without knowing the caller.
#[derive(Debug)]
pub struct TokenForm {
    /// The client assertion.
    pub assertion: String,
    /// `resource`.
    pub role: RoleArn,
    /// `scope`.
    pub session: SessionScope,
}

/// Reads the form of a token request, or gives the refusal's description.
pub fn token_form(body: &[u8]) -> Result<TokenForm, String> {
    crate::http::read_token_form(body).map(|(assertion, role, session)| TokenForm { assertion, role, session })
}
