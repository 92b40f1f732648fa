//! What strangers send, given to the code that reads it first. A target takes any bytes and panics where something is wrong:
//! the reading itself, or what came out of it. libFuzzer calls the targets (`fuzz/targets/`), and the issuer's tests do, on
//! bytes that proptest makes (`issuer/tests/issuer/fuzz.rs`).
//!
//! To add a target: a module with a function `check(&[u8])` that says what must hold whatever it was given, seeds in
//! `fuzz/seeds/<name>/`, a binary in `fuzz/targets/`, a test.

#[cfg(feature = "issuer")]
pub mod assertion;
#[cfg(feature = "issuer")]
pub mod lint;
pub mod policy;
#[cfg(feature = "issuer")]
pub mod token_request;
