//! What the end-to-end tests and the demo share: the AWS stand-in that the real SDKs talk to.
//!
//! Nothing here is part of the product; it may know issuer and agent, they never know it.

pub mod demo;
pub mod deploy;
pub mod sandbox;
pub mod stage;
