//! What the direct reads of absent resources say: missing, existing after all, or unknown.

use std::collections::BTreeMap;

use driftwise_contract::codes::Code;
use driftwise_contract::finding::{Finding, Gap, GapScope, ResourceRef};
use driftwise_contract::resource::{EnrichmentFailure, Owner};

use super::changes::{Live, changes};
use super::model::{Whose, declared_ref};
use super::{Actual, Declared, DeclaredIdx, Existence, Join};

#[derive(Default)]
pub(super) struct Confirmed {
    pub(super) findings: Vec<Finding>,
    pub(super) gaps: Vec<Gap>,
    /// How many turned out to exist and were compared.
    pub(super) compared: u64,
}

/// Judges each absent resource by its direct read; one that was not read is unknown.
pub(super) fn confirm<'a>(
    declared: &Declared,
    actual: &Actual,
    join: &Join,
    answer: impl Fn(DeclaredIdx) -> Option<&'a Existence>,
) -> Confirmed {
    let mut confirmed = Confirmed::default();
    let mut unknown = Unknown::default();
    let ownership = declared.ownership(&actual.account_id);
    for place in &join.absent {
        let resource = declared.resource(*place);
        let cfn_type = declared.cfn_type(*place);
        match answer(*place) {
            // It may well exist in the account that it belongs to.
            Some(Existence::Absent) if ownership.whose(resource.account_id.as_ref()) == Whose::Unknown => {
                unknown.note(declared, *place, None, NO_ACCOUNT);
            }
            Some(Existence::Absent) => confirmed.findings.push(Finding::Missing { declared: declared_ref(resource) }),
            Some(Existence::Exists(properties)) => {
                confirmed.compared += 1;
                let live = Live { cfn_type, properties: Some(properties), tags: None };
                let changes = changes(resource, &live);
                // Without an ARN there is nothing that a finding could point at.
                let Some(arn) = resource.arn.clone().filter(|_| !changes.is_empty()) else { continue };
                let reference = ResourceRef {
                    account_id: actual.account_id.clone(),
                    region: resource.region.clone().unwrap_or_else(|| "global".to_owned()),
                    resource_type: resource.terraform_type.clone(),
                    cfn_type: cfn_type.map(ToOwned::to_owned),
                    owner: Owner::Unknown,
                    arn,
                };
                let declared = declared_ref(resource);
                confirmed.findings.push(Finding::Changed { resource: reference, declared, changes });
            }
            Some(Existence::Unknown { reason, detail }) => unknown.note(declared, *place, Some(*reason), detail),
            None => unknown.note(declared, *place, None, "it was not read directly"),
        }
    }
    confirmed.gaps = unknown.gaps;
    confirmed
}

const NO_ACCOUNT: &str =
    "it is not in this account, its state does not name its account, and the states are of several accounts";

/// `CloudFormation` type, region, reason, and whether it is the account that is unknown.
type UnknownKind = (Option<&'static str>, Option<String>, Option<EnrichmentFailure>, bool);

/// One gap per kind, not one per resource.
#[derive(Default)]
struct Unknown {
    gaps: Vec<Gap>,
    places: BTreeMap<UnknownKind, usize>,
}

impl Unknown {
    fn note(&mut self, declared: &Declared, place: DeclaredIdx, reason: Option<EnrichmentFailure>, detail: &str) {
        let resource = declared.resource(place);
        let cfn_type = declared.cfn_type(place);
        let key = (cfn_type, resource.region.clone(), reason, detail == NO_ACCOUNT);
        if let Some(gap) = self.places.get(&key).and_then(|index| self.gaps.get_mut(*index)) {
            gap.count += 1;
            gap.scope.resource = None;
            if gap.scope.state.as_deref() != Some(&resource.source.uri) {
                gap.scope.state = None;
            }
            return;
        }
        self.places.insert(key, self.gaps.len());
        let reason = reason.map(|reason| format!("{}: ", reason.as_str())).unwrap_or_default();
        self.gaps.push(Gap {
            code: Code::StateUnconfirmed,
            scope: GapScope {
                service: Some("cloudcontrol".to_owned()),
                region: resource.region.clone(),
                resource_type: Some(cfn_type.unwrap_or(&resource.terraform_type).to_owned()),
                resource: Some(resource.address.clone()),
                state: Some(resource.source.uri.clone()),
            },
            count: 1,
            detail: format!("{reason}{detail}"),
        });
    }
}
