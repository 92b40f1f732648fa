//! The resource types of the Terraform providers `hashicorp/aws` and `hashicorp/awscc`.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{cfn_types, list, rows};

/// A resource type of the provider `hashicorp/aws`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerraformType {
    /// The name: `aws_sqs_queue`.
    pub name: &'static str,
    /// The `CloudFormation` type of the same thing.
    pub cfn_type: Option<&'static str>,
    /// What its `arn` attribute says.
    pub arn: ArnAttribute,
    /// Attributes that hold the id of the owning account.
    pub account_attributes: Vec<&'static str>,
    /// Attributes that the provider calls sensitive, as dotted paths through nested blocks.
    pub sensitive: Vec<&'static str>,
}

/// What the `arn` attribute of a Terraform type says, and so whether the inventory can show the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArnAttribute {
    /// The resource's own ARN.
    Own,
    /// There is none, but the resource has an ARN and the inventory shows it.
    IndexedWithout,
    /// There is none, or it is another resource's: the inventory can't show the resource as such.
    None,
}

static TYPES: LazyLock<HashMap<&'static str, TerraformType>> = LazyLock::new(|| {
    rows(include_str!("../../data/terraform-types.tsv"))
        .map(|row| {
            let cell = |index: usize| row.get(index).copied().unwrap_or_default();
            let name = cell(0);
            let terraform_type = TerraformType {
                name,
                cfn_type: Some(cell(1)).filter(|cfn_type| !cfn_type.is_empty()),
                arn: match cell(2) {
                    "a" => ArnAttribute::Own,
                    "i" => ArnAttribute::IndexedWithout,
                    _ => ArnAttribute::None,
                },
                account_attributes: list(cell(3)),
                sensitive: list(cell(4)),
            };
            (name, terraform_type)
        })
        .collect()
});

/// `awscc_ec2_vpc` → `AWS::EC2::VPC`: the provider's names are made from the registry's by rule.
static AWSCC: LazyLock<HashMap<String, &'static str>> =
    LazyLock::new(|| cfn_types().map(|cfn_type| (awscc_of_cfn(cfn_type.name), cfn_type.name)).collect());

/// The provider's entry of a type of `hashicorp/aws`.
pub fn terraform_type(name: &str) -> Option<&'static TerraformType> {
    TYPES.get(name)
}

/// All types of `hashicorp/aws`, in no order.
pub fn terraform_types() -> impl Iterator<Item = &'static TerraformType> {
    TYPES.values()
}

/// The `CloudFormation` type of a Terraform type, of either provider.
pub fn cfn_of_terraform(name: &str) -> Option<&'static str> {
    if name.starts_with("awscc_") { AWSCC.get(name).copied() } else { terraform_type(name)?.cfn_type }
}

/// The name that the provider `awscc` gives to a `CloudFormation` type: `AWS::EC2::NatGateway` → `awscc_ec2_nat_gateway`.
pub fn awscc_of_cfn(cfn_type: &str) -> String {
    let mut words = cfn_type.split("::").skip(1);
    let service = words.next().unwrap_or_default().to_ascii_lowercase();
    let resource = snake_case(words.next().unwrap_or_default());
    format!("awscc_{service}_{resource}")
}

/// `DBProxyEndpoint` → `db_proxy_endpoint`: a capital begins a word after a small letter or digit, or before a small letter.
fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 8);
    for (index, letter) in letters.iter().enumerate() {
        if letter.is_ascii_uppercase() && index > 0 {
            let after_small = !letters[index - 1].is_ascii_uppercase();
            let before_small = letters.get(index + 1).is_some_and(char::is_ascii_lowercase);
            if after_small || before_small {
                snake.push('_');
            }
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_types_have_their_counterpart() {
        for (terraform, cfn) in [
            ("aws_iam_policy", "AWS::IAM::ManagedPolicy"),
            ("aws_iam_role", "AWS::IAM::Role"),
            ("aws_lb", "AWS::ElasticLoadBalancingV2::LoadBalancer"),
            ("aws_alb", "AWS::ElasticLoadBalancingV2::LoadBalancer"),
            ("aws_elb", "AWS::ElasticLoadBalancing::LoadBalancer"),
            ("aws_security_group", "AWS::EC2::SecurityGroup"),
            ("aws_default_security_group", "AWS::EC2::SecurityGroup"),
            ("aws_route53_zone", "AWS::Route53::HostedZone"),
            ("aws_cloudwatch_log_group", "AWS::Logs::LogGroup"),
            ("aws_cloudwatch_event_bus", "AWS::Events::EventBus"),
            ("aws_sqs_queue", "AWS::SQS::Queue"),
            ("aws_sns_topic", "AWS::SNS::Topic"),
            ("aws_db_instance", "AWS::RDS::DBInstance"),
            ("aws_rds_cluster", "AWS::RDS::DBCluster"),
            ("aws_eip", "AWS::EC2::EIP"),
            ("aws_instance", "AWS::EC2::Instance"),
            ("aws_ebs_volume", "AWS::EC2::Volume"),
            ("aws_dynamodb_table", "AWS::DynamoDB::Table"),
            ("aws_s3_bucket", "AWS::S3::Bucket"),
            ("aws_lambda_function", "AWS::Lambda::Function"),
            ("aws_kms_key", "AWS::KMS::Key"),
            ("aws_secretsmanager_secret", "AWS::SecretsManager::Secret"),
            ("aws_ssm_parameter", "AWS::SSM::Parameter"),
            ("aws_sfn_state_machine", "AWS::StepFunctions::StateMachine"),
            ("aws_eks_node_group", "AWS::EKS::Nodegroup"),
            ("awscc_ec2_nat_gateway", "AWS::EC2::NatGateway"),
            ("awscc_iam_role", "AWS::IAM::Role"),
            ("awscc_rds_db_instance", "AWS::RDS::DBInstance"),
            ("awscc_kms_key", "AWS::KMS::Key"),
        ] {
            assert_eq!(cfn_of_terraform(terraform), Some(cfn), "{terraform}");
        }
        assert_eq!(cfn_of_terraform("aws_iam_role_policy_attachment"), None);
        assert_eq!(cfn_of_terraform("random_id"), None);
    }

    #[test]
    fn an_arn_attribute_is_told_from_another_resources_arn() {
        assert_eq!(terraform_type("aws_sqs_queue").unwrap().arn, ArnAttribute::Own);
        assert_eq!(terraform_type("aws_nat_gateway").unwrap().arn, ArnAttribute::IndexedWithout);
        assert_eq!(terraform_type("aws_sns_topic_policy").unwrap().arn, ArnAttribute::None);
        assert_eq!(terraform_type("aws_secretsmanager_secret_version").unwrap().arn, ArnAttribute::None);
    }

    #[test]
    fn sensitive_attributes_are_known_through_nested_blocks() {
        let listener = terraform_type("aws_lb_listener").unwrap();
        assert_eq!(listener.sensitive, ["default_action.authenticate_oidc.client_secret"]);
        assert!(terraform_type("aws_db_instance").unwrap().sensitive.contains(&"password"));
        assert!(terraform_type("aws_iam_access_key").unwrap().sensitive.contains(&"secret"));
    }
}
