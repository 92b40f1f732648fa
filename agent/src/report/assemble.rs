//! Puts the report together.

use std::collections::BTreeMap;

use driftwise_contract::finding::Gap;
use driftwise_contract::report::{SCHEMA, ScanReport, Verdict};
use driftwise_contract::{AccountId, OrgId, Region, RoleArn, ScanId};

use crate::drift::{Declared, Outcome};

/// What is known of a scan beside its outcome.
#[derive(Debug, Clone)]
pub struct Scan {
    /// The scan's id.
    pub scan_id: ScanId,
    /// The org on whose behalf the account was read.
    pub org_id: OrgId,
    /// The account.
    pub account_id: AccountId,
    /// The role that was assumed.
    pub role_arn: RoleArn,
    /// The region of the Resource Explorer view.
    pub region: Region,
    /// When the scan began, RFC 3339, UTC.
    pub started_at: String,
    /// When the scan ended, RFC 3339, UTC.
    pub finished_at: String,
}

/// The report of a scan. `gaps` are those of the inventory, of IAM and of the states
/// ([`StateError::gap`](crate::state::StateError::gap)); the outcome's own come after them.
pub fn assemble(scan: Scan, declared: &Declared, outcome: Outcome, mut gaps: Vec<Gap>) -> ScanReport {
    gaps.extend(outcome.gaps);
    let mut summary = BTreeMap::new();
    for finding in &outcome.findings {
        *summary.entry(finding.kind()).or_default() += 1;
    }
    ScanReport {
        schema: SCHEMA.to_owned(),
        scan_id: scan.scan_id,
        org_id: scan.org_id,
        account_id: scan.account_id,
        role_arn: scan.role_arn,
        region: scan.region,
        started_at: scan.started_at,
        finished_at: scan.finished_at,
        verdict: Verdict::of(&outcome.findings, &gaps),
        coverage: outcome.coverage,
        states: declared.states.iter().map(crate::state::State::summary).collect(),
        summary,
        findings: outcome.findings,
        gaps,
    }
}
