//! What is drift, and above all what is not.

use std::collections::{BTreeMap, HashMap};

use driftwise_agent::drift::{self, Actual, Declared, DeclaredIdx, Existence, Join, LiveEdge, Outcome};
use driftwise_agent::state;
use driftwise_contract::AccountId;
use driftwise_contract::codes::Code;
use driftwise_contract::finding::{Finding, FindingKind};
use driftwise_contract::resource::{
    Edge, Enrichment, EnrichmentFailure, Grant, IamPrincipal, Owner, PrincipalKind, Resource, StateRef, redacted_hash,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const ACCOUNT: &str = "123456789012";

/// A state in which each resource is `(type, name, attributes)`.
fn state(uri: &str, resources: &[(&str, &str, Value)]) -> state::State {
    let resources: Vec<Value> = resources
        .iter()
        .map(|(terraform_type, name, attributes)| {
            json!({
                "mode": "managed", "type": terraform_type, "name": name,
                "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
                "instances": [{ "schema_version": 0, "attributes": attributes }],
            })
        })
        .collect();
    let document =
        json!({ "version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "l", "resources": resources });
    let source = StateRef { uri: uri.into(), version_id: None };
    state::read(source, document.to_string().as_bytes()).unwrap()
}

fn declared(resources: &[(&str, &str, Value)]) -> Declared {
    Declared { states: vec![state("s3://states/a.tfstate", resources)] }
}

fn live(arn: &str, resource_type: &str, cfn_type: &str, properties: Option<Value>) -> Resource {
    let arn: driftwise_contract::Arn = arn.parse().unwrap();
    Resource {
        account_id: ACCOUNT.parse().unwrap(),
        region: if arn.region().is_empty() { "global".into() } else { arn.region().into() },
        service: arn.service().into(),
        resource_type: resource_type.into(),
        cfn_type: Some(cfn_type.into()),
        identifier: None,
        last_reported_at: None,
        tags: Some(BTreeMap::new()),
        owner: Owner::Unknown,
        enrichment: if properties.is_some() { Enrichment::Enriched } else { Enrichment::None },
        properties: properties.map(|properties| properties.as_object().unwrap().clone()),
        arn,
    }
}

fn queue(name: &str, properties: Option<Value>) -> Resource {
    live(&queue_arn(name), "sqs", "AWS::SQS::Queue", properties)
}

fn queue_arn(name: &str) -> String {
    format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:{name}")
}

fn declared_queue(name: &str, more: Value) -> Value {
    let mut attributes = json!({ "id": format!("https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/{name}"), "arn": queue_arn(name), "name": name });
    let Value::Object(more) = more else { panic!("an object") };
    attributes.as_object_mut().unwrap().extend(more);
    attributes
}

fn actual(resources: Vec<Resource>) -> Actual {
    Actual { account_id: ACCOUNT.parse().unwrap(), resources, edges: Some(Vec::new()) }
}

fn compare(declared: &Declared, actual: &Actual) -> Outcome {
    drift::findings(declared, actual, &drift::join(declared, actual), &HashMap::new())
}

fn keys(outcome: &Outcome) -> Vec<String> {
    outcome.findings.iter().map(Finding::key).collect()
}

fn changes(outcome: &Outcome) -> Vec<(String, Value, Value)> {
    let changes = outcome.findings.iter().filter_map(|finding| match finding {
        Finding::Changed { changes, .. } => Some(changes),
        _ => None,
    });
    changes.flatten().map(|change| (change.path.clone(), change.declared.clone(), change.actual.clone())).collect()
}

#[test]
fn equal_declarations_and_resources_are_no_drift() {
    let declared = declared(&[(
        "aws_sqs_queue",
        "q",
        declared_queue(
            "q",
            json!({ "visibility_timeout_seconds": 45, "kms_master_key_id": "", "redrive_policy": null, "tags_all": { "team": "a" } }),
        ),
    )]);
    let mut resource = queue(
        "q",
        Some(json!({ "VisibilityTimeout": 45, "QueueUrl": "x", "Tags": [{ "Key": "team", "Value": "a" }] })),
    );
    resource.tags = None;
    let outcome = compare(&declared, &actual(vec![resource]));
    assert_eq!(outcome.findings, []);
    assert_eq!((outcome.coverage.managed, outcome.coverage.declared, outcome.coverage.compared), (1, 1, 1));
}

#[test]
fn a_changed_attribute_and_changed_tags_are_found_with_both_values() {
    let attributes = json!({ "visibility_timeout_seconds": 30, "delay_seconds": 0, "tags": { "x": "wrong" }, "tags_all": { "team": "a", "gone": "1" } });
    let declared = declared(&[("aws_sqs_queue", "q", declared_queue("q", attributes))]);
    let mut resource = queue("q", Some(json!({ "VisibilityTimeout": 60 })));
    resource.tags = Some(BTreeMap::from([
        ("team".into(), "b".into()),
        ("new".into(), "2".into()),
        ("aws:cloudformation:stack-name".into(), "s".into()),
    ]));
    let outcome = compare(&declared, &actual(vec![resource]));
    assert_eq!(
        changes(&outcome),
        [
            ("tags_all.gone".into(), json!("1"), Value::Null),
            ("tags_all.new".into(), Value::Null, json!("2")),
            ("tags_all.team".into(), json!("a"), json!("b")),
            ("visibility_timeout_seconds".into(), json!(30), json!(60)),
        ]
    );
    assert_eq!(outcome.findings.len(), 1);
}

#[test]
fn a_property_that_aws_always_has_and_did_not_return_is_not_compared() {
    let arn = format!("arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f");
    let attributes = json!({ "id": "f", "arn": arn, "role": "arn:aws:iam::123456789012:role/r", "description": "text", "timeout": 3 });
    let function = live(&arn, "lambda:function", "AWS::Lambda::Function", Some(json!({ "FunctionName": "f" })));
    let outcome = compare(&declared(&[("aws_lambda_function", "f", attributes)]), &actual(vec![function]));
    assert_eq!(changes(&outcome), [("description".into(), json!("text"), Value::Null)], "only a text may be gone");
}

#[test]
fn capacities_that_aws_scales_and_groups_that_it_did_not_return_are_no_drift() {
    let arn = |service: &str, name: &str| format!("arn:aws:{service}:eu-west-1:{ACCOUNT}:{name}");
    let groups = json!(["sg-1"]);
    let cases = [
        (
            "aws_kinesis_stream",
            "AWS::Kinesis::Stream",
            arn("kinesis", "stream/s"),
            json!({ "shard_count": 0 }),
            json!({ "ShardCount": 4, "StreamModeDetails": { "StreamMode": "ON_DEMAND" } }),
        ),
        (
            "aws_ecs_service",
            "AWS::ECS::Service",
            arn("ecs", "service/c/s"),
            json!({ "desired_count": 2 }),
            json!({ "DesiredCount": 7 }),
        ),
        (
            "aws_db_instance",
            "AWS::RDS::DBInstance",
            arn("rds", "db:d"),
            json!({ "allocated_storage": 20, "max_allocated_storage": 100, "vpc_security_group_ids": groups }),
            json!({ "AllocatedStorage": "40", "MaxAllocatedStorage": 100 }),
        ),
        (
            "aws_rds_cluster",
            "AWS::RDS::DBCluster",
            arn("rds", "cluster:d"),
            json!({ "vpc_security_group_ids": groups }),
            json!({}),
        ),
        (
            "aws_instance",
            "AWS::EC2::Instance",
            arn("ec2", "instance/i-1"),
            json!({ "vpc_security_group_ids": groups }),
            json!({}),
        ),
    ];
    for (terraform_type, cfn_type, arn, mut attributes, properties) in cases {
        attributes["arn"] = json!(arn);
        let found = live(&arn, "x", cfn_type, Some(properties));
        let outcome = compare(&declared(&[(terraform_type, "x", attributes)]), &actual(vec![found]));
        assert_eq!(changes(&outcome), [], "{terraform_type}");
        assert_eq!(outcome.coverage.compared, 1);
    }
}

#[test]
fn tags_that_are_unknown_on_either_side_are_not_compared() {
    let declared = declared(&[("aws_sqs_queue", "q", declared_queue("q", json!({ "tags_all": { "team": "a" } })))]);
    let mut resource = queue("q", None);
    resource.tags = None;
    assert_eq!(compare(&declared, &actual(vec![resource])).findings, []);
    let without = self::declared(&[("aws_sqs_queue", "q", declared_queue("q", json!({})))]);
    let mut resource = queue("q", None);
    resource.tags = Some(BTreeMap::from([("team".into(), "b".into())]));
    assert_eq!(compare(&without, &actual(vec![resource])).findings, []);
}

#[test]
fn absent_is_missing_only_when_a_direct_read_says_so() {
    let declared = declared(&[
        ("aws_sqs_queue", "gone", declared_queue("gone", json!({}))),
        ("aws_sqs_queue", "lagging", declared_queue("lagging", json!({ "visibility_timeout_seconds": 30 }))),
        ("aws_sqs_queue", "denied", declared_queue("denied", json!({}))),
        ("aws_sqs_queue", "unasked", declared_queue("unasked", json!({}))),
    ]);
    let actual = actual(vec![]);
    let join = drift::join(&declared, &actual);
    let place = |resource| DeclaredIdx { state: 0, resource };
    assert_eq!(join.absent, [place(0), place(1), place(2), place(3)]);
    let lagging = json!({ "VisibilityTimeout": "60" });
    let denied = Existence::Unknown { reason: EnrichmentFailure::AccessDenied, detail: "not authorized".into() };
    let confirmations = HashMap::from([
        (place(0), Existence::Absent),
        (place(1), Existence::Exists(lagging.as_object().unwrap().clone())),
        (place(2), denied),
    ]);
    let outcome = drift::findings(&declared, &actual, &join, &confirmations);
    let kinds: Vec<FindingKind> = outcome.findings.iter().map(Finding::kind).collect();
    assert_eq!(kinds, [FindingKind::Missing, FindingKind::Changed]);
    assert!(keys(&outcome)[0].ends_with("aws_sqs_queue.gone"));
    assert_eq!(outcome.gaps.len(), 2);
    assert!(outcome.gaps.iter().all(|gap| gap.code == Code::StateUnconfirmed));
    assert_eq!(outcome.gaps[0].detail, "access_denied: not authorized");
}

#[test]
fn what_two_states_declare_counts_once_and_a_siblings_resource_is_not_unmanaged() {
    let resources = [("aws_sqs_queue", "q", declared_queue("q", json!({})))];
    let declared = Declared { states: vec![state("s3://states/a", &resources), state("s3://states/b", &resources)] };
    let found = actual(vec![queue("q", None)]);
    let join = drift::join(&declared, &found);
    assert_eq!((join.managed.len(), join.unmanaged.len()), (2, 0));
    assert_eq!(compare(&declared, &found).coverage.managed, 1);
    assert_eq!(drift::join(&declared, &actual(vec![])).absent.len(), 1);
}

#[test]
fn another_accounts_declarations_are_not_this_scans() {
    let attributes = json!({ "id": "q", "arn": "arn:aws:sqs:eu-west-1:999999999999:q" });
    let join = drift::join(&declared(&[("aws_sqs_queue", "q", attributes)]), &actual(vec![]));
    assert_eq!(join, Join { other_accounts: 1, ..Join::default() });
}

#[test]
fn a_deposed_object_is_neither_missing_nor_unmanaged() {
    let document = json!({ "version": 4, "resources": [{
        "mode": "managed", "type": "aws_sqs_queue", "name": "q", "provider": "provider.aws", "instances": [
            { "deposed": "00000001", "attributes": declared_queue("there", json!({ "visibility_timeout_seconds": 1 })) },
            { "deposed": "00000002", "attributes": declared_queue("gone", json!({})) },
        ],
    }] });
    let source = StateRef { uri: "a".into(), version_id: None };
    let declared = Declared { states: vec![state::read(source, document.to_string().as_bytes()).unwrap()] };
    let actual = actual(vec![queue("there", Some(json!({ "VisibilityTimeout": 2 })))]);
    assert!(drift::join(&declared, &actual).absent.is_empty());
    assert_eq!(compare(&declared, &actual).findings, []);
}

#[test]
fn unmanaged_leaves_out_what_others_own_and_counts_it() {
    let mut of_aws = queue("aws", None);
    of_aws.owner = Owner::Aws { reason: "default".into() };
    let mut of_stack = queue("stack", None);
    of_stack.owner = Owner::CloudFormation { stack: "app".into() };
    let stack_arn = format!("arn:aws:cloudformation:eu-west-1:{ACCOUNT}:stack/app/0a1b");
    let stack = live(&stack_arn, "cloudformation:stack", "AWS::CloudFormation::Stack", None);
    let outcome = compare(&Declared::default(), &actual(vec![queue("mine", None), of_aws, of_stack, stack]));
    assert_eq!(keys(&outcome), [format!("unmanaged {}", queue_arn("mine"))]);
    assert_eq!((outcome.coverage.resources, outcome.coverage.aws_owned), (4, 1));
    assert_eq!(outcome.coverage.cloudformation_owned, BTreeMap::from([("app".to_owned(), 2)]));
}

#[test]
fn what_the_inventory_can_not_show_is_not_comparable_rather_than_missing() {
    let declared = declared(&[
        ("aws_route_table_association", "a", json!({ "id": "rtbassoc-1" })),
        (
            "aws_iam_role_policy_attachment",
            "a",
            json!({ "id": "x", "role": "r", "policy_arn": "arn:aws:iam::aws:policy/X" }),
        ),
        (
            "aws_sns_topic_policy",
            "p",
            json!({ "id": "arn:aws:sns:eu-west-1:123456789012:t", "arn": "arn:aws:sns:eu-west-1:123456789012:t" }),
        ),
    ]);
    let topic = live("arn:aws:sns:eu-west-1:123456789012:t", "sns", "AWS::SNS::Topic", None);
    let join = drift::join(&declared, &actual(vec![topic]));
    assert_eq!(join.not_comparable.values().sum::<u64>(), 3);
    assert_eq!((join.managed.len(), join.absent.len()), (0, 0));
    assert_eq!(join.unmanaged, [0], "a topic's policy does not declare the topic");
}

#[test]
fn resources_without_an_arn_are_joined_by_id_within_type_and_region() {
    let arn = |id: &str, region: &str| format!("arn:aws:ec2:{region}:{ACCOUNT}:natgateway/{id}");
    let nat = |id: &str, region: &str| live(&arn(id, region), "ec2:natgateway", "AWS::EC2::NatGateway", None);
    let declared = declared(&[
        ("aws_nat_gateway", "n", json!({ "id": "nat-1", "region": "eu-west-1" })),
        ("aws_instance", "other_type", json!({ "id": "nat-1", "region": "eu-west-1" })),
        ("aws_nat_gateway", "elsewhere", json!({ "id": "nat-2", "region": "us-east-1" })),
    ]);
    let join = drift::join(&declared, &actual(vec![nat("nat-1", "eu-west-1"), nat("nat-2", "eu-west-1")]));
    assert_eq!(join.managed.len(), 1);
    assert_eq!(join.absent.len(), 2);
    assert_eq!(join.unmanaged, [1]);
}

#[test]
fn a_key_pair_joins_by_its_id_although_its_arns_differ() {
    let found =
        live(&format!("arn:aws:ec2:eu-west-1:{ACCOUNT}:key-pair/key-1"), "ec2:key-pair", "AWS::EC2::KeyPair", None);
    let attributes = json!({ "id": "ops", "key_name": "ops", "key_pair_id": "key-1", "arn": format!("arn:aws:ec2:eu-west-1:{ACCOUNT}:key-pair/ops") });
    let join = drift::join(&declared(&[("aws_key_pair", "ops", attributes)]), &actual(vec![found]));
    assert_eq!((join.managed.len(), join.absent.len(), join.unmanaged.len()), (1, 0, 0));
}

#[test]
fn log_groups_join_with_and_without_the_stars_of_their_arn() {
    let group = live(
        "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/x",
        "logs:log-group",
        "AWS::Logs::LogGroup",
        Some(json!({})),
    );
    for arn in [
        "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/x:*",
        "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/x",
    ] {
        let declared = declared(&[(
            "aws_cloudwatch_log_group",
            "g",
            json!({ "id": "/aws/x", "arn": arn, "retention_in_days": 0 }),
        )]);
        let outcome = compare(&declared, &actual(vec![group.clone()]));
        assert_eq!(outcome.findings, [], "no retention is 0 in a state and nothing in AWS");
        assert_eq!(outcome.coverage.managed, 1);
    }
}

#[test]
fn parts_of_declared_resources_are_not_unmanaged() {
    let declared = declared(&[(
        "aws_instance",
        "i",
        json!({ "id": "i-1", "arn": format!("arn:aws:ec2:eu-west-1:{ACCOUNT}:instance/i-1"),
                "primary_network_interface_id": "eni-1", "root_block_device": [{ "volume_id": "vol-1" }] }),
    )]);
    let ec2 = |resource: &str, kind: &str, cfn: &str| {
        live(&format!("arn:aws:ec2:eu-west-1:{ACCOUNT}:{resource}"), kind, cfn, None)
    };
    let resources = vec![
        ec2("instance/i-1", "ec2:instance", "AWS::EC2::Instance"),
        ec2("network-interface/eni-1", "ec2:network-interface", "AWS::EC2::NetworkInterface"),
        ec2("volume/vol-1", "ec2:volume", "AWS::EC2::Volume"),
        ec2("volume/vol-2", "ec2:volume", "AWS::EC2::Volume"),
        ec2("security-group-rule/sgr-1", "ec2:security-group-rule", "AWS::EC2::SecurityGroupIngress"),
    ];
    let join = drift::join(&declared, &actual(resources));
    assert_eq!((join.parts, join.unmanaged), (vec![1, 2, 4], vec![3]));
}

#[test]
fn policy_documents_that_mean_the_same_are_no_drift() {
    let document = json!({ "Version": "2012-10-17", "Statement": [{ "Action": ["s3:GetObject", "s3:ListBucket"], "Effect": "Allow", "Resource": "*" }] });
    let same = json!({ "Statement": { "Effect": "Allow", "Resource": ["*"], "Action": ["s3:ListBucket", "s3:GetObject"] }, "Version": "2012-10-17" });
    let other =
        json!({ "Version": "2012-10-17", "Statement": [{ "Action": "*", "Effect": "Allow", "Resource": "*" }] });
    let arn = "arn:aws:iam::123456789012:policy/p";
    let declared = declared(&[(
        "aws_iam_policy",
        "p",
        json!({ "id": arn, "arn": arn, "policy": document.to_string(), "path": "/", "description": "" }),
    )]);
    let found = |document: Value| {
        actual(vec![live(
            arn,
            "iam:policy",
            "AWS::IAM::ManagedPolicy",
            Some(json!({ "PolicyDocument": document, "Path": "/" })),
        )])
    };
    assert_eq!(compare(&declared, &found(same)).findings, []);
    let changed = changes(&compare(&declared, &found(other.clone())));
    assert_eq!(changed, [("policy".to_owned(), document, other)]);
}

#[test]
fn a_sensitive_value_is_compared_but_never_shown() {
    let document = json!({ "version": 4, "resources": [{
        "mode": "managed", "type": "aws_sqs_queue", "name": "q", "provider": "provider.aws", "instances": [{
            "attributes": declared_queue("q", json!({ "kms_master_key_id": "alias/hush" })),
            "sensitive_attributes": [[{ "type": "get_attr", "value": "kms_master_key_id" }]],
        }],
    }] });
    let source = StateRef { uri: "a".into(), version_id: None };
    let declared = Declared { states: vec![state::read(source, document.to_string().as_bytes()).unwrap()] };
    let live = |key: &str| actual(vec![queue("q", Some(json!({ "KmsMasterKeyId": key })))]);
    assert_eq!(compare(&declared, &live("alias/hush")).findings, []);
    let outcome = compare(&declared, &live("alias/loud"));
    let [(_, stated, actual)] = &changes(&outcome)[..] else { panic!("{outcome:?}") };
    assert!(redacted_hash(stated).is_some() && redacted_hash(actual).is_some());
    let whole = serde_json::to_string(&outcome.findings).unwrap();
    assert!(!whole.contains("hush") && !whole.contains("loud"), "{whole}");
}

fn edge(kind: PrincipalKind, name: &str, grant: Grant, path: &str) -> LiveEdge {
    let principal_arn = format!("arn:aws:iam::{ACCOUNT}:{}{path}{name}", kind.as_str()).parse().unwrap();
    LiveEdge {
        edge: Edge { principal: IamPrincipal { kind, name: name.into() }, grant },
        principal_arn,
        owner: Owner::Unknown,
    }
}

fn managed_policy(name: &str) -> Grant {
    Grant::ManagedPolicy { policy_arn: format!("arn:aws:iam::aws:policy/{name}").parse().unwrap() }
}

#[test]
fn a_grant_that_no_state_declares_is_found_and_a_declared_one_is_not() {
    let role_arn = format!("arn:aws:iam::{ACCOUNT}:role/app");
    let read_only = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    let first = state(
        "s3://states/a",
        &[(
            "aws_iam_role",
            "app",
            // The refresh absorbed what was attached by hand: still an undeclared grant.
            json!({ "id": "app", "name": "app", "arn": role_arn, "managed_policy_arns": [read_only, "arn:aws:iam::aws:policy/AdministratorAccess"] }),
        )],
    );
    let second = state(
        "s3://states/b",
        &[
            ("aws_iam_role_policy_attachment", "x", json!({ "id": "app-1", "role": "app", "policy_arn": read_only })),
            ("aws_iam_user_group_membership", "m", json!({ "id": "x", "user": "ann", "groups": ["dev"] })),
            ("aws_iam_role_policy", "i", json!({ "id": "app:inline", "role": "app", "name": "inline" })),
        ],
    );
    let declared = Declared { states: vec![first, second] };
    let mut of_stack = edge(PrincipalKind::Role, "stack-role", managed_policy("AdministratorAccess"), "/");
    of_stack.owner = Owner::CloudFormation { stack: "s".into() };
    let edges = vec![
        edge(PrincipalKind::Role, "app", managed_policy("ReadOnlyAccess"), "/"),
        edge(PrincipalKind::Role, "app", managed_policy("AdministratorAccess"), "/"),
        edge(PrincipalKind::Role, "app", Grant::InlinePolicy { policy_name: "inline".into() }, "/"),
        edge(PrincipalKind::User, "app", managed_policy("ReadOnlyAccess"), "/"),
        edge(PrincipalKind::User, "ann", Grant::Member { group: "dev".into() }, "/"),
        edge(PrincipalKind::User, "ann", Grant::Member { group: "admins".into() }, "/"),
        edge(
            PrincipalKind::Role,
            "AWSServiceRoleForX",
            managed_policy("aws-service-role/X"),
            "/aws-service-role/x.amazonaws.com/",
        ),
        edge(
            PrincipalKind::Role,
            "AWSReservedSSO_A",
            managed_policy("AdministratorAccess"),
            "/aws-reserved/sso.amazonaws.com/",
        ),
        of_stack,
    ];
    let mut found = actual(vec![]);
    found.edges = Some(edges);
    let outcome = compare(&declared, &found);
    let grants: Vec<String> = keys(&outcome).into_iter().filter(|key| key.starts_with("undeclared")).collect();
    assert_eq!(
        grants,
        [
            format!("undeclared_grant {role_arn} managed arn:aws:iam::aws:policy/AdministratorAccess"),
            format!("undeclared_grant arn:aws:iam::{ACCOUNT}:user/ann member admins"),
            format!("undeclared_grant arn:aws:iam::{ACCOUNT}:user/app managed {read_only}"),
        ]
    );
    assert_eq!((outcome.coverage.grants, outcome.coverage.grants_declared), (9, 3));
    assert_eq!((outcome.coverage.grants_aws_owned, outcome.coverage.grants_cloudformation_owned), (2, 1));
    let Finding::UndeclaredGrant { principal_declared: Some(place), observed_in, .. } = &outcome.findings[0] else {
        panic!()
    };
    assert_eq!(place.address, "aws_iam_role.app");
    assert_eq!(observed_in.as_ref().unwrap().address, "aws_iam_role.app", "the refresh saw it");
    assert!(matches!(&outcome.findings[1], Finding::UndeclaredGrant { observed_in: None, .. }));
}

/// A state of two accounts, of which a provider alias names none: a grant and a NAT gateway of unknown account.
fn of_unknown_account(others: &[(&str, &str, Value)]) -> state::State {
    let resource = |provider: &str, (terraform_type, name, attributes): &(&str, &str, Value)| {
        json!({ "mode": "managed", "type": terraform_type, "name": name,
                "provider": format!("provider[\"registry.terraform.io/hashicorp/aws\"]{provider}"),
                "instances": [{ "attributes": attributes }] })
    };
    let unnamed = [
        (
            "aws_iam_user_policy_attachment",
            "jonas",
            json!({ "id": "x", "user": "jonas.brandt", "policy_arn": "arn:aws:iam::aws:policy/IAMFullAccess" }),
        ),
        ("aws_nat_gateway", "exit", json!({ "id": "nat-9", "region": "eu-west-1" })),
    ];
    let resources: Vec<Value> = others
        .iter()
        .map(|other| resource("", other))
        .chain(unnamed.iter().map(|own| resource(".other", own)))
        .collect();
    let document = json!({ "version": 4, "resources": resources });
    state::read(StateRef { uri: "s3://states/b".into(), version_id: None }, document.to_string().as_bytes()).unwrap()
}

/// The findings' keys and the gaps' details of an account with one grant made by hand, whose NAT gateway is gone.
fn with_a_planted_grant(states: Vec<state::State>) -> (Vec<String>, Vec<String>) {
    let declared = Declared { states };
    let mut found = actual(vec![]);
    found.edges = Some(vec![edge(PrincipalKind::User, "jonas.brandt", managed_policy("IAMFullAccess"), "/")]);
    let join = drift::join(&declared, &found);
    let confirmations = join.absent.iter().map(|place| (*place, Existence::Absent)).collect::<HashMap<_, _>>();
    let outcome = drift::findings(&declared, &found, &join, &confirmations);
    assert!(outcome.gaps.iter().all(|gap| gap.code == Code::StateUnconfirmed));
    assert_eq!(
        outcome.coverage.grants,
        outcome.coverage.grants_declared
            + outcome.coverage.grants_unconfirmed
            + outcome.findings.iter().filter(|finding| finding.kind() == FindingKind::UndeclaredGrant).count() as u64
    );
    (keys(&outcome), outcome.gaps.into_iter().map(|gap| gap.detail).collect())
}

fn foreign_queue(account: &str) -> (&'static str, &'static str, Value) {
    ("aws_sqs_queue", "q", json!({ "id": "q", "arn": format!("arn:aws:sqs:eu-west-1:{account}:q") }))
}

#[test]
fn a_state_of_another_account_neither_declares_our_grants_nor_misses_its_own_resources() {
    let (findings, gaps) = with_a_planted_grant(vec![of_unknown_account(&[foreign_queue("999999999999")])]);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].starts_with("undeclared_grant"), "{findings:?}");
    assert!(gaps.is_empty(), "{gaps:?}");
}

#[test]
fn a_customers_policy_tells_the_account_of_its_attachment() {
    let policy = json!({ "user": "u", "policy_arn": "arn:aws:iam::999999999999:policy/p" });
    let (findings, gaps) =
        with_a_planted_grant(vec![of_unknown_account(&[("aws_iam_user_policy_attachment", "p", policy)])]);
    assert_eq!((findings.len(), gaps.len()), (1, 0), "{findings:?} {gaps:?}");
}

#[test]
fn what_belongs_to_an_unknown_account_is_a_gap_beside_foreign_states() {
    let two = [foreign_queue("999999999999"), foreign_queue("888888888888")];
    let foreign = state("s3://states/c", &[foreign_queue("999999999999")]);
    for states in [vec![of_unknown_account(&two)], vec![of_unknown_account(&[]), foreign]] {
        let (findings, gaps) = with_a_planted_grant(states);
        assert_eq!(findings, [""; 0]);
        assert_eq!(gaps.len(), 2, "{gaps:?}");
        assert!(gaps[0].contains("does not name its account"), "{gaps:?}");
        assert!(
            gaps[1].contains("IAMFullAccess") && gaps[1].contains("aws_iam_user_policy_attachment.jonas"),
            "{gaps:?}"
        );
    }
}

#[test]
fn what_names_no_account_is_ours_while_no_state_names_another() {
    for others in [vec![], vec![foreign_queue(ACCOUNT)]] {
        let (findings, gaps) = with_a_planted_grant(vec![of_unknown_account(&others)]);
        assert!(findings.iter().all(|key| key.starts_with("missing")) && !findings.is_empty(), "{findings:?}");
        assert!(gaps.is_empty(), "{gaps:?}");
    }
}

#[test]
fn unreadable_iam_gives_no_grant_findings() {
    let mut unread = actual(vec![]);
    unread.edges = None;
    let outcome = compare(&Declared::default(), &unread);
    assert_eq!((outcome.findings.len(), outcome.coverage.grants), (0, 0));
}

/// A queue as both sides would tell it.
fn twin(number: usize, timeout: u32, tags: &BTreeMap<String, String>) -> (Value, Resource) {
    let name = format!("queue-{number}");
    let stated =
        declared_queue(&name, json!({ "visibility_timeout_seconds": timeout, "tags_all": tags, "fifo_queue": false }));
    let mut resource = queue(&name, Some(json!({ "VisibilityTimeout": timeout.to_string() })));
    resource.tags = Some(tags.clone());
    (stated, resource)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_declared_as_it_is_never_drifts(
        queues in prop::collection::vec((0_u32..43_200, prop::collection::btree_map("[a-z:]{1,6}", ".{0,6}", 0..4)), 0..8),
    ) {
        let account: AccountId = ACCOUNT.parse().unwrap();
        let twins: Vec<_> = queues.iter().enumerate().map(|(number, (timeout, tags))| {
            let tags = tags.iter().filter(|(key, _)| !key.starts_with("aws:")).map(|(k, v)| (k.clone(), v.clone())).collect();
            twin(number, *timeout, &tags)
        }).collect();
        let stated: Vec<_> = twins.iter().map(|(stated, _)| ("aws_sqs_queue", "q", stated.clone())).collect();
        let found = actual(twins.into_iter().map(|(_, resource)| resource).collect());
        prop_assert_eq!(&found.account_id, &account);
        prop_assert_eq!(compare(&declared(&stated), &found).findings, vec![]);
    }

    #[test]
    fn the_order_of_resources_states_and_grants_does_not_matter(
        (timeouts, order) in prop::collection::vec((0_u32..9, 0_u32..9, any::<bool>()), 1..8)
            .prop_flat_map(|timeouts| { let order: Vec<usize> = (0..timeouts.len()).collect(); (Just(timeouts), Just(order).prop_shuffle()) }),
    ) {
        let pairs: Vec<_> = timeouts.iter().enumerate().map(|(number, (stated, live, is_declared))| {
            let (attributes, _) = twin(number, *stated, &BTreeMap::new());
            let (_, resource) = twin(number, *live, &BTreeMap::new());
            let grant = edge(PrincipalKind::Role, &format!("r{number}"), managed_policy("X"), "/");
            (is_declared.then_some(attributes), resource, grant)
        }).collect();
        let outcome = |order: &[usize]| {
            let stated = order.iter().filter_map(|index| pairs[*index].0.clone());
            let states = stated.map(|attributes| state("s3://states/a", &[("aws_sqs_queue", "q", attributes)])).collect();
            let mut found = actual(order.iter().map(|index| pairs[*index].1.clone()).collect());
            found.edges = Some(order.iter().map(|index| pairs[*index].2.clone()).collect());
            let outcome = compare(&Declared { states }, &found);
            (outcome.findings, outcome.coverage)
        };
        let straight: Vec<usize> = (0..pairs.len()).collect();
        prop_assert_eq!(outcome(&straight), outcome(&order));
    }
}
