//! Who made a resource, as far as its ARN and its tags tell. What AWS or a stack made is classified, not accused of being
//! unmanaged.
//!
//! `aws:*` tags can be set by AWS only, so they are proof; they are used here and then dropped. What is only a habit of
//! naming is not used. What only its properties can tell is left to [`super::defaults`].

use std::collections::BTreeMap;

use driftwise_contract::Arn;
use driftwise_contract::resource::Owner;

/// Tags that AWS's services put on what they made, and what that says.
const TAGS: &[(&str, &str)] = &[
    ("aws:autoscaling:groupName", "launched by an Auto Scaling group"),
    ("aws:eks:cluster-name", "made by EKS for a cluster"),
    ("aws:elasticmapreduce:job-flow-id", "made by EMR for a cluster"),
    ("aws:secretsmanager:owningService", "secret that an AWS service manages"),
    ("aws:backup:source-resource", "made by AWS Backup"),
    ("aws:rds:primaryDBInstanceArn", "made by RDS for a database"),
];

/// Resources that AWS makes in every account: service, beginning of the ARN's resource part, whether that is all of it,
/// and what they are.
const DEFAULTS: &[(&str, &str, Extent, &str)] = &[
    ("athena", "datacatalog/AwsDataCatalog", Extent::All, "default data catalog"),
    ("athena", "workgroup/primary", Extent::All, "default workgroup"),
    ("appconfig", "deploymentstrategy/AppConfig.", Extent::Prefix, "predefined deployment strategy"),
    ("backup", "backup-vault:Default", Extent::All, "default backup vault"),
    ("backup", "backup-vault:aws/", Extent::Prefix, "backup vault of an AWS service"),
    ("codedeploy", "deploymentconfig:CodeDeployDefault.", Extent::Prefix, "predefined deployment configuration"),
    ("elasticache", "parametergroup:default.", Extent::Prefix, "default parameter group"),
    ("elasticache", "snapshot:automatic.", Extent::Prefix, "automatic snapshot"),
    ("elasticache", "user:default", Extent::All, "default user"),
    ("events", "event-bus/default", Extent::All, "default event bus"),
    ("events", "rule/AutoScalingManagedRule", Extent::All, "rule that an AWS service manages"),
    ("events", "rule/StepFunctionsGetEventsFor", Extent::Prefix, "rule that an AWS service manages"),
    ("iam", "role/aws-reserved/", Extent::Prefix, "IAM Identity Center role"),
    ("iam", "role/aws-service-role/", Extent::Prefix, "service-linked role"),
    ("kms", "alias/aws/", Extent::Prefix, "AWS-managed key"),
    ("memorydb", "acl/open-access", Extent::All, "default access control list"),
    ("memorydb", "parametergroup/default.", Extent::Prefix, "default parameter group"),
    ("memorydb", "snapshot/automatic.", Extent::Prefix, "automatic snapshot"),
    ("memorydb", "user/default", Extent::All, "default user"),
    ("rds", "cluster-pg:default.", Extent::Prefix, "default parameter group"),
    // Names that people give can't hold a colon.
    ("rds", "cluster-snapshot:awsbackup:", Extent::Prefix, "snapshot by AWS Backup"),
    ("rds", "cluster-snapshot:rds:", Extent::Prefix, "automated snapshot"),
    ("rds", "og:default:", Extent::Prefix, "default option group"),
    ("rds", "pg:default.", Extent::Prefix, "default parameter group"),
    ("rds", "secgrp:default", Extent::All, "default security group"),
    ("rds", "snapshot:awsbackup:", Extent::Prefix, "snapshot by AWS Backup"),
    ("rds", "snapshot:rds:", Extent::Prefix, "automated snapshot"),
    ("redshift", "parametergroup:default.", Extent::Prefix, "default parameter group"),
    // The index is the service's own switch; of views, only the one of the quick set-up.
    ("resource-explorer-2", "index/", Extent::Prefix, "index of Resource Explorer"),
    ("resource-explorer-2", "view/all-resources/", Extent::Prefix, "default view of Resource Explorer"),
    ("route53resolver", "resolver-rule/rslvr-autodefined-rr-", Extent::Prefix, "autodefined resolver rule"),
    ("s3", "storage-lens/default-account-dashboard", Extent::All, "default dashboard"),
    ("scheduler", "schedule-group/default", Extent::All, "default schedule group"),
    ("xray", "group/Default", Extent::Prefix, "default group"),
    ("xray", "sampling-rule/Default", Extent::All, "default sampling rule"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    All,
    Prefix,
}

/// The owner by ARN and tags (all of them, `aws:*` included).
pub fn owner(arn: &Arn, tags: &BTreeMap<String, String>) -> Owner {
    let aws = |reason: &str| Owner::Aws { reason: reason.to_owned() };
    // arn:aws:iam::aws:policy/…
    if arn.account() == "aws" {
        return aws("AWS-managed policy");
    }
    let is_default = |(service, form, extent, _): &&(&str, &str, Extent, &str)| {
        *service == arn.service()
            && match extent {
                Extent::All => arn.resource() == *form,
                Extent::Prefix => arn.resource().starts_with(form),
            }
    };
    if let Some((_, _, _, reason)) = DEFAULTS.iter().find(is_default) {
        return aws(reason);
    }
    if let Some(stack) = tags.get("aws:cloudformation:stack-name") {
        return Owner::CloudFormation { stack: stack.clone() };
    }
    match TAGS.iter().find(|(key, _)| tags.contains_key(*key)) {
        Some((_, reason)) => aws(reason),
        None => Owner::Unknown,
    }
}

/// The tags that people set: AWS reserves `aws:`.
pub fn without_reserved(tags: BTreeMap<String, String>) -> BTreeMap<String, String> {
    tags.into_iter().filter(|(key, _)| !key.starts_with("aws:")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aws_and_stacks_made_is_told_and_nothing_else_is() {
        let tag = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let none = BTreeMap::new();
        for (arn, tags, expected) in [
            (
                "arn:aws:iam::123456789012:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX",
                &none,
                "service-linked role",
            ),
            (
                "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_A_1",
                &none,
                "IAM Identity Center role",
            ),
            ("arn:aws:iam::aws:policy/ReadOnlyAccess", &none, "AWS-managed policy"),
            ("arn:aws:kms:eu-west-1:123456789012:alias/aws/ebs", &none, "AWS-managed key"),
            ("arn:aws:events:eu-west-1:123456789012:event-bus/default", &none, "default event bus"),
            ("arn:aws:rds:eu-west-1:123456789012:pg:default.postgres16", &none, "default parameter group"),
            ("arn:aws:rds:eu-west-1:123456789012:snapshot:rds:orders-2026-11-01-03-10", &none, "automated snapshot"),
            ("arn:aws:rds:eu-west-1:123456789012:cluster-snapshot:rds:shop-2026-11-01", &none, "automated snapshot"),
            ("arn:aws:rds:eu-west-1:123456789012:snapshot:before-upgrade", &none, ""),
            ("arn:aws:elasticache:eu-west-1:123456789012:snapshot:automatic.shop-2026", &none, "automatic snapshot"),
            ("arn:aws:resource-explorer-2:eu-west-1:123456789012:index/1a", &none, "index of Resource Explorer"),
            (
                "arn:aws:resource-explorer-2:eu-west-1:123456789012:view/all-resources/1a",
                &none,
                "default view of Resource Explorer",
            ),
            ("arn:aws:resource-explorer-2:eu-west-1:123456789012:view/team-a/1a", &none, ""),
            (
                "arn:aws:route53resolver:eu-west-1:123456789012:resolver-rule/rslvr-autodefined-rr-internet-resolver",
                &none,
                "autodefined resolver rule",
            ),
            ("arn:aws:route53resolver:eu-west-1:123456789012:resolver-rule/rslvr-rr-5328", &none, ""),
            (
                "arn:aws:ec2:eu-west-1:123456789012:instance/i-1",
                &tag("aws:autoscaling:groupName", "g"),
                "launched by an Auto Scaling group",
            ),
            ("arn:aws:sqs:eu-west-1:123456789012:q", &tag("aws:cloudformation:stack-name", "s"), "stack s"),
            ("arn:aws:events:eu-west-1:123456789012:event-bus/default-2", &none, ""),
            ("arn:aws:iam::123456789012:role/AWSReservedSSO_lookalike", &none, ""),
            ("arn:aws:sqs:eu-west-1:123456789012:q", &tag("cloudformation:stack-name", "s"), ""),
        ] {
            let told = match owner(&arn.parse().unwrap(), tags) {
                Owner::Aws { reason } => reason,
                Owner::CloudFormation { stack } => format!("stack {stack}"),
                Owner::Unknown => String::new(),
            };
            assert_eq!(told, expected, "{arn}");
        }
    }

    #[test]
    fn reserved_tags_are_dropped() {
        let tags = BTreeMap::from([("aws:x".to_owned(), "1".to_owned()), ("awsome".to_owned(), "2".to_owned())]);
        assert_eq!(without_reserved(tags).into_keys().collect::<Vec<_>>(), ["awsome"]);
    }
}
