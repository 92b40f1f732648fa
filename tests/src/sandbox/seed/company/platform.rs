//! What the services of a region share: balancer, cluster, databases, buses, the shop's front.

use serde_json::json;

use super::{
    network::{Ground, Net},
    people::{self, Role},
};
use crate::sandbox::seed::{
    catalogue::{compute, containers, data, edge, messaging, network, observability, security, storage},
    ids,
    plan::{Key, Life, Plan, Scope, State},
    twin::Twin,
};

pub(in crate::sandbox::seed) const DEFAULT_TAGS: &[(&str, &str)] =
    &[("Environment", "prod"), ("ManagedBy", "terraform"), ("Repository", "acme/shop")];

/// What a region's services stand on.
#[derive(Debug)]
pub(in crate::sandbox::seed) struct Platform {
    pub(in crate::sandbox::seed) cluster: Twin,
    pub(in crate::sandbox::seed) alarms: String,
    pub(in crate::sandbox::seed) bus: String,
    pub(in crate::sandbox::seed) execution_role: String,
}

/// Adds the shared parts of every region, in the order of the networks.
pub(in crate::sandbox::seed) fn build(plan: &mut Plan, ground: &Ground) -> Vec<Platform> {
    let root = Scope::root(State::App);
    let execution = Role {
        attached: &["arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"],
        ..Role::service("/platform/", "ecs-task-execution", "ecs-tasks.amazonaws.com")
    };
    let execution_role = people::role(plan, &root, "ecs_task_execution", &execution);
    let bastion = Role {
        attached: &[
            "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
            "arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy",
        ],
        ..Role::service("/platform/", "acme-bastion", "ec2.amazonaws.com")
    };
    people::role(plan, &root, "bastion", &bastion);
    people::instance_profile(plan, &root, "bastion", "acme-bastion");
    let suffix = ids::hex("artifacts", 8);
    let random = plan.declare_only(&root, "random_id", "artifacts", Key::None, json!({"b64_std": "OhRCqg==", "b64_url": "OhRCqg", "byte_length": 4, "dec": "974406314", "hex": suffix, "id": "OhRCqg", "keepers": null, "prefix": null}));
    r#"provider["registry.terraform.io/hashicorp/random"]"#.clone_into(&mut random.provider);
    let platforms = ground.nets.iter().map(|net| region(plan, net, &execution_role)).collect();
    front(plan, &root, ground);
    leftovers(plan, ground);
    platforms
}

fn region(plan: &mut Plan, net: &Net, execution_role: &str) -> Platform {
    let at = plan.place(net.region, DEFAULT_TAGS);
    let scope = Scope::module(State::App, format!("module.platform[\"{}\"]", net.region), net.region);
    let name = net.name;
    let named = |part: &str| format!("{name}-{part}");
    let cluster = plan.add(&scope, "this", Key::None, containers::cluster(at, name, &[("Name", name)]));
    let edge_group = plan.add(
        &scope,
        "edge",
        Key::None,
        network::security_group(at, &net.vpc, &named("edge"), 443, "0.0.0.0/0", &[("Name", &named("edge"))]),
    );
    plan.add(&scope, "edge", Key::None, network::ingress_rule(at, &edge_group.id(), 443, "0.0.0.0/0", &[]));
    plan.add(&scope, "edge", Key::None, network::egress_rule(at, &edge_group.id(), &[]));
    let balancer = containers::load_balancer(at, name, &net.vpc, &net.public, &edge_group.id(), &[("Name", name)]);
    let balancer = plan.add(&scope, "this", Key::None, balancer);
    let certificate =
        plan.add(&scope, "this", Key::None, security::certificate(at, "acme.example", &[("Name", "acme.example")]));
    plan.add(&scope, "https", Key::None, containers::listener(at, &balancer, &certificate.arn(), &[]));
    let alarms = plan
        .add(&scope, "alarms", Key::None, messaging::topic(at, &named("alarms"), &[("Name", &named("alarms"))]))
        .arn();
    let bus =
        plan.add(&scope, "domain", Key::None, messaging::event_bus(at, "acme-domain", &[("Name", "acme-domain")])).id();
    let data_group = plan.add(
        &scope,
        "data",
        Key::None,
        network::security_group(at, &net.vpc, &named("data"), 5432, &net.cidr, &[("Name", &named("data"))]),
    );
    plan.add(&scope, "data", Key::None, network::ingress_rule(at, &data_group.id(), 5432, &net.cidr, &[]));
    plan.add(&scope, "data", Key::None, network::egress_rule(at, &data_group.id(), &[]));
    let parameters = plan
        .add(
            &scope,
            "postgres16",
            Key::None,
            data::parameter_group(at, &named("postgres16"), &[("Name", &named("postgres16"))]),
        )
        .id();
    let key_arn = net.key.arn();
    let under = data::Under {
        subnet_group: &net.db_subnet_group,
        parameter_group: &parameters,
        security_group: &data_group.id(),
        key_arn: &key_arn,
    };
    for service in ["accounts", "orders", "payments"] {
        let database =
            data::database(at, &named(service), service, &under, &[("Name", &named(service)), ("Service", service)]);
        plan.add(&scope, "this", Key::Each(service.to_owned()), database);
    }
    let cache =
        data::cache(at, &named("sessions"), &net.cache_subnet_group, &data_group.id(), &[("Name", &named("sessions"))]);
    plan.add(&scope, "sessions", Key::None, cache);
    plan.add(&scope, "clicks", Key::None, messaging::stream(at, &named("clicks"), &[("Name", &named("clicks"))]));
    plan.add(
        &scope,
        "shared",
        Key::None,
        storage::file_system(at, &named("shared"), &key_arn, &[("Name", &named("shared"))]),
    );
    plan.add(&scope, "this", Key::None, data::backup_vault(at, name, &key_arn, &[("Name", name)]));
    plan.add(&scope, "operations", Key::None, compute::key_pair(at, "acme-operations", &[("Name", "acme-operations")]));
    let assets = format!("acme-assets-{}", net.region);
    plan.add(
        &scope,
        "assets",
        Key::None,
        storage::bucket(at, &assets, true, &[("Name", &assets), ("DataClass", "public")]),
    );
    for (kind, attributes) in storage::bucket_settings(at, &assets) {
        plan.declare_only(&scope, kind, "assets", Key::None, attributes);
    }
    plan.add(
        &scope,
        "bastion",
        Key::None,
        compute::instance(
            at,
            "bastion",
            "t4g.small",
            (&net.private[0], &edge_group.id(), "acme-bastion"),
            &[("Name", &named("bastion")), ("Service", "operations")],
        ),
    );
    let template = plan.add(
        &scope,
        "batch",
        Key::None,
        compute::launch_template(at, &named("batch"), &[("Name", &named("batch"))]),
    );
    plan.add(
        &scope,
        "batch",
        Key::None,
        compute::scaling_group(at, &named("batch"), &template, &net.private, &[("Name", &named("batch"))]),
    );
    plan.add(&scope, "batch", Key::None, compute::volume(at, &named("batch"), 500, &[("Name", &named("batch"))]));
    Platform { cluster, alarms, bus, execution_role: execution_role.to_owned() }
}

/// What customers see, in the home region.
fn front(plan: &mut Plan, root: &Scope, ground: &Ground) {
    let at = plan.place("eu-central-1", DEFAULT_TAGS);
    plan.add(root, "customers", Key::None, data::user_pool(at, "acme-customers", &[("Name", "acme-customers")]));
    plan.add(root, "public", Key::None, edge::http_api(at, "acme-public", &[("Name", "acme-public")]));
    let origin = "acme-assets-eu-central-1.s3.eu-central-1.amazonaws.com";
    let shop = plan.add(root, "shop", Key::None, edge::distribution(at, "acme shop", origin, &[("Name", "acme-shop")]));
    plan.add(root, "shop", Key::None, edge::record(at, &ground.zone, "shop.acme.example", &shop.text("domain_name")));
    plan.add(root, "artifacts", Key::None, storage::bucket(at, "acme-artifacts", true, &[("Name", "acme-artifacts")]));
    for (kind, attributes) in storage::bucket_settings(at, "acme-artifacts") {
        plan.declare_only(root, kind, "artifacts", Key::None, attributes);
    }
    // Both teams declare the zone: the shop's imported it once, and nobody noticed.
    plan.declare(root, "acme", Key::None, &ground.zone);
}

/// An instance to be replaced, and a template that a replacement left behind.
fn leftovers(plan: &mut Plan, ground: &Ground) {
    let Some(net) = ground.nets.first() else { return };
    let at = plan.place(net.region, DEFAULT_TAGS);
    let root = Scope::root(State::App);
    let group = ids::resource("sg", &format!("{}/{}-edge", net.vpc, net.name));
    let worker = compute::instance(
        at,
        "report-worker",
        "m7g.large",
        (&net.private[1], &group, "acme-bastion"),
        &[("Name", "report-worker"), ("Service", "reports")],
    );
    plan.exist(worker.live.clone());
    plan.declare(&root, "report_worker", Key::None, &worker).life = Life::Tainted;
    let (old, new) = ("reports-20260911", "reports-20261102");
    plan.add(&root, "reports", Key::None, compute::launch_template(at, new, &[("Name", "reports")]));
    let old = compute::launch_template(at, old, &[("Name", "reports")]);
    plan.exist(old.live.clone());
    plan.declare(&root, "reports", Key::None, &old).life = Life::Deposed("6f3b0c1d");
    observability_of_reports(plan, &root);
}

fn observability_of_reports(plan: &mut Plan, root: &Scope) {
    let at = plan.place("eu-central-1", DEFAULT_TAGS);
    plan.add(
        root,
        "reports",
        Key::None,
        observability::log_group(at, "/acme/reports", &[("Name", "reports"), ("Service", "reports")]),
    );
}
