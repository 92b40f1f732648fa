//! IAM grants that exist and that no state declares.

use std::collections::{HashMap, HashSet};

use driftwise_contract::finding::Finding;
use driftwise_contract::resource::{DeclaredResource, Edge, Grant, IamPrincipal, Owner, PrincipalKind};
use serde_json::Value;

use super::model::declared_ref;
use super::{Actual, Declared, LiveEdge};

/// The findings, and how many grants there are and are declared.
#[derive(Default)]
pub(super) struct Grants {
    pub(super) findings: Vec<Finding>,
    pub(super) total: u64,
    pub(super) declared: u64,
}

/// Compares the union of all states with the live grants: managed policies, inline policies, group memberships. Others
/// are attributes of what holds them.
pub(super) fn undeclared(declared: &Declared, actual: &Actual) -> Grants {
    let mut grants = Grants::default();
    let Some(live) = &actual.edges else { return grants };
    let of_account = |account: &Option<_>| account.as_ref().is_none_or(|account| *account == actual.account_id);
    let edges = declared.states.iter().flat_map(|state| &state.edges);
    let declared_edges: HashSet<&Edge> =
        edges.filter(|edge| of_account(&edge.account_id)).map(|edge| &edge.edge).collect();
    let principals = declared_principals(declared, actual);
    let mut seen: HashSet<(&str, &Grant)> = HashSet::new();
    for edge in live.iter().filter(|edge| is_grant(&edge.edge.grant)) {
        if !seen.insert((edge.principal_arn.as_str(), &edge.edge.grant)) {
            continue;
        }
        grants.total += 1;
        if declared_edges.contains(&edge.edge) {
            grants.declared += 1;
        } else if edge.owner == Owner::Unknown && !is_aws_principal(edge) {
            grants.findings.push(Finding::UndeclaredGrant {
                account_id: actual.account_id.clone(),
                principal_arn: edge.principal_arn.clone(),
                edge: edge.edge.clone(),
                principal_declared: principals.get(&edge.edge.principal).map(|declared| declared_ref(declared)),
                owner: edge.owner.clone(),
            });
        }
    }
    grants
}

fn is_grant(grant: &Grant) -> bool {
    matches!(grant, Grant::ManagedPolicy { .. } | Grant::InlinePolicy { .. } | Grant::Member { .. })
}

/// Service-linked roles and IAM Identity Center's own: AWS attaches to them what it likes.
fn is_aws_principal(edge: &LiveEdge) -> bool {
    let resource = edge.principal_arn.resource();
    resource.contains("/aws-service-role/") || resource.contains("/aws-reserved/")
}

fn declared_principals<'a>(declared: &'a Declared, actual: &Actual) -> HashMap<IamPrincipal, &'a DeclaredResource> {
    let mut principals = HashMap::new();
    for (_, resource) in declared.resources() {
        if resource.account_id.as_ref().is_some_and(|account| *account != actual.account_id) {
            continue;
        }
        let (kind, name) = match resource.terraform_type.as_str() {
            "aws_iam_role" | "aws_iam_service_linked_role" => (PrincipalKind::Role, "name"),
            "aws_iam_user" => (PrincipalKind::User, "name"),
            "aws_iam_group" => (PrincipalKind::Group, "name"),
            "awscc_iam_role" => (PrincipalKind::Role, "role_name"),
            "awscc_iam_user" => (PrincipalKind::User, "user_name"),
            "awscc_iam_group" => (PrincipalKind::Group, "group_name"),
            _ => continue,
        };
        let name = resource.attributes.get(name).and_then(Value::as_str).or(resource.id.as_deref());
        if let Some(name) = name {
            principals.entry(IamPrincipal { kind, name: name.to_owned() }).or_insert(resource);
        }
    }
    principals
}
