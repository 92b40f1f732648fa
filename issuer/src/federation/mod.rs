//! Federation: what the issuer says of itself, who may have a token, and what stands in it.
//!
//! - [`Settings`]: issuer URL and audience, from the configuration only.
//! - [`Documents`]: discovery, JWKS and federation-info as immutable bytes.
//! - [`assertion`]: a client assertion (RFC 7523) becomes an [`AuthenticatedAgent`], or a fault.
//! - [`prepare`]: every rule about claims; gives a [`PreparedToken`].
//! - [`sign`]: no rule at all; gives a [`SignedToken`].

pub mod assertion;
mod documents;
mod prepare;
mod sign;

use driftwise_contract::wire::paths;
use driftwise_contract::{Audience, IssuerUrl};

pub use assertion::{AssertionFault, AuthenticatedAgent};
pub use documents::{Document, Documents, federation_info};
pub use prepare::{PreparedToken, prepare};
pub use sign::{SignedToken, sign};

/// What every token and document is made with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The issuer URL.
    pub issuer: IssuerUrl,
    /// The `aud` of tokens.
    pub audience: Audience,
}

impl Settings {
    /// The token endpoint's address.
    pub fn token_endpoint(&self) -> String {
        self.issuer.join(paths::TOKEN)
    }
}
