//! Federation: what the issuer says of itself, who may have a token, and what stands in it.
//!
//! - [`Settings`]: issuer URL and audience, from the configuration only.
//! - [`Publications`]: discovery, JWKS and federation-info of every issuer as immutable bytes.
//! - [`issuer_of`]: the issuer and the keys of an account's tokens: shared, or the org's own.
//! - [`assertion`]: a client assertion (RFC 7523) becomes an [`AuthenticatedAgent`], or a fault.
//! - [`Authority`]: who has which key and which role, in memory; [`RecentAssertions`]: which assertions were used lately.
//! - [`prepare`]: every rule about claims; gives a [`PreparedToken`].
//! - [`CanaryOrg`]: an org that does not exist, for a token that proves that a role keeps other orgs out.
//! - [`SigningPool`]: no rule at all; gives a [`SignedToken`].
//! - [`Minter`]: from a caller that proved who it is to a token whose audit row is durable.

pub mod assertion;
mod authority;
mod canary;
mod documents;
mod issuer;
mod mint;
mod prepare;
mod publications;
mod recent;
mod sign;

use driftwise_contract::wire::paths;
use driftwise_contract::{Audience, IssuerUrl};

pub use assertion::{AssertionFault, AuthenticatedAgent};
pub use authority::{Authority, Found, KnownAgent};
pub use canary::CanaryOrg;
pub use documents::{Document, Documents, JWKS_MAX_AGE_S};
pub use issuer::{IssuerOf, issuer_of, key_set_of, org_path};
pub use mint::{Minted, Minter, Minting, SpeaksFor};
pub use prepare::{PreparedToken, prepare, prepare_canary};
pub use publications::{OrgIssuers, Publications};
pub use recent::RecentAssertions;
pub use sign::{SignedToken, SigningPool, worker_threads};

/// What every token and document is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The issuer URL.
    pub issuer: IssuerUrl,
    /// The `aud` of tokens.
    pub audience: Audience,
}

impl Settings {
    /// The token endpoint's address. An org's own issuer has none: agents authenticate at the shared issuer.
    pub fn token_endpoint(&self) -> String {
        self.issuer.join(paths::TOKEN)
    }
}
