//! The network state: three regions' networks, DNS, the audit trail and the bucket of the states.

use super::people::{self, Role};
use crate::sandbox::seed::{
    ACCOUNT_ID, STATE_BUCKET,
    catalogue::{data, edge, network, observability, security, storage},
    plan::{Key, Plan, Scope, State},
    twin::{Place, Twin},
};
use serde_json::json;

const DEFAULT_TAGS: &[(&str, &str)] = &[("ManagedBy", "terraform"), ("Repository", "acme/network")];

/// The regions that acme works in, each with the short name of its network.
pub(in crate::sandbox::seed) const REGIONS: [(&str, &str); 3] =
    [("eu-central-1", "acme-eu"), ("us-east-1", "acme-us"), ("ap-southeast-2", "acme-ap")];

/// One region's network, as what stands in it needs it.
#[derive(Debug)]
pub(in crate::sandbox::seed) struct Net {
    pub(in crate::sandbox::seed) region: &'static str,
    pub(in crate::sandbox::seed) name: &'static str,
    pub(in crate::sandbox::seed) cidr: String,
    pub(in crate::sandbox::seed) vpc: String,
    pub(in crate::sandbox::seed) public: Vec<String>,
    pub(in crate::sandbox::seed) private: Vec<String>,
    pub(in crate::sandbox::seed) db_subnet_group: String,
    pub(in crate::sandbox::seed) cache_subnet_group: String,
    pub(in crate::sandbox::seed) key: Twin,
}

/// The zones and networks that the rest is built on.
#[derive(Debug)]
pub(in crate::sandbox::seed) struct Ground {
    pub(in crate::sandbox::seed) nets: Vec<Net>,
    pub(in crate::sandbox::seed) zone: Twin,
}

/// Adds everything of the network state.
pub(in crate::sandbox::seed) fn build(plan: &mut Plan) -> Ground {
    let root = Scope::root(State::Network);
    plan.declare_only(&root, "aws_caller_identity", "current", Key::None, json!({"account_id": ACCOUNT_ID, "arn": format!("arn:aws:iam::{ACCOUNT_ID}:user/machines/ci-deployer"), "id": ACCOUNT_ID, "user_id": "AIDA4X2QEXAMPLECI7Q"})).is_data = true;
    let flow_role = people::role(
        plan,
        &root,
        "flow_logs",
        &Role {
            inline: &[("write-logs", people::WRITE_LOGS)],
            ..Role::service("/network/", "acme-flow-logs", "vpc-flow-logs.amazonaws.com")
        },
    );
    let nets: Vec<Net> = REGIONS.into_iter().map(|(region, name)| net(plan, region, name, &flow_role)).collect();
    let home = plan.place("eu-central-1", DEFAULT_TAGS);
    let zone = plan.add(&root, "public", Key::None, edge::zone(home, "acme.example", &[("Name", "acme.example")]));
    plan.add(
        &root,
        "internal",
        Key::None,
        edge::zone(home, "internal.acme.example", &[("Name", "internal.acme.example")]),
    );
    for name in ["status", "docs", "careers"] {
        let record = edge::record(home, &zone, &format!("{name}.acme.example"), "acme-pages.example.net");
        plan.add(&root, "pages", Key::Each(name.to_owned()), record);
    }
    audit(plan, &root, home, &nets[0].key);
    Ground { nets, zone }
}

fn audit(plan: &mut Plan, root: &Scope, home: Place, key: &Twin) {
    for (name, bucket) in [("state", STATE_BUCKET), ("audit", "acme-audit-logs"), ("access", "acme-access-logs")] {
        plan.add(
            root,
            name,
            Key::None,
            storage::bucket(home, bucket, true, &[("Name", bucket), ("DataClass", "internal")]),
        );
        for (kind, attributes) in storage::bucket_settings(home, bucket) {
            plan.declare_only(root, kind, name, Key::None, attributes);
        }
    }
    plan.add(root, "audit", Key::None, storage::bucket_policy(home, "acme-audit-logs"));
    let trail = observability::trail(home, "acme-audit", "acme-audit-logs", &key.arn(), &[("Name", "acme-audit")]);
    plan.add(root, "this", Key::None, trail);
}

fn net(plan: &mut Plan, region: &'static str, name: &'static str, flow_role: &str) -> Net {
    let at = plan.place(region, DEFAULT_TAGS);
    let scope = Scope::module(State::Network, format!("module.vpc[\"{region}\"]"), region);
    let block = at.block();
    let cidr = format!("10.{block}.0.0/16");
    let named = |part: &str| format!("{name}-{part}");
    let vpc_tags = [("Name", name), ("CostCentre", "4100")];
    let vpc = plan.add(&scope, "this", Key::Count(0), network::vpc(at, name, &cidr, &vpc_tags));
    let id = vpc.id();
    plan.add(&scope, "this", Key::Count(0), network::default_network_acl(at, &vpc, &[("Name", &named("default"))]));
    plan.add(&scope, "default", Key::Count(0), network::default_route_table(at, &vpc, &[("Name", &named("default"))]));
    plan.add(&scope, "this", Key::Count(0), network::default_security_group(at, &vpc, &[("Name", &named("default"))]));
    let gateway = plan.add(&scope, "this", Key::Count(0), network::internet_gateway(at, &id, &[("Name", name)]));

    let mut subnets = Vec::new();
    for (tier, offset) in [("public", 0), ("private", 16), ("database", 32)] {
        let mut ids = Vec::new();
        for zone in 0..3 {
            let cidr = format!("10.{block}.{}.0/20", (offset + zone * 4) * 4);
            let label = named(&format!("{tier}-{}", at.zone(zone)));
            let tags = [("Name", label.as_str()), ("Tier", tier), ("CostCentre", "4100")];
            let subnet = network::subnet(at, &id, &cidr, zone, tier == "public", &tags);
            ids.push(plan.add(&scope, tier, Key::Count(zone), subnet).id());
        }
        subnets.push((tier, ids));
    }
    let address =
        plan.add(&scope, "nat", Key::Count(0), network::address(at, &named("nat"), &[("Name", &named("nat"))]));
    let nat = network::nat_gateway(at, &id, &subnets[0].1[0], &address, &[("Name", name)]);
    let nat = plan.add(&scope, "this", Key::Count(0), nat);
    let mut tables = Vec::new();
    for (tier, ids) in &subnets {
        let table = network::route_table(at, &id, tier, &[("Name", &named(tier))]);
        let table = plan.add(&scope, tier, Key::Count(0), table).id();
        match *tier {
            "public" => plan.add(
                &scope,
                "public_internet_gateway",
                Key::Count(0),
                network::default_route(at, &table, ("gateway_id", "GatewayId", &gateway.id())),
            ),
            "private" => plan.add(
                &scope,
                "private_nat_gateway",
                Key::Count(0),
                network::default_route(at, &table, ("nat_gateway_id", "NatGatewayId", &nat.id())),
            ),
            _ => nat.clone(),
        };
        for (index, subnet) in ids.iter().enumerate() {
            plan.add(&scope, tier, Key::Count(index), network::route_table_association(at, &table, subnet));
        }
        tables.push(table);
    }
    for service in ["s3", "dynamodb"] {
        let endpoint = network::gateway_endpoint(at, &id, service, &tables, &[("Name", &named(service))]);
        plan.add(&scope, service, Key::None, endpoint);
    }
    let offices = [("198.51.100.0/24", "Hamburg"), ("203.0.113.64/26", "Sydney"), ("192.0.2.128/25", "Boston")];
    plan.add(
        &scope,
        "offices",
        Key::None,
        network::prefix_list(at, &named("offices"), &offices, &[("Name", &named("offices"))]),
    );
    let group = plan.add(
        &scope,
        "flow",
        Key::None,
        observability::log_group(at, &format!("/acme/vpc/{name}/flow"), &[("Name", &named("flow"))]),
    );
    plan.add(&scope, "this", Key::Count(0), network::flow_log(at, &id, &group.arn(), flow_role, &[("Name", name)]));
    let database = subnets[2].1.clone();
    let groups = (
        data::subnet_group(at, name, &id, &database, &[("Name", name)]),
        data::cache_subnet_group(at, name, &id, &database, &[("Name", name)]),
    );
    let db_subnet_group = plan.add(&scope, "database", Key::Count(0), groups.0).id();
    let cache_subnet_group = plan.add(&scope, "cache", Key::Count(0), groups.1).id();
    let key = plan.add(&scope, "data", Key::None, security::key(at, &named("data"), &[("Name", &named("data"))]));
    plan.add(&scope, "data", Key::None, security::alias(at, &format!("alias/{}", named("data")), &key));
    let mut tiers = subnets.into_iter().map(|(_, ids)| ids);
    Net {
        region,
        name,
        cidr,
        vpc: id,
        public: tiers.next().unwrap_or_default(),
        private: tiers.next().unwrap_or_default(),
        db_subnet_group,
        cache_subnet_group,
        key,
    }
}
