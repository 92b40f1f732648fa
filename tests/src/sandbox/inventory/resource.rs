//! One resource as AWS has it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use time::OffsetDateTime;

/// The region of what has none.
pub const GLOBAL: &str = "global";

/// A resource as AWS has it.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveResource {
    /// The ARN; empty for a part that has none.
    pub arn: String,
    /// The region, or [`GLOBAL`].
    pub region: String,
    /// The type as Resource Explorer names it (`ec2:instance`); empty for a part.
    pub resource_type: String,
    /// The service as Resource Explorer names it: `ec2`.
    pub service: String,
    /// The `CloudFormation` type; `None` when the registry has none for it.
    pub cfn_type: Option<String>,
    /// Cloud Control's primary identifier, composites joined by `|`.
    pub identifier: String,
    /// What Cloud Control answers, tags included.
    pub properties: Map<String, Value>,
    /// Its tags, `aws:*` included.
    pub tags: BTreeMap<String, String>,
    /// When Resource Explorer last saw it.
    pub last_reported_at: OffsetDateTime,
    /// Whether Resource Explorer's index has it.
    pub listed: bool,
    /// Whether it exists.
    pub exists: bool,
}

impl LiveResource {
    /// The key in the inventory: the ARN, or type, region and identifier of a part.
    pub fn key(&self) -> String {
        if self.arn.is_empty() {
            format!("{}|{}|{}", self.cfn_type.as_deref().unwrap_or_default(), self.region, self.identifier)
        } else {
            self.arn.clone()
        }
    }

    /// Whether the index of Resource Explorer shows it.
    pub fn is_indexed(&self) -> bool {
        self.listed && !self.arn.is_empty()
    }

    /// Where Cloud Control finds it.
    pub(super) fn place(&self) -> Option<(String, String, String)> {
        self.cfn_type.as_ref().map(|cfn_type| (cfn_type.clone(), self.region.clone(), self.identifier.clone()))
    }
}
