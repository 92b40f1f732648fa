//! From the join and the direct reads to findings, gaps and coverage.

use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher;

use driftwise_contract::finding::Finding;
use driftwise_contract::report::Coverage;
use driftwise_contract::resource::{DeclaredStatus, Enrichment};

use super::changes::{Live, changes};
use super::join::by_stack;
use super::model::{declared_ref, resource_ref};
use super::{Actual, Declared, DeclaredIdx, Existence, Join, Outcome, absent, grants};
use crate::registry;

/// Compares. `actual` holds the properties of what was enriched; `confirmations` the answers of the direct reads of
/// [`Join::absent`].
pub fn findings<S: BuildHasher>(
    declared: &Declared,
    actual: &Actual,
    join: &Join,
    confirmations: &HashMap<DeclaredIdx, Existence, S>,
) -> Outcome {
    let mut found: Vec<Finding> = Vec::new();
    let mut compared = 0;
    for pair in &join.managed {
        let stated = declared.resource(pair.declared);
        if stated.status == DeclaredStatus::Deposed {
            continue;
        }
        let resource = &actual.resources[pair.resource];
        // The index may lack the type, or name it by another version; what the state says of it is enough.
        let cfn_type = resource.cfn_type.as_deref().or_else(|| registry::cfn_of_terraform(&stated.terraform_type));
        compared += u64::from(resource.properties.is_some());
        let live = Live { cfn_type, properties: resource.properties.as_ref(), tags: resource.tags.as_ref() };
        let changes = changes(stated, &live);
        if !changes.is_empty() {
            found.push(Finding::Changed { resource: resource_ref(resource), declared: declared_ref(stated), changes });
        }
    }
    let confirmed = absent::confirm(declared, actual, join, |place| confirmations.get(&place));
    found.extend(confirmed.findings);
    found.extend(
        join.unmanaged.iter().map(|live| Finding::Unmanaged { resource: resource_ref(&actual.resources[*live]) }),
    );
    let grants = grants::undeclared(declared, actual);
    found.extend(grants.findings);
    found.sort_by_cached_key(|finding| (finding.kind(), finding.key()));
    found.dedup_by_key(|finding| (finding.kind(), finding.key()));

    let managed: BTreeSet<usize> = join.managed.iter().map(|pair| pair.resource).collect();
    let mut coverage = Coverage {
        resources: actual.resources.len() as u64,
        managed: managed.len() as u64,
        aws_owned: join.aws_owned.len() as u64,
        cloudformation_owned: by_stack(join, actual),
        enriched: actual.resources.iter().filter(|resource| resource.enrichment == Enrichment::Enriched).count() as u64,
        declared: declared.resources().count() as u64 - join.other_accounts,
        compared: compared + confirmed.compared,
        not_comparable: join.not_comparable.clone(),
        grants: grants.total,
        grants_declared: grants.declared,
        grants_aws_owned: grants.aws_owned,
        grants_cloudformation_owned: grants.cloudformation_owned,
        grants_unconfirmed: grants.gaps.len() as u64,
        ..Coverage::default()
    };
    for resource in &actual.resources {
        *coverage.by_region.entry(resource.region.clone()).or_default() += 1;
    }
    let mut gaps = confirmed.gaps;
    gaps.extend(grants.gaps);
    Outcome { findings: found, gaps, coverage }
}
