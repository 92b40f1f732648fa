//! The driftwise issuer: an OpenID Connect provider for machines. It publishes discovery and keys, and mints short-lived
//! tokens, pinned to one role of one org, that AWS STS takes through `AssumeRoleWithWebIdentity`.
//!
//! | module | what it is about |
//! |---|---|
//! | [`app`] | one running issuer: what the handlers share, start and stop |
//! | [`config`] | the configuration file and its environment overrides |
//! | [`keyring`] | the keys that sign: generation, sealing at rest, publication |
//! | [`federation`] | discovery, JWKS, who may have a token and what stands in it |
//! | [`audit`] | the audit log: hash chains, and the writer that makes a token's row durable before the token leaves |
//! | [`publication`] | the public documents in directories and buckets, and what the public URL answers |
//! | [`accounts`] | orgs' names, AWS accounts, agents' keys and enrolment codes, as parsed values |
//! | [`secrets`] | the issuer's other secrets at rest: the pepper of the API keys |
//! | [`setup`] | documents for an org's AWS account |
//! | [`store`] | the only SQL |
//! | [`http`] | the only HTTP |
//! | `jobs` | what runs again and again: rotate, publish, sweep |
//! | [`telemetry`] | logs and metrics |
//! | [`cli`] | the command line |
//!
//! Time and configuration are passed in; nothing below [`cli`] prints.

pub mod accounts;
pub mod app;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
pub mod error;
pub mod federation;
#[doc(hidden)]
pub mod fuzz;
pub mod http;
mod jobs;
pub mod keyring;
pub mod publication;
pub mod secrets;
pub mod setup;
pub mod store;
pub mod telemetry;

pub use cli::main_with;
pub use error::Error;
