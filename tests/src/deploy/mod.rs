//! Deploying what the issuer generates, into a sandbox account, by each form that people deploy with: the AWS CLI as it is, and
//! small stand-ins for CloudFormation and Terraform that evaluate the files and make the calls that those would make.
//!
//! The stand-ins know what the generated files use and refuse everything else: an unknown function, property or argument is an
//! error, so that a file that says more than the stand-in understands can't pass.

pub mod cloudformation;
mod iam;
mod live;
pub mod terraform;
mod tools;

pub use live::{LiveGrants, LivePolicy, LiveProvider, LiveRole, LiveSetup, LiveUser};
pub use tools::SetupTools;
