//! A small account that is in sync: three resources, one state, and the scan role as the customer's code declares it. Tests
//! that ask for one effect (a denial, a lag, a fault) start from it, so that nothing else is in the report.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use time::Duration;

use super::{ACCOUNT_ID, REGION, ROLE_NAME};
use crate::sandbox::World;
use crate::sandbox::inventory::{IndexKind, LiveResource};

/// The bucket of the small account's state.
pub const SMALL_BUCKET: &str = "acme-small-state";
/// The URI of the small account's state.
pub const SMALL_STATE: &str = "s3://acme-small-state/small/terraform.tfstate";
/// The key of the small account's state.
pub const SMALL_KEY: &str = "small/terraform.tfstate";

/// The ARN of the small account's queue.
pub fn queue_arn() -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT_ID}:orders")
}

fn queue_url() -> String {
    format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT_ID}/orders")
}

fn log_group_arn() -> String {
    format!("arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:/acme/orders")
}

fn topic_arn() -> String {
    format!("arn:aws:sns:{REGION}:{ACCOUNT_ID}:orders-placed")
}

/// The world: one account with an aggregator in [`REGION`], a default view with tags, and three resources.
pub fn small_world() -> World {
    let world = World::with_account(ACCOUNT_ID);
    let now = world.now();
    world.account_mut(ACCOUNT_ID, |account| {
        let inventory = &mut account.inventory;
        inventory.iam_lag = Duration::hours(2);
        inventory.create_index(ACCOUNT_ID, REGION, IndexKind::Aggregator, now);
        inventory.create_index(ACCOUNT_ID, "us-east-1", IndexKind::Local, now);
        let view = inventory.create_view(ACCOUNT_ID, REGION, "all", true, now);
        inventory.default_views.insert(REGION.to_owned(), view);
        let local = inventory.create_view(ACCOUNT_ID, "us-east-1", "local", true, now);
        inventory.default_views.insert("us-east-1".to_owned(), local);
        let rows: [(String, &str, &str, String, Value); 3] = [
            (
                queue_arn(),
                "sqs:queue",
                "AWS::SQS::Queue",
                queue_url(),
                json!({
                    "QueueUrl": queue_url(), "Arn": queue_arn(), "QueueName": "orders", "VisibilityTimeout": 30,
                    "MessageRetentionPeriod": 345_600, "DelaySeconds": 0, "MaximumMessageSize": 262_144,
                    "ReceiveMessageWaitTimeSeconds": 0, "SqsManagedSseEnabled": true,
                    "Tags": [{"Key": "team", "Value": "orders"}],
                }),
            ),
            (
                log_group_arn(),
                "logs:log-group",
                "AWS::Logs::LogGroup",
                "/acme/orders".to_owned(),
                json!({
                    "LogGroupName": "/acme/orders", "Arn": format!("{}:*", log_group_arn()), "RetentionInDays": 30,
                    "LogGroupClass": "STANDARD", "Tags": [{"Key": "team", "Value": "orders"}],
                }),
            ),
            (
                topic_arn(),
                "sns:topic",
                "AWS::SNS::Topic",
                topic_arn(),
                json!({
                    "TopicArn": topic_arn(), "TopicName": "orders-placed", "DisplayName": "Orders placed",
                    "Tags": [{"Key": "team", "Value": "orders"}],
                }),
            ),
        ];
        for (arn, resource_type, cfn_type, identifier, properties) in rows {
            let service = resource_type.split(':').next().unwrap_or_default().to_owned();
            inventory.insert(LiveResource {
                arn,
                region: REGION.to_owned(),
                resource_type: resource_type.to_owned(),
                service,
                cfn_type: Some(cfn_type.to_owned()),
                identifier,
                properties: properties.as_object().cloned().unwrap_or_default(),
                tags: BTreeMap::from([("team".to_owned(), "orders".to_owned())]),
                last_reported_at: now,
                listed: true,
                exists: true,
            });
        }
    });
    world
}

/// The state that declares the small account, as a JSON document.
pub fn small_state() -> Value {
    let role_arn = format!("arn:aws:iam::{ACCOUNT_ID}:role/{ROLE_NAME}");
    let tags = json!({"team": "orders"});
    let resources = [
        (
            "aws_sqs_queue",
            json!({
                "arn": queue_arn(), "id": queue_url(), "url": queue_url(), "name": "orders", "fifo_queue": false,
                "visibility_timeout_seconds": 30, "message_retention_seconds": 345_600, "delay_seconds": 0,
                "max_message_size": 262_144, "receive_wait_time_seconds": 0, "sqs_managed_sse_enabled": true,
                "region": REGION, "tags": tags, "tags_all": tags,
            }),
        ),
        (
            "aws_cloudwatch_log_group",
            json!({
                "arn": log_group_arn(), "id": "/acme/orders", "name": "/acme/orders", "retention_in_days": 30,
                "log_group_class": "STANDARD", "region": REGION, "tags": tags, "tags_all": tags,
            }),
        ),
        (
            "aws_sns_topic",
            json!({
                "arn": topic_arn(), "id": topic_arn(), "name": "orders-placed", "display_name": "Orders placed",
                "region": REGION, "tags": tags, "tags_all": tags,
            }),
        ),
        (
            "aws_iam_role",
            json!({
                "arn": role_arn, "id": ROLE_NAME, "name": ROLE_NAME, "path": "/", "max_session_duration": 3_600,
                "tags": {}, "tags_all": {},
            }),
        ),
        (
            "aws_iam_role_policy_attachment",
            json!({
                "id": format!("{ROLE_NAME}-20261101100000000000000001"), "role": ROLE_NAME,
                "policy_arn": "arn:aws:iam::aws:policy/ReadOnlyAccess",
            }),
        ),
        (
            "aws_iam_role_policy",
            json!({
                "id": format!("{ROLE_NAME}:driftwise-scan"), "role": ROLE_NAME, "name": "driftwise-scan",
            }),
        ),
    ];
    let resources: Vec<Value> = resources
        .into_iter()
        .map(|(terraform_type, attributes)| {
            json!({
                "mode": "managed", "type": terraform_type, "name": "orders",
                "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
                "instances": [{"schema_version": 0, "attributes": attributes, "sensitive_attributes": []}],
            })
        })
        .collect();
    json!({
        "version": 4, "terraform_version": "1.12.2", "serial": 7, "lineage": "5b2ec0c2-5d4f-4d9b-9b57-0f2f5d1c7a11",
        "outputs": {}, "resources": resources, "check_results": null,
    })
}

/// The resources of a state document, for tests that take some away.
pub fn resources_of(state: &mut Value) -> &mut Vec<Value> {
    match state.get_mut("resources") {
        Some(Value::Array(resources)) => resources,
        _ => unreachable!("a state document has resources"),
    }
}
