//! Who may do what: roles, users and groups, on IAM's side and on Terraform's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use time::Duration;

use crate::sandbox::{
    iam::{self, Grants, InstanceProfile, ManagedPolicy, PolicyVersion, User},
    seed::{
        ACCOUNT_ID, ids,
        plan::{Key, Plan, Scope, State},
    },
};

/// What the flow logs' role may do.
pub(in crate::sandbox::seed) const WRITE_LOGS: &str = r#"{"Statement":[{"Action":["logs:CreateLogStream","logs:DescribeLogStreams","logs:PutLogEvents"],"Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}"#;

const AWS_POLICY: &str = "arn:aws:iam::aws:policy";

/// A role to be made.
#[derive(Debug, Clone)]
pub(in crate::sandbox::seed) struct Role<'a> {
    pub(in crate::sandbox::seed) path: &'a str,
    pub(in crate::sandbox::seed) name: &'a str,
    /// The trust policy as Terraform writes it.
    pub(in crate::sandbox::seed) trust: String,
    pub(in crate::sandbox::seed) attached: &'a [&'a str],
    pub(in crate::sandbox::seed) inline: &'a [(&'a str, &'a str)],
    pub(in crate::sandbox::seed) boundary: Option<&'a str>,
}

impl<'a> Role<'a> {
    /// A role for an AWS service, without any grant.
    pub(in crate::sandbox::seed) fn service(path: &'a str, name: &'a str, service: &str) -> Self {
        let trust = format!(
            r#"{{"Statement":[{{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{{"Service":"{service}"}}}}],"Version":"2012-10-17"}}"#
        );
        Self { path, name, trust, attached: &[], inline: &[], boundary: None }
    }

    fn arn(&self) -> String {
        format!("arn:aws:iam::{ACCOUNT_ID}:role{}{}", self.path, self.name)
    }
}

/// Adds a role with its grants, declared one by one, and gives its ARN.
pub(in crate::sandbox::seed) fn role(plan: &mut Plan, scope: &Scope, label: &str, role: &Role<'_>) -> String {
    let scope = &Scope { provider: Scope::root(scope.state).provider, ..scope.clone() };
    let arn = exist(plan, role);
    let inline: Vec<Value> = role.inline.iter().map(|(name, policy)| json!({"name": name, "policy": policy})).collect();
    let attributes = json!({
        "id": role.name, "arn": arn, "name": role.name, "name_prefix": "", "path": role.path,
        "unique_id": ids::unique("AROA", role.name, 21), "create_date": "2025-03-04T09:11:20Z",
        "assume_role_policy": role.trust, "description": "", "force_detach_policies": false,
        "max_session_duration": 3600, "permissions_boundary": role.boundary.unwrap_or_default(),
        "managed_policy_arns": role.attached, "inline_policy": inline, "tags": {"Name": role.name},
        "tags_all": {"Name": role.name, "ManagedBy": "terraform"},
    });
    plan.declare_only(scope, "aws_iam_role", label, Key::None, attributes);
    for (index, policy) in role.attached.iter().enumerate() {
        let id = format!("{}-{}2026031108{index:02}", role.name, ids::number(policy, 9999));
        // A state of old times has the role's ARN where its name belongs.
        let named = if role.name == "acme-bastion" { arn.clone() } else { role.name.to_owned() };
        let attributes = json!({"id": id, "role": named, "policy_arn": policy});
        plan.declare_only(scope, "aws_iam_role_policy_attachment", label, Key::Count(index), attributes);
    }
    for (name, policy) in role.inline {
        let attributes = json!({"id": format!("{}:{name}", role.name), "name": name, "name_prefix": "", "role": role.name, "policy": policy});
        plan.declare_only(scope, "aws_iam_role_policy", label, Key::Each((*name).to_owned()), attributes);
    }
    arn
}

/// Makes a role that no state declares.
pub(in crate::sandbox::seed) fn exist(plan: &mut Plan, role: &Role<'_>) -> String {
    let arn = role.arn();
    let tags = if role.path.starts_with("/aws-") { BTreeMap::new() } else { tags(role.name) };
    let live = iam::Role {
        name: role.name.to_owned(),
        path: role.path.to_owned(),
        id: ids::unique("AROA", role.name, 21),
        arn: arn.clone(),
        created: plan.now - Duration::days(620),
        trust_policy: reformatted(&role.trust),
        description: None,
        max_session_s: 3600,
        tags,
        grants: grants(role.attached, role.inline),
        boundary: role.boundary.map(str::to_owned),
        last_used: None,
        refusals_left: 0,
    };
    plan.iam.roles.insert(role.name.to_owned(), live);
    arn
}

/// Adds a managed policy and gives its ARN.
pub(in crate::sandbox::seed) fn policy(
    plan: &mut Plan,
    scope: &Scope,
    label: &str,
    name: &str,
    document: &str,
) -> String {
    let arn = format!("arn:aws:iam::{ACCOUNT_ID}:policy/{name}");
    let created = plan.now - Duration::days(610);
    let version = PolicyVersion { id: "v1".to_owned(), document: reformatted(document), is_default: true, created };
    let live = ManagedPolicy {
        name: name.to_owned(),
        path: "/".to_owned(),
        id: ids::unique("ANPA", name, 21),
        arn: arn.clone(),
        description: None,
        created,
        updated: created,
        versions: vec![version],
        tags: tags(name),
    };
    plan.iam.policies.insert(arn.clone(), live);
    let attributes = json!({
        "id": arn, "arn": arn, "name": name, "name_prefix": "", "path": "/", "policy": document,
        "policy_id": ids::unique("ANPA", name, 21), "description": "", "attachment_count": 2,
        "tags": {"Name": name}, "tags_all": {"Name": name, "ManagedBy": "terraform"},
    });
    plan.declare_only(scope, "aws_iam_policy", label, Key::None, attributes);
    arn
}

/// Adds an instance profile of the role of the same name.
pub(in crate::sandbox::seed) fn instance_profile(plan: &mut Plan, scope: &Scope, label: &str, name: &str) {
    let arn = format!("arn:aws:iam::{ACCOUNT_ID}:instance-profile/{name}");
    let live = InstanceProfile {
        name: name.to_owned(),
        path: "/".to_owned(),
        id: ids::unique("AIPA", name, 21),
        arn: arn.clone(),
        created: plan.now - Duration::days(600),
        role: Some(name.to_owned()),
    };
    plan.iam.instance_profiles.insert(name.to_owned(), live);
    let attributes = json!({
        "id": name, "arn": arn, "name": name, "name_prefix": "", "path": "/", "role": name,
        "unique_id": ids::unique("AIPA", name, 21), "create_date": "2025-04-02T14:20:09Z",
        "tags": null, "tags_all": {},
    });
    plan.declare_only(scope, "aws_iam_instance_profile", label, Key::None, attributes);
}

/// Adds the people, the machines, and what AWS made for itself.
pub(in crate::sandbox::seed) fn build(plan: &mut Plan) {
    let root = Scope::root(State::App);
    let groups: [(&str, &[&str]); 4] = [
        ("engineers", &["arn:aws:iam::aws:policy/ReadOnlyAccess"]),
        ("platform", &["arn:aws:iam::aws:policy/PowerUserAccess"]),
        ("finance", &["arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"]),
        ("auditors", &["arn:aws:iam::aws:policy/SecurityAudit", "arn:aws:iam::aws:policy/IAMReadOnlyAccess"]),
    ];
    for (name, attached) in groups {
        group(plan, &root, name, attached);
    }
    let users: [(&str, &str, &[&str], &[&str]); 7] = [
        ("/people/", "anna.keller", &["engineers", "platform"], &[]),
        ("/people/", "jonas.brandt", &["engineers"], &[]),
        ("/people/", "priya.nair", &["engineers", "platform"], &[]),
        ("/people/", "liam.oconnor", &["engineers"], &[]),
        ("/people/", "mei.tan", &["finance"], &[]),
        ("/machines/", "ci-deployer", &[], &["arn:aws:iam::aws:policy/PowerUserAccess"]),
        ("/machines/", "grafana-reader", &[], &["arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"]),
    ];
    for (path, name, groups, attached) in users {
        user(plan, &root, path, name, groups, attached);
    }
    // Exclusive for its group, unlike the memberships above.
    let label = "auditors";
    plan.declare_only(
        &root,
        "aws_iam_group_membership",
        label,
        Key::None,
        json!({"id": label, "name": label, "group": label, "users": ["mei.tan"]}),
    );
    if let Some(user) = plan.iam.users.get_mut("mei.tan") {
        user.groups.insert(label.to_owned());
    }
    let boundary = policy(
        plan,
        &root,
        "deploy_boundary",
        "acme-deploy-boundary",
        r#"{"Statement":[{"Effect":"Allow","NotAction":["iam:*","organizations:*"],"Resource":"*"}],"Version":"2012-10-17"}"#,
    );
    let deploy = Role {
        trust: format!(
            r#"{{"Statement":[{{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{ACCOUNT_ID}:user/machines/ci-deployer"}}}}],"Version":"2012-10-17"}}"#
        ),
        attached: &["arn:aws:iam::aws:policy/PowerUserAccess"],
        inline: &[(
            "pass-roles",
            r#"{"Statement":[{"Action":"iam:PassRole","Effect":"Allow","Resource":"arn:aws:iam::482915637204:role/services/*"}],"Version":"2012-10-17"}"#,
        )],
        boundary: Some(&boundary),
        ..Role::service("/platform/", "acme-deploy", "")
    };
    role(plan, &root, "deploy", &deploy);
    aws_own(plan);
}

fn group(plan: &mut Plan, scope: &Scope, name: &str, attached: &[&str]) {
    let arn = format!("arn:aws:iam::{ACCOUNT_ID}:group/{name}");
    let live = iam::Group {
        name: name.to_owned(),
        path: "/".to_owned(),
        id: ids::unique("AGPA", name, 21),
        arn: arn.clone(),
        created: plan.now - Duration::days(640),
        grants: grants(attached, &[]),
    };
    plan.iam.groups.insert(name.to_owned(), live);
    let attributes =
        json!({"id": name, "arn": arn, "name": name, "path": "/", "unique_id": ids::unique("AGPA", name, 21)});
    plan.declare_only(scope, "aws_iam_group", "this", Key::Each(name.to_owned()), attributes);
    for (index, policy) in attached.iter().enumerate() {
        let attributes = json!({"id": format!("{name}-20250304091120{index:02}"), "group": name, "policy_arn": policy});
        plan.declare_only(
            scope,
            "aws_iam_group_policy_attachment",
            "this",
            Key::Each(format!("{name}/{index}")),
            attributes,
        );
    }
}

fn user(plan: &mut Plan, scope: &Scope, path: &str, name: &str, groups: &[&str], attached: &[&str]) {
    let arn = user_exists(plan, path, name, groups, attached);
    let key = Key::Each(name.to_owned());
    let attributes = json!({
        "id": name, "arn": arn, "name": name, "path": path, "unique_id": ids::unique("AIDA", name, 21),
        "force_destroy": false, "permissions_boundary": "",
        "tags": {"Name": name}, "tags_all": {"Name": name, "ManagedBy": "terraform"},
    });
    plan.declare_only(scope, "aws_iam_user", "this", key.clone(), attributes);
    if !groups.is_empty() {
        let attributes =
            json!({"id": format!("terraform-20250304{}", ids::number(name, 999_999)), "user": name, "groups": groups});
        plan.declare_only(scope, "aws_iam_user_group_membership", "this", key, attributes);
    }
    for (index, policy) in attached.iter().enumerate() {
        let attributes = json!({"id": format!("{name}-20250304091121{index:02}"), "user": name, "policy_arn": policy});
        plan.declare_only(
            scope,
            "aws_iam_user_policy_attachment",
            "this",
            Key::Each(format!("{name}/{index}")),
            attributes,
        );
    }
}

/// Makes a user that no state declares, and gives the ARN.
pub(in crate::sandbox::seed) fn user_exists(
    plan: &mut Plan,
    path: &str,
    name: &str,
    groups: &[&str],
    attached: &[&str],
) -> String {
    let arn = format!("arn:aws:iam::{ACCOUNT_ID}:user{path}{name}");
    let live = User {
        name: name.to_owned(),
        path: path.to_owned(),
        id: ids::unique("AIDA", name, 21),
        arn: arn.clone(),
        created: plan.now - Duration::days(580),
        tags: tags(name),
        access_keys: Vec::new(),
        grants: grants(attached, &[]),
        boundary: None,
        groups: groups.iter().map(|group| (*group).to_owned()).collect::<BTreeSet<_>>(),
    };
    plan.iam.users.insert(name.to_owned(), live);
    arn
}

/// Service-linked roles and those of IAM Identity Center, with attachments that nobody declares.
fn aws_own(plan: &mut Plan) {
    let linked = [
        ("ecs.amazonaws.com", "AWSServiceRoleForECS", "AmazonECSServiceRolePolicy"),
        ("autoscaling.amazonaws.com", "AWSServiceRoleForAutoScaling", "AutoScalingServiceRolePolicy"),
        ("rds.amazonaws.com", "AWSServiceRoleForRDS", "AmazonRDSServiceRolePolicy"),
        ("elasticache.amazonaws.com", "AWSServiceRoleForElastiCache", "ElastiCacheServiceRolePolicy"),
        (
            "resource-explorer-2.amazonaws.com",
            "AWSServiceRoleForResourceExplorer",
            "AWSResourceExplorerServiceRolePolicy",
        ),
        ("support.amazonaws.com", "AWSServiceRoleForSupport", "AWSSupportServiceRolePolicy"),
        ("trustedadvisor.amazonaws.com", "AWSServiceRoleForTrustedAdvisor", "AWSTrustedAdvisorServiceRolePolicy"),
    ];
    for (service, name, policy) in linked {
        let path = format!("/aws-service-role/{service}/");
        let policy = format!("{AWS_POLICY}/aws-service-role/{policy}");
        exist(plan, &Role { attached: &[&policy], ..Role::service(&path, name, service) });
    }
    for (set, policy) in [("AdministratorAccess", "AdministratorAccess"), ("EngineerReadOnly", "ReadOnlyAccess")] {
        let name = format!("AWSReservedSSO_{set}_{}", ids::hex(set, 16));
        let trust = format!(
            r#"{{"Statement":[{{"Action":["sts:AssumeRoleWithSAML","sts:TagSession"],"Condition":{{"StringEquals":{{"SAML:aud":"https://signin.aws.amazon.com/saml"}}}},"Effect":"Allow","Principal":{{"Federated":"arn:aws:iam::{ACCOUNT_ID}:saml-provider/AWSSSO_2f6c1b7d8e9a0b3c_DO_NOT_DELETE"}}}}],"Version":"2012-10-17"}}"#
        );
        let policy = format!("{AWS_POLICY}/{policy}");
        let role = Role {
            trust,
            attached: &[&policy],
            ..Role::service("/aws-reserved/sso.amazonaws.com/eu-central-1/", &name, "")
        };
        exist(plan, &role);
    }
}

fn grants(attached: &[&str], inline: &[(&str, &str)]) -> Grants {
    Grants {
        inline: inline.iter().map(|(name, text)| ((*name).to_owned(), reformatted(text))).collect(),
        attached: attached.iter().map(|arn| (*arn).to_owned()).collect(),
    }
}

fn tags(name: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("Name".to_owned(), name.to_owned()), ("ManagedBy".to_owned(), "terraform".to_owned())])
}

/// The same document in IAM's keeping: members in another order, and text laid out.
fn reformatted(text: &str) -> String {
    let Ok(Value::Object(document)) = serde_json::from_str(text) else { return text.to_owned() };
    let reversed: serde_json::Map<String, Value> = document.into_iter().rev().collect();
    serde_json::to_string_pretty(&reversed).unwrap_or_default()
}
