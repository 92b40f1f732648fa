//! What AWS makes by itself, and only properties reveal: AWS-managed keys, the default VPC of each region with its parts, and
//! the network interfaces of services. The index shows them like anything else; without this they would be reported as unmanaged.
//!
//! [`suspects`] says what is worth reading: only untagged resources of few types, since people tag what they make and AWS
//! tags none of these. Then [`classify`] goes by their properties:
//! - EC2 reserves the group name `default`; a VPC's own properties name its default network ACL, which comes and goes with it;
//! - the default VPC has the address range, the settings and the absence of tags that AWS gives it ([documented][vpc]);
//!   its subnets are the /20 blocks of that range; a VPC's only route table is its main one;
//! - its internet gateway is the one that is attached to it, which only the attachment tells ([`default_vpcs`]);
//! - a region's DHCP options of AWS name the region's own domain and AWS's own server, and nothing else;
//! - the interfaces of services are described by them;
//! - an AWS-managed key has a policy named `auto-…` and one of AWS's own descriptions.
//!
//! [vpc]: https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc-components.html

use std::collections::{BTreeMap, BTreeSet};

use driftwise_contract::resource::{Owner, Resource};
use serde_json::Value;

use super::service_interfaces::made_by_service;

const VPC: &str = "AWS::EC2::VPC";
const SUBNET: &str = "AWS::EC2::Subnet";
const ROUTE_TABLE: &str = "AWS::EC2::RouteTable";
const SECURITY_GROUP: &str = "AWS::EC2::SecurityGroup";
const NETWORK_ACL: &str = "AWS::EC2::NetworkAcl";
const INTERNET_GATEWAY: &str = "AWS::EC2::InternetGateway";
const DHCP_OPTIONS: &str = "AWS::EC2::DHCPOptions";
const NETWORK_INTERFACE: &str = "AWS::EC2::NetworkInterface";
const KEY: &str = "AWS::KMS::Key";
/// The types of suspects.
const TYPES: [&str; 9] =
    [VPC, SUBNET, ROUTE_TABLE, SECURITY_GROUP, NETWORK_ACL, INTERNET_GATEWAY, DHCP_OPTIONS, NETWORK_INTERFACE, KEY];

/// Which of the `unmanaged` places may be AWS's own defaults, so that their properties are worth reading.
pub fn suspects(resources: &[Resource], unmanaged: &[usize]) -> Vec<usize> {
    let is_suspect = |place: &usize| {
        resources.get(*place).is_some_and(|resource| {
            let cfn_type = resource.cfn_type.as_deref().unwrap_or_default();
            TYPES.contains(&cfn_type) && is_untagged(resource)
        })
    };
    unmanaged.iter().copied().filter(is_suspect).collect()
}

/// The default VPCs whose internet gateway is to be asked for: the suspects among the gateways, and the VPC of their region.
/// A gateway shows nothing of where it is attached.
pub fn default_vpcs(resources: &[Resource], suspects: &[usize]) -> Vec<(Vec<usize>, String)> {
    let gateways = |region: &str| {
        let places = suspects.iter().copied();
        places
            .filter(|place| {
                resources.get(*place).is_some_and(|found| is(found, INTERNET_GATEWAY) && found.region == region)
            })
            .collect::<Vec<_>>()
    };
    let vpcs = resources.iter().filter(|resource| is_default_vpc(resource));
    vpcs.map(|vpc| (gateways(&vpc.region), vpc.arn.resource_tail().to_owned()))
        .filter(|(gateways, _)| !gateways.is_empty())
        .collect()
}

/// Gives the suspects that their properties show to be AWS's own their owner. One that was not read keeps none. `gateways` are
/// the ids of the internet gateways that are attached to default VPCs.
pub fn classify(resources: &mut [Resource], suspects: &[usize], gateways: &BTreeSet<String>) {
    for (place, reason) in made_by_aws(resources, suspects, gateways) {
        if let Some(resource) = resources.get_mut(place) {
            resource.owner = Owner::Aws { reason: reason.to_owned() };
        }
    }
}

/// Which of the suspects AWS made, and what they are.
fn made_by_aws(resources: &[Resource], suspects: &[usize], gateways: &BTreeSet<String>) -> Vec<(usize, &'static str)> {
    let vpcs = || resources.iter().filter(|resource| is(resource, VPC));
    let acls: BTreeSet<&str> = vpcs().filter_map(|vpc| text(vpc, "DefaultNetworkAcl")).collect();
    let default_vpcs: BTreeSet<&str> =
        vpcs().filter(|vpc| is_default_vpc(vpc)).map(|vpc| vpc.arn.resource_tail()).collect();
    let mut route_tables: BTreeMap<&str, usize> = BTreeMap::new();
    for vpc in resources.iter().filter(|resource| is(resource, ROUTE_TABLE)).filter_map(|table| text(table, "VpcId")) {
        *route_tables.entry(vpc).or_default() += 1;
    }
    let judge = |resource: &Resource| {
        let in_default_vpc = || text(resource, "VpcId").filter(|vpc| default_vpcs.contains(vpc));
        match resource.cfn_type.as_deref()? {
            VPC if default_vpcs.contains(resource.arn.resource_tail()) => Some("default VPC"),
            SECURITY_GROUP if text(resource, "GroupName") == Some("default") => Some("default security group of a VPC"),
            NETWORK_ACL if acls.contains(resource.arn.resource_tail()) => Some("default network ACL of a VPC"),
            SUBNET if in_default_vpc().is_some() && is_default_subnet(resource) => Some("subnet of the default VPC"),
            ROUTE_TABLE if in_default_vpc().is_some_and(|vpc| route_tables.get(vpc) == Some(&1)) => {
                Some("main route table of the default VPC")
            }
            INTERNET_GATEWAY if gateways.contains(resource.arn.resource_tail()) => {
                Some("internet gateway of the default VPC")
            }
            DHCP_OPTIONS if is_default_dhcp(resource) => Some("default DHCP options of a region"),
            NETWORK_INTERFACE if is_untagged(resource) => made_by_service(
                text(resource, "Description").unwrap_or_default(),
                text(resource, "InterfaceType").unwrap_or_default(),
            ),
            KEY if is_aws_managed_key(resource) => Some("AWS-managed key"),
            _ => None,
        }
    };
    suspects.iter().filter_map(|place| Some((*place, judge(resources.get(*place)?)?))).collect()
}

fn is_default_vpc(resource: &Resource) -> bool {
    is(resource, VPC)
        && text(resource, "CidrBlock") == Some("172.31.0.0/16")
        && text(resource, "InstanceTenancy") == Some("default")
        && flag(resource, "EnableDnsHostnames")
        && flag(resource, "EnableDnsSupport")
        && is_untagged(resource)
}

fn is_default_subnet(resource: &Resource) -> bool {
    let in_range =
        text(resource, "CidrBlock").is_some_and(|block| block.starts_with("172.31.") && block.ends_with("/20"));
    in_range && flag(resource, "MapPublicIpOnLaunch") && is_untagged(resource)
}

/// <https://docs.aws.amazon.com/vpc/latest/userguide/DHCPOptionSet.html>
fn is_default_dhcp(resource: &Resource) -> bool {
    // The first region has a domain without its name.
    let domain = match resource.region.as_str() {
        "us-east-1" => "ec2.internal".to_owned(),
        region => format!("{region}.compute.internal"),
    };
    let property = |name| resource.properties.as_ref().and_then(|properties| properties.get(name));
    let servers = property("DomainNameServers").and_then(Value::as_array);
    let is_bare = |name| {
        property(name).is_none_or(|value| match value {
            Value::Array(elements) => elements.is_empty(),
            Value::String(text) => text.is_empty(),
            other => other.is_null(),
        })
    };
    text(resource, "DomainName") == Some(domain.as_str())
        && servers.is_some_and(|servers| matches!(servers.as_slice(), [only] if only == "AmazonProvidedDNS"))
        && ["NtpServers", "NetbiosNameServers", "NetbiosNodeType", "Ipv6AddressPreferredLeaseTime"]
            .into_iter()
            .all(is_bare)
        && is_untagged(resource)
}

fn is_aws_managed_key(resource: &Resource) -> bool {
    let policy = resource.properties.as_ref().and_then(|properties| properties.get("KeyPolicy"));
    let policy_id = policy.and_then(|policy| policy.get("Id")).and_then(Value::as_str).unwrap_or_default();
    let description = text(resource, "Description").unwrap_or_default();
    policy_id.starts_with("auto-")
        && description.starts_with("Default ")
        && description.contains("key that protects my ")
}

fn is(resource: &Resource, cfn_type: &str) -> bool {
    resource.cfn_type.as_deref() == Some(cfn_type)
}

fn text<'a>(resource: &'a Resource, property: &str) -> Option<&'a str> {
    resource.properties.as_ref()?.get(property)?.as_str()
}

fn flag(resource: &Resource, property: &str) -> bool {
    resource.properties.as_ref().and_then(|properties| properties.get(property)).and_then(Value::as_bool) == Some(true)
}

/// By the index and by the properties, as far as they are known.
fn is_untagged(resource: &Resource) -> bool {
    let property = resource.properties.as_ref().and_then(|properties| properties.get("Tags"));
    resource.tags.as_ref().is_none_or(BTreeMap::is_empty)
        && property.and_then(Value::as_array).is_none_or(Vec::is_empty)
}

#[cfg(test)]
mod tests {
    use driftwise_contract::resource::Enrichment;
    use serde_json::json;

    use super::*;

    fn resource(cfn_type: &str, arn: &str, properties: &Value) -> Resource {
        Resource {
            arn: format!("arn:aws:{arn}").parse().unwrap(),
            account_id: "123456789012".parse().unwrap(),
            region: "eu-west-1".into(),
            service: "ec2".into(),
            resource_type: "x:y".into(),
            cfn_type: Some(cfn_type.into()),
            identifier: None,
            last_reported_at: None,
            tags: Some(BTreeMap::new()),
            owner: Owner::Unknown,
            enrichment: Enrichment::None,
            properties: properties.as_object().cloned(),
        }
    }

    fn ec2(cfn_type: &str, kind: &str, id: &str, properties: &Value) -> Resource {
        resource(cfn_type, &format!("ec2:eu-west-1:123456789012:{kind}/{id}"), properties)
    }

    fn vpc(id: &str, cidr: &str) -> Resource {
        ec2(
            VPC,
            "vpc",
            id,
            &json!({"CidrBlock": cidr, "InstanceTenancy": "default", "EnableDnsHostnames": true,
            "EnableDnsSupport": true, "DefaultNetworkAcl": format!("acl-{id}")}),
        )
    }

    fn key(id: &str, policy: &str, description: &str) -> Resource {
        let arn = format!("kms:eu-west-1:123456789012:key/{id}");
        resource(KEY, &arn, &json!({"KeyPolicy": {"Id": policy}, "Description": description}))
    }

    fn told(resources: &[Resource]) -> Vec<(&str, &'static str)> {
        let places: Vec<usize> = (0..resources.len()).collect();
        let told = made_by_aws(resources, &places, &BTreeSet::from(["igw-d".to_owned()]));
        told.into_iter().map(|(place, reason)| (resources[place].arn.resource_tail(), reason)).collect()
    }

    #[test]
    fn the_default_vpc_and_its_parts_are_aws_own_and_what_was_added_to_it_is_not() {
        let subnet = |id: &str, vpc: &str, block: &str| {
            ec2(SUBNET, "subnet", id, &json!({"VpcId": vpc, "CidrBlock": block, "MapPublicIpOnLaunch": true}))
        };
        let mut tagged = subnet("subnet-tagged", "vpc-d", "172.31.32.0/20");
        tagged.tags = Some(BTreeMap::from([("Name".into(), "mine".into())]));
        let resources = [
            vpc("vpc-d", "172.31.0.0/16"),
            vpc("vpc-own", "10.0.0.0/16"),
            subnet("subnet-d", "vpc-d", "172.31.0.0/20"),
            subnet("subnet-small", "vpc-d", "172.31.48.0/24"),
            tagged,
            subnet("subnet-other", "vpc-own", "172.31.0.0/20"),
            ec2(SECURITY_GROUP, "security-group", "sg-d", &json!({"GroupName": "default"})),
            ec2(SECURITY_GROUP, "security-group", "sg-wizard", &json!({"GroupName": "launch-wizard-1"})),
            ec2(SECURITY_GROUP, "security-group", "sg-unread", &Value::Null),
            ec2(NETWORK_ACL, "network-acl", "acl-vpc-d", &Value::Null),
            ec2(ROUTE_TABLE, "route-table", "rtb-d", &json!({"VpcId": "vpc-d"})),
            ec2(ROUTE_TABLE, "route-table", "rtb-own", &json!({"VpcId": "vpc-own"})),
            ec2(INTERNET_GATEWAY, "internet-gateway", "igw-d", &json!({"InternetGatewayId": "igw-d"})),
            ec2(INTERNET_GATEWAY, "internet-gateway", "igw-own", &json!({"InternetGatewayId": "igw-own"})),
        ];
        let places: Vec<usize> = (0..resources.len()).collect();
        assert_eq!(default_vpcs(&resources, &places), [(vec![12, 13], "vpc-d".to_owned())]);
        assert_eq!(
            told(&resources),
            [
                ("vpc-d", "default VPC"),
                ("subnet-d", "subnet of the default VPC"),
                ("sg-d", "default security group of a VPC"),
                ("acl-vpc-d", "default network ACL of a VPC"),
                ("rtb-d", "main route table of the default VPC"),
                ("igw-d", "internet gateway of the default VPC"),
            ]
        );
    }

    #[test]
    fn dhcp_options_are_aws_own_when_they_say_nothing_of_their_own() {
        let options = |id: &str, domain: &str, servers: &Value, ntp: &Value| {
            let properties = json!({"DomainName": domain, "DomainNameServers": servers, "NtpServers": ntp});
            ec2(DHCP_OPTIONS, "dhcp-options", id, &properties)
        };
        let amazon = json!(["AmazonProvidedDNS"]);
        let mut first = options("dopt-first", "ec2.internal", &amazon, &Value::Null);
        first.region = "us-east-1".into();
        let resources = [
            options("dopt-aws", "eu-west-1.compute.internal", &amazon, &json!([])),
            options("dopt-domain", "corp.example", &amazon, &Value::Null),
            options("dopt-server", "eu-west-1.compute.internal", &json!(["10.0.0.2"]), &Value::Null),
            options("dopt-ntp", "eu-west-1.compute.internal", &amazon, &json!(["169.254.169.123"])),
            first,
        ];
        let reason = "default DHCP options of a region";
        assert_eq!(told(&resources), [("dopt-aws", reason), ("dopt-first", reason)]);
    }

    #[test]
    fn only_untagged_interfaces_are_taken_for_those_of_services() {
        let interface = |id: &str| {
            ec2(NETWORK_INTERFACE, "network-interface", id, &json!({"Description": "ELB app/shop/50dc6c495c0c9188"}))
        };
        let mut tagged = interface("eni-tagged");
        tagged.tags = Some(BTreeMap::from([("Name".into(), "mine".into())]));
        assert_eq!(told(&[interface("eni-elb"), tagged]), [("eni-elb", "network interface of a load balancer")]);
    }

    #[test]
    fn of_two_route_tables_neither_is_taken_for_the_main_one() {
        let table = |id: &str| ec2(ROUTE_TABLE, "route-table", id, &json!({"VpcId": "vpc-d"}));
        assert_eq!(told(&[vpc("vpc-d", "172.31.0.0/16"), table("rtb-1"), table("rtb-2")]), [("vpc-d", "default VPC")]);
    }

    #[test]
    fn only_untagged_resources_of_the_types_in_question_are_read() {
        let mut tagged = key("tagged", "", "");
        tagged.tags = Some(BTreeMap::from([("Name".into(), "mine".into())]));
        let mut unknown = key("unknown", "", "");
        unknown.tags = None;
        let queue = resource("AWS::SQS::Queue", "sqs:eu-west-1:123456789012:q", &Value::Null);
        let resources = [key("plain", "", ""), tagged, unknown, queue, key("declared", "", "")];
        assert_eq!(suspects(&resources, &[0, 1, 2, 3]), [0, 2]);
    }

    #[test]
    fn an_aws_managed_key_needs_both_marks() {
        let description = "Default key that protects my EBS volumes when no other key is defined";
        let resources = [
            key("aws", "auto-ebs-2", description),
            key(
                "acm",
                "auto-acm-3",
                "Default master key that protects my ACM private keys when no other key is defined",
            ),
            key("named", "key-default-1", description),
            key("described", "auto-ebs-2", "orders"),
        ];
        assert_eq!(told(&resources), [("aws", "AWS-managed key"), ("acm", "AWS-managed key")]);
    }
}
