//! The declaration of the agent's own role, as if the customer had applied the generated Terraform.

use serde_json::{Value, json};

use super::{
    ACCOUNT_ID, ids,
    plan::{Declaration, Key, Life, Scope, State},
};
use crate::sandbox::iam::Role;

/// The name of the role that the app state declares for the agent.
pub const SCAN_ROLE: &str = "driftwise-readonly";
const LABEL: &str = "driftwise";

/// A role with everything that it holds, declared.
#[derive(Debug, Clone)]
pub(super) struct ScanRole {
    name: String,
    path: String,
    trust: String,
    description: String,
    max_session_s: i64,
    attached: Vec<String>,
    inline: Vec<(String, String)>,
    boundary: Option<String>,
    tags: Value,
}

impl ScanRole {
    /// The role as the documents make it, before anybody has made it.
    pub(super) fn expected() -> Self {
        Self {
            name: SCAN_ROLE.to_owned(),
            path: "/".to_owned(),
            trust: r#"{"Statement":[{"Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession"],"Effect":"Allow","Principal":{"Federated":"*"}}],"Version":"2012-10-17"}"#.to_owned(),
            description: String::new(),
            max_session_s: 3600,
            attached: vec!["arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned()],
            inline: vec![("driftwise-scan".to_owned(), r#"{"Statement":[{"Action":"resource-explorer-2:Search","Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}"#.to_owned())],
            boundary: None,
            tags: Value::Null,
        }
    }

    /// A role as it is.
    pub(super) fn of(role: &Role) -> Self {
        Self {
            name: role.name.clone(),
            path: role.path.clone(),
            trust: role.trust_policy.clone(),
            description: role.description.clone().unwrap_or_default(),
            max_session_s: role.max_session_s,
            attached: role.grants.attached.clone(),
            inline: role.grants.inline.iter().map(|(name, text)| (name.clone(), text.clone())).collect(),
            boundary: role.boundary.clone(),
            tags: if role.tags.is_empty() { Value::Null } else { json!(role.tags) },
        }
    }

    /// What the app state says of it.
    pub(super) fn declarations(&self) -> Vec<Declaration> {
        let name = &self.name;
        let arn = format!("arn:aws:iam::{ACCOUNT_ID}:role{}{name}", self.path);
        let inline: Vec<Value> =
            self.inline.iter().map(|(name, policy)| json!({"name": name, "policy": policy})).collect();
        let tags_all = if self.tags.is_null() { json!({}) } else { self.tags.clone() };
        let mut all = vec![declaration(
            "aws_iam_role",
            Key::None,
            json!({
                "id": name, "arn": arn, "name": name, "name_prefix": "", "path": self.path,
                "unique_id": ids::unique("AROA", name, 21), "create_date": "2026-11-02T10:14:00Z",
                "assume_role_policy": self.trust, "description": self.description, "force_detach_policies": false,
                "max_session_duration": self.max_session_s,
                "permissions_boundary": self.boundary.as_deref().unwrap_or_default(), "managed_policy_arns": self.attached,
                "inline_policy": inline, "tags": self.tags, "tags_all": tags_all,
            }),
        )];
        for (index, policy) in self.attached.iter().enumerate() {
            let attributes =
                json!({"id": format!("{name}-20261102101401{index:02}"), "role": name, "policy_arn": policy});
            all.push(declaration("aws_iam_role_policy_attachment", Key::Count(index), attributes));
        }
        for (policy_name, policy) in &self.inline {
            let attributes = json!({"id": format!("{name}:{policy_name}"), "name": policy_name, "name_prefix": "", "role": name, "policy": policy});
            all.push(declaration("aws_iam_role_policy", Key::Each(policy_name.clone()), attributes));
        }
        all
    }
}

fn declaration(kind: &str, key: Key, attributes: Value) -> Declaration {
    let scope = Scope::root(State::App);
    Declaration {
        state: State::App,
        module: String::new(),
        is_data: false,
        terraform_type: kind.to_owned(),
        name: LABEL.to_owned(),
        key,
        life: Life::Current,
        provider: scope.provider.to_owned(),
        attributes: super::twin::object(attributes),
        sensitive: Vec::new(),
    }
}
