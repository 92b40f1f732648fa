//! The AWS stand-in: one HTTP server on a loopback port that every real AWS SDK is pointed at by `AWS_ENDPOINT_URL`.
//!
//! It answers for STS, IAM, Resource Explorer 2, Cloud Control, KMS and S3, for any number of accounts, and **refuses what AWS
//! refuses**: requests are signed with credentials that the sandbox issued, the signature is recomputed, and each call is decided
//! by the caller's identity policies, permissions boundary, session policy and service control policies, and by the policies of the
//! resource and its account. It is a stand-in and no emulator: it knows only
//! the calls that the product and its tests make.
//!
//! Words:
//! * *world* – the state behind one sandbox: its accounts, sessions, clock, faults and request log.
//! * *account* – one AWS account: IAM, the inventory of resources, buckets.
//! * *caller* – whoever signed a request ([`Caller`]).
//! * *call* – one authenticated request on its way to a service ([`Call`]).
//!
//! Invariants: no lock of the world is held across an await; tokens, secrets and signatures never reach the request log, an
//! error message or `Debug`.
//!
//! To add a service: name it in [`route`], give it a module with a `handle(world, call)` that authorises first and answers
//! second, and add its line to the dispatcher in [`server`].

pub mod answer;
pub mod auth;
pub mod clients;
pub mod clock;
pub mod cloudcontrol;
pub mod error;
pub mod faults;
pub mod iam;
pub mod inventory;
pub mod kms;
pub mod log;
pub mod organization;
pub mod query;
pub mod resource_explorer;
pub mod route;
pub mod s3;
pub mod seed;
pub mod server;
pub mod sts;
pub mod world;

pub use answer::Answer;
pub use auth::Caller;
pub use clock::SandboxClock;
pub use error::AwsError;
pub use faults::{Fault, FaultRule, Faults};
pub use log::LogEntry;
pub use organization::Membership;
pub use server::{Call, Sandbox};
pub use world::{Account, World};
