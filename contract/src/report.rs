//! The scan report: what `driftwise-agent scan --output json` prints. The schema is versioned; a reader refuses a version
//! that it does not know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::finding::{Finding, FindingKind, Gap};
use crate::ids::{AccountId, OrgId, Region, RoleArn, ScanId};
use crate::resource::StateRef;

/// The version of the report's schema.
pub const SCHEMA: &str = "driftwise.scan-report/1";

/// The report of one scan of one account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScanReport {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The scan's id.
    pub scan_id: ScanId,
    /// The org on whose behalf the account was read.
    pub org_id: OrgId,
    /// The account that was read.
    pub account_id: AccountId,
    /// The role that was assumed.
    pub role_arn: RoleArn,
    /// The region of the Resource Explorer view.
    pub region: Region,
    /// When the scan began, RFC 3339, UTC.
    pub started_at: String,
    /// When the scan ended, RFC 3339, UTC.
    pub finished_at: String,
    /// The verdict, which is also the exit code.
    pub verdict: Verdict,
    /// How much was seen.
    pub coverage: Coverage,
    /// The states that were read.
    pub states: Vec<StateSummary>,
    /// How many findings of each kind.
    pub summary: BTreeMap<FindingKind, u64>,
    /// The drift, ordered by kind, then by key.
    pub findings: Vec<Finding>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
}

/// What a scan concludes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything was seen, and nothing drifted: exit code 0.
    InSync,
    /// There is drift, whether or not everything was seen: exit code 1.
    Drift,
    /// No drift was seen, but not everything could be: exit code 3.
    Incomplete,
}

impl Verdict {
    /// The verdict on findings and gaps.
    pub const fn of(findings: &[Finding], gaps: &[Gap]) -> Self {
        if !findings.is_empty() {
            Self::Drift
        } else if gaps.is_empty() {
            Self::InSync
        } else {
            Self::Incomplete
        }
    }

    /// The process's exit code. 2 is left for errors.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::InSync => 0,
            Self::Drift => 1,
            Self::Incomplete => 3,
        }
    }
}

/// How much of the account and of the states a scan saw.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Live resources in the inventory.
    pub resources: u64,
    /// Of them, how many a state declares.
    pub managed: u64,
    /// Of them, how many are AWS's own and not reported as unmanaged.
    pub aws_owned: u64,
    /// Of them, how many a `CloudFormation` (or CDK) stack owns and no state declares, by stack; they are no findings.
    pub cloudformation_owned: BTreeMap<String, u64>,
    /// Of them, how many have their properties.
    pub enriched: u64,
    /// Declared resources of AWS providers.
    pub declared: u64,
    /// Of them, how many were compared attribute by attribute.
    pub compared: u64,
    /// Of them, how many have a type that the inventory can't show, by Terraform type.
    pub not_comparable: BTreeMap<String, u64>,
    /// IAM grants that exist.
    pub grants: u64,
    /// Of them, how many a state declares.
    pub grants_declared: u64,
    /// Of them, how many AWS's own principals hold and no state declares; they are no findings.
    #[serde(default)]
    pub grants_aws_owned: u64,
    /// Of them, how many principals of `CloudFormation` (or CDK) stacks hold and no state declares; they are no findings.
    #[serde(default)]
    pub grants_cloudformation_owned: u64,
    /// Of them, how many are declared for an account that can't be told; they are gaps.
    #[serde(default)]
    pub grants_unconfirmed: u64,
    /// How often Cloud Control was asked for a resource, by `CloudFormation` type; refused reads count. These are the types that
    /// a least-privilege policy is made for.
    #[serde(default)]
    pub types_asked: BTreeMap<String, u64>,
    /// Live resources by region (`global` included).
    pub by_region: BTreeMap<String, u64>,
}

/// One state that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateSummary {
    /// Which state.
    pub source: StateRef,
    /// The Terraform version that wrote it.
    pub terraform_version: String,
    /// Its serial.
    pub serial: u64,
    /// Its lineage.
    pub lineage: String,
    /// Managed objects in it.
    pub resources: u64,
    /// Objects of providers other than AWS, which a scan does not look for.
    pub skipped: u64,
}
