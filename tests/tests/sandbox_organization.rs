//! Service control policies and resource control policies of the sandbox, met with the real SDKs.

use aws_credential_types::Credentials;
use aws_sdk_s3::error::ProvideErrorMetadata;
use driftwise_tests::sandbox::{Account, Membership, Sandbox, World, clients};
use serde_json::{Value, json};

const MEMBER: &str = "111122223333";
const OUTSIDE: &str = "999988887777";
const REGION: &str = "eu-central-1";

async fn sandbox(membership: Membership) -> Sandbox {
    let world = World::with_account(MEMBER);
    world.add_account(Account::new(OUTSIDE));
    world.account_mut(MEMBER, |account| account.organization = Some(membership));
    Sandbox::start(world).await.unwrap()
}

fn policy(statement: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

/// A user of an account who may do everything.
async fn admin(sandbox: &Sandbox, account: &str, name: &str) -> aws_config::SdkConfig {
    let key = sandbox.world().account_mut(account, |account| account.root_key.clone()).unwrap();
    let root = clients::config(sandbox, Credentials::new(key.id, key.secret, None, None, "root"), REGION);
    let iam = aws_sdk_iam::Client::new(&root);
    iam.create_user().user_name(name).send().await.unwrap();
    let all = policy(&json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
    iam.put_user_policy().user_name(name).policy_name("all").policy_document(all).send().await.unwrap();
    let key = iam.create_access_key().user_name(name).send().await.unwrap().access_key.unwrap();
    clients::config(sandbox, Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test"), REGION)
}

fn change(sandbox: &Sandbox, change: impl FnOnce(&mut Membership)) {
    sandbox.world().account_mut(MEMBER, |account| change(account.organization.as_mut().unwrap()));
}

fn code(error: &impl ProvideErrorMetadata) -> &str {
    error.code().unwrap_or_default()
}

#[tokio::test]
async fn a_service_control_policy_binds_users_and_root_of_a_member_and_nobody_else() {
    let deny = policy(&json!({"Effect": "Deny", "Action": "iam:CreateGroup", "Resource": "*"}));
    let sandbox = sandbox(Membership::member()).await;
    let member = aws_sdk_iam::Client::new(&admin(&sandbox, MEMBER, "admin").await);
    let outside = aws_sdk_iam::Client::new(&admin(&sandbox, OUTSIDE, "admin").await);
    change(&sandbox, |membership| membership.attach_service_control(&deny).unwrap());
    let root = aws_sdk_iam::Client::new(&clients::root_config(&sandbox, MEMBER));
    for (name, iam) in [("a user", &member), ("root", &root)] {
        let denied = iam.create_group().group_name("g").send().await.unwrap_err();
        assert_eq!(code(&denied), "AccessDenied", "{name}");
        assert!(denied.message().unwrap().contains("explicit deny in a service control policy"), "{name}: {denied:?}");
        assert!(iam.list_groups().send().await.is_ok(), "{name}");
    }
    assert!(outside.create_group().group_name("g").send().await.is_ok());

    change(&sandbox, |membership| {
        *membership = Membership::management();
        membership.attach_service_control(&deny).unwrap();
    });
    assert!(member.create_group().group_name("g").send().await.is_ok(), "no control binds the management account");
}

#[tokio::test]
async fn without_full_access_a_service_control_policy_must_allow() {
    let sandbox = sandbox(Membership::member()).await;
    let iam = aws_sdk_iam::Client::new(&admin(&sandbox, MEMBER, "admin").await);
    change(&sandbox, |membership| {
        membership.detach_full_access();
        let allow = policy(&json!({"Effect": "Allow", "Action": "iam:List*", "Resource": "*"}));
        membership.attach_service_control(&allow).unwrap();
    });
    assert!(iam.list_users().send().await.is_ok());
    let denied = iam.create_group().group_name("g").send().await.unwrap_err();
    assert!(denied.message().unwrap().contains("no service control policy allows"), "{denied:?}");
}

#[tokio::test]
async fn a_resource_control_policy_binds_whoever_touches_a_members_resources() {
    let sandbox = sandbox(Membership::member()).await;
    let s3 = |config: &aws_config::SdkConfig| {
        aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(config).force_path_style(true).build())
    };
    let (member, outside) = (admin(&sandbox, MEMBER, "admin").await, admin(&sandbox, OUTSIDE, "admin").await);
    let now = sandbox.world().now();
    sandbox.world().account_mut(MEMBER, |account| {
        let bucket = account.buckets.create("acme-files", REGION, now);
        bucket.put("a", driftwise_tests::sandbox::s3::Put::json("{}"), now);
        bucket.policy = Some(policy(&json!({
            "Effect": "Allow", "Principal": {"AWS": OUTSIDE}, "Action": "s3:*", "Resource": ["arn:aws:s3:::acme-files/*"]
        })));
    });
    let read = |config: &aws_config::SdkConfig| s3(config).get_object().bucket("acme-files").key("a").send();
    assert!(read(&outside).await.is_ok());
    change(&sandbox, |membership| {
        let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
            "Condition": {"StringNotEquals": {"aws:PrincipalAccount": MEMBER}}});
        membership.attach_resource_control(&policy(&deny)).unwrap();
    });
    let denied = read(&outside).await.unwrap_err();
    assert!(denied.message().unwrap().contains("explicit deny in a resource control policy"), "{denied:?}");
    assert!(read(&member).await.is_ok());
}

#[tokio::test]
async fn a_service_linked_role_is_made_by_its_own_call_only() {
    let sandbox = sandbox(Membership::member()).await;
    let iam = aws_sdk_iam::Client::new(&admin(&sandbox, MEMBER, "admin").await);
    let made = iam.create_service_linked_role().aws_service_name("ecs.amazonaws.com").send().await.unwrap();
    assert_eq!(
        made.role().map(aws_sdk_iam::types::Role::arn),
        Some(format!("arn:aws:iam::{MEMBER}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForecs").as_str())
    );
    let trust = policy(&json!({"Effect": "Allow", "Principal": {"AWS": MEMBER}, "Action": "sts:AssumeRole"}));
    let posing = iam.create_role().role_name("posing").path("/aws-service-role/ecs.amazonaws.com/");
    let refused = posing.assume_role_policy_document(trust).send().await.unwrap_err();
    assert_eq!(code(&refused), "ValidationError");
}
