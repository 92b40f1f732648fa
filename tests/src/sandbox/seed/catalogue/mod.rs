//! How each type looks on AWS's side and on Terraform's. One function per type; the company's files say which resources there
//! are.
//!
//! Properties are what Cloud Control really gives: identifiers and defaults that AWS assigned included, write-only ones left
//! out, sets in AWS's order rather than the author's. Attributes are those of hashicorp/aws 6; the state writer adds the rest as
//! null.

pub(super) mod compute;
pub(super) mod containers;
pub(super) mod data;
pub(super) mod edge;
pub(super) mod messaging;
pub(super) mod network;
pub(super) mod observability;
pub(super) mod security;
pub(super) mod storage;

use super::twin::Kind;

const fn kind(terraform: &'static str, cfn: &'static str, explorer: &'static str) -> Kind {
    Kind { terraform, cfn, explorer }
}

/// A part without an ARN.
const fn part(terraform: &'static str, cfn: &'static str) -> Kind {
    Kind { terraform, cfn, explorer: "" }
}
