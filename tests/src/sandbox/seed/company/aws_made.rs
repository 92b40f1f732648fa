//! What AWS makes in every region, with the services that the account uses, and with instances: the rest of the default VPC,
//! network interfaces of services, automated snapshots, an instance of an Auto Scaling group with its parts.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::sandbox::{
    inventory::LiveResource,
    seed::{
        catalogue::{compute, network},
        ids,
        plan::Plan,
        twin::{Place, Twin, object, set_tags},
    },
};

/// Descriptions of interfaces, as the services write them, and the types that they give them.
const INTERFACES: [(&str, &str); 9] = [
    ("ELB app/acme-shop/50dc6c495c0c9188", "interface"),
    ("ELB net/acme-internal/8f2b1c6d7e904a35", "network_load_balancer"),
    ("AWS Lambda VPC ENI-checkout-api-1f6f2e0c", "lambda"),
    ("RDSNetworkInterface", "interface"),
    ("VPC Endpoint Interface vpce-0a1b2c3d4e5f60718", "vpc_endpoint"),
    ("Amazon EKS acme", "interface"),
    ("arn:aws:ecs:eu-central-1:482915637204:attachment/3b7f2a90-0d1e-4d55-8a5e-5d1c2f0b9a77", "interface"),
    ("EFS mount target for fs-0123456789abcdef0 (fsmt-0fedcba9876543210)", "efs"),
    ("ElastiCache acme-sessions-001", "interface"),
];

/// Builds it all for one region, around its default VPC.
pub(super) fn build(plan: &mut Plan, at: Place, vpc: &Twin) {
    default_network(plan, at, vpc);
    for (description, kind) in INTERFACES {
        let id = ids::resource("eni", &at.key(description));
        plan.exist(interface(at, &id, description, kind));
    }
    scaled_instance(plan, at);
    named(plan, at, "rds", "rds:snapshot", "snapshot:rds:acme-orders-2026-11-01-03-10");
    named(plan, at, "rds", "rds:cluster-snapshot", "cluster-snapshot:rds:acme-shop-2026-11-01-03-10");
    named(plan, at, "elasticache", "elasticache:snapshot", "snapshot:automatic.acme-sessions-2026-11-01-05-00");
    let index = format!("index/{}", ids::uuid(&at.key("index")));
    named(plan, at, "resource-explorer-2", "resource-explorer-2:index", &index);
    let view = format!("view/all-resources/{}", ids::uuid(&at.key("view")));
    named(plan, at, "resource-explorer-2", "resource-explorer-2:view", &view);
    let rule = "resolver-rule/rslvr-autodefined-rr-internet-resolver";
    named(plan, at, "route53resolver", "route53resolver:resolver-rule", rule);
}

/// The volume and the interface that came with an instance, which then names the interface too; nothing for other types.
pub(super) fn parts_of_instance(at: Place, instance: &mut LiveResource) -> Vec<LiveResource> {
    if instance.cfn_type.as_deref() != Some("AWS::EC2::Instance") {
        return Vec::new();
    }
    let interface_id = ids::resource("eni", &instance.identifier);
    let interfaces = json!([{"DeviceIndex": "0", "NetworkInterfaceId": interface_id, "DeleteOnTermination": true}]);
    instance.properties.insert("NetworkInterfaces".to_owned(), interfaces);
    let volume_id = instance.properties["Volumes"][0]["VolumeId"].as_str().unwrap_or_default().to_owned();
    let mut volume = compute::volume(at, "root", 30, &[]).live;
    volume.arn = at.arn("ec2", &format!("volume/{volume_id}"));
    volume.properties.insert("VolumeId".to_owned(), json!(volume_id));
    volume.identifier = volume_id;
    vec![volume, interface(at, &interface_id, "", "interface")]
}

/// The default VPC's route table, its internet gateway and how it hangs on it, and the region's DHCP options.
fn default_network(plan: &mut Plan, at: Place, vpc: &Twin) {
    plan.exist(network::default_route_table(at, vpc, &[]).live);
    let gateway = network::internet_gateway(at, &vpc.id(), &[]);
    let attachment = json!({"AttachmentType": "IGW", "VpcId": vpc.id(), "InternetGatewayId": gateway.id()});
    plan.exist(LiveResource {
        listed: false,
        identifier: format!("IGW|{}", vpc.id()),
        ..resource(at, String::new(), "", Some("AWS::EC2::VPCGatewayAttachment"), object(attachment))
    });
    plan.exist(gateway.live);
    let id = ids::resource("dopt", at.region);
    let domain = match at.region {
        "us-east-1" => "ec2.internal".to_owned(),
        region => format!("{region}.compute.internal"),
    };
    let options = json!({"DhcpOptionsId": id, "DomainName": domain, "DomainNameServers": ["AmazonProvidedDNS"]});
    let arn = at.arn("ec2", &format!("dhcp-options/{id}"));
    let options = resource(at, arn, "ec2:dhcp-options", Some("AWS::EC2::DHCPOptions"), object(options));
    plan.exist(LiveResource { identifier: id, ..options });
}

/// An instance that the group launched: AWS's tag says so. Its volume and interface carry no tags.
fn scaled_instance(plan: &mut Plan, at: Place) {
    let (subnet, group) = (ids::resource("subnet", &at.key("batch")), ids::resource("sg", &at.key("batch")));
    let mut instance = compute::instance(at, "batch-worker", "m7g.large", (&subnet, &group, ""), &[]).live;
    instance.tags.insert("aws:autoscaling:groupName".to_owned(), "acme-batch".to_owned());
    set_tags(&mut instance.properties, "AWS::EC2::Instance", &instance.tags);
    let parts = parts_of_instance(at, &mut instance);
    plan.exist(instance);
    for part in parts {
        plan.exist(part);
    }
}

fn interface(at: Place, id: &str, description: &str, kind: &str) -> LiveResource {
    let properties = json!({"Id": id, "Description": description, "InterfaceType": kind, "SourceDestCheck": true});
    let arn = at.arn("ec2", &format!("network-interface/{id}"));
    let cfn_type = Some("AWS::EC2::NetworkInterface");
    LiveResource {
        identifier: id.to_owned(),
        ..resource(at, arn, "ec2:network-interface", cfn_type, object(properties))
    }
}

/// Something that its name alone tells.
fn named(plan: &mut Plan, at: Place, service: &str, resource_type: &str, rest: &str) {
    plan.exist(resource(at, at.arn(service, rest), resource_type, None, object(Value::Null)));
}

fn resource(
    at: Place,
    arn: String,
    resource_type: &str,
    cfn_type: Option<&str>,
    properties: Map<String, Value>,
) -> LiveResource {
    LiveResource {
        identifier: arn.clone(),
        arn,
        region: at.region.to_owned(),
        resource_type: resource_type.to_owned(),
        service: resource_type.split(':').next().unwrap_or_default().to_owned(),
        cfn_type: cfn_type.map(str::to_owned),
        properties,
        tags: BTreeMap::new(),
        last_reported_at: at.reported,
        listed: true,
        exists: true,
    }
}
