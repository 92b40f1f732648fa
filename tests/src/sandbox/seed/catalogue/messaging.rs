//! Queues, topics, events, streams, workflows.

use serde_json::{Value, json};

use super::{kind, part};
use crate::sandbox::seed::{
    ACCOUNT_ID, ids,
    twin::{Place, Twin},
};

/// A queue, with the ARN of its dead-letter queue if it has one.
pub(in crate::sandbox::seed) fn queue(
    at: Place,
    name: &str,
    dead_letters: Option<&str>,
    tags: &[(&str, &str)],
) -> Twin {
    let url = format!("https://sqs.{}.amazonaws.com/{ACCOUNT_ID}/{name}", at.region);
    let arn = at.arn("sqs", name);
    let mut twin = Twin::new(
        at,
        kind("aws_sqs_queue", "AWS::SQS::Queue", "sqs:queue"),
        arn.clone(),
        &url,
        json!({
            "QueueUrl": url, "QueueName": name, "Arn": arn, "VisibilityTimeout": 60, "MessageRetentionPeriod": 345_600,
            "DelaySeconds": 0, "ReceiveMessageWaitTimeSeconds": 20, "MaximumMessageSize": 262_144,
            "SqsManagedSseEnabled": true,
        }),
        json!({
            "id": url, "url": url, "name": name, "visibility_timeout_seconds": 60, "message_retention_seconds": 345_600,
            "delay_seconds": 0, "receive_wait_time_seconds": 20, "max_message_size": 262_144,
            "sqs_managed_sse_enabled": true,
            "fifo_queue": false, "content_based_deduplication": false, "deduplication_scope": "",
            "fifo_throughput_limit": "",
            "kms_data_key_reuse_period_seconds": 300, "kms_master_key_id": "", "name_prefix": "", "policy": "",
            "redrive_policy": "",
            "redrive_allow_policy": "",
        }),
        tags,
    );
    if let Some(target) = dead_letters {
        // AWS gives the policy as an object; Terraform keeps its text.
        twin.live
            .properties
            .insert("RedrivePolicy".to_owned(), json!({"maxReceiveCount": 5, "deadLetterTargetArn": target}));
        let text = format!(r#"{{"deadLetterTargetArn":"{target}","maxReceiveCount":5}}"#);
        twin.attributes.insert("redrive_policy".to_owned(), Value::from(text));
    }
    twin
}

/// A topic.
pub(in crate::sandbox::seed) fn topic(at: Place, name: &str, tags: &[(&str, &str)]) -> Twin {
    let arn = at.arn("sns", name);
    let policy = format!(
        r#"{{"Id":"__default_policy_ID","Statement":[{{"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes","SNS:Subscribe","SNS:Publish"],"Condition":{{"StringEquals":{{"AWS:SourceOwner":"{ACCOUNT_ID}"}}}},"Effect":"Allow","Principal":{{"AWS":"*"}},"Resource":"{arn}","Sid":"__default_statement_ID"}}],"Version":"2008-10-17"}}"#
    );
    Twin::new(
        at,
        kind("aws_sns_topic", "AWS::SNS::Topic", "sns:topic"),
        arn.clone(),
        &arn,
        json!({
            "TopicArn": arn, "TopicName": name, "DisplayName": "", "FifoTopic": false, "TracingConfig": "PassThrough",
        }),
        json!({
            "id": arn, "name": name, "display_name": "", "fifo_topic": false, "content_based_deduplication": false,
            "owner": ACCOUNT_ID,
            "policy": policy, "delivery_policy": "", "kms_master_key_id": "", "name_prefix": "", "signature_version": 0,
            "tracing_config": "PassThrough", "archive_policy": "", "beginning_archive_time": "",
        }),
        tags,
    )
}

/// A queue's subscription to a topic.
pub(in crate::sandbox::seed) fn subscription(at: Place, topic_arn: &str, queue_arn: &str) -> Twin {
    let arn = format!("{topic_arn}:{}", ids::uuid(&format!("{topic_arn}/{queue_arn}")));
    let mut twin = Twin::new(
        at,
        part("aws_sns_topic_subscription", "AWS::SNS::Subscription"),
        arn.clone(),
        &arn,
        json!({
            "Arn": arn, "TopicArn": topic_arn, "Protocol": "sqs", "Endpoint": queue_arn, "RawMessageDelivery": true,
        }),
        json!({
            "id": arn, "topic_arn": topic_arn, "protocol": "sqs", "endpoint": queue_arn, "raw_message_delivery": true,
            "owner_id": ACCOUNT_ID,
            "pending_confirmation": false, "confirmation_was_authenticated": true, "confirmation_timeout_in_minutes": 1,
            "endpoint_auto_confirms": false, "filter_policy": "", "filter_policy_scope": "", "delivery_policy": "",
            "redrive_policy": "",
            "replay_policy": "", "subscription_role_arn": "",
        }),
        &[],
    );
    twin.live.identifier = arn;
    twin
}

/// An event bus.
pub(in crate::sandbox::seed) fn event_bus(at: Place, name: &str, tags: &[(&str, &str)]) -> Twin {
    let arn = at.arn("events", &format!("event-bus/{name}"));
    Twin::new(
        at,
        kind("aws_cloudwatch_event_bus", "AWS::Events::EventBus", "events:event-bus"),
        arn.clone(),
        name,
        json!({ "Name": name, "Arn": arn }),
        json!({ "id": name, "name": name, "description": "", "kms_key_identifier": "" }),
        tags,
    )
}

/// A rule on a bus.
pub(in crate::sandbox::seed) fn event_rule(
    at: Place,
    bus: &str,
    name: &str,
    detail_type: &str,
    tags: &[(&str, &str)],
) -> Twin {
    let arn = at.arn("events", &format!("rule/{bus}/{name}"));
    Twin::new(
        at,
        kind("aws_cloudwatch_event_rule", "AWS::Events::Rule", "events:rule"),
        arn.clone(),
        &arn,
        json!({
            "Arn": arn, "Name": name, "EventBusName": bus, "State": "ENABLED",
            "Description": format!("Routes {detail_type}"),
            "EventPattern": {"source": ["shop.acme"], "detail-type": [detail_type]},
        }),
        json!({
            "id": format!("{bus}/{name}"), "name": name, "name_prefix": "", "event_bus_name": bus, "state": "ENABLED",
            "is_enabled": true,
            "description": format!("Routes {detail_type}"), "schedule_expression": "", "role_arn": "",
            "force_destroy": false,
            "event_pattern": format!(r#"{{"detail-type":["{detail_type}"],"source":["shop.acme"]}}"#),
        }),
        tags,
    )
}

/// A stream.
pub(in crate::sandbox::seed) fn stream(at: Place, name: &str, tags: &[(&str, &str)]) -> Twin {
    let arn = at.arn("kinesis", &format!("stream/{name}"));
    Twin::new(
        at,
        kind("aws_kinesis_stream", "AWS::Kinesis::Stream", "kinesis:stream"),
        arn.clone(),
        name,
        json!({
            "Name": name, "Arn": arn, "RetentionPeriodHours": 48, "ShardCount": 4,
            "StreamModeDetails": {"StreamMode": "PROVISIONED"},
            "StreamEncryption": {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}, "DesiredShardLevelMetrics": [],
        }),
        json!({
            "id": arn, "name": name, "retention_period": 48, "shard_count": 4, "encryption_type": "KMS",
            "kms_key_id": "alias/aws/kinesis",
            "enforce_consumer_deletion": false, "shard_level_metrics": [],
            "stream_mode_details": [{"stream_mode": "PROVISIONED"}],
        }),
        tags,
    )
}

/// A workflow of one task.
pub(in crate::sandbox::seed) fn workflow(
    at: Place,
    name: &str,
    role_arn: &str,
    function_arn: &str,
    tags: &[(&str, &str)],
) -> Twin {
    let arn = at.arn("states", &format!("stateMachine:{name}"));
    let pretty = format!(
        "{{\n  \"StartAt\": \"Run\",\n  \"States\": {{\"Run\": {{\"Type\": \"Task\", \"Resource\": \"{function_arn}\", \"End\": true}}}}\n}}"
    );
    let compact =
        format!(r#"{{"StartAt":"Run","States":{{"Run":{{"End":true,"Resource":"{function_arn}","Type":"Task"}}}}}}"#);
    Twin::new(
        at,
        kind("aws_sfn_state_machine", "AWS::StepFunctions::StateMachine", "states:stateMachine"),
        arn.clone(),
        &arn,
        json!({
            "Arn": arn, "Name": name, "StateMachineName": name, "RoleArn": role_arn, "StateMachineType": "STANDARD",
            "DefinitionString": pretty,
            "LoggingConfiguration": {"Level": "OFF", "IncludeExecutionData": false},
            "TracingConfiguration": {"Enabled": true},
        }),
        json!({
            "id": arn, "name": name, "name_prefix": "", "role_arn": role_arn, "type": "STANDARD", "definition": compact,
            "status": "ACTIVE",
            "publish": false, "creation_date": "2025-03-11T10:04:17Z", "description": "", "revision_id": "",
            "state_machine_version_arn": "",
            "logging_configuration": [{"include_execution_data": false, "level": "OFF", "log_destination": ""}],
            "tracing_configuration": [{"enabled": true}],
        }),
        tags,
    )
}
