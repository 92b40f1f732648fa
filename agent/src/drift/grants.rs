//! IAM grants that exist and that no state declares.

use std::collections::{HashMap, HashSet};

use driftwise_contract::codes::Code;
use driftwise_contract::finding::{Finding, Gap, GapScope};
use driftwise_contract::resource::{DeclaredEdge, DeclaredResource, Edge, Grant, IamPrincipal, Owner, PrincipalKind};
use serde_json::Value;

use super::model::{Whose, declared_ref};
use super::{Actual, Declared, LiveEdge};

/// The findings, the gaps, and how many grants there are.
#[derive(Default)]
pub(super) struct Grants {
    pub(super) findings: Vec<Finding>,
    pub(super) gaps: Vec<Gap>,
    pub(super) total: u64,
    pub(super) declared: u64,
    pub(super) aws_owned: u64,
    pub(super) cloudformation_owned: u64,
}

/// Compares the union of all states with the live grants: managed policies, inline policies, group memberships. Others
/// are attributes of what holds them.
pub(super) fn undeclared(declared: &Declared, actual: &Actual) -> Grants {
    let mut grants = Grants::default();
    let Some(live) = &actual.edges else { return grants };
    let stated = Stated::new(declared, actual);
    let mut seen: HashSet<(&str, &Grant)> = HashSet::new();
    for edge in live.iter().filter(|edge| is_grant(&edge.edge.grant)) {
        if !seen.insert((edge.principal_arn.as_str(), &edge.edge.grant)) {
            continue;
        }
        grants.total += 1;
        if stated.ours.contains(&edge.edge) {
            grants.declared += 1;
        } else if is_aws_principal(edge) {
            grants.aws_owned += 1;
        } else if matches!(edge.owner, Owner::CloudFormation { .. }) {
            grants.cloudformation_owned += 1;
        } else if let Some(unknown) = stated.unknown.get(&edge.edge) {
            grants.gaps.push(unconfirmed(edge, unknown));
        } else {
            grants.findings.push(Finding::UndeclaredGrant {
                account_id: actual.account_id.clone(),
                principal_arn: edge.principal_arn.clone(),
                edge: edge.edge.clone(),
                principal_declared: stated.principals.get(&edge.edge.principal).map(|declared| declared_ref(declared)),
                observed_in: stated.observed.get(&edge.edge).map(|declared| declared_ref(declared)),
                owner: edge.owner.clone(),
            });
        }
    }
    grants.gaps.sort_by(|a, b| a.detail.cmp(&b.detail));
    grants
}

/// What the states say of grants.
struct Stated<'a> {
    /// Declared for this account.
    ours: HashSet<&'a Edge>,
    /// Declared for an account that can't be told.
    unknown: HashMap<&'a Edge, &'a DeclaredEdge>,
    /// Merely seen at a refresh, with the principal that shows it.
    observed: HashMap<&'a Edge, &'a DeclaredResource>,
    principals: HashMap<IamPrincipal, &'a DeclaredResource>,
}

impl<'a> Stated<'a> {
    fn new(declared: &'a Declared, actual: &Actual) -> Self {
        let ownership = declared.ownership(&actual.account_id);
        let mut stated = Self {
            ours: HashSet::new(),
            unknown: HashMap::new(),
            observed: HashMap::new(),
            principals: HashMap::new(),
        };
        for edge in declared.states.iter().flat_map(|state| &state.edges) {
            match ownership.whose(edge.account_id.as_ref()) {
                Whose::Ours => _ = stated.ours.insert(&edge.edge),
                Whose::Unknown => _ = stated.unknown.entry(&edge.edge).or_insert(edge),
                Whose::Others => {}
            }
        }
        for state in &declared.states {
            let mine = |account| ownership.whose(account) == Whose::Ours;
            let resources = state.resources.iter().filter(|resource| mine(resource.account_id.as_ref()));
            let by_address: HashMap<&str, &DeclaredResource> =
                resources.map(|resource| (resource.address.as_str(), resource)).collect();
            for edge in state.observed_edges.iter().filter(|edge| mine(edge.account_id.as_ref())) {
                if let Some(resource) = by_address.get(edge.address.as_str()) {
                    stated.observed.entry(&edge.edge).or_insert(resource);
                }
            }
        }
        for (_, resource) in declared.resources() {
            if ownership.whose(resource.account_id.as_ref()) == Whose::Ours
                && let Some(principal) = principal_of(resource)
            {
                stated.principals.entry(principal).or_insert(resource);
            }
        }
        stated
    }
}

fn unconfirmed(edge: &LiveEdge, declared: &DeclaredEdge) -> Gap {
    let grant = match &edge.edge.grant {
        Grant::ManagedPolicy { policy_arn } => format!("managed policy {policy_arn}"),
        Grant::InlinePolicy { policy_name } => format!("inline policy {policy_name}"),
        Grant::Member { group } => format!("membership of group {group}"),
        Grant::InstanceProfile { profile } => format!("instance profile {profile}"),
        Grant::Boundary { policy_arn } => format!("permissions boundary {policy_arn}"),
        Grant::AccessKey { key_id } => format!("access key {key_id}"),
    };
    Gap {
        code: Code::StateUnconfirmed,
        scope: GapScope {
            service: Some("iam".to_owned()),
            resource: Some(edge.principal_arn.to_string()),
            state: Some(declared.source.uri.clone()),
            ..GapScope::default()
        },
        count: 1,
        detail: format!(
            "{grant} of {}: only {} declares it, whose state does not name its account, and the states are of several accounts",
            edge.principal_arn, declared.address
        ),
    }
}

fn is_grant(grant: &Grant) -> bool {
    matches!(grant, Grant::ManagedPolicy { .. } | Grant::InlinePolicy { .. } | Grant::Member { .. })
}

/// What AWS made, service-linked roles and IAM Identity Center's own: AWS attaches to them what it likes.
fn is_aws_principal(edge: &LiveEdge) -> bool {
    let resource = edge.principal_arn.resource();
    matches!(edge.owner, Owner::Aws { .. })
        || resource.contains("/aws-service-role/")
        || resource.contains("/aws-reserved/")
}

fn principal_of(resource: &DeclaredResource) -> Option<IamPrincipal> {
    let (kind, name) = match resource.terraform_type.as_str() {
        "aws_iam_role" | "aws_iam_service_linked_role" => (PrincipalKind::Role, "name"),
        "aws_iam_user" => (PrincipalKind::User, "name"),
        "aws_iam_group" => (PrincipalKind::Group, "name"),
        "awscc_iam_role" => (PrincipalKind::Role, "role_name"),
        "awscc_iam_user" => (PrincipalKind::User, "user_name"),
        "awscc_iam_group" => (PrincipalKind::Group, "group_name"),
        _ => return None,
    };
    let name = resource.attributes.get(name).and_then(Value::as_str).or(resource.id.as_deref())?;
    Some(IamPrincipal { kind, name: name.to_owned() })
}
