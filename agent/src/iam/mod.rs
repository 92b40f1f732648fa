//! IAM: the account's users, roles and groups as edges, one per grant.
//!
//! An edge is a principal and something it holds: a managed policy, an inline policy, a membership, an instance profile, a
//! boundary. Terraform sees only the edges it declared; the live ones come from here.

use std::collections::{BTreeMap, HashMap};

use driftwise_contract::Arn;
use driftwise_contract::codes::Code;
use driftwise_contract::finding::{Gap, GapScope};
use driftwise_contract::resource::{Edge, Grant, Resource};

use crate::aws::iam::{IamReader, PrincipalDetail};
use crate::aws::{AwsFailure, Service};
use crate::drift::LiveEdge;
use crate::fault::Fault;
use crate::inventory::ownership;

/// What IAM showed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Grants {
    /// Every grant; none when IAM could not be read in full: a half list would make declared grants look missing.
    pub edges: Option<Vec<LiveEdge>>,
    /// The tags of users and roles by ARN, `aws:*` included. The index holds none of IAM's.
    pub tags: HashMap<String, BTreeMap<String, String>>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

/// Reads all pages. IAM that can't be read is a gap, not an error: the rest of the scan does not need it.
pub async fn read(iam: &impl IamReader) -> Grants {
    let mut principals = Vec::new();
    let mut from = None;
    loop {
        match iam.page(from).await {
            Ok(page) => {
                principals.extend(page.principals);
                match page.next {
                    Some(next) => from = Some(next),
                    None => break,
                }
            }
            Err(failure) => return Grants { gaps: vec![unread(&failure)], ..Grants::default() },
        }
    }
    let mut grants = Grants { edges: Some(Vec::new()), ..Grants::default() };
    let mut unreadable = 0;
    for principal in principals {
        match edges(&principal) {
            Some(edges) => grants.edges.get_or_insert_default().extend(edges),
            None => unreadable += 1,
        }
        if !principal.tags.is_empty() {
            grants.tags.insert(principal.arn, principal.tags);
        }
    }
    if unreadable > 0 {
        let words = format!("{unreadable} principals or policies have no readable ARN");
        grants.gaps.push(Fault::new(Code::AwsServiceError, words).into_gap(scope(), unreadable));
    }
    grants
}

/// Gives the inventory's users and roles their tags, which the index does not hold, and what they tell of the owner.
pub fn complete(resources: &mut [Resource], grants: &Grants) {
    if grants.edges.is_none() {
        return;
    }
    for resource in resources.iter_mut().filter(|resource| resource.arn.service() == "iam") {
        if !matches!(resource.resource_type.as_str(), "iam:user" | "iam:role") {
            continue;
        }
        let tags = grants.tags.get(resource.arn.as_str()).cloned().unwrap_or_default();
        resource.owner = ownership::owner(&resource.arn, &tags);
        resource.tags = Some(ownership::without_reserved(tags));
    }
}

fn unread(failure: &AwsFailure) -> Gap {
    let fault = failure.fault(Code::IamDenied);
    let words = format!("IAM grants were not compared: {}", failure.words());
    Fault::new(fault.code(), words).into_gap(scope(), 0)
}

fn scope() -> GapScope {
    GapScope { service: Some(Service::Iam.as_str().to_owned()), ..GapScope::default() }
}

/// The edges of one principal; none when an ARN of it can't be read.
fn edges(detail: &PrincipalDetail) -> Option<Vec<LiveEdge>> {
    let principal_arn: Arn = detail.arn.parse().ok()?;
    let owner = ownership::owner(&principal_arn, &detail.tags);
    let mut grants = Vec::new();
    for policy in &detail.managed {
        grants.push(Grant::ManagedPolicy { policy_arn: policy.parse().ok()? });
    }
    grants.extend(detail.inline.iter().map(|name| Grant::InlinePolicy { policy_name: name.clone() }));
    grants.extend(detail.groups.iter().map(|group| Grant::Member { group: group.clone() }));
    grants.extend(detail.instance_profiles.iter().map(|name| Grant::InstanceProfile { profile: name.clone() }));
    if let Some(policy) = &detail.boundary {
        grants.push(Grant::Boundary { policy_arn: policy.parse().ok()? });
    }
    let edge = |grant| LiveEdge {
        edge: Edge { principal: detail.principal.clone(), grant },
        principal_arn: principal_arn.clone(),
        owner: owner.clone(),
    };
    Some(grants.into_iter().map(edge).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use driftwise_contract::resource::{IamPrincipal, Owner, PrincipalKind};

    use super::*;
    use crate::aws::FailureKind;
    use crate::aws::iam::AuthorizationPage;

    struct Fake(Mutex<Vec<Result<AuthorizationPage, AwsFailure>>>);

    impl IamReader for Fake {
        async fn page(&self, _from: Option<String>) -> Result<AuthorizationPage, AwsFailure> {
            self.0.lock().unwrap().remove(0)
        }
    }

    fn detail(kind: PrincipalKind, path: &str, name: &str) -> PrincipalDetail {
        PrincipalDetail {
            principal: IamPrincipal { kind, name: name.into() },
            arn: format!("arn:aws:iam::123456789012:{}{path}{name}", kind.as_str()),
            path: path.into(),
            managed: vec!["arn:aws:iam::aws:policy/ReadOnlyAccess".into()],
            inline: vec!["inline".into()],
            groups: if kind == PrincipalKind::User { vec!["admins".into()] } else { vec![] },
            instance_profiles: if kind == PrincipalKind::Role { vec!["web".into()] } else { vec![] },
            boundary: Some("arn:aws:iam::123456789012:policy/limit".into()),
            tags: BTreeMap::new(),
        }
    }

    #[tokio::test]
    async fn every_grant_of_every_page_becomes_an_edge_with_its_principals_owner() {
        let mut owned = detail(PrincipalKind::Role, "/", "from-stack");
        owned.tags = [("aws:cloudformation:stack-name".to_owned(), "s".to_owned())].into();
        let fake = Fake(Mutex::new(vec![
            Ok(AuthorizationPage {
                principals: vec![detail(PrincipalKind::User, "/team/", "x")],
                next: Some("m".into()),
            }),
            Ok(AuthorizationPage { principals: vec![], next: Some("n".into()) }),
            Ok(AuthorizationPage { principals: vec![detail(PrincipalKind::Role, "/", "x"), owned], next: None }),
        ]));
        let grants = read(&fake).await;
        let edges = grants.edges.unwrap();
        assert_eq!(edges.len(), 12);
        assert_eq!(edges[0].principal_arn.as_str(), "arn:aws:iam::123456789012:user/team/x");
        assert_eq!(edges[0].owner, Owner::Unknown);
        assert_eq!(edges[11].owner, Owner::CloudFormation { stack: "s".into() });
        assert!(edges.iter().any(|edge| edge.edge.grant == Grant::Member { group: "admins".into() }));
        assert!(edges.iter().any(|edge| edge.edge.grant == Grant::InstanceProfile { profile: "web".into() }));
    }

    #[tokio::test]
    async fn iam_that_can_not_be_read_to_the_end_gives_no_edges_and_a_gap() {
        let failure = AwsFailure {
            service: Service::Iam,
            operation: "GetAccountAuthorizationDetails",
            kind: FailureKind::Denied,
            aws_code: "AccessDenied".into(),
            message: "no".into(),
        };
        let first =
            AuthorizationPage { principals: vec![detail(PrincipalKind::User, "/", "x")], next: Some("m".into()) };
        let grants = read(&Fake(Mutex::new(vec![Ok(first), Err(failure)]))).await;
        assert_eq!(grants.edges, None);
        assert_eq!(grants.gaps.iter().map(|gap| gap.code).collect::<Vec<_>>(), [Code::IamDenied]);
    }
}
