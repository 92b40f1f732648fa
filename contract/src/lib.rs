//! What the issuer and the agent must agree on, and nothing else: parsed identifiers, token claims, IAM policy documents,
//! the normal form of a resource, findings, gaps, the scan report, proofs of roles, wire messages and error codes.
//!
//! There is no I/O here and no helper code: a thing belongs in this crate only if changing it on one side alone would
//! make one of the two programs misbehave.

pub mod claims;
pub mod codes;
pub mod finding;
pub mod ids;
pub mod policy;
pub mod proof;
pub mod report;
pub mod resource;
pub mod scope;
pub mod wire;

pub use ids::{AccountId, AgentId, Arn, Audience, IssuerUrl, Kid, OrgId, Partition, Region, RoleArn, ScanId, Subject};
pub use scope::SessionScope;
