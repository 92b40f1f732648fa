//! What users may do: their own policies, their groups', boundaries and denials.

use aws_sdk_iam::error::ProvideErrorMetadata;
use serde_json::json;

use crate::{ACCOUNT, READ_ONLY, as_user, code, start};

#[tokio::test]
async fn a_user_without_policies_may_nothing_but_learn_who_it_is() {
    let (sandbox, iam) = start().await;
    iam.create_user().user_name("ann").send().await.unwrap();
    let ann = as_user(&sandbox, &iam, "ann").await;
    let error = ann.list_roles().send().await.unwrap_err();
    assert_eq!(code(&error), "AccessDenied");
    assert_eq!(
        error.message().unwrap(),
        format!(
            "User: arn:aws:iam::{ACCOUNT}:user/ann is not authorized to perform: iam:ListRoles on resource: \
             arn:aws:iam::{ACCOUNT}:role/ because no identity-based policy allows the iam:ListRoles action"
        )
    );
}

#[tokio::test]
async fn a_groups_policies_hold_for_its_members() {
    let (sandbox, iam) = start().await;
    iam.create_user().user_name("ann").send().await.unwrap();
    iam.create_group().group_name("readers").send().await.unwrap();
    iam.attach_group_policy().group_name("readers").policy_arn(READ_ONLY).send().await.unwrap();
    let ann = as_user(&sandbox, &iam, "ann").await;
    assert!(ann.list_roles().send().await.is_err());
    iam.add_user_to_group().user_name("ann").group_name("readers").send().await.unwrap();
    assert!(ann.list_roles().send().await.is_ok());
    assert_eq!(ann.get_user().send().await.unwrap().user.unwrap().user_name(), "ann");
    iam.remove_user_from_group().user_name("ann").group_name("readers").send().await.unwrap();
    assert!(ann.list_roles().send().await.is_err());
}

#[tokio::test]
async fn an_explicit_denial_wins() {
    let (sandbox, iam) = start().await;
    iam.create_user().user_name("ann").send().await.unwrap();
    iam.attach_user_policy().user_name("ann").policy_arn(READ_ONLY).send().await.unwrap();
    let deny = json!({ "Version": "2012-10-17",
        "Statement": [{ "Effect": "Deny", "Action": "iam:ListRoles", "Resource": "*" }] });
    iam.put_user_policy().user_name("ann").policy_name("no").policy_document(deny.to_string()).send().await.unwrap();
    let ann = as_user(&sandbox, &iam, "ann").await;
    assert!(ann.list_users().send().await.is_ok());
    let error = ann.list_roles().send().await.unwrap_err();
    assert!(error.message().unwrap().ends_with("with an explicit deny in an identity-based policy"), "{error:?}");
}

#[tokio::test]
async fn a_boundary_bounds() {
    let (sandbox, iam) = start().await;
    let users_only = json!({ "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*" }] });
    let boundary = iam
        .create_policy()
        .policy_name("boundary")
        .policy_document(users_only.to_string())
        .send()
        .await
        .unwrap()
        .policy
        .unwrap()
        .arn
        .unwrap();
    iam.create_user().user_name("ann").permissions_boundary(boundary).send().await.unwrap();
    iam.attach_user_policy()
        .user_name("ann")
        .policy_arn("arn:aws:iam::aws:policy/AdministratorAccess")
        .send()
        .await
        .unwrap();
    let ann = as_user(&sandbox, &iam, "ann").await;
    assert!(ann.list_users().send().await.is_ok());
    let error = ann.list_roles().send().await.unwrap_err();
    assert!(error.message().unwrap().ends_with("because no permissions boundary allows the iam:ListRoles action"));
}

#[tokio::test]
async fn a_policy_can_name_one_resource_and_the_policy_that_may_be_attached() {
    let (sandbox, iam) = start().await;
    for name in ["ann", "bob"] {
        iam.create_user().user_name(name).send().await.unwrap();
    }
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Action": "iam:AttachUserPolicy",
        "Resource": format!("arn:aws:iam::{ACCOUNT}:user/bob"),
        "Condition": { "ArnEquals": { "iam:PolicyARN": READ_ONLY } },
    }] });
    iam.put_user_policy().user_name("ann").policy_name("p").policy_document(policy.to_string()).send().await.unwrap();
    let ann = as_user(&sandbox, &iam, "ann").await;
    let attach = |user: &str, arn: &str| ann.attach_user_policy().user_name(user).policy_arn(arn).send();
    assert!(attach("bob", READ_ONLY).await.is_ok());
    assert!(attach("ann", READ_ONLY).await.is_err());
    assert!(attach("bob", "arn:aws:iam::aws:policy/AdministratorAccess").await.is_err());
}
