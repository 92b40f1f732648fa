//! What no state declares: AWS's own things, those of `CloudFormation`, and what somebody made by hand.

use serde_json::json;

use super::{aws_made, network::REGIONS, people};
use crate::sandbox::{
    inventory::LiveResource,
    seed::{
        ACCOUNT_ID,
        catalogue::{compute, data, messaging, network, observability, security, storage},
        ids,
        plan::Plan,
        twin::{Place, Twin},
    },
};

/// What was made by hand: a handle for the table of planted drift, and the resource.
pub(in crate::sandbox::seed) fn by_hand(plan: &mut Plan) -> Vec<(&'static str, String)> {
    let eu = plan.place("eu-central-1", &[]);
    let us = plan.place("us-east-1", &[]);
    let ap = plan.place("ap-southeast-2", &[]);
    let vpc = ids::resource("vpc", &eu.key("default"));
    let (subnet, group) = (ids::resource("subnet", "by-hand"), ids::resource("sg", "by-hand"));
    let role = format!("arn:aws:iam::{ACCOUNT_ID}:role/services/catalogue-lambda");
    let made: Vec<(&'static str, Twin)> = vec![
        ("debug queue", messaging::queue(eu, "payments-events-debug", None, &[("CreatedBy", "jonas.brandt")])),
        ("launch wizard group", network::security_group(eu, &vpc, "launch-wizard-1", 22, "0.0.0.0/0", &[])),
        ("partner secret", security::secret(eu, "acme/partner-sandbox/token", &[])),
        (
            "jump box",
            compute::instance(us, "jumpbox-temp", "t3.large", (&subnet, &group, ""), &[("Name", "jumpbox-temp")]),
        ),
        ("test function", compute::function(us, "test-fn-delete-me", &role, "/aws/lambda/test-fn-delete-me", &[])),
        ("hotfix topic", messaging::topic(us, "orders-hotfix", &[])),
        ("export bucket", storage::bucket(ap, "acme-tmp-export-ap", false, &[("Purpose", "one-off")])),
        ("migration table", data::table(ap, "orders-migration-copy", "order_id", &[])),
    ];
    let mut handles: Vec<_> = made.iter().map(|(handle, twin)| (*handle, twin.live.arn.clone())).collect();
    for (_, twin) in made {
        // An instance comes with a volume and an interface, which are reported with it.
        let mut live = twin.live;
        let parts = aws_made::parts_of_instance(us, &mut live);
        plan.exist(live);
        for part in parts {
            plan.exist(part);
        }
    }
    let contractor = people::user_exists(plan, "/", "tmp-contractor", &[], &["arn:aws:iam::aws:policy/SecurityAudit"]);
    handles.push(("contractor", contractor));
    handles
}

/// What AWS puts into every account.
pub(in crate::sandbox::seed) fn aws_own(plan: &mut Plan) {
    for (region, _) in REGIONS {
        let at = plan.place(region, &[]);
        let vpc = network::vpc(at, "default", "172.31.0.0/16", &[]);
        let subnets =
            (0..3).map(|zone| network::subnet(at, &vpc.id(), &format!("172.31.{}.0/20", zone * 16), zone, true, &[]));
        for subnet in subnets {
            plan.exist(subnet.live);
        }
        plan.exist(network::default_network_acl(at, &vpc, &[]).live);
        let mut group = network::default_security_group(at, &vpc, &[]).live;
        group.properties.insert("SecurityGroupIngress".to_owned(), json!([{"IpProtocol": "-1", "SourceSecurityGroupId": vpc.text("default_security_group_id"), "SourceSecurityGroupOwnerId": ACCOUNT_ID, "FromPort": -1, "ToPort": -1}]));
        group.properties.insert(
            "SecurityGroupEgress".to_owned(),
            json!([{"CidrIp": "0.0.0.0/0", "IpProtocol": "-1", "FromPort": -1, "ToPort": -1}]),
        );
        plan.exist(group);
        aws_made::build(plan, at, &vpc);
        plan.exist(vpc.live);
        plan.exist(messaging::event_bus(at, "default", &[]).live);
        let managed = [
            ("ebs", "Default key that protects my EBS volumes when no other key is defined"),
            ("rds", "Default key that protects my RDS database volumes when no other key is defined"),
            ("secretsmanager", "Default key that protects my Secrets Manager data when no other key is defined"),
        ];
        for (service, description) in managed {
            managed_key(plan, at, service, description);
        }
    }
}

fn managed_key(plan: &mut Plan, at: Place, service: &str, description: &str) {
    let key = security::key(at, &format!("aws/{service}"), &[]);
    let mut live = key.live.clone();
    live.properties.insert("Description".to_owned(), json!(description));
    live.properties.insert("KeyPolicy".to_owned(), json!({
        "Version": "2012-10-17", "Id": format!("auto-{service}-2"),
        "Statement": [{"Sid": "Allow access through the service", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey"], "Resource": "*",
            "Condition": {"StringEquals": {"kms:CallerAccount": ACCOUNT_ID, "kms:ViaService": format!("{service}.{}.amazonaws.com", at.region)}}}],
    }));
    plan.exist(live);
    plan.exist(security::alias(at, &format!("alias/aws/{service}"), &key).live);
}

/// Two stacks and what they made.
pub(in crate::sandbox::seed) fn cloudformation(plan: &mut Plan) {
    let eu = plan.place("eu-central-1", &[]);
    let us = plan.place("us-east-1", &[]);
    let role = format!("arn:aws:iam::{ACCOUNT_ID}:role/services/pricing-lambda");
    let billing = vec![
        ("ExportBucket", storage::bucket(eu, "acme-billing-export", true, &[])),
        ("ExportQueue", messaging::queue(eu, "billing-export", None, &[])),
        ("ExportFunction", compute::function(eu, "billing-export", &role, "/aws/lambda/billing-export", &[])),
        ("ExportLogs", observability::log_group(eu, "/aws/lambda/billing-export", &[])),
        ("ExportTable", data::table(eu, "billing-export-runs", "run_id", &[])),
    ];
    stack(plan, eu, "acme-billing-export", billing);
    let baseline = vec![
        ("SecurityTopic", messaging::topic(us, "landing-zone-security", &[])),
        ("GuardRule", messaging::event_rule(us, "default", "landing-zone-guard", "landing-zone", &[])),
        (
            "ForwardFunction",
            compute::function(us, "landing-zone-forward", &role, "/aws/lambda/landing-zone-forward", &[]),
        ),
        ("ForwardLogs", observability::log_group(us, "/aws/lambda/landing-zone-forward", &[])),
    ];
    stack(plan, us, "StackSet-landing-zone-baseline-7d1c44f0", baseline);
}

fn stack(plan: &mut Plan, at: Place, name: &str, parts: Vec<(&str, Twin)>) {
    let arn = at.arn("cloudformation", &format!("stack/{name}/{}", ids::uuid(&at.key(name))));
    for (logical_id, twin) in parts {
        let mut live = twin.live;
        for (key, value) in [("stack-name", name), ("stack-id", &arn), ("logical-id", logical_id)] {
            live.tags.insert(format!("aws:cloudformation:{key}"), value.to_owned());
        }
        if let Some(cfn_type) = live.cfn_type.clone() {
            crate::sandbox::seed::twin::set_tags(&mut live.properties, &cfn_type, &live.tags);
        }
        plan.exist(live);
    }
    let properties = json!({"StackId": arn, "StackName": name, "StackStatus": "CREATE_COMPLETE", "CreationTime": "2025-05-05T08:00:00.000Z", "EnableTerminationProtection": true});
    plan.exist(LiveResource {
        arn: arn.clone(),
        region: at.region.to_owned(),
        resource_type: "cloudformation:stack".to_owned(),
        service: "cloudformation".to_owned(),
        cfn_type: Some("AWS::CloudFormation::Stack".to_owned()),
        identifier: arn,
        properties: crate::sandbox::seed::twin::object(properties),
        tags: std::collections::BTreeMap::new(),
        last_reported_at: at.reported,
        listed: true,
        exists: true,
    });
}
