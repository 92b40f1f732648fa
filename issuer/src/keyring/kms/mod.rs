//! Signing keys in AWS KMS: the private half never leaves it. What is sealed in the store is the key's ARN with its public
//! half; what goes over the wire is the digest of what is to be signed.
//!
//! The issuer needs `kms:Sign` on its keys; to make and give up keys also `kms:CreateKey`, `kms:TagResource`,
//! `kms:GetPublicKey` and `kms:ScheduleKeyDeletion`. Every key that it makes carries the tag `driftwise:issuer`.

mod client;
mod maker;
mod signer;

pub use client::{Kms, KmsSettings};
pub use maker::KmsKeyMaker;
pub(super) use signer::{KmsReference, KmsSigner};
