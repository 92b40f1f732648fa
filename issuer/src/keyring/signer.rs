//! What signs: bytes in, signature out.

use std::fmt::Debug;

use driftwise_contract::Kid;
use futures::future::BoxFuture;

use super::KeyringError;

/// A key that signs. It is handed the bytes to sign and nothing else: a signer never controls claims.
pub trait Signer: Debug + Send + Sync {
    /// The published key that verifies the signatures.
    fn kid(&self) -> &Kid;

    /// The JWS algorithm (RFC 7518, section 3.1).
    fn algorithm(&self) -> &'static str;

    /// Whether a signature keeps a core busy for long, as RSA in memory does: half a millisecond. Then it is made where it
    /// does not keep other requests waiting. A key that lies in a key service says no.
    fn occupies_a_core(&self) -> bool {
        self.algorithm().starts_with("RS")
    }

    /// The signature in JWS form. A key in memory is done at the first poll; one that lies in a key service waits for it.
    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, KeyringError>>;
}
