//! Resource Explorer and Cloud Control of the sandbox, called with the real SDKs, and the seeded account's own promises.

use std::collections::{BTreeMap, BTreeSet};

use aws_credential_types::Credentials;
use aws_sdk_cloudcontrol::{Client as CloudControl, error::ProvideErrorMetadata};
use aws_sdk_resourceexplorer2::{
    Client as Explorer,
    types::{Resource, SearchFilter},
};
use driftwise_tests::sandbox::{
    Sandbox, World, clients,
    inventory::{Coverage, GLOBAL, IndexKind, LiveResource, Registry},
    seed::{self, ACCOUNT_ID, HOME_REGION, STATE_BUCKET, State, planted},
};
use serde_json::{Map, Value, json};

async fn seeded() -> Sandbox {
    Sandbox::start(seed::world()).await.unwrap()
}

fn explorer(sandbox: &Sandbox, region: &str) -> Explorer {
    Explorer::new(&root(sandbox, region))
}

fn cloud_control(sandbox: &Sandbox, region: &str) -> CloudControl {
    CloudControl::new(&root(sandbox, region))
}

fn root(sandbox: &Sandbox, region: &str) -> aws_config::SdkConfig {
    let key = sandbox.world().account(ACCOUNT_ID, |account| account.root_key.clone()).unwrap();
    clients::config(sandbox, Credentials::new(key.id, key.secret, None, None, "test"), region)
}

/// An SDK configuration of a new user with one inline policy that allows these actions on everything.
async fn user(sandbox: &Sandbox, actions: &[&str]) -> aws_config::SdkConfig {
    let iam = aws_sdk_iam::Client::new(&clients::root_config(sandbox, ACCOUNT_ID));
    iam.create_user().user_name("tester").send().await.unwrap();
    if !actions.is_empty() {
        let document =
            json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]});
        iam.put_user_policy()
            .user_name("tester")
            .policy_name("p")
            .policy_document(document.to_string())
            .send()
            .await
            .unwrap();
    }
    let key = iam.create_access_key().user_name("tester").send().await.unwrap().access_key.unwrap();
    let credentials = Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test");
    clients::config(sandbox, credentials, HOME_REGION)
}

async fn list_all(client: &Explorer, filter: Option<&str>, size: i32) -> (Vec<Resource>, usize) {
    let (mut all, mut pages, mut token) = (Vec::new(), 0, None);
    loop {
        let filters = filter.map(|text| SearchFilter::builder().filter_string(text).build().unwrap());
        let page =
            client.list_resources().set_filters(filters).max_results(size).set_next_token(token).send().await.unwrap();
        pages += 1;
        all.extend(page.resources.unwrap_or_default());
        token = page.next_token;
        if token.is_none() {
            return (all, pages);
        }
    }
}

fn code(error: &impl ProvideErrorMetadata) -> &str {
    error.code().unwrap_or_default()
}

#[tokio::test]
async fn the_seeded_account_is_as_large_and_as_mixed_as_promised() {
    let sandbox = seeded().await;
    let (all, _) = list_all(&explorer(&sandbox, HOME_REGION), None, 1_000).await;
    let distinct = |of: fn(&Resource) -> Option<&str>| all.iter().filter_map(of).collect::<BTreeSet<_>>();
    assert!(all.len() >= 400, "{} resources", all.len());
    assert!(distinct(Resource::cfn_resource_type).len() >= 40, "{:?}", distinct(Resource::cfn_resource_type));
    assert_eq!(distinct(Resource::region), BTreeSet::from(["ap-southeast-2", "eu-central-1", "us-east-1", GLOBAL]));
    let principals = ["iam:user", "iam:role", "iam:group"];
    assert!(all.iter().filter(|found| principals.contains(&found.resource_type().unwrap())).count() >= 20);
    assert_eq!(all.iter().map(Resource::arn).collect::<BTreeSet<_>>().len(), all.len(), "no ARN twice");
}

#[tokio::test]
async fn live_properties_and_declared_attributes_are_those_of_their_types() {
    let world = seed::world();
    let accounts = world.accounts();
    for live in accounts[ACCOUNT_ID].inventory.iter() {
        // Snapshots and the like are in no registry: Cloud Control has nothing to show of them.
        let Some(name) = live.cfn_type.as_deref() else {
            assert!(live.properties.is_empty(), "{} has properties and no type", live.arn);
            continue;
        };
        let info = Registry::shared().get(name).unwrap_or_else(|| panic!("{name} is not in the registry table"));
        for property in live.properties.keys() {
            assert!(info.properties.contains(property), "{name} has no {property}");
        }
        assert_eq!(info.readable(&live.properties), live.properties, "{name}: write-only properties are never there");
    }
    let schema: BTreeMap<String, Value> =
        serde_json::from_str(include_str!("../src/sandbox/data/terraform.json")).unwrap();
    for instance in declared(&world) {
        let Some(known) = schema.get(&instance.terraform_type) else {
            assert!(
                !instance.terraform_type.starts_with("aws_") || instance.is_data,
                "{} is not in the table",
                instance.terraform_type
            );
            continue;
        };
        if instance.is_data {
            continue;
        }
        for attribute in instance.attributes.keys() {
            let has = |list: &str| known[list].as_array().unwrap().iter().any(|own| own == attribute);
            assert!(has("attributes") || has("blocks"), "{} has no {attribute}", instance.terraform_type);
        }
    }
}

/// The comparison is the agent's own, with all the attributes that it knows to map.
#[tokio::test]
async fn state_and_live_agree_on_everything_that_is_not_planted() {
    let world = seed::world();
    let accounts = world.accounts();
    let inventory = &accounts[ACCOUNT_ID].inventory;
    let mut seen = BTreeMap::new();
    let mut compared = 0;
    for instance in declared(&world).iter().filter(|instance| !instance.is_data) {
        let arn = instance.attributes.get("arn").and_then(Value::as_str).unwrap_or_default();
        let Some(live) = inventory.get(arn) else { continue };
        let cfn_type = live.cfn_type.as_deref().unwrap();
        let mut changes = tag_changes(&instance.attributes, live);
        for mapping in driftwise_agent::registry::attributes(cfn_type, &instance.terraform_type) {
            let Some(stated) = at_path(&instance.attributes, mapping.attribute) else { continue };
            compared += 1;
            let actual = at_path(&live.properties, mapping.property).unwrap_or_default();
            if !driftwise_agent::drift::equal(mapping, &stated, &actual) {
                changes.push(mapping.attribute.to_owned());
            }
        }
        changes.sort();
        if !changes.is_empty() {
            seen.insert(format!("changed {arn} {} {}", instance.state.uri(), instance.address), changes);
        }
    }
    let expected: BTreeMap<_, _> = planted::expected()
        .into_iter()
        .filter(|finding| !finding.changes.is_empty())
        .map(|finding| (finding.key, finding.changes))
        .collect();
    assert_eq!(seen, expected);
    assert!(compared > 1_000, "only {compared} attributes were compared");
}

#[tokio::test]
async fn pages_that_come_short_or_empty_still_add_up_to_everything_once() {
    let sandbox = seeded().await;
    let client = explorer(&sandbox, HOME_REGION);
    let (all, pages) = list_all(&client, None, 100).await;
    let arns: BTreeSet<_> = all.iter().map(|found| found.arn().unwrap()).collect();
    assert_eq!(arns.len(), all.len());
    let (again, plain_pages) = list_all(&client, None, 100).await;
    assert_eq!(again.len(), all.len());
    assert!(pages > plain_pages, "the planted lies cost a page: {pages} and {plain_pages}");
}

#[tokio::test]
async fn a_page_token_is_good_for_its_own_request_only() {
    let sandbox = seeded().await;
    let client = explorer(&sandbox, HOME_REGION);
    let token = client.list_resources().max_results(10).send().await.unwrap().next_token.unwrap();
    let filter = SearchFilter::builder().filter_string("service:sqs").build().unwrap();
    let error = client.list_resources().filters(filter).next_token(&token).send().await.unwrap_err();
    assert_eq!(code(&error), "ValidationException");
    let error = client.list_resources().next_token("made-up").send().await.unwrap_err();
    assert_eq!(code(&error), "ValidationException");
    sandbox.world().clock.shift(600);
    assert!(client.list_resources().next_token(token).send().await.is_ok());
}

#[tokio::test]
async fn list_resources_takes_filters_only_and_within_its_limits() {
    let sandbox = seeded().await;
    let client = explorer(&sandbox, HOME_REGION);
    let filters = |text: &str| SearchFilter::builder().filter_string(text).build().unwrap();
    for text in ["payments", "service:sqs payments", "nosuchfilter:x", &format!("service:{}", "x".repeat(2_048))] {
        let error = client.list_resources().filters(filters(text)).send().await.unwrap_err();
        assert_eq!(code(&error), "ValidationException", "{text}");
    }
    for size in [0, 1_001] {
        let error = client.list_resources().max_results(size).send().await.unwrap_err();
        assert_eq!(code(&error), "ValidationException", "{size}");
    }
    let (queues, _) =
        list_all(&client, Some("resourcetype:sqs:queue region:us-east-1,eu-* -tag:Service=payments"), 1_000).await;
    assert!(!queues.is_empty());
    for queue in queues {
        assert_eq!((queue.service(), queue.resource_type()), (Some("sqs"), Some("sqs:queue")));
        assert!(!queue.arn().unwrap().ends_with(":payments-events"), "{:?}", queue.arn());
    }
    let (none, _) = list_all(&client, Some("tag.key:NoSuchTag"), 1_000).await;
    assert!(none.is_empty());
}

#[tokio::test]
async fn search_ends_at_a_thousand_results_and_says_so() {
    let world = seed::world();
    let now = world.now();
    world.account_mut(ACCOUNT_ID, |account| {
        for number in 0..1_200 {
            let name = format!("bulk-{number:04}");
            account.inventory.insert(LiveResource {
                arn: format!("arn:aws:sqs:eu-central-1:{ACCOUNT_ID}:{name}"),
                region: HOME_REGION.to_owned(),
                resource_type: "sqs:queue".to_owned(),
                service: "sqs".to_owned(),
                cfn_type: Some("AWS::SQS::Queue".to_owned()),
                identifier: format!("https://sqs.eu-central-1.amazonaws.com/{ACCOUNT_ID}/{name}"),
                properties: Map::new(),
                tags: BTreeMap::new(),
                last_reported_at: now,
                listed: true,
                exists: true,
            });
        }
    });
    let sandbox = Sandbox::start(world).await.unwrap();
    let client = explorer(&sandbox, HOME_REGION);
    let (mut found, mut token) = (0, None);
    loop {
        let page = client.search().query_string("bulk-*").max_results(300).set_next_token(token).send().await.unwrap();
        let count = page.count().unwrap();
        assert_eq!((count.total_resources(), count.complete()), (Some(1_000), Some(false)));
        found += page.resources().len();
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(found, 1_000);
    let few = client.search().query_string("bulk-0001").send().await.unwrap();
    assert_eq!((few.count().unwrap().total_resources(), few.count().unwrap().complete()), (Some(1), Some(true)));
}

#[tokio::test]
async fn a_local_index_sees_its_own_region_and_the_aggregator_all() {
    let sandbox = seeded().await;
    let (local, _) = list_all(&explorer(&sandbox, "ap-southeast-2"), None, 1_000).await;
    assert!(local.len() > 20 && local.iter().all(|found| found.region() == Some("ap-southeast-2")));
    let index = explorer(&sandbox, HOME_REGION).get_index().send().await.unwrap();
    assert_eq!(index.r#type().unwrap().as_str(), "AGGREGATOR");
    assert_eq!(index.replicating_from(), ["ap-southeast-2", "us-east-1"]);
    let index = explorer(&sandbox, "us-east-1").get_index().send().await.unwrap();
    assert_eq!((index.r#type().unwrap().as_str(), index.replicating_to()), ("LOCAL", &[HOME_REGION.to_owned()][..]));
    assert_eq!(explorer(&sandbox, "us-east-1").list_indexes().send().await.unwrap().indexes().len(), 3);
    // A view of another region is as good as none.
    let view = explorer(&sandbox, HOME_REGION).get_default_view().send().await.unwrap().view_arn.unwrap();
    let error = explorer(&sandbox, "us-east-1").list_resources().view_arn(view).send().await.unwrap_err();
    assert_eq!((code(&error), error.raw_response().unwrap().status().as_u16()), ("UnauthorizedException", 401));
}

#[tokio::test]
async fn without_index_or_view_each_call_says_so_in_its_own_way() {
    let sandbox = Sandbox::start(World::with_account(ACCOUNT_ID)).await.unwrap();
    let client = explorer(&sandbox, HOME_REGION);
    assert_eq!(code(&client.get_index().send().await.unwrap_err()), "ResourceNotFoundException");
    assert_eq!(client.get_default_view().send().await.unwrap().view_arn(), None);
    assert!(client.list_views().send().await.unwrap().views().is_empty());
    assert_eq!(code(&client.list_resources().send().await.unwrap_err()), "UnauthorizedException");
    assert_eq!(code(&client.search().query_string("x").send().await.unwrap_err()), "UnauthorizedException");
}

#[tokio::test]
async fn whoever_lacks_search_or_get_view_is_unauthorized() {
    for actions in [&[][..], &["resource-explorer-2:Search"], &["resource-explorer-2:GetView"]] {
        let sandbox = seeded().await;
        let client = Explorer::new(&user(&sandbox, actions).await);
        let error = client.list_resources().send().await.unwrap_err();
        assert_eq!(
            (code(&error), error.raw_response().unwrap().status().as_u16()),
            ("UnauthorizedException", 401),
            "{actions:?}"
        );
        assert_eq!(code(&client.get_index().send().await.unwrap_err()), "AccessDeniedException", "{actions:?}");
    }
    let sandbox = seeded().await;
    let client = Explorer::new(&user(&sandbox, &["resource-explorer-2:Search", "resource-explorer-2:GetView"]).await);
    assert!(list_all(&client, None, 1_000).await.0.len() > 400);
}

#[tokio::test]
async fn a_view_without_tags_shows_none_and_answers_no_tag_filter() {
    let world = seed::world();
    let now = world.now();
    let bare = world
        .account_mut(ACCOUNT_ID, |account| account.inventory.create_view(ACCOUNT_ID, HOME_REGION, "bare", false, now))
        .unwrap();
    let sandbox = Sandbox::start(world).await.unwrap();
    let client = explorer(&sandbox, HOME_REGION);
    let filters = SearchFilter::builder().filter_string("tag:Service=payments").build().unwrap();
    let error = client.list_resources().view_arn(&bare).filters(filters).send().await.unwrap_err();
    assert_eq!(code(&error), "ValidationException");
    let page = client.list_resources().view_arn(&bare).send().await.unwrap();
    assert!(page.resources().iter().all(|found| found.properties().is_empty()));
    assert!(client.get_view().view_arn(&bare).send().await.unwrap().view().unwrap().included_properties().is_empty());
    let (tagged, _) = list_all(&client, Some("tag:Service=payments"), 1_000).await;
    assert!(tagged.len() > 10 && tagged.iter().all(|found| !found.properties().is_empty()));
}

#[tokio::test]
async fn immediate_discovery_without_a_service_linked_role_is_silently_partial() {
    let world = seed::world();
    world.account_mut(ACCOUNT_ID, |account| {
        account.inventory.indexes.clear();
        account.inventory.views.clear();
        account.inventory.default_views.clear();
        account.inventory.coverage = Coverage::Partial;
    });
    let sandbox = Sandbox::start(world).await.unwrap();
    let (some, _) = list_all(&explorer(&sandbox, HOME_REGION), None, 1_000).await;
    assert!(some.len() > 100 && some.iter().all(|found| !found.properties().is_empty()));
}

#[tokio::test]
async fn the_tags_of_iam_are_not_indexed_and_new_entities_come_late() {
    let sandbox = seeded().await;
    let client = explorer(&sandbox, HOME_REGION);
    let (roles, _) = list_all(&client, Some("resourcetype:iam:role region:global"), 1_000).await;
    assert!(roles.len() > 20 && roles.iter().all(|role| role.properties().is_empty()));
    user(&sandbox, &[]).await;
    let count = || async { list_all(&client, Some("resourcetype:iam:user"), 1_000).await.0.len() };
    let before = count().await;
    let read = cloud_control(&sandbox, "us-east-1")
        .get_resource()
        .type_name("AWS::IAM::User")
        .identifier("tester")
        .send()
        .await;
    assert!(read.is_ok(), "Cloud Control sees it at once");
    sandbox.world().account_mut(ACCOUNT_ID, |account| account.inventory.iam_lag = time::Duration::ZERO);
    assert_eq!(count().await, before + 1);
}

fn properties(output: &aws_sdk_cloudcontrol::operation::get_resource::GetResourceOutput) -> Value {
    serde_json::from_str(output.resource_description().unwrap().properties().unwrap()).unwrap()
}

#[tokio::test]
async fn cloud_control_reads_what_exists_whether_it_is_listed_or_not() {
    let sandbox = seeded().await;
    let client = cloud_control(&sandbox, HOME_REGION);
    let url = format!("https://sqs.eu-central-1.amazonaws.com/{ACCOUNT_ID}/notifications-events");
    let queue = client.get_resource().type_name("AWS::SQS::Queue").identifier(&url).send().await.unwrap();
    assert_eq!(properties(&queue)["QueueName"], "notifications-events");
    let (listed, _) = list_all(&explorer(&sandbox, HOME_REGION), Some("id:arn:aws:sqs:eu-central-1:*"), 1_000).await;
    assert!(!listed.iter().any(|found| found.arn().unwrap().ends_with(":notifications-events")), "the index lags");
    // By JSON, and by a secondary identifier, which is JSON only.
    let json = json!({ "QueueUrl": url }).to_string();
    assert!(client.get_resource().type_name("AWS::SQS::Queue").identifier(json).send().await.is_ok());
    let pair = client.get_resource().type_name("AWS::EC2::KeyPair").identifier("acme-operations").send().await.unwrap();
    let by_id = json!({ "KeyPairId": properties(&pair)["KeyPairId"] }).to_string();
    assert!(client.get_resource().type_name("AWS::EC2::KeyPair").identifier(by_id).send().await.is_ok());
    // A composite, by text and by JSON.
    let role = client.get_resource().type_name("AWS::IAM::Role").identifier("payments-task").send().await.unwrap();
    assert_eq!(properties(&role)["Path"], "/services/");
    assert!(
        properties(&role)["ManagedPolicyArns"]
            .as_array()
            .unwrap()
            .contains(&json!("arn:aws:iam::aws:policy/AmazonS3FullAccess"))
    );
    let bus = client.list_resources().type_name("AWS::ECS::Service").send().await.unwrap();
    let service = bus.resource_descriptions()[0].identifier().unwrap().to_owned();
    assert!(service.contains('|'));
    assert!(client.get_resource().type_name("AWS::ECS::Service").identifier(&service).send().await.is_ok());
    let by_name = service.replace(&format!("arn:aws:ecs:eu-central-1:{ACCOUNT_ID}:cluster/"), "");
    assert!(client.get_resource().type_name("AWS::ECS::Service").identifier(by_name).send().await.is_ok());
}

#[tokio::test]
async fn cloud_control_refuses_in_the_words_of_aws() {
    let sandbox = seeded().await;
    let client = cloud_control(&sandbox, HOME_REGION);
    let url = format!("https://sqs.eu-central-1.amazonaws.com/{ACCOUNT_ID}/no-such-queue");
    for (type_name, identifier, expected) in [
        ("AWS::No::Type", "x", "TypeNotFoundException"),
        ("not a type", "x", "ValidationException"),
        ("AWS::Route53::RecordSet", "x", "UnsupportedActionException"),
        ("AWS::SQS::Queue", url.as_str(), "ResourceNotFoundException"),
        ("AWS::ECS::Service", "only-one-part", "ValidationException"),
        ("AWS::SQS::Queue", r#"{"QueueName":"payments-events"}"#, "ValidationException"),
        ("AWS::SQS::Queue", "{", "ValidationException"),
    ] {
        let error = client.get_resource().type_name(type_name).identifier(identifier).send().await.unwrap_err();
        assert_eq!(code(&error), expected, "{type_name} {identifier}");
    }
    let missing = client.list_resources().type_name("AWS::ElasticLoadBalancingV2::Listener").send().await.unwrap_err();
    assert_eq!(code(&missing), "InvalidRequestException");
    // A resource is read in its own region only, an S3 bucket too, which every region lists.
    let elsewhere = cloud_control(&sandbox, "us-east-1");
    let error =
        elsewhere.get_resource().type_name("AWS::S3::Bucket").identifier(STATE_BUCKET).send().await.unwrap_err();
    assert_eq!(code(&error), "ResourceNotFoundException");
    let listed = elsewhere.list_resources().type_name("AWS::S3::Bucket").send().await.unwrap();
    assert!(listed.resource_descriptions().iter().any(|found| found.identifier() == Some(STATE_BUCKET)));
}

#[tokio::test]
async fn cloud_control_asks_for_the_handlers_permissions_too() {
    let sandbox = seeded().await;
    let client = CloudControl::new(&user(&sandbox, &["cloudformation:GetResource", "sqs:GetQueueAttributes"]).await);
    let url = format!("https://sqs.eu-central-1.amazonaws.com/{ACCOUNT_ID}/payments-events");
    let error = client.get_resource().type_name("AWS::SQS::Queue").identifier(&url).send().await.unwrap_err();
    let message = error.message().unwrap().to_owned();
    assert_eq!(code(&error), "AccessDeniedException");
    assert!(message.contains("sqs:ListQueueTags") && message.contains("HandlerErrorCode: AccessDenied"), "{message}");
    let error =
        client.get_resource().type_name("AWS::Logs::LogGroup").identifier("/acme/reports").send().await.unwrap_err();
    assert_eq!(code(&error), "GeneralServiceException");
    assert!(error.message().unwrap().contains("logs:DescribeLogGroups"), "{error:?}");
    let error = client.list_resources().type_name("AWS::SQS::Queue").send().await.unwrap_err();
    assert!(
        code(&error) == "AccessDeniedException" && error.message().unwrap().contains("cloudformation:ListResources")
    );
}

#[tokio::test]
async fn the_read_only_policy_of_aws_reads_every_type_of_the_account() {
    let sandbox = seeded().await;
    let config = user(&sandbox, &[]).await;
    let iam = aws_sdk_iam::Client::new(&clients::root_config(&sandbox, ACCOUNT_ID));
    iam.attach_user_policy()
        .user_name("tester")
        .policy_arn("arn:aws:iam::aws:policy/ReadOnlyAccess")
        .send()
        .await
        .unwrap();
    let all: BTreeMap<String, (String, String)> = sandbox
        .world()
        .account(ACCOUNT_ID, |account| {
            let readable = account
                .inventory
                .iter()
                .filter(|live| live.cfn_type.as_deref().is_some_and(|name| Registry::shared().get(name).unwrap().read));
            readable
                .map(|live| (live.cfn_type.clone().unwrap(), (live.region.clone(), live.identifier.clone())))
                .collect()
        })
        .unwrap();
    for (type_name, (region, identifier)) in all {
        let region = if region == GLOBAL { HOME_REGION } else { &region };
        let config = config.to_builder().region(aws_config::Region::new(region.to_owned())).build();
        let read = CloudControl::new(&config).get_resource().type_name(&type_name).identifier(identifier).send().await;
        assert!(read.is_ok(), "{type_name}: {:?}", read.err().map(|error| error.message().map(str::to_owned)));
    }
}

#[tokio::test]
async fn cloud_control_lists_in_pages_of_its_own_size() {
    let sandbox = seeded().await;
    let client = cloud_control(&sandbox, HOME_REGION);
    let first = client.list_resources().type_name("AWS::Logs::LogGroup").max_results(100).send().await.unwrap();
    assert_eq!(first.resource_descriptions().len(), 25);
    let next = client
        .list_resources()
        .type_name("AWS::Logs::LogGroup")
        .next_token(first.next_token().unwrap())
        .send()
        .await
        .unwrap();
    assert_ne!(first.resource_descriptions()[0].identifier(), next.resource_descriptions()[0].identifier());
    let wrong = client
        .list_resources()
        .type_name("AWS::SQS::Queue")
        .next_token(first.next_token().unwrap())
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&wrong), "InvalidRequestException");
}

#[tokio::test]
async fn a_second_index_kind_is_told_apart_from_the_aggregator() {
    let world = World::with_account(ACCOUNT_ID);
    let now = world.now();
    world.account_mut(ACCOUNT_ID, |account| {
        account.inventory.create_index(ACCOUNT_ID, HOME_REGION, IndexKind::Local, now);
    });
    let sandbox = Sandbox::start(world).await.unwrap();
    let index = explorer(&sandbox, HOME_REGION).get_index().send().await.unwrap();
    assert_eq!(index.r#type().unwrap().as_str(), "LOCAL");
    assert!(index.replicating_from().is_empty() && index.replicating_to().is_empty());
}

#[tokio::test]
async fn a_role_can_be_declared_exactly_as_it_was_made() {
    let sandbox = seeded().await;
    let iam = aws_sdk_iam::Client::new(&clients::root_config(&sandbox, ACCOUNT_ID));
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    assert!(!seed::declare_role(sandbox.world(), "scanner"));
    iam.create_role().role_name("scanner").path("/audit/").assume_role_policy_document(trust).send().await.unwrap();
    iam.attach_role_policy()
        .role_name("scanner")
        .policy_arn("arn:aws:iam::aws:policy/SecurityAudit")
        .send()
        .await
        .unwrap();
    assert!(seed::declare_role(sandbox.world(), "scanner"));
    let all = declared(sandbox.world());
    let of = |kind: &str| all.iter().find(|found| found.address.starts_with(&format!("{kind}.driftwise"))).unwrap();
    assert_eq!(of("aws_iam_role").attributes["arn"], format!("arn:aws:iam::{ACCOUNT_ID}:role/audit/scanner"));
    assert_eq!(of("aws_iam_role_policy_attachment").attributes["policy_arn"], "arn:aws:iam::aws:policy/SecurityAudit");
}

/// One instance of a state, as read back from the bucket.
struct Instance {
    state: State,
    address: String,
    terraform_type: String,
    is_data: bool,
    attributes: Map<String, Value>,
}

fn declared(world: &World) -> Vec<Instance> {
    let mut all = Vec::new();
    for state in [State::Network, State::App] {
        let body = world
            .account(ACCOUNT_ID, |account| {
                account.buckets.get(STATE_BUCKET).unwrap().current(state.key()).unwrap().body.clone()
            })
            .unwrap();
        let document: Value = serde_json::from_slice(&body).unwrap();
        for resource in document["resources"].as_array().unwrap() {
            let text = |name: &str| resource[name].as_str().unwrap_or_default();
            let module = resource["module"].as_str().map(|module| format!("{module}.")).unwrap_or_default();
            for instance in resource["instances"].as_array().unwrap() {
                let key = match &instance["index_key"] {
                    Value::Number(index) => format!("[{index}]"),
                    Value::String(key) => format!("[\"{key}\"]"),
                    _ => String::new(),
                };
                all.push(Instance {
                    state,
                    address: format!("{module}{}.{}{key}", text("type"), text("name")),
                    terraform_type: text("type").to_owned(),
                    is_data: text("mode") == "data",
                    attributes: instance["attributes"].as_object().unwrap().clone(),
                });
            }
        }
    }
    all
}

fn tag_changes(attributes: &Map<String, Value>, live: &LiveResource) -> Vec<String> {
    let Some(stated) = attributes.get("tags_all").and_then(Value::as_object) else { return Vec::new() };
    let own: BTreeMap<_, _> = live.tags.iter().filter(|(key, _)| !key.starts_with("aws:")).collect();
    let keys: BTreeSet<&String> = stated.keys().chain(own.keys().copied()).collect();
    let differs = |key: &&String| stated.get(*key).and_then(Value::as_str) != own.get(*key).map(|text| text.as_str());
    keys.into_iter().filter(differs).map(|key| format!("tags_all.{key}")).collect()
}

fn at_path(object: &Map<String, Value>, path: &str) -> Option<Value> {
    let mut words = path.split('.');
    let mut value = object.get(words.next()?)?.clone();
    for word in words {
        value = match value {
            Value::Array(mut elements) => {
                let index: usize = word.parse().ok()?;
                if index < elements.len() { elements.swap_remove(index) } else { Value::Null }
            }
            Value::Object(mut members) => members.remove(word).unwrap_or_default(),
            _ => Value::Null,
        };
    }
    Some(value)
}
