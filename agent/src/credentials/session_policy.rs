//! Session policies: what a role's session may do at most, whatever the role itself may do. AWS takes them from the caller of
//! `AssumeRoleWithWebIdentity`; the session's permissions are those that both the role and its session policies allow.
//!
//! A scan's session gets two: AWS's managed `ReadOnlyAccess`, which knows the reads of every service, and a document of our
//! own, which allows what that lacks and denies what it reads beyond descriptions: items, messages, logs, parameters, code, and
//! the objects of all buckets but those of the Terraform state. So a leaked session of a role with too many permissions can't change
//! anything. It reads none of the data that is listed here and no other objects; what else `ReadOnlyAccess` counts as a read, it
//! reads, and Cloud Control's descriptions of resources hold what their handlers put there, such as a parameter's value.

use std::collections::BTreeSet;

use driftwise_contract::{Partition, SessionScope};
use serde_json::{Value, json};

use crate::state::StateSource;

/// AWS's limit of an inline session policy, in characters.
const LENGTH_MAX: usize = 2_048;

/// Reads of data, not of descriptions; the permission policy that the issuer generates denies the same.
const DATA_READS: &[&str] = &[
    "athena:GetQueryResults*",
    "cassandra:Select",
    "codeartifact:GetPackageVersionAsset",
    "codeartifact:ReadFromRepository",
    "codecommit:GetBlob",
    "codecommit:GetFile",
    "codecommit:GetFolder",
    "codecommit:GitPull",
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:GetRecords",
    "dynamodb:PartiQLSelect",
    "dynamodb:Query",
    "dynamodb:Scan",
    "ebs:GetSnapshotBlock",
    "ec2:GetConsole*",
    "ec2:GetPasswordData",
    "ecr:GetDownloadUrlForLayer",
    "kinesis:GetRecords",
    "logs:FilterLogEvents",
    "logs:GetLogEvents",
    "logs:GetLogObject",
    "logs:GetLogRecord",
    "logs:GetQueryResults",
    "logs:StartLiveTail",
    "logs:StartQuery",
    "rds:Download*",
    "redshift-data:GetStatementResult",
    "s3-object-lambda:GetObject*",
    "secretsmanager:*GetSecretValue",
    "sqs:ReceiveMessage",
    "ssm:GetParameterHistory",
    "timestream:Select",
];

/// Reads of data that Cloud Control's handlers need for descriptions (of functions, layers and parameters): denied to the
/// session itself, not to a service that acts for it. Every request has `aws:ViaAWSService`.
const DIRECT_DATA_READS: &[&str] =
    &["lambda:GetFunction", "lambda:GetLayerVersion", "ssm:GetParameter", "ssm:GetParameters*"];

/// The fewest characters of a bucket's name that may stand for it: fewer would stand for any bucket.
const COMMON_MIN: usize = 4;

/// The states lie in more buckets than a session policy has room for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the states lie in {buckets} buckets, more than a session policy has room for")]
pub struct NoRoom {
    buckets: usize,
}

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
    pub fn of(scope: SessionScope, partition: Partition, states: &[StateSource]) -> Result<Self, NoRoom> {
        Ok(match scope {
            SessionScope::Role => Self::default(),
            SessionScope::Scan => {
                let managed = vec![format!("arn:{partition}:iam::aws:policy/ReadOnlyAccess")];
                Self { inline: Some(scan_document(partition, &buckets(states))?), managed }
            }
        })
    }
}

/// The buckets in which states lie. Whole buckets: the states of a prefix's workspaces lie outside of it.
fn buckets(states: &[StateSource]) -> BTreeSet<&str> {
    states.iter().filter_map(StateSource::bucket).collect()
}

/// The document. Where not every bucket's name has room, the buckets whose names have most in common are named by that
/// (`acme-tf-*`), as few of them as will do: the session reads the objects of other buckets of that name too, where the role
/// may.
fn scan_document(partition: Partition, buckets: &BTreeSet<&str>) -> Result<String, NoRoom> {
    let mut names: Vec<String> = buckets.iter().map(|&bucket| bucket.to_owned()).collect();
    loop {
        let text = document(partition, &names).to_string();
        if text.len() <= LENGTH_MAX {
            if names.len() < buckets.len() {
                tracing::warn!(
                    buckets = buckets.len(),
                    patterns = names.join(" "),
                    "the session policy has no room for every state bucket: the session may read buckets by these patterns"
                );
            }
            return Ok(text);
        }
        // Sorted, so names that have most in common are neighbours.
        let common = |pair: &[String]| {
            let bytes = pair[0].bytes().zip(pair[1].bytes());
            bytes.take_while(|(one, other)| one == other && *one != b'*').count()
        };
        let best = names.windows(2).enumerate().max_by_key(|(_, pair)| common(pair));
        let Some((at, length)) = best.map(|(at, pair)| (at, common(pair))).filter(|(_, length)| *length >= COMMON_MIN)
        else {
            return Err(NoRoom { buckets: buckets.len() });
        };
        let pattern = format!("{}*", &names[at][..length]);
        names.splice(at..at + 2, [pattern]);
    }
}

fn document(partition: Partition, buckets: &[String]) -> Value {
    let mut objects = json!({"Effect": "Deny", "Action": "s3:GetObject*"});
    if buckets.is_empty() {
        objects["Resource"] = "*".into();
    } else {
        let arns: Vec<String> = buckets.iter().map(|bucket| format!("arn:{partition}:s3:::{bucket}/*")).collect();
        objects["NotResource"] = json!(arns);
    }
    let directly = json!({
        "Effect": "Deny", "Action": DIRECT_DATA_READS, "Resource": "*",
        "Condition": {"Bool": {"aws:ViaAWSService": "false"}}
    });
    let denied = json!({"Effect": "Deny", "Action": DATA_READS, "Resource": "*"});
    policy(&[allowed(!buckets.is_empty()), denied, directly, objects])
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

#[cfg(test)]
mod tests {
    use driftwise_contract::policy::{Decision, PolicyDocument, Request, evaluate_all};

    use super::*;

    fn sources(texts: &[&str]) -> Vec<StateSource> {
        texts.iter().map(|text| StateSource::parse(text).unwrap()).collect()
    }

    fn scan(texts: &[&str]) -> SessionPolicy {
        SessionPolicy::of(SessionScope::Scan, Partition::Aws, &sources(texts)).unwrap()
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
    fn the_document_never_exceeds_what_aws_takes_and_never_stops_denying_other_buckets() {
        let names: Vec<String> = (0..60).map(|number| format!("a-long-bucket-name-of-a-team-{number:02}")).collect();
        for count in 0..=names.len() {
            let states: Vec<String> = names[..count].iter().map(|name| format!("s3://{name}/x")).collect();
            let policy = scan(&states.iter().map(String::as_str).collect::<Vec<_>>());
            let length = policy.inline.as_ref().unwrap().len();
            assert!(length <= 2_048, "{count} buckets: {length}");
            for name in &names[..count] {
                assert_eq!(decides(&policy, "s3:GetObject", &format!("arn:aws:s3:::{name}/x")), Decision::Allow);
            }
            for other in ["payroll", "a-long-bucket-name-of-another-team"] {
                let resource = format!("arn:aws:s3:::{other}/x");
                assert_eq!(decides(&policy, "s3:GetObject", &resource), Decision::ExplicitDeny, "{count} {other}");
            }
        }
    }

    #[test]
    fn buckets_that_have_nothing_in_common_and_no_room_are_refused() {
        let states: Vec<StateSource> = ('a'..='z')
            .map(|letter| StateSource::parse(&format!("s3://{}/x", letter.to_string().repeat(60))).unwrap())
            .collect();
        let refused = SessionPolicy::of(SessionScope::Scan, Partition::Aws, &states).unwrap_err();
        assert!(refused.to_string().contains("26 buckets"), "{refused}");
        assert!(SessionPolicy::of(SessionScope::Role, Partition::Aws, &states).is_ok());
    }

    /// The issuer's template; its text is JSON between the placeholders.
    #[test]
    fn the_issuers_permission_policy_denies_the_same_reads() {
        let template = include_str!("../../../templates/policies/permission-policy.json");
        for (sid, reads) in [("NeverReadData", DATA_READS), ("NeverReadDataDirectly", DIRECT_DATA_READS)] {
            let (_, rest) = template.split_once(&format!("\"Sid\": \"{sid}\"")).unwrap();
            let (_, rest) = rest.split_once("\"Action\": ").unwrap();
            let (list, _) = rest.split_once(']').unwrap();
            let denied: Vec<String> = serde_json::from_str(&format!("{list}]")).unwrap();
            assert_eq!(denied, reads, "{sid}");
        }
    }

    #[test]
    fn functions_and_parameters_are_read_by_services_only() {
        let policy: Value = serde_json::from_str(&scan(&[]).inline.unwrap()).unwrap();
        let statement = &policy["Statement"][2];
        assert_eq!(statement["Action"], json!(DIRECT_DATA_READS));
        assert_eq!(statement["Condition"], json!({"Bool": {"aws:ViaAWSService": "false"}}));
    }

    #[test]
    fn the_whole_role_is_not_narrowed_and_other_partitions_have_their_own_arns() {
        assert_eq!(SessionPolicy::of(SessionScope::Role, Partition::Aws, &[]), Ok(SessionPolicy::default()));
        let policy = SessionPolicy::of(SessionScope::Scan, Partition::AwsCn, &sources(&["s3://tf-state/x"])).unwrap();
        assert_eq!(policy.managed, ["arn:aws-cn:iam::aws:policy/ReadOnlyAccess"]);
        assert!(policy.inline.unwrap().contains("arn:aws-cn:s3:::tf-state/*"));
    }
}
