//! AWS's own managed policies, as far as the sandbox knows them. The documents are the sandbox's words for what each policy is
//! for: far shorter than AWS's, never wider where it matters (nothing that reads also writes).

use time::OffsetDateTime;

use super::{ManagedPolicy, PolicyVersion};

/// What makes up one of AWS's policies: path, name, document in force.
const POLICIES: &[(&str, &str, &str)] = &[
    (
        "/",
        "AdministratorAccess",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
    ),
    (
        "/",
        "PowerUserAccess",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":["iam:*","organizations:*","account:*"],"Resource":"*"},{"Effect":"Allow","Action":["iam:CreateServiceLinkedRole","iam:ListRoles","organizations:DescribeOrganization","account:ListRegions"],"Resource":"*"}]}"#,
    ),
    (
        "/",
        "IAMFullAccess",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]}"#,
    ),
    (
        "/",
        "IAMReadOnlyAccess",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:Get*","iam:List*","iam:GenerateCredentialReport","iam:GenerateServiceLastAccessedDetails","iam:Simulate*"],"Resource":"*"}]}"#,
    ),
    ("/", "ReadOnlyAccess", READ_ONLY),
    ("/", "SecurityAudit", SECURITY_AUDIT),
    ("/job-function/", "ViewOnlyAccess", VIEW_ONLY),
    (
        "/",
        "AmazonS3ReadOnlyAccess",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:Get*","s3:List*","s3:Describe*","s3-object-lambda:Get*","s3-object-lambda:List*"],"Resource":"*"}]}"#,
    ),
    (
        "/",
        "AmazonS3FullAccess",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","s3-object-lambda:*"],"Resource":"*"}]}"#,
    ),
    (
        "/",
        "AmazonSQSFullAccess",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}"#,
    ),
    (
        "/",
        "AmazonDynamoDBFullAccess",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:*","dax:*"],"Resource":"*"}]}"#,
    ),
    (
        "/",
        "AmazonEC2ReadOnlyAccess",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:Describe*","ec2:Get*","elasticloadbalancing:Describe*","autoscaling:Describe*"],"Resource":"*"}]}"#,
    ),
    (
        "/",
        "AWSResourceExplorerReadOnlyAccess",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["resource-explorer-2:Get*","resource-explorer-2:List*","resource-explorer-2:Search","resource-explorer-2:BatchGetView","ec2:DescribeRegions","ram:ListResources","ram:GetResourceShares","organizations:DescribeOrganization"],"Resource":"*"}]}"#,
    ),
    (
        "/",
        "AmazonSSMManagedInstanceCore",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ssm:DescribeAssociation","ssm:GetDocument","ssm:GetManifest","ssm:GetParameter","ssm:GetParameters","ssm:UpdateInstanceInformation","ssmmessages:*","ec2messages:*"],"Resource":"*"}]}"#,
    ),
    (
        "/",
        "CloudWatchAgentServerPolicy",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudwatch:PutMetricData","logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents","logs:DescribeLogGroups","logs:DescribeLogStreams"],"Resource":"*"}]}"#,
    ),
    (
        "/service-role/",
        "AWSLambdaBasicExecutionRole",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}"#,
    ),
    (
        "/service-role/",
        "AWSLambdaVPCAccessExecutionRole",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents","ec2:CreateNetworkInterface","ec2:DescribeNetworkInterfaces","ec2:DeleteNetworkInterface"],"Resource":"*"}]}"#,
    ),
    (
        "/service-role/",
        "AmazonECSTaskExecutionRolePolicy",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:GetAuthorizationToken","ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer","ecr:BatchGetImage","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}]}"#,
    ),
];

/// Reads everything, of data too, and changes nothing.
const READ_ONLY: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"ReadOnlyActions","Effect":"Allow","Action":["access-analyzer:Get*","access-analyzer:List*","account:Get*","account:List*","acm:Describe*","acm:Get*","acm:List*","apigateway:GET","appsync:Get*","appsync:List*","athena:Get*","athena:List*","autoscaling:Describe*","backup:Describe*","backup:Get*","backup:List*","cloudformation:Describe*","cloudformation:Detect*","cloudformation:Estimate*","cloudformation:Get*","cloudformation:List*","cloudfront:Describe*","cloudfront:Get*","cloudfront:List*","cloudtrail:Describe*","cloudtrail:Get*","cloudtrail:List*","cloudwatch:Describe*","cloudwatch:Get*","cloudwatch:List*","codebuild:BatchGet*","codebuild:List*","cognito-idp:Describe*","cognito-idp:Get*","cognito-idp:List*","config:Describe*","config:Get*","config:List*","dynamodb:Describe*","dynamodb:Get*","dynamodb:List*","dynamodb:Query","dynamodb:Scan","ec2:Describe*","ec2:Get*","ec2:List*","ec2:Search*","ecr:BatchGet*","ecr:Describe*","ecr:Get*","ecr:List*","ecs:Describe*","ecs:List*","eks:Describe*","eks:List*","elasticache:Describe*","elasticache:List*","elasticfilesystem:Describe*","elasticfilesystem:List*","elasticloadbalancing:Describe*","es:Describe*","es:List*","events:Describe*","events:List*","firehose:Describe*","firehose:List*","glue:BatchGet*","glue:Get*","glue:List*","guardduty:Describe*","guardduty:Get*","guardduty:List*","iam:Generate*","iam:Get*","iam:List*","iam:Simulate*","kinesis:Describe*","kinesis:Get*","kinesis:List*","kms:Describe*","kms:Get*","kms:List*","lambda:Get*","lambda:List*","logs:Describe*","logs:Get*","logs:List*","logs:FilterLogEvents","organizations:Describe*","organizations:List*","ram:Get*","ram:List*","rds:Describe*","rds:List*","redshift:Describe*","redshift:List*","resource-explorer-2:BatchGetView","resource-explorer-2:Get*","resource-explorer-2:List*","resource-explorer-2:Search","resource-groups:Get*","resource-groups:List*","route53:Get*","route53:List*","s3:Describe*","s3:Get*","s3:List*","scheduler:Get*","scheduler:List*","secretsmanager:Describe*","secretsmanager:GetResourcePolicy","secretsmanager:List*","securityhub:Describe*","securityhub:Get*","securityhub:List*","sns:Check*","sns:Get*","sns:List*","sqs:Get*","sqs:List*","sqs:Receive*","ssm:Describe*","ssm:Get*","ssm:List*","states:Describe*","states:Get*","states:List*","sts:GetAccessKeyInfo","sts:GetCallerIdentity","sts:GetSessionToken","tag:Get*","waf:Get*","waf:List*","wafv2:Describe*","wafv2:Get*","wafv2:List*","xray:BatchGet*","xray:Get*"],"Resource":"*"}]}"#;

/// Reads configuration, no data: neither objects nor table rows, and no Cloud Control.
const SECURITY_AUDIT: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"BaseSecurityAudit","Effect":"Allow","Action":["acm:Describe*","acm:List*","apigateway:GET","autoscaling:Describe*","cloudformation:Describe*","cloudformation:GetStackPolicy","cloudformation:GetTemplate","cloudformation:ListStack*","cloudtrail:Describe*","cloudtrail:Get*","cloudtrail:List*","cloudwatch:Describe*","config:Describe*","config:Get*","config:List*","dynamodb:Describe*","dynamodb:List*","ec2:Describe*","ecr:Describe*","ecr:GetRepositoryPolicy","ecs:Describe*","ecs:List*","eks:Describe*","eks:List*","elasticloadbalancing:Describe*","iam:Generate*","iam:Get*","iam:List*","iam:Simulate*","kms:Describe*","kms:Get*","kms:List*","lambda:GetPolicy","lambda:List*","logs:Describe*","organizations:Describe*","organizations:List*","rds:Describe*","route53:Get*","route53:List*","s3:GetAccelerateConfiguration","s3:GetBucket*","s3:GetEncryptionConfiguration","s3:GetLifecycleConfiguration","s3:ListAllMyBuckets","s3:ListBucket*","secretsmanager:Describe*","secretsmanager:GetResourcePolicy","secretsmanager:List*","sns:Get*","sns:List*","sqs:GetQueueAttributes","sqs:List*","ssm:Describe*","ssm:List*","tag:Get*"],"Resource":"*"}]}"#;

/// Lists and describes, opens nothing.
const VIEW_ONLY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["acm:List*","autoscaling:Describe*","cloudformation:Describe*","cloudformation:List*","cloudfront:List*","cloudtrail:Describe*","cloudtrail:LookupEvents","cloudwatch:Describe*","cloudwatch:Get*","cloudwatch:List*","dynamodb:Describe*","dynamodb:List*","ec2:Describe*","ecr:Describe*","ecr:List*","ecs:Describe*","ecs:List*","eks:List*","elasticloadbalancing:Describe*","iam:GetAccountSummary","iam:GetLoginProfile","iam:List*","kms:List*","lambda:List*","logs:Describe*","rds:Describe*","resource-explorer-2:Get*","resource-explorer-2:List*","resource-explorer-2:Search","route53:List*","s3:ListAllMyBuckets","s3:ListBucket","sns:List*","sqs:List*","ssm:Describe*","ssm:List*"],"Resource":"*"}]}"#;

/// The document of the AWS policy with this ARN.
pub fn document(arn: &str) -> Option<&'static str> {
    POLICIES.iter().find(|(path, name, _)| arn_of(path, name) == arn).map(|(_, _, document)| *document)
}

/// The AWS policy with this ARN.
pub fn policy(arn: &str) -> Option<ManagedPolicy> {
    all().find(|policy| policy.arn == arn)
}

/// All of them.
pub fn all() -> impl Iterator<Item = ManagedPolicy> {
    POLICIES.iter().enumerate().map(|(index, (path, name, document))| {
        // Any fixed moment before the sandbox began will do.
        let created = OffsetDateTime::UNIX_EPOCH + time::Duration::days(16_500);
        ManagedPolicy {
            name: (*name).to_owned(),
            path: (*path).to_owned(),
            id: format!("ANPASANDBOXAWS{index:07}"),
            arn: arn_of(path, name),
            description: Some(format!("The sandbox's short form of AWS's {name}.")),
            created,
            updated: created,
            versions: vec![PolicyVersion {
                id: "v1".to_owned(),
                document: (*document).to_owned(),
                is_default: true,
                created,
            }],
            tags: std::collections::BTreeMap::new(),
        }
    })
}

fn arn_of(path: &str, name: &str) -> String {
    format!("arn:aws:iam::aws:policy{path}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::iam::check_identity_policy;

    #[test]
    fn every_aws_policy_is_a_valid_identity_policy() {
        for policy in all() {
            let text = &policy.versions[0].document;
            assert!(check_identity_policy(text).is_ok(), "{}", policy.arn);
        }
    }

    #[test]
    fn what_only_reads_names_no_writing_action() {
        for name in ["ReadOnlyAccess", "SecurityAudit", "job-function/ViewOnlyAccess"] {
            let text = document(&format!("arn:aws:iam::aws:policy/{name}")).unwrap();
            for verb in [":Put", ":Create", ":Delete", ":Update", ":Attach", ":*"] {
                assert!(!text.contains(verb), "{name} has {verb}");
            }
        }
    }
}
