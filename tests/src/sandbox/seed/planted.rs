//! The drift that is planted in the seeded account: one table, which the seed, the tests and the demo share. A scan of the account
//! must find each row once, and nothing else.
//!
//! To plant more, add a row to [`TABLE`].

use std::collections::BTreeMap;

use driftwise_contract::finding::FindingKind;
use serde_json::{Value, json};

use super::{
    ACCOUNT_ID, Plan, State,
    twin::{Tags, set_tags},
};
use crate::sandbox::{inventory::LiveResource, seed};

/// One piece of planted drift.
#[derive(Debug, Clone, Copy)]
pub enum Planted {
    /// Declared, and deleted behind Terraform's back.
    Missing {
        /// The state that declares it.
        state: State,
        /// Its address.
        address: &'static str,
    },
    /// Made by hand.
    Unmanaged {
        /// What it is called in the seed's list of hand-made things.
        handle: &'static str,
    },
    /// A tag that somebody changed.
    Tag {
        /// The state that declares the resource.
        state: State,
        /// Its address.
        address: &'static str,
        /// The tag.
        key: &'static str,
        /// Its live value; `None` when the tag was taken away.
        live: Option<&'static str>,
    },
    /// A setting that somebody changed.
    Attribute {
        /// The state that declares the resource.
        state: State,
        /// Its address.
        address: &'static str,
        /// The attribute in Terraform's words.
        attribute: &'static str,
        /// The property in `CloudFormation`'s words.
        property: &'static str,
        /// Its live value.
        live: Live,
    },
    /// A grant that somebody gave.
    Grant {
        /// Who got it.
        to: Principal,
        /// What.
        grant: Grant,
        /// Whether a refreshed state shows it in the role's `managed_policy_arns`, which declares nothing.
        is_absorbed: bool,
    },
}

/// A live value.
#[derive(Debug, Clone, Copy)]
pub enum Live {
    /// A number.
    Number(i64),
    /// A text.
    Text(&'static str),
    /// A switch.
    Switch(bool),
}

/// Who got a grant.
#[derive(Debug, Clone, Copy)]
pub enum Principal {
    /// A role.
    Role(&'static str),
    /// A user.
    User(&'static str),
    /// A group.
    Group(&'static str),
}

/// What was given.
#[derive(Debug, Clone, Copy)]
pub enum Grant {
    /// A managed policy, by ARN.
    Managed(&'static str),
    /// An inline policy, by name and document.
    Inline(&'static str, &'static str),
    /// Membership in a group.
    Member(&'static str),
}

/// Everything that is planted.
pub const TABLE: &[Planted] = &[
    Planted::Missing {
        state: State::App,
        address: r#"module.shipping.module.regional["eu-central-1"].aws_sqs_queue.dlq"#,
    },
    Planted::Missing {
        state: State::App,
        address: r#"module.search.module.regional["us-east-1"].aws_cloudwatch_metric_alarm.this[1]"#,
    },
    Planted::Missing {
        state: State::App,
        address: r#"module.catalogue.module.regional["ap-southeast-2"].aws_ecr_repository.this"#,
    },
    Planted::Missing { state: State::Network, address: r#"module.vpc["us-east-1"].aws_vpc_endpoint.dynamodb"# },
    Planted::Unmanaged { handle: "debug queue" },
    Planted::Unmanaged { handle: "launch wizard group" },
    Planted::Unmanaged { handle: "partner secret" },
    Planted::Unmanaged { handle: "jump box" },
    Planted::Unmanaged { handle: "test function" },
    Planted::Unmanaged { handle: "hotfix topic" },
    Planted::Unmanaged { handle: "export bucket" },
    Planted::Unmanaged { handle: "migration table" },
    Planted::Unmanaged { handle: "contractor" },
    Planted::Tag {
        state: State::App,
        address: r#"module.platform["us-east-1"].aws_s3_bucket.assets"#,
        key: "Owner",
        live: Some("priya.nair"),
    },
    Planted::Tag {
        state: State::App,
        address: r#"module.pricing.module.regional["eu-central-1"].aws_sns_topic.this"#,
        key: "Team",
        live: None,
    },
    Planted::Tag {
        state: State::Network,
        address: r#"module.vpc["ap-southeast-2"].aws_subnet.private[1]"#,
        key: "CostCentre",
        live: Some("9999"),
    },
    Planted::Attribute {
        state: State::App,
        address: r#"module.payments.module.regional["eu-central-1"].aws_sqs_queue.events"#,
        attribute: "visibility_timeout_seconds",
        property: "VisibilityTimeout",
        live: Live::Number(900),
    },
    Planted::Attribute {
        state: State::App,
        address: r#"module.checkout.module.regional["eu-central-1"].aws_lambda_function.this["api"]"#,
        attribute: "memory_size",
        property: "MemorySize",
        live: Live::Number(2048),
    },
    Planted::Attribute {
        state: State::App,
        address: r#"module.checkout.module.regional["eu-central-1"].aws_lambda_function.this["api"]"#,
        attribute: "timeout",
        property: "Timeout",
        live: Live::Number(120),
    },
    Planted::Attribute {
        state: State::App,
        address: r#"module.payments.module.regional["us-east-1"].aws_cloudwatch_log_group.lambda["worker"]"#,
        attribute: "retention_in_days",
        property: "RetentionInDays",
        live: Live::Number(3),
    },
    Planted::Attribute {
        state: State::App,
        address: r#"module.orders.module.regional["ap-southeast-2"].aws_dynamodb_table.this"#,
        attribute: "deletion_protection_enabled",
        property: "DeletionProtectionEnabled",
        live: Live::Switch(false),
    },
    Planted::Attribute {
        state: State::App,
        address: r#"module.platform["eu-central-1"].aws_db_instance.this["orders"]"#,
        attribute: "instance_class",
        property: "DBInstanceClass",
        live: Live::Text("db.r7g.4xlarge"),
    },
    Planted::Attribute {
        state: State::App,
        address: r#"module.platform["us-east-1"].aws_instance.bastion"#,
        attribute: "instance_type",
        property: "InstanceType",
        live: Live::Text("t4g.xlarge"),
    },
    Planted::Attribute {
        state: State::Network,
        address: r#"module.vpc["eu-central-1"].aws_kms_key.data"#,
        attribute: "enable_key_rotation",
        property: "EnableKeyRotation",
        live: Live::Switch(false),
    },
    Planted::Attribute {
        state: State::Network,
        address: r#"module.vpc["ap-southeast-2"].aws_vpc.this[0]"#,
        attribute: "enable_dns_hostnames",
        property: "EnableDnsHostnames",
        live: Live::Switch(false),
    },
    Planted::Grant {
        to: Principal::Role("payments-task"),
        grant: Grant::Managed("arn:aws:iam::aws:policy/AmazonS3FullAccess"),
        is_absorbed: false,
    },
    Planted::Grant {
        to: Principal::Role("checkout-task"),
        grant: Grant::Managed("arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess"),
        is_absorbed: true,
    },
    Planted::Grant {
        to: Principal::User("jonas.brandt"),
        grant: Grant::Managed("arn:aws:iam::aws:policy/IAMFullAccess"),
        is_absorbed: false,
    },
    Planted::Grant {
        to: Principal::Group("finance"),
        grant: Grant::Managed("arn:aws:iam::aws:policy/AdministratorAccess"),
        is_absorbed: false,
    },
    Planted::Grant {
        to: Principal::Role("orders-lambda"),
        grant: Grant::Inline(
            "temp-debug",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*"}]}"#,
        ),
        is_absorbed: false,
    },
    Planted::Grant { to: Principal::User("liam.oconnor"), grant: Grant::Member("platform"), is_absorbed: false },
    // The contractor's own grant: user and attachment were both made by hand.
    Planted::Grant {
        to: Principal::User("tmp-contractor"),
        grant: Grant::Managed("arn:aws:iam::aws:policy/SecurityAudit"),
        is_absorbed: false,
    },
];

/// A finding that a scan of the seeded account must have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExpectedFinding {
    /// Its kind.
    pub kind: FindingKind,
    /// Its key, in the form of `Finding::key()`.
    pub key: String,
    /// For a change: the paths of its changes, sorted.
    pub changes: Vec<String>,
}

/// Every finding that a scan of the seeded account must have, ordered by kind and key. There must be no others.
pub fn expected() -> Vec<ExpectedFinding> {
    expected_of(&seed::build(time::OffsetDateTime::UNIX_EPOCH))
}

fn expected_of(seeded: &seed::Seeded) -> Vec<ExpectedFinding> {
    let mut found: BTreeMap<(FindingKind, String), Vec<String>> = BTreeMap::new();
    for planted in TABLE {
        let (kind, key, change) = match *planted {
            Planted::Missing { state, address } => {
                (FindingKind::Missing, format!("missing {} {address}", state.uri()), None)
            }
            Planted::Unmanaged { handle } => {
                (FindingKind::Unmanaged, format!("unmanaged {}", seeded.hand_made(handle)), None)
            }
            Planted::Tag { state, address, key, .. } => {
                (FindingKind::Changed, changed(&seeded.plan, state, address), Some(format!("tags_all.{key}")))
            }
            Planted::Attribute { state, address, attribute, .. } => {
                (FindingKind::Changed, changed(&seeded.plan, state, address), Some(attribute.to_owned()))
            }
            Planted::Grant { to, grant, .. } => {
                let grant = match grant {
                    Grant::Managed(arn) => format!("managed {arn}"),
                    Grant::Inline(name, _) => format!("inline {name}"),
                    Grant::Member(group) => format!("member {group}"),
                };
                (
                    FindingKind::UndeclaredGrant,
                    format!("undeclared_grant {} {grant}", principal_arn(&seeded.plan, to)),
                    None,
                )
            }
        };
        found.entry((kind, key)).or_default().extend(change);
    }
    found
        .into_iter()
        .map(|((kind, key), mut changes)| {
            changes.sort();
            ExpectedFinding { kind, key, changes }
        })
        .collect()
}

fn changed(plan: &Plan, state: State, address: &str) -> String {
    format!("changed {} {} {address}", arn(plan, state, address), state.uri())
}

fn arn(plan: &Plan, state: State, address: &str) -> String {
    plan.find(state, address)
        .and_then(|found| found.attributes.get("arn"))
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn principal_arn(plan: &Plan, principal: Principal) -> String {
    let arn = match principal {
        Principal::Role(name) => plan.iam.roles.get(name).map(|role| &role.arn),
        Principal::User(name) => plan.iam.users.get(name).map(|user| &user.arn),
        Principal::Group(name) => plan.iam.groups.get(name).map(|group| &group.arn),
    };
    arn.cloned().unwrap_or_else(|| format!("arn:aws:iam::{ACCOUNT_ID}:unknown/{principal:?}"))
}

/// Plants everything that is not simply there (hand-made things are).
pub(super) fn plant(plan: &mut Plan) {
    for planted in TABLE {
        match *planted {
            Planted::Missing { state, address } => {
                let gone = arn(plan, state, address);
                plan.live.retain(|live| live.arn != gone);
            }
            Planted::Unmanaged { .. } => {}
            Planted::Tag { state, address, key, live } => tamper(plan, state, address, |resource| {
                match live {
                    Some(value) => resource.tags.insert(key.to_owned(), value.to_owned()),
                    None => resource.tags.remove(key),
                };
                rewrite_tags(resource);
            }),
            Planted::Attribute { state, address, property, live, .. } => tamper(plan, state, address, |resource| {
                let value = match live {
                    Live::Number(number) => json!(number),
                    Live::Text(text) => json!(text),
                    Live::Switch(is_on) => json!(is_on),
                };
                resource.properties.insert(property.to_owned(), value);
            }),
            Planted::Grant { to, grant, is_absorbed } => give(plan, to, grant, is_absorbed),
        }
    }
}

fn tamper(plan: &mut Plan, state: State, address: &str, tamper: impl FnOnce(&mut LiveResource)) {
    let arn = arn(plan, state, address);
    if let Some(live) = plan.live_mut(&arn) {
        tamper(live);
    }
}

pub(super) fn rewrite_tags(resource: &mut LiveResource) {
    let tags: Tags = resource.tags.clone();
    if let Some(cfn_type) = resource.cfn_type.clone() {
        set_tags(&mut resource.properties, &cfn_type, &tags);
    }
}

fn give(plan: &mut Plan, to: Principal, grant: Grant, is_absorbed: bool) {
    if let (Principal::User(name), Grant::Member(group)) = (to, grant) {
        if let Some(user) = plan.iam.users.get_mut(name) {
            user.groups.insert(group.to_owned());
        }
        return;
    }
    let grants = match to {
        Principal::Role(name) => plan.iam.roles.get_mut(name).map(|role| &mut role.grants),
        Principal::User(name) => plan.iam.users.get_mut(name).map(|user| &mut user.grants),
        Principal::Group(name) => plan.iam.groups.get_mut(name).map(|group| &mut group.grants),
    };
    let Some(grants) = grants else { return };
    match grant {
        Grant::Managed(arn) if !grants.attached.iter().any(|attached| attached == arn) => {
            grants.attached.push(arn.to_owned());
        }
        Grant::Inline(name, document) => {
            grants.inline.insert(name.to_owned(), document.to_owned());
        }
        Grant::Managed(_) | Grant::Member(_) => {}
    }
    if let (Principal::Role(name), Grant::Managed(arn), true) = (to, grant, is_absorbed) {
        let of_role = plan.declared.iter_mut().filter(|found| {
            found.terraform_type == "aws_iam_role" && found.attributes.get("name") == Some(&json!(name))
        });
        for declaration in of_role {
            if let Some(Value::Array(absorbed)) = declaration.attributes.get_mut("managed_policy_arns") {
                absorbed.push(json!(arn));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_is_about_something_that_the_seed_has() {
        let seeded = seed::build(time::OffsetDateTime::UNIX_EPOCH);
        let lives = |arn: &str| seeded.plan.live.iter().find(|live| live.arn == arn);
        for planted in TABLE {
            match *planted {
                Planted::Missing { state, address } => {
                    let arn = arn(&seeded.plan, state, address);
                    assert!(arn.starts_with("arn:aws:") && lives(&arn).is_none(), "{planted:?} {arn}");
                }
                Planted::Unmanaged { handle } => {
                    let arn = seeded.hand_made(handle);
                    let is_user = seeded.plan.iam.users.values().any(|user| user.arn == arn);
                    assert!(lives(&arn).is_some() || is_user, "{planted:?}");
                    assert!(
                        !seeded.plan.declared.iter().any(|found| found.attributes.get("arn") == Some(&json!(arn))),
                        "{planted:?}"
                    );
                }
                Planted::Tag { state, address, key, live } => {
                    let resource = lives(&arn(&seeded.plan, state, address)).unwrap_or_else(|| panic!("{planted:?}"));
                    let declared = &seeded.plan.find(state, address).expect("is declared").attributes["tags_all"];
                    assert_eq!(resource.tags.get(key).map(String::as_str), live, "{planted:?}");
                    assert_ne!(declared.get(key).and_then(Value::as_str), live, "{planted:?}");
                }
                Planted::Attribute { state, address, attribute, property, .. } => {
                    let resource = lives(&arn(&seeded.plan, state, address)).unwrap_or_else(|| panic!("{planted:?}"));
                    let declared = &seeded.plan.find(state, address).expect("is declared").attributes[attribute];
                    assert!(!declared.is_null() && resource.properties[property] != *declared, "{planted:?}");
                }
                Planted::Grant { to, .. } => {
                    assert!(!principal_arn(&seeded.plan, to).contains(":unknown/"), "{planted:?}");
                }
            }
        }
    }

    #[test]
    fn each_kind_is_planted_often_enough_and_no_finding_twice() {
        let expected = expected();
        let count = |kind| expected.iter().filter(|finding| finding.kind == kind).count();
        assert!(count(FindingKind::Missing) >= 3 && count(FindingKind::Unmanaged) >= 6);
        assert!(count(FindingKind::Changed) >= 9 && count(FindingKind::UndeclaredGrant) >= 4);
        let keys: BTreeSet<_> = expected.iter().map(|finding| &finding.key).collect();
        assert_eq!(keys.len(), expected.len());
        assert!(expected.iter().all(|finding| (finding.kind == FindingKind::Changed) != finding.changes.is_empty()));
    }
}
