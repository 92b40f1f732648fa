//! What cfn-lint and parliament say of the generated templates and policies: nothing that counts. Where `.ci/setup-tools`
//! installed them (`DRIFTWISE_REQUIRE=setup-tools`).

use std::path::PathBuf;

use driftwise_issuer::setup::forms::{As, Selection, render};
use driftwise_issuer::setup::{RawRequest, SetupPlan};
use serde_json::Value;
use tempfile::TempDir;

use crate::setup_forms::{all, facts, plans, request, template, tools};

/// What a role is to read in the tests of least-privilege policies.
const TYPES: &str = "AWS::CloudWatch::Alarm AWS::DynamoDB::Table AWS::EC2::Instance AWS::EC2::SecurityGroup AWS::EC2::VPC \
    AWS::ECS::Service AWS::EKS::Cluster AWS::Events::Rule AWS::IAM::Role AWS::KMS::Key AWS::Lambda::Function AWS::Logs::LogGroup \
    AWS::RDS::DBInstance AWS::S3::Bucket AWS::SNS::Topic AWS::SQS::Queue AWS::SecretsManager::Secret AWS::SSM::Parameter";

/// What parliament 1.6 says of good policies, and why it does not count. Its tables of actions are of 2024.
const PARLIAMENT_IS_WRONG: &[(&str, &str)] = &[
    ("UNKNOWN_ACTION", "actions that are younger than its tables"),
    ("UNKNOWN_PREFIX", "services that are younger than its tables"),
    ("UNKNOWN_CONDITION_FOR_ACTION", "it does not know that global keys fit every action"),
    ("RESOURCE_STAR", "an inventory reads every resource, and new ones"),
    ("UNKNOWN_FEDERATION_SOURCE", "it knows the providers of SAML and Cognito only"),
];

/// Each form of trust and each access in each partition, with a state, its key and a reader of it.
fn plans_of_all_partitions() -> Vec<(String, SetupPlan)> {
    let facts = facts("https://id.example.com", "sts.amazonaws.com");
    let mut plans = Vec::new();
    for (partition, region) in [("aws", "eu-central-1"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")] {
        for trust in ["session-tag", "subject", "custom-claim", "external-id", "two-layer"] {
            for access in ["read-only-access", "least-privilege"] {
                let name = format!("{partition}-{trust}-{access}");
                let is_federated = !matches!(trust, "external-id" | "two-layer");
                let request = RawRequest {
                    region: region.to_owned(),
                    principal: if trust == "external-id" { "111122223333".to_owned() } else { String::new() },
                    external_id: if is_federated { String::new() } else { "b6a1ff0c-connection:1".to_owned() },
                    access: access.to_owned(),
                    types: if access == "least-privilege" { TYPES.to_owned() } else { String::new() },
                    state: "acme-state/prod/".to_owned(),
                    kms_keys: format!(
                        "arn:{partition}:kms:{region}:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab"
                    ),
                    state_reader: if is_federated { "driftwise-state".to_owned() } else { String::new() },
                    ..request(trust)
                };
                let request = request.parse(&facts).unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
                let plan = request.plan().unwrap_or_else(|error| panic!("{name}: {error}"));
                plans.push((name, plan));
            }
        }
    }
    plans
}

/// `CloudWatch` Logs has the operation `GetLogObject` since 2025, which reads log data. No list of actions that AWS publishes has an
/// action for it (September 2026). The policies deny the one that carries the operation's name, the rule that the permissions
/// reference of `CloudWatch` Logs states; a denial that AWS does not know does nothing, and the lack of one could open the data.
fn is_about_get_log_object(finding: &Value) -> bool {
    finding["Rule"]["Id"] == "W3037"
        && finding["Message"].as_str().is_some_and(|said| said.starts_with("'getlogobject' is not one of "))
}

#[tokio::test]
async fn cfn_lint_and_parliament_find_nothing() {
    let Some(tools) = tools() else { return };
    let scratch = TempDir::new().unwrap();
    let policies = scratch.path().join("policies");
    let mut templates: Vec<PathBuf> = Vec::new();
    let plain = plans().into_iter().map(|(name, plan)| (name.replace(' ', "-"), plan));
    for (name, plan) in plain.chain(plans_of_all_partitions()) {
        let write = |path: PathBuf, text: &str| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        templates.push(write(scratch.path().join(format!("{name}.template.json")), &template(&plan)));
        for file in all(&plan, As::Json) {
            write(policies.join(&name).join(&file.path), &file.text);
        }
    }
    let (templates_judged, policies_judged) = tokio::join!(tools.cfn_lint(&templates), tools.parliament(&policies));
    let counts = |finding: &Value| !is_about_get_log_object(finding);
    let counted: Vec<_> = templates_judged.unwrap().into_iter().filter(counts).collect();
    assert!(counted.is_empty(), "cfn-lint: {}", told(&counted));
    let counts = |finding: &Value| {
        let issue = finding["issue"].as_str().unwrap_or_default();
        let is_known = PARLIAMENT_IS_WRONG.iter().any(|(known, _)| *known == issue);
        // It takes every policy with a principal for a bucket's, which has resources.
        let is_trust = finding["location"]["filepath"].as_str().is_some_and(|path| path.ends_with("trust-policy.json"));
        let is_of_trust = is_trust && finding["detail"] == "Statement contains neither Resource nor NotResource";
        !is_known && !is_of_trust
    };
    let counted: Vec<_> = policies_judged.unwrap().into_iter().filter(counts).collect();
    assert!(counted.is_empty(), "parliament: {}", told(&counted));
}

/// The findings, cut to what a log can hold.
fn told(findings: &[Value]) -> String {
    let short = |finding: &Value| finding.to_string().chars().take(600).collect::<String>();
    findings.iter().take(20).map(short).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_judges_do_judge() {
    let Some(tools) = tools() else { return };
    let scratch = TempDir::new().unwrap();
    let (_, plan) = plans().remove(0);
    let broken = scratch.path().join("broken.template.json");
    std::fs::write(&broken, template(&plan).replace("AWS::IAM::Role", "AWS::IAM::Rule")).unwrap();
    assert!(!tools.cfn_lint(&[broken]).await.unwrap().is_empty());
    let policies = scratch.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    let trust = render(&plan, Selection::Everything, As::Json).unwrap()[0].text.replace("\"Allow\"", "\"Admit\"");
    std::fs::write(policies.join("trust-policy.json"), trust).unwrap();
    assert!(!tools.parliament(&policies).await.unwrap().is_empty());
}
