//! The services of the shop: each has the same parts in every region that it runs in.

use serde_json::json;

use super::{
    network::{Ground, Net},
    people::{self, Role},
    platform::{DEFAULT_TAGS, Platform},
};
use crate::sandbox::seed::{
    ACCOUNT_ID,
    catalogue::{compute, containers, data, messaging, network, observability, security},
    plan::{Key, Plan, Scope, State},
};

/// Each service, the key of its table, and how many regions it runs in.
const SERVICES: [(&str, &str, usize); 10] = [
    ("payments", "payment_id", 3),
    ("catalogue", "sku", 3),
    ("checkout", "basket_id", 3),
    ("orders", "order_id", 3),
    ("accounts", "customer_id", 2),
    ("search", "term", 2),
    ("notifications", "message_id", 1),
    ("shipping", "parcel_id", 1),
    ("pricing", "sku", 1),
    ("inventory", "sku", 1),
];

/// Adds every service.
pub(in crate::sandbox::seed) fn build(plan: &mut Plan, ground: &Ground, platforms: &[Platform]) {
    for (name, hash_key, regions) in SERVICES {
        let roles = roles(plan, name);
        for (net, platform) in ground.nets.iter().zip(platforms).take(regions) {
            service(plan, name, hash_key, &roles, net, platform);
        }
    }
}

/// The ARNs of a service's roles: of its functions, and of its tasks.
fn roles(plan: &mut Plan, service: &str) -> (String, String) {
    let scope = Scope::module(State::App, format!("module.{service}"), "");
    let policy = people::policy(
        plan,
        &scope,
        "data",
        &format!("acme-{service}-data"),
        &format!(
            r#"{{"Statement":[{{"Action":["dynamodb:GetItem","dynamodb:PutItem","dynamodb:Query","dynamodb:UpdateItem"],"Effect":"Allow","Resource":"arn:aws:dynamodb:*:{ACCOUNT_ID}:table/{service}"}},{{"Action":["sqs:DeleteMessage","sqs:ReceiveMessage","sqs:SendMessage"],"Effect":"Allow","Resource":"arn:aws:sqs:*:{ACCOUNT_ID}:{service}-*"}}],"Version":"2012-10-17"}}"#
        ),
    );
    let function_name = format!("{service}-lambda");
    let function = Role {
        attached: &["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole", &policy],
        ..Role::service("/services/", &function_name, "lambda.amazonaws.com")
    };
    let task_name = format!("{service}-task");
    let task = Role { attached: &[&policy], ..Role::service("/services/", &task_name, "ecs-tasks.amazonaws.com") };
    (people::role(plan, &scope, "lambda", &function), people::role(plan, &scope, "task", &task))
}

fn service(plan: &mut Plan, name: &str, hash_key: &str, roles: &(String, String), net: &Net, platform: &Platform) {
    let at = plan.place(net.region, DEFAULT_TAGS);
    let scope = Scope::module(State::App, format!("module.{name}.module.regional[\"{}\"]", net.region), net.region);
    let tags = [("Service", name), ("Team", team(name))];
    let named = |part: &str| format!("{name}-{part}");

    let letters = plan.add(&scope, "dlq", Key::None, messaging::queue(at, &named("events-dlq"), None, &tags));
    let queue =
        plan.add(&scope, "events", Key::None, messaging::queue(at, &named("events"), Some(&letters.arn()), &tags));
    let topic = plan.add(&scope, "this", Key::None, messaging::topic(at, name, &tags));
    plan.add(&scope, "events", Key::None, messaging::subscription(at, &topic.arn(), &queue.arn()));
    plan.add(&scope, "this", Key::None, messaging::event_rule(at, &platform.bus, name, &named("changed"), &tags));
    plan.add(&scope, "this", Key::None, data::table(at, name, hash_key, &tags));
    plan.add(&scope, "api", Key::None, security::secret(at, &format!("acme/{name}/api"), &tags));
    for (parameter, value) in [("log-level", "info"), ("feature-flags", "checkout-v2,express")] {
        let parameter_twin = security::parameter(at, &format!("/acme/{name}/{parameter}"), value, &tags);
        plan.add(&scope, "this", Key::Each(parameter.to_owned()), parameter_twin);
    }

    let mut functions = Vec::new();
    for part in ["api", "worker"] {
        let function_name = named(part);
        let group_name = format!("/aws/lambda/{function_name}");
        plan.add(&scope, "lambda", Key::Each(part.to_owned()), observability::log_group(at, &group_name, &tags));
        let function = compute::function(at, &function_name, &roles.0, &group_name, &tags);
        functions.push(plan.add(&scope, "this", Key::Each(part.to_owned()), function));
    }
    if let Some(worker) = functions.get(1) {
        plan.add(&scope, "events", Key::None, compute::event_source_mapping(at, &queue.arn(), worker, &tags));
        plan.add(&scope, "topic", Key::None, compute::permission(at, worker, &topic.arn()));
        if matches!(name, "checkout" | "orders") {
            plan.add(
                &scope,
                "this",
                Key::None,
                messaging::workflow(at, &named("saga"), &roles.0, &worker.arn(), &tags),
            );
        }
    }
    let group = plan
        .add(&scope, "task", Key::None, network::security_group(at, &net.vpc, &named("task"), 8080, &net.cidr, &tags))
        .id();
    plan.add(&scope, "task", Key::None, network::ingress_rule(at, &group, 8080, &net.cidr, &tags));
    plan.add(&scope, "task", Key::None, network::egress_rule(at, &group, &tags));
    let repository = plan.add(&scope, "this", Key::None, containers::repository(at, &format!("acme/{name}"), &tags));
    plan.add(&scope, "task", Key::None, observability::log_group(at, &format!("/acme/ecs/{name}"), &tags));
    let task = containers::task_definition(
        at,
        name,
        &repository.text("repository_url"),
        (&platform.execution_role, &roles.1),
        &tags,
    );
    let task = plan.add(&scope, "this", Key::None, task);
    let target_group = plan.add(&scope, "this", Key::None, containers::target_group(at, name, &net.vpc, &tags));
    let behind = containers::Behind {
        cluster: &platform.cluster,
        task: &task,
        target_group: &target_group,
        subnets: &net.private,
        group: &group,
    };
    plan.add(&scope, "this", Key::None, containers::service(at, name, &behind, &tags));
    let watches = [
        (
            named("events-dlq-depth"),
            observability::Watch {
                namespace: "AWS/SQS",
                metric: "ApproximateNumberOfMessagesVisible",
                dimension: ("QueueName", &letters.text("name")),
                threshold: 1,
            },
        ),
        (
            named("api-errors"),
            observability::Watch {
                namespace: "AWS/Lambda",
                metric: "Errors",
                dimension: ("FunctionName", &named("api")),
                threshold: 5,
            },
        ),
    ];
    for (index, (alarm, watch)) in watches.iter().enumerate() {
        plan.add(&scope, "this", Key::Count(index), observability::alarm(at, alarm, watch, &platform.alarms, &tags));
    }
    let document = json!({"id": "1731482205", "json": "{}", "version": "2012-10-17"});
    plan.declare_only(&scope, "aws_iam_policy_document", "queue", Key::None, document).is_data = true;
}

fn team(service: &str) -> &'static str {
    match service {
        "payments" | "pricing" => "money",
        "catalogue" | "search" | "inventory" => "discovery",
        "accounts" | "notifications" => "customers",
        _ => "fulfilment",
    }
}
