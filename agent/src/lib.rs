//! The driftwise agent: takes stock of an AWS account and reports drift from Terraform state.
//!
//! It proves who it is with a key that never leaves its machine ([`identity`]), gets a short-lived token from the issuer
//! ([`issuer_client`]), exchanges it for a read-only session ([`credentials`]), reads the account ([`aws`], [`inventory`],
//! [`iam`]) and the states ([`state`]), compares ([`drift`]) and reports ([`report`]). [`scan`] is the thread through all
//! of it, [`cli`] the command line around it.

pub mod aws;
pub mod clock;
pub mod config;
pub mod credentials;
pub mod fault;
pub mod identity;
pub mod issuer_client;
pub mod registry;
pub mod telemetry;

use std::ffi::OsString;
use std::process::ExitCode;

/// stub
pub fn main_with(_args: Vec<OsString>) -> ExitCode { ExitCode::SUCCESS }
