//! Logs, alarms, the audit trail.

use serde_json::json;

use super::kind;
use crate::sandbox::seed::twin::{Place, Twin};

/// A log group that keeps its entries for 30 days.
pub(in crate::sandbox::seed) fn log_group(at: Place, name: &str, tags: &[(&str, &str)]) -> Twin {
    let arn = at.arn("logs", &format!("log-group:{name}"));
    let mut twin = Twin::new(
        at,
        kind("aws_cloudwatch_log_group", "AWS::Logs::LogGroup", "logs:log-group"),
        arn.clone(),
        name,
        json!({ "LogGroupName": name, "Arn": format!("{arn}:*"), "RetentionInDays": 30, "LogGroupClass": "STANDARD" }),
        json!({
            "id": name, "name": name, "name_prefix": "", "retention_in_days": 30, "log_group_class": "STANDARD",
            "kms_key_id": "", "skip_destroy": false, "deletion_protection_enabled": false,
        }),
        tags,
    );
    twin.attributes.insert("arn".to_owned(), json!(arn));
    twin
}

/// What an alarm watches.
#[derive(Debug)]
pub(in crate::sandbox::seed) struct Watch<'a> {
    pub(in crate::sandbox::seed) namespace: &'a str,
    pub(in crate::sandbox::seed) metric: &'a str,
    pub(in crate::sandbox::seed) dimension: (&'a str, &'a str),
    pub(in crate::sandbox::seed) threshold: u32,
}

/// An alarm that tells a topic.
pub(in crate::sandbox::seed) fn alarm(
    at: Place,
    name: &str,
    watch: &Watch<'_>,
    topic_arn: &str,
    tags: &[(&str, &str)],
) -> Twin {
    let arn = at.arn("cloudwatch", &format!("alarm:{name}"));
    let (dimension, value) = watch.dimension;
    let mut twin = Twin::new(
        at,
        kind("aws_cloudwatch_metric_alarm", "AWS::CloudWatch::Alarm", "cloudwatch:alarm"),
        arn.clone(),
        name,
        json!({
            "AlarmName": name, "Arn": arn, "AlarmDescription": "", "ActionsEnabled": true, "AlarmActions": [topic_arn],
            "OKActions": [], "InsufficientDataActions": [], "Namespace": watch.namespace,
            "MetricName": watch.metric, "Dimensions": [{"Name": dimension, "Value": value}],
            "ComparisonOperator": "GreaterThanThreshold", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 3,
            "DatapointsToAlarm": 2, "Threshold": watch.threshold, "TreatMissingData": "notBreaching",
        }),
        json!({
            "id": name, "alarm_name": name, "alarm_description": "", "actions_enabled": true,
            "alarm_actions": [topic_arn], "ok_actions": [], "insufficient_data_actions": [],
            "namespace": watch.namespace,
            "metric_name": watch.metric, "comparison_operator": "GreaterThanThreshold", "statistic": "Sum",
            "period": 60, "evaluation_periods": 3, "datapoints_to_alarm": 2,
            "threshold": watch.threshold, "treat_missing_data": "notBreaching", "unit": "", "extended_statistic": "",
            "threshold_metric_id": "", "evaluate_low_sample_count_percentiles": "",
        }),
        tags,
    );
    twin.attributes.insert("dimensions".to_owned(), json!({ dimension: value }));
    twin
}

/// The trail of all regions.
pub(in crate::sandbox::seed) fn trail(
    at: Place,
    name: &str,
    bucket: &str,
    key_arn: &str,
    tags: &[(&str, &str)],
) -> Twin {
    let arn = at.arn("cloudtrail", &format!("trail/{name}"));
    Twin::new(
        at,
        kind("aws_cloudtrail", "AWS::CloudTrail::Trail", "cloudtrail:trail"),
        arn.clone(),
        name,
        json!({
            "TrailName": name, "Arn": arn, "S3BucketName": bucket, "S3KeyPrefix": "cloudtrail", "KMSKeyId": key_arn,
            "IsLogging": true, "IsMultiRegionTrail": true, "IsOrganizationTrail": false,
            "IncludeGlobalServiceEvents": true, "EnableLogFileValidation": true,
            "EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [], "ExcludeManagementEventSources": []}],
        }),
        json!({
            "id": arn, "name": name, "home_region": at.region, "s3_bucket_name": bucket, "s3_key_prefix": "cloudtrail",
            "kms_key_id": key_arn, "enable_logging": true, "is_multi_region_trail": true,
            "is_organization_trail": false, "include_global_service_events": true, "enable_log_file_validation": true,
            "cloud_watch_logs_group_arn": "", "cloud_watch_logs_role_arn": "", "sns_topic_name": "",
            "sns_topic_arn": "",
        }),
        tags,
    )
}
