//! The IAM grants that a state declares.
//!
//! To add a declaring type: an arm in [`Declarer::declare`], and a row in the table test.

use std::collections::HashMap;

use driftwise_contract::resource::{DeclaredEdge, DeclaredResource, Edge, Grant, IamPrincipal, PrincipalKind};
use driftwise_contract::{AccountId, Arn};
use serde_json::Value;

use super::State;

/// Fills the state's edges and observed edges from its resources.
pub(super) fn declare(state: &mut State) {
    let owners = principal_accounts(&state.resources);
    for resource in &state.resources {
        let mut declarer =
            Declarer { resource, owners: &owners, edges: &mut state.edges, observed: &mut state.observed_edges };
        declarer.declare();
    }
}

/// The account of each principal that the state itself declares, unless it declares the name in several.
fn principal_accounts(resources: &[DeclaredResource]) -> HashMap<IamPrincipal, Option<AccountId>> {
    let mut accounts: HashMap<IamPrincipal, Option<AccountId>> = HashMap::new();
    for resource in resources {
        let (kind, name) = match resource.terraform_type.as_str() {
            "aws_iam_role" | "aws_iam_service_linked_role" => (PrincipalKind::Role, "name"),
            "aws_iam_user" => (PrincipalKind::User, "name"),
            "aws_iam_group" => (PrincipalKind::Group, "name"),
            _ => continue,
        };
        let Some(name) = resource.attributes.get(name).and_then(Value::as_str).or(resource.id.as_deref()) else {
            continue;
        };
        let principal = IamPrincipal { kind, name: name.to_owned() };
        let account = resource.account_id.clone();
        accounts
            .entry(principal)
            .and_modify(|known| {
                if *known != account {
                    *known = None;
                }
            })
            .or_insert(account);
    }
    accounts
}

struct Declarer<'a> {
    resource: &'a DeclaredResource,
    owners: &'a HashMap<IamPrincipal, Option<AccountId>>,
    edges: &'a mut Vec<DeclaredEdge>,
    observed: &'a mut Vec<DeclaredEdge>,
}

impl<'a> Declarer<'a> {
    fn declare(&mut self) {
        use PrincipalKind::{Group, Role, User};
        match self.resource.terraform_type.as_str() {
            "aws_iam_role_policy_attachment" => self.attachment(Role, "role"),
            "aws_iam_user_policy_attachment" => self.attachment(User, "user"),
            "aws_iam_group_policy_attachment" => self.attachment(Group, "group"),
            "aws_iam_policy_attachment" | "awscc_iam_managed_policy" => self.holders("policy_arn"),
            "aws_iam_role_policy_attachments_exclusive" => self.exclusive_managed(Role, "role_name"),
            "aws_iam_user_policy_attachments_exclusive" => self.exclusive_managed(User, "user_name"),
            "aws_iam_group_policy_attachments_exclusive" => self.exclusive_managed(Group, "group_name"),
            "aws_iam_role_policies_exclusive" => self.exclusive_inline(Role, "role_name"),
            "aws_iam_user_policies_exclusive" => self.exclusive_inline(User, "user_name"),
            "aws_iam_group_policies_exclusive" => self.exclusive_inline(Group, "group_name"),
            "aws_iam_role_policy" => self.inline_policy(Role, "role", "name"),
            "aws_iam_user_policy" => self.inline_policy(User, "user", "name"),
            "aws_iam_group_policy" => self.inline_policy(Group, "group", "name"),
            "awscc_iam_role_policy" => self.inline_policy(Role, "role_name", "policy_name"),
            "awscc_iam_user_policy" => self.inline_policy(User, "user_name", "policy_name"),
            "awscc_iam_group_policy" => self.inline_policy(Group, "group_name", "policy_name"),
            "aws_iam_group_membership" => self.group_members(),
            "aws_iam_user_group_membership" => self.user_groups("user"),
            "aws_iam_instance_profile" => self.instance_profile("name"),
            "awscc_iam_instance_profile" => self.instance_profile("instance_profile_name"),
            "aws_iam_access_key" => {
                if let (Some(user), Some(key_id)) = (self.text("user"), self.resource.id.clone()) {
                    self.edge(principal(User, user), Grant::AccessKey { key_id });
                }
            }
            "aws_iam_role" => {
                self.boundary(Role, "name");
                self.observed_of_role();
            }
            "aws_iam_user" => self.boundary(User, "name"),
            "awscc_iam_role" => self.whole_principal(Role, "role_name"),
            "awscc_iam_user" => {
                self.whole_principal(User, "user_name");
                self.user_groups("user_name");
            }
            "awscc_iam_group" => self.whole_principal(Group, "group_name"),
            _ => {}
        }
    }

    fn attachment(&mut self, kind: PrincipalKind, attribute: &str) {
        if let (Some(name), Some(policy_arn)) = (self.text(attribute), self.arn("policy_arn")) {
            self.edge(principal(kind, name), Grant::ManagedPolicy { policy_arn });
        }
    }

    /// One policy, many principals.
    fn holders(&mut self, attribute: &str) {
        let Some(policy_arn) = self.arn(attribute) else { return };
        let lists = [("users", PrincipalKind::User), ("roles", PrincipalKind::Role), ("groups", PrincipalKind::Group)];
        for (list, kind) in lists {
            for name in self.texts(list) {
                self.edge(principal(kind, name), Grant::ManagedPolicy { policy_arn: policy_arn.clone() });
            }
        }
    }

    fn exclusive_managed(&mut self, kind: PrincipalKind, attribute: &str) {
        let Some(name) = self.text(attribute) else { return };
        let principal = principal(kind, name);
        for policy_arn in self.texts("policy_arns").into_iter().filter_map(|arn| arn.parse().ok()) {
            self.edge(principal.clone(), Grant::ManagedPolicy { policy_arn });
        }
    }

    fn exclusive_inline(&mut self, kind: PrincipalKind, attribute: &str) {
        let Some(name) = self.text(attribute) else { return };
        let principal = principal(kind, name);
        for policy_name in self.texts("policy_names") {
            self.edge(principal.clone(), Grant::InlinePolicy { policy_name: policy_name.to_owned() });
        }
    }

    /// The principal's and the policy's name; the `id` is `principal:policy` where an attribute is lacking.
    fn inline_policy(&mut self, kind: PrincipalKind, holder: &str, name: &str) {
        let by_id = self.resource.id.as_deref().and_then(|id| id.split_once(':'));
        let holder = self.text(holder).or(by_id.map(|(holder, _)| holder));
        let policy = self.text(name).or(by_id.map(|(_, policy)| policy));
        if let (Some(holder), Some(policy_name)) = (holder, policy) {
            self.edge(principal(kind, holder), Grant::InlinePolicy { policy_name: policy_name.to_owned() });
        }
    }

    fn group_members(&mut self) {
        let Some(group) = self.text("group") else { return };
        for user in self.texts("users") {
            self.edge(principal(PrincipalKind::User, user), Grant::Member { group: group.to_owned() });
        }
    }

    fn user_groups(&mut self, user: &str) {
        let Some(user) = self.text(user) else { return };
        for group in self.texts("groups") {
            self.edge(principal(PrincipalKind::User, user), Grant::Member { group: group.to_owned() });
        }
    }

    /// `role` today; a list `roles` in old states and in `awscc`.
    fn instance_profile(&mut self, name: &str) {
        let Some(profile) = self.text(name).or(self.resource.id.as_deref()) else { return };
        for role in self.text("role").into_iter().chain(self.texts("roles")) {
            let grant = Grant::InstanceProfile { profile: profile.to_owned() };
            self.edge(principal(PrincipalKind::Role, role), grant);
        }
    }

    fn boundary(&mut self, kind: PrincipalKind, name: &str) {
        let Some(name) = self.text(name).or(self.resource.id.as_deref()) else { return };
        if let Some(policy_arn) = self.arn("permissions_boundary") {
            self.edge(principal(kind, name), Grant::Boundary { policy_arn });
        }
    }

    /// What a refresh fills in from AWS. `[{"name": "", "policy": ""}]` means that there is no inline policy.
    fn observed_of_role(&mut self) {
        let Some(name) = self.text("name").or(self.resource.id.as_deref()) else { return };
        let role = principal(PrincipalKind::Role, name);
        for policy_arn in self.texts("managed_policy_arns").into_iter().filter_map(|arn| arn.parse().ok()) {
            let edge = self.declared(role.clone(), Grant::ManagedPolicy { policy_arn });
            self.observed.push(edge);
        }
        for policy_name in self.member_texts("inline_policy", "name") {
            let edge = self.declared(role.clone(), Grant::InlinePolicy { policy_name: policy_name.to_owned() });
            self.observed.push(edge);
        }
    }

    /// The properties of an `awscc` principal that hold grants.
    fn whole_principal(&mut self, kind: PrincipalKind, name: &str) {
        let Some(name) = self.text(name).or(self.resource.id.as_deref()) else { return };
        let holder = principal(kind, name);
        for policy_arn in self.texts("managed_policy_arns").into_iter().filter_map(|arn| arn.parse().ok()) {
            self.edge(holder.clone(), Grant::ManagedPolicy { policy_arn });
        }
        for policy_name in self.member_texts("policies", "policy_name") {
            self.edge(holder.clone(), Grant::InlinePolicy { policy_name: policy_name.to_owned() });
        }
        if let Some(policy_arn) = self.arn("permissions_boundary") {
            self.edge(holder, Grant::Boundary { policy_arn });
        }
    }

    fn edge(&mut self, principal: IamPrincipal, grant: Grant) {
        let edge = self.declared(principal, grant);
        self.edges.push(edge);
    }

    fn declared(&self, principal: IamPrincipal, grant: Grant) -> DeclaredEdge {
        let of_principal = self.owners.get(&principal).cloned().flatten();
        DeclaredEdge {
            account_id: of_principal.or_else(|| self.resource.account_id.clone()),
            edge: Edge { principal, grant },
            address: self.resource.address.clone(),
            source: self.resource.source.clone(),
        }
    }

    fn text(&self, attribute: &str) -> Option<&'a str> {
        self.resource.attributes.get(attribute)?.as_str().filter(|text| !text.is_empty())
    }

    fn arn(&self, attribute: &str) -> Option<Arn> {
        self.text(attribute)?.parse().ok()
    }

    fn texts(&self, attribute: &str) -> Vec<&'a str> {
        let elements = self.resource.attributes.get(attribute).and_then(Value::as_array);
        elements.into_iter().flatten().filter_map(Value::as_str).filter(|text| !text.is_empty()).collect()
    }

    fn member_texts(&self, attribute: &str, member: &str) -> Vec<&'a str> {
        let elements = self.resource.attributes.get(attribute).and_then(Value::as_array);
        let texts = elements.into_iter().flatten().filter_map(|element| element.get(member)?.as_str());
        texts.filter(|text| !text.is_empty()).collect()
    }
}

/// Old states hold a principal's ARN where its name belongs.
fn principal(kind: PrincipalKind, name_or_arn: &str) -> IamPrincipal {
    let name =
        if name_or_arn.starts_with("arn:") { name_or_arn.rsplit('/').next().unwrap_or_default() } else { name_or_arn };
    IamPrincipal { kind, name: name.to_owned() }
}
