//! Session policies: what a role's session may do at most, whatever the role itself may do. AWS takes them from the caller of
//! `AssumeRoleWithWebIdentity`; the session's permissions are those that both the role and its session policies allow.
//!
//! A scan's session gets two: AWS's managed `ReadOnlyAccess`, which knows the reads of every service, and a document of our
//! own, which allows what that lacks and denies what it reads beyond descriptions: items, messages, logs, and the objects of
//! all buckets but those of the Terraform state. So a leaked session of a role with too many permissions can't change
//! anything, and reads no data.

use std::collections::BTreeSet;

use driftwise_contract::{Partition, SessionScope};
use serde_json::{Value, json};

use crate::state::StateSource;

/// AWS's limit of an inline session policy, in characters.
const LENGTH_MAX: usize = 2_048;

/// Reads of data, not of descriptions; the permission policy that the issuer generates denies the same.
const DATA_READS: [&str; 20] = [
    "athena:GetQueryResults",
    "codecommit:GitPull",
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:GetRecords",
    "dynamodb:PartiQLSelect",
    "dynamodb:Query",
    "dynamodb:Scan",
    "ec2:GetConsole*",
    "ec2:GetPasswordData",
    "ecr:GetDownloadUrlForLayer",
    "kinesis:GetRecords",
    "logs:FilterLogEvents",
    "logs:GetLogEvents",
    "logs:GetLogRecord",
    "logs:StartLiveTail",
    "logs:StartQuery",
    "rds:DownloadDBLogFilePortion",
    "secretsmanager:GetSecretValue",
    "sqs:ReceiveMessage",
];

/// The session policies of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionPolicy {
    /// The inline document, at most 2,048 characters.
    pub inline: Option<String>,
    /// ARNs of managed policies.
    pub managed: Vec<String>,
}

impl SessionPolicy {
    /// The policies of a scope, for a role of that partition and states that lie there.
    pub fn of(scope: SessionScope, partition: Partition, states: &[StateSource]) -> Self {
        match scope {
            SessionScope::Role => Self::default(),
            SessionScope::Scan => {
                let managed = vec![format!("arn:{partition}:iam::aws:policy/ReadOnlyAccess")];
                Self { inline: Some(scan_document(partition, &buckets(states))), managed }
            }
        }
    }
}

/// The buckets in which states lie. Whole buckets: the states of a prefix's workspaces lie outside of it.
fn buckets(states: &[StateSource]) -> BTreeSet<&str> {
    states.iter().filter_map(StateSource::bucket).collect()
}

fn scan_document(partition: Partition, buckets: &BTreeSet<&str>) -> String {
    let full = document(partition, buckets).to_string();
    if full.len() <= LENGTH_MAX {
        return full;
    }
    // Too many buckets to name: which objects may be read is then up to the role alone.
    tracing::warn!(buckets = buckets.len(), "the session policy has no room for every state bucket: it names none");
    policy(&[allowed(true), denied()]).to_string()
}

fn document(partition: Partition, buckets: &BTreeSet<&str>) -> Value {
    let mut statements = vec![allowed(!buckets.is_empty()), denied()];
    let mut objects = json!({"Effect": "Deny", "Action": "s3:GetObject*"});
    if buckets.is_empty() {
        objects["Resource"] = "*".into();
    } else {
        let arns: Vec<String> = buckets.iter().map(|bucket| format!("arn:{partition}:s3:::{bucket}/*")).collect();
        objects["NotResource"] = json!(arns);
    }
    statements.push(objects);
    policy(&statements)
}

fn policy(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// What a scan calls and `ReadOnlyAccess` may lack.
fn allowed(reads_objects: bool) -> Value {
    let mut actions = vec![
        "cloudformation:GetResource",
        "cloudformation:ListResources",
        "iam:GetAccountAuthorizationDetails",
        "resource-explorer-2:Get*",
        "resource-explorer-2:List*",
        "resource-explorer-2:Search",
    ];
    if reads_objects {
        // States lie encrypted; the key's own policy says who may decrypt.
        actions.extend(["kms:Decrypt", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"]);
    }
    json!({"Effect": "Allow", "Action": actions, "Resource": "*"})
}

fn denied() -> Value {
    json!({"Effect": "Deny", "Action": DATA_READS, "Resource": "*"})
}

#[cfg(test)]
mod tests {
    use driftwise_contract::policy::{Decision, PolicyDocument, Request, evaluate_all};

    use super::*;

    fn sources(texts: &[&str]) -> Vec<StateSource> {
        texts.iter().map(|text| StateSource::parse(text).unwrap()).collect()
    }

    fn scan(texts: &[&str]) -> SessionPolicy {
        SessionPolicy::of(SessionScope::Scan, Partition::Aws, &sources(texts))
    }

    /// What the session may do of what the role and `ReadOnlyAccess` both allow.
    fn decides(policy: &SessionPolicy, action: &str, resource: &str) -> Decision {
        let everything = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
        let documents =
            [everything, policy.inline.as_deref().unwrap()].map(|text| PolicyDocument::parse(text).unwrap());
        evaluate_all(&documents, &Request::new(action, resource)).decision
    }

    #[test]
    fn data_stays_unread_and_state_is_read() {
        let policy = scan(&["s3://tf-state/prod/", "terraform.tfstate"]);
        assert_eq!(policy.managed, ["arn:aws:iam::aws:policy/ReadOnlyAccess"]);
        for (action, resource, decision) in [
            ("s3:GetObject", "arn:aws:s3:::tf-state/env:/prod/app.tfstate", Decision::Allow),
            ("s3:GetObject", "arn:aws:s3:::payroll/2026.csv", Decision::ExplicitDeny),
            ("s3:GetObjectVersion", "arn:aws:s3:::tf-state-2/x", Decision::ExplicitDeny),
            ("secretsmanager:GetSecretValue", "*", Decision::ExplicitDeny),
            ("dynamodb:Scan", "*", Decision::ExplicitDeny),
            ("ec2:GetConsoleOutput", "*", Decision::ExplicitDeny),
            ("cloudformation:GetResource", "*", Decision::Allow),
            ("kms:Decrypt", "*", Decision::Allow),
        ] {
            assert_eq!(decides(&policy, action, resource), decision, "{action} {resource}");
        }
    }

    #[test]
    fn without_states_in_buckets_no_object_is_read() {
        for states in [&[][..], &["terraform.tfstate"]] {
            let policy = scan(states);
            assert_eq!(decides(&policy, "s3:GetObject", "arn:aws:s3:::tf-state/x"), Decision::ExplicitDeny);
            assert!(!policy.inline.unwrap().contains("kms:"), "nothing needs decrypting");
        }
    }

    #[test]
    fn the_document_never_exceeds_what_aws_takes() {
        let names: Vec<String> =
            (0..60).map(|number| format!("s3://a-long-bucket-name-of-a-team-{number:02}/x")).collect();
        for count in 0..=names.len() {
            let states: Vec<&str> = names[..count].iter().map(String::as_str).collect();
            let inline = scan(&states).inline.unwrap();
            assert!(inline.len() <= 2_048, "{count} buckets: {}", inline.len());
            PolicyDocument::parse(&inline).unwrap();
        }
    }

    #[test]
    fn the_whole_role_is_not_narrowed_and_other_partitions_have_their_own_arns() {
        assert_eq!(SessionPolicy::of(SessionScope::Role, Partition::Aws, &[]), SessionPolicy::default());
        let policy = SessionPolicy::of(SessionScope::Scan, Partition::AwsCn, &sources(&["s3://tf-state/x"]));
        assert_eq!(policy.managed, ["arn:aws-cn:iam::aws:policy/ReadOnlyAccess"]);
        assert!(policy.inline.unwrap().contains("arn:aws-cn:s3:::tf-state/*"));
    }
}
