//! Network interfaces that services of AWS make in the customer's networks. They have no tags; their description, which only
//! their service writes, or their type says what they are.

/// How descriptions begin, and what the interface is then.
const DESCRIPTIONS: &[(&str, &str)] = &[
    ("AWS Lambda VPC ENI", "network interface of Lambda functions"),
    ("Amazon EKS ", "network interface of an EKS cluster"),
    ("DMSNetworkInterface", "network interface of a DMS replication instance"),
    ("EFS mount target", "network interface of an EFS mount target"),
    ("ELB ", "network interface of a load balancer"),
    ("ElastiCache ", "network interface of a cache"),
    ("Interface for NAT Gateway", "network interface of a NAT gateway"),
    ("Network Interface for Transit Gateway Attachment", "network interface of a transit gateway"),
    ("RDSNetworkInterface", "network interface of a database"),
    ("RedshiftNetworkInterface", "network interface of a Redshift cluster"),
    ("Route 53 Resolver: ", "network interface of a resolver endpoint"),
    ("VPC Endpoint Interface", "network interface of a VPC endpoint"),
    // The description is the ARN of the task's attachment, in whichever partition.
    ("arn:aws:ecs:", "network interface of an ECS task"),
    ("arn:aws-cn:ecs:", "network interface of an ECS task"),
    ("arn:aws-us-gov:ecs:", "network interface of an ECS task"),
];

/// The types that people can choose ([`CreateNetworkInterface`][api], and the default); all others are AWS's.
///
/// [api]: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkInterface.html
const TYPES_OF_PEOPLE: &[&str] = &["", "interface", "efa", "efa-only", "branch", "trunk"];

/// What an untagged interface is, where a service made it.
pub(super) fn made_by_service(description: &str, interface_type: &str) -> Option<&'static str> {
    let by_description = DESCRIPTIONS.iter().find(|(beginning, _)| description.starts_with(beginning));
    by_description
        .map(|(_, what)| *what)
        .or_else(|| (!TYPES_OF_PEOPLE.contains(&interface_type)).then_some("network interface of an AWS service"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_of_services_are_told_by_description_or_type_and_those_of_people_are_not() {
        for (description, interface_type, expected) in [
            ("ELB app/shop/50dc6c495c0c9188", "interface", Some("network interface of a load balancer")),
            ("AWS Lambda VPC ENI-checkout-0b2f", "lambda", Some("network interface of Lambda functions")),
            ("arn:aws:ecs:eu-west-1:1:attachment/x", "", Some("network interface of an ECS task")),
            ("", "network_load_balancer", Some("network interface of an AWS service")),
            ("", "interface", None),
            ("", "efa", None),
            ("Primary network interface", "", None),
            ("for the ELB ", "interface", None),
        ] {
            assert_eq!(made_by_service(description, interface_type), expected, "{description}");
        }
    }
}
