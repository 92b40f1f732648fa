//! The keys that sign federation tokens.
//!
//! Words:
//! - *signing key*: a key pair whose `kid` is its RFC 7638 thumbprint. The private half leaves memory only *sealed*.
//! - *sealed*: encrypted as a JWE under the *master key*, with the kid and the purpose in the authenticated header, so that
//!   a file can neither be read, changed, nor renamed into another key.
//! - *signer*: bytes in, signature out. A signer never sees claims, let alone decides them.
//! - *state*: staged, active, retired, removed; what happens when is [`rotation`]'s.
//! - *catalogue*: the states in the store, and the transactions that change them ([`Catalogue`]).
//! - *snapshot*: what this process publishes and signs with at one moment ([`KeySnapshot`]).
//! - *replica*: one of several issuers over one store; what they agree on is in [`replicas`].
//!
//! Invariants: of each set one key signs, and every key that may have signed a token that is still valid is published. No issuer
//! signs with a key that another one does not publish. A key that can't be opened stops the issuer: it is never skipped and
//! never replaced, because tokens and trust hang on it.

mod algorithm;
pub mod catalogue;
mod der;
mod envelope;
mod error;
mod generate;
mod jwk;
mod kms;
mod local_signer;
mod maker;
mod master_key;
mod master_key_command;
mod permissions;
mod private_jwk;
pub mod replicas;
mod reseal;
mod ring;
pub mod rotation;
mod sealed;
mod signer;
mod signing_key;
mod snapshot;
mod store;
mod vault;
mod x5c;

pub use algorithm::{KeyAlgorithm, UnknownAlgorithm};
pub use catalogue::Catalogue;
pub use envelope::{open_secret, seal_secret};
pub use error::{KeyringError, NotReady, SealFault};
pub use jwk::{PublishedJwk, PublishedJwks, thumbprint};
pub use kms::{Kms, KmsKeyMaker, KmsSettings};
pub use maker::{KeyMaker, LocalKeyMaker};
pub use master_key::{MasterKey, MasterKeySource, MasterKeys};
pub use master_key_command::MasterKeyCommand;
pub use reseal::{Reseal, Resealed, SealedSecret, SealedSecrets};
pub use ring::{Keyring, KeysToSign, LostKeys, OpenKeys, Publisher};
pub use sealed::SealedKey;
pub use signer::Signer;
pub use signing_key::SigningKey;
pub use snapshot::{KeySet, KeySetId, KeySnapshot};
pub use store::{DatabaseKeys, KeyDirectory, KeyStore};
pub use vault::KeyVault;
