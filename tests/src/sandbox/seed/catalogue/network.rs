//! VPCs and what they are made of.

use serde_json::json;

use super::{kind, part};
use crate::sandbox::seed::{
    ACCOUNT_ID, ids,
    twin::{Place, Twin},
};

/// A VPC with the parts that AWS makes with it.
pub(in crate::sandbox::seed) fn vpc(at: Place, name: &str, cidr: &str, tags: &[(&str, &str)]) -> Twin {
    let key = at.key(name);
    let id = ids::resource("vpc", &key);
    let (acl, group, table) = (
        ids::resource("acl", &key),
        ids::resource("sg", &format!("{key}/default")),
        ids::resource("rtb", &format!("{key}/default")),
    );
    Twin::new(
        at,
        kind("aws_vpc", "AWS::EC2::VPC", "ec2:vpc"),
        at.arn("ec2", &format!("vpc/{id}")),
        &id,
        json!({
            "VpcId": id, "CidrBlock": cidr, "InstanceTenancy": "default", "EnableDnsHostnames": true,
            "EnableDnsSupport": true,
            "CidrBlockAssociations": [ids::resource("vpc-cidr-assoc", &key)], "Ipv6CidrBlocks": [],
            "DefaultNetworkAcl": acl, "DefaultSecurityGroup": group,
        }),
        json!({
            "id": id, "cidr_block": cidr, "instance_tenancy": "default", "enable_dns_hostnames": true,
            "enable_dns_support": true, "enable_network_address_usage_metrics": false, "owner_id": ACCOUNT_ID,
            "assign_generated_ipv6_cidr_block": false, "default_network_acl_id": acl,
            "default_security_group_id": group,
            "default_route_table_id": table, "main_route_table_id": table,
            "dhcp_options_id": ids::resource("dopt", at.region),
            "ipv6_association_id": "", "ipv6_cidr_block": "", "ipv6_cidr_block_network_border_group": "",
            "ipv6_ipam_pool_id": "", "ipv6_netmask_length": 0,
        }),
        tags,
    )
}

/// A subnet.
pub(in crate::sandbox::seed) fn subnet(
    at: Place,
    vpc: &str,
    cidr: &str,
    zone: usize,
    is_public: bool,
    tags: &[(&str, &str)],
) -> Twin {
    let id = ids::resource("subnet", &format!("{vpc}/{cidr}"));
    Twin::new(
        at,
        kind("aws_subnet", "AWS::EC2::Subnet", "ec2:subnet"),
        at.arn("ec2", &format!("subnet/{id}")),
        &id,
        json!({
            "SubnetId": id, "VpcId": vpc, "CidrBlock": cidr, "AvailabilityZone": at.zone(zone),
            "AvailabilityZoneId": at.zone_id(zone),
            "MapPublicIpOnLaunch": is_public, "AssignIpv6AddressOnCreation": false, "EnableDns64": false,
            "Ipv6Native": false,
            "Ipv6CidrBlocks": [], "NetworkAclAssociationId": ids::resource("aclassoc", &format!("{vpc}/{cidr}")),
            "PrivateDnsNameOptionsOnLaunch": {"EnableResourceNameDnsARecord": false, "EnableResourceNameDnsAAAARecord": false, "HostnameType": "ip-name"},
            "BlockPublicAccessStates": {"InternetGatewayBlockMode": "off"},
        }),
        json!({
            "id": id, "vpc_id": vpc, "cidr_block": cidr, "availability_zone": at.zone(zone),
            "availability_zone_id": at.zone_id(zone),
            "map_public_ip_on_launch": is_public, "assign_ipv6_address_on_creation": false, "enable_dns64": false,
            "ipv6_native": false, "ipv6_cidr_block": "", "ipv6_cidr_block_association_id": "", "owner_id": ACCOUNT_ID,
            "enable_lni_at_device_index": 0, "customer_owned_ipv4_pool": "", "map_customer_owned_ip_on_launch": false,
            "outpost_arn": "",
            "enable_resource_name_dns_a_record_on_launch": false,
            "enable_resource_name_dns_aaaa_record_on_launch": false,
            "private_dns_hostname_type_on_launch": "ip-name",
        }),
        tags,
    )
}

/// An internet gateway.
pub(in crate::sandbox::seed) fn internet_gateway(at: Place, vpc: &str, tags: &[(&str, &str)]) -> Twin {
    let id = ids::resource("igw", vpc);
    Twin::new(
        at,
        kind("aws_internet_gateway", "AWS::EC2::InternetGateway", "ec2:internet-gateway"),
        at.arn("ec2", &format!("internet-gateway/{id}")),
        &id,
        json!({ "InternetGatewayId": id }),
        json!({ "id": id, "vpc_id": vpc, "owner_id": ACCOUNT_ID }),
        tags,
    )
}

/// An elastic IP address.
pub(in crate::sandbox::seed) fn address(at: Place, name: &str, tags: &[(&str, &str)]) -> Twin {
    let key = at.key(name);
    let id = ids::resource("eipalloc", &key);
    let ip = format!(
        "3.{}.{}.{}",
        ids::number(&key, 200) + 20,
        ids::number(&format!("{key}/b"), 250),
        ids::number(&format!("{key}/c"), 250) + 1
    );
    Twin::new(
        at,
        kind("aws_eip", "AWS::EC2::EIP", "ec2:elastic-ip"),
        at.arn("ec2", &format!("elastic-ip/{id}")),
        &format!("{ip}|{id}"),
        json!({
            "AllocationId": id, "PublicIp": ip, "Domain": "vpc", "NetworkBorderGroup": at.region,
            "PublicIpv4Pool": "amazon",
        }),
        json!({
            "id": id, "allocation_id": id, "public_ip": ip, "domain": "vpc", "network_border_group": at.region,
            "public_ipv4_pool": "amazon", "instance": "", "carrier_ip": "", "customer_owned_ip": "",
            "customer_owned_ipv4_pool": "",
            "public_dns": format!("ec2-{}.{}.compute.amazonaws.com", ip.replace('.', "-"), at.region),
        }),
        tags,
    )
}

/// A NAT gateway.
pub(in crate::sandbox::seed) fn nat_gateway(
    at: Place,
    vpc: &str,
    subnet: &str,
    address: &Twin,
    tags: &[(&str, &str)],
) -> Twin {
    let id = ids::resource("nat", subnet);
    let interface = ids::resource("eni", &id);
    let ip = format!("10.{}.0.187", at.block());
    Twin::new(
        at,
        kind("aws_nat_gateway", "AWS::EC2::NatGateway", "ec2:natgateway"),
        at.arn("ec2", &format!("natgateway/{id}")),
        &id,
        json!({
            "NatGatewayId": id, "SubnetId": subnet, "VpcId": vpc, "AllocationId": address.id(),
            "ConnectivityType": "public",
            "EniId": interface, "PrivateIpAddress": ip, "SecondaryAllocationIds": [],
            "SecondaryPrivateIpAddresses": [],
        }),
        json!({
            "id": id, "subnet_id": subnet, "vpc_id": vpc, "allocation_id": address.id(), "connectivity_type": "public",
            "network_interface_id": interface, "private_ip": ip, "public_ip": address.text("public_ip"),
            "association_id": ids::resource("eipassoc", &id), "secondary_allocation_ids": [],
            "secondary_private_ip_addresses": [],
            "secondary_private_ip_address_count": 0,
        }),
        tags,
    )
}

/// A route table. Its routes stand in the state, where the provider gathers them, but not in the table's properties.
pub(in crate::sandbox::seed) fn route_table(at: Place, vpc: &str, name: &str, tags: &[(&str, &str)]) -> Twin {
    let id = ids::resource("rtb", &format!("{vpc}/{name}"));
    Twin::new(
        at,
        kind("aws_route_table", "AWS::EC2::RouteTable", "ec2:route-table"),
        at.arn("ec2", &format!("route-table/{id}")),
        &id,
        json!({ "RouteTableId": id, "VpcId": vpc }),
        json!({ "id": id, "vpc_id": vpc, "owner_id": ACCOUNT_ID, "propagating_vgws": [], "route": [] }),
        tags,
    )
}

/// The default route to a gateway (`gateway_id` or `nat_gateway_id`).
pub(in crate::sandbox::seed) fn default_route(at: Place, table: &str, via: (&str, &str, &str)) -> Twin {
    let (attribute, property, target) = via;
    let mut twin = Twin::new(
        at,
        part("aws_route", "AWS::EC2::Route"),
        String::new(),
        &format!("{table}|0.0.0.0/0"),
        json!({
            "RouteTableId": table, "CidrBlock": "0.0.0.0/0", "DestinationCidrBlock": "0.0.0.0/0", property: target,
        }),
        json!({
            "id": format!("r-{table}1080289494"), "route_table_id": table, "destination_cidr_block": "0.0.0.0/0",
            "origin": "CreateRoute",
            "state": "active", "gateway_id": "", "nat_gateway_id": "", "instance_id": "", "network_interface_id": "",
        }),
        &[],
    );
    twin.attributes.insert(attribute.to_owned(), json!(target));
    twin
}

/// A subnet's place in a route table.
pub(in crate::sandbox::seed) fn route_table_association(at: Place, table: &str, subnet: &str) -> Twin {
    let id = ids::resource("rtbassoc", &format!("{table}/{subnet}"));
    Twin::new(
        at,
        part("aws_route_table_association", "AWS::EC2::SubnetRouteTableAssociation"),
        String::new(),
        &id,
        json!({ "Id": id, "RouteTableId": table, "SubnetId": subnet }),
        json!({ "id": id, "route_table_id": table, "subnet_id": subnet, "gateway_id": "" }),
        &[],
    )
}

/// The default network ACL of a VPC, adopted by Terraform.
pub(in crate::sandbox::seed) fn default_network_acl(at: Place, vpc: &Twin, tags: &[(&str, &str)]) -> Twin {
    let id = vpc.text("default_network_acl_id");
    let all = json!([{"action": "allow", "cidr_block": "0.0.0.0/0", "from_port": 0, "icmp_code": 0, "icmp_type": 0, "ipv6_cidr_block": "", "protocol": "-1", "rule_no": 100, "to_port": 0}]);
    Twin::new(
        at,
        kind("aws_default_network_acl", "AWS::EC2::NetworkAcl", "ec2:network-acl"),
        at.arn("ec2", &format!("network-acl/{id}")),
        &id,
        json!({ "Id": id, "VpcId": vpc.id() }),
        json!({
            "id": id, "default_network_acl_id": id, "vpc_id": vpc.id(), "owner_id": ACCOUNT_ID, "subnet_ids": [],
            "egress": all, "ingress": all,
        }),
        tags,
    )
}

/// The default route table of a VPC, adopted by Terraform.
pub(in crate::sandbox::seed) fn default_route_table(at: Place, vpc: &Twin, tags: &[(&str, &str)]) -> Twin {
    let id = vpc.text("default_route_table_id");
    Twin::new(
        at,
        kind("aws_default_route_table", "AWS::EC2::RouteTable", "ec2:route-table"),
        at.arn("ec2", &format!("route-table/{id}")),
        &id,
        json!({ "RouteTableId": id, "VpcId": vpc.id() }),
        json!({
            "id": id, "default_route_table_id": id, "vpc_id": vpc.id(), "owner_id": ACCOUNT_ID, "propagating_vgws": [],
            "route": [],
        }),
        tags,
    )
}

/// The default security group of a VPC, adopted by Terraform, which takes its rules away.
pub(in crate::sandbox::seed) fn default_security_group(at: Place, vpc: &Twin, tags: &[(&str, &str)]) -> Twin {
    let id = vpc.text("default_security_group_id");
    Twin::new(
        at,
        kind("aws_default_security_group", "AWS::EC2::SecurityGroup", "ec2:security-group"),
        at.arn("ec2", &format!("security-group/{id}")),
        &id,
        json!({
            "Id": id, "GroupId": id, "GroupName": "default", "GroupDescription": "default VPC security group",
            "VpcId": vpc.id(), "SecurityGroupIngress": [], "SecurityGroupEgress": [],
        }),
        json!({
            "id": id, "name": "default", "description": "default VPC security group", "vpc_id": vpc.id(),
            "owner_id": ACCOUNT_ID,
            "ingress": [], "egress": [], "name_prefix": "", "revoke_rules_on_delete": false,
        }),
        tags,
    )
}

/// A security group that lets one port in from a CIDR block and everything out. Its rules are resources of their own; the state
/// absorbs them into the group's `ingress` and `egress` as well.
pub(in crate::sandbox::seed) fn security_group(
    at: Place,
    vpc: &str,
    name: &str,
    port: u16,
    cidr: &str,
    tags: &[(&str, &str)],
) -> Twin {
    let id = ids::resource("sg", &format!("{vpc}/{name}"));
    let description = format!("{name}: managed by Terraform");
    Twin::new(
        at,
        kind("aws_security_group", "AWS::EC2::SecurityGroup", "ec2:security-group"),
        at.arn("ec2", &format!("security-group/{id}")),
        &id,
        json!({
            "Id": id, "GroupId": id, "GroupName": name, "GroupDescription": description, "VpcId": vpc,
            "SecurityGroupIngress": [{"CidrIp": cidr, "IpProtocol": "tcp", "FromPort": port, "ToPort": port}],
            "SecurityGroupEgress": [{"CidrIp": "0.0.0.0/0", "IpProtocol": "-1", "FromPort": -1, "ToPort": -1}],
        }),
        json!({
            "id": id, "name": name, "description": description, "vpc_id": vpc, "owner_id": ACCOUNT_ID,
            "name_prefix": "",
            "revoke_rules_on_delete": false,
            "ingress": [{"cidr_blocks": [cidr], "description": "", "from_port": port, "ipv6_cidr_blocks": [], "prefix_list_ids": [], "protocol": "tcp", "security_groups": [], "self": false, "to_port": port}],
            "egress": [{"cidr_blocks": ["0.0.0.0/0"], "description": "", "from_port": 0, "ipv6_cidr_blocks": [], "prefix_list_ids": [], "protocol": "-1", "security_groups": [], "self": false, "to_port": 0}],
        }),
        tags,
    )
}

/// The rule that lets a port in.
pub(in crate::sandbox::seed) fn ingress_rule(
    at: Place,
    group: &str,
    port: u16,
    cidr: &str,
    tags: &[(&str, &str)],
) -> Twin {
    let id = ids::resource("sgr", &format!("{group}/in"));
    Twin::new(
        at,
        kind("aws_vpc_security_group_ingress_rule", "AWS::EC2::SecurityGroupIngress", "ec2:security-group-rule"),
        at.arn("ec2", &format!("security-group-rule/{id}")),
        &id,
        json!({ "Id": id, "GroupId": group, "IpProtocol": "tcp", "FromPort": port, "ToPort": port, "CidrIp": cidr }),
        json!({
            "id": id, "security_group_rule_id": id, "security_group_id": group, "ip_protocol": "tcp", "from_port": port,
            "to_port": port, "cidr_ipv4": cidr,
        }),
        tags,
    )
}

/// The rule that lets everything out.
pub(in crate::sandbox::seed) fn egress_rule(at: Place, group: &str, tags: &[(&str, &str)]) -> Twin {
    let id = ids::resource("sgr", &format!("{group}/out"));
    Twin::new(
        at,
        kind("aws_vpc_security_group_egress_rule", "AWS::EC2::SecurityGroupEgress", "ec2:security-group-rule"),
        at.arn("ec2", &format!("security-group-rule/{id}")),
        &id,
        json!({ "Id": id, "GroupId": group, "IpProtocol": "-1", "FromPort": -1, "ToPort": -1, "CidrIp": "0.0.0.0/0" }),
        json!({
            "id": id, "security_group_rule_id": id, "security_group_id": group, "ip_protocol": "-1",
            "cidr_ipv4": "0.0.0.0/0",
        }),
        tags,
    )
}

/// A gateway endpoint for S3 or `DynamoDB`.
pub(in crate::sandbox::seed) fn gateway_endpoint(
    at: Place,
    vpc: &str,
    service: &str,
    tables: &[String],
    tags: &[(&str, &str)],
) -> Twin {
    let id = ids::resource("vpce", &format!("{vpc}/{service}"));
    let name = format!("com.amazonaws.{}.{service}", at.region);
    let mut reversed = tables.to_vec();
    reversed.reverse();
    Twin::new(
        at,
        kind("aws_vpc_endpoint", "AWS::EC2::VPCEndpoint", "ec2:vpc-endpoint"),
        at.arn("ec2", &format!("vpc-endpoint/{id}")),
        &id,
        json!({
            "Id": id, "VpcId": vpc, "ServiceName": name, "VpcEndpointType": "Gateway", "RouteTableIds": reversed,
            "PrivateDnsEnabled": false,
            "NetworkInterfaceIds": [], "SubnetIds": [], "SecurityGroupIds": [], "DnsEntries": [],
            "CreationTimestamp": "Tue Mar 04 09:12:44 UTC 2025",
            "PolicyDocument": {"Version": "2008-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]},
        }),
        json!({
            "id": id, "vpc_id": vpc, "service_name": name, "vpc_endpoint_type": "Gateway", "route_table_ids": tables,
            "private_dns_enabled": false,
            "network_interface_ids": [], "subnet_ids": [], "security_group_ids": [], "dns_entry": [],
            "owner_id": ACCOUNT_ID, "state": "available",
            "requester_managed": false, "ip_address_type": "",
            "policy": r#"{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}],"Version":"2008-10-17"}"#,
        }),
        tags,
    )
}

/// A VPC flow log into a log group.
pub(in crate::sandbox::seed) fn flow_log(
    at: Place,
    vpc: &str,
    group_arn: &str,
    role_arn: &str,
    tags: &[(&str, &str)],
) -> Twin {
    let id = ids::resource("fl", vpc);
    let format = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}";
    Twin::new(
        at,
        kind("aws_flow_log", "AWS::EC2::FlowLog", "ec2:vpc-flow-log"),
        at.arn("ec2", &format!("vpc-flow-log/{id}")),
        &id,
        json!({
            "Id": id, "ResourceId": vpc, "ResourceType": "VPC", "TrafficType": "ALL",
            "LogDestinationType": "cloud-watch-logs",
            "LogDestination": group_arn, "DeliverLogsPermissionArn": role_arn, "MaxAggregationInterval": 600,
            "LogFormat": format,
        }),
        json!({
            "id": id, "vpc_id": vpc, "traffic_type": "ALL", "log_destination_type": "cloud-watch-logs",
            "log_destination": group_arn,
            "iam_role_arn": role_arn, "max_aggregation_interval": 600, "log_format": format,
            "deliver_cross_account_role": "",
        }),
        tags,
    )
}

/// A customer-managed prefix list; AWS gives its entries in no particular order.
pub(in crate::sandbox::seed) fn prefix_list(
    at: Place,
    name: &str,
    cidrs: &[(&str, &str)],
    tags: &[(&str, &str)],
) -> Twin {
    let id = ids::resource("pl", &at.key(name));
    let arn = at.arn("ec2", &format!("prefix-list/{id}"));
    let entries: Vec<_> = cidrs.iter().rev().map(|(cidr, text)| json!({"Cidr": cidr, "Description": text})).collect();
    let declared: Vec<_> = cidrs.iter().map(|(cidr, text)| json!({"cidr": cidr, "description": text})).collect();
    Twin::new(
        at,
        kind("aws_ec2_managed_prefix_list", "AWS::EC2::PrefixList", "ec2:prefix-list"),
        arn.clone(),
        &id,
        json!({
            "PrefixListId": id, "Arn": arn, "PrefixListName": name, "AddressFamily": "IPv4", "MaxEntries": 10,
            "OwnerId": ACCOUNT_ID, "Version": 3, "Entries": entries,
        }),
        json!({
            "id": id, "name": name, "address_family": "IPv4", "max_entries": 10, "owner_id": ACCOUNT_ID, "version": 3,
            "entry": declared,
        }),
        tags,
    )
}
