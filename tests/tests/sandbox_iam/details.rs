//! `GetAccountAuthorizationDetails`, whole and in pages.

use std::collections::BTreeSet;

use aws_sdk_iam::types::{EntityType, Tag};
use driftwise_contract::policy::PolicyDocument;

use crate::{ACCOUNT, EC2_TRUST, READ_ONLY, start};

const INLINE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::a b/*"}]}"#;

/// One of everything, and all the ways to be granted something.
async fn populate(iam: &aws_sdk_iam::Client) -> String {
    let policy = iam
        .create_policy()
        .policy_name("team")
        .path("/teams/")
        .description("the team's")
        .policy_document(INLINE)
        .send()
        .await
        .unwrap()
        .policy
        .unwrap()
        .arn
        .unwrap();
    iam.create_group().group_name("admins").send().await.unwrap();
    iam.attach_group_policy().group_name("admins").policy_arn(&policy).send().await.unwrap();
    let tag = Tag::builder().key("team").value("red").build().unwrap();
    iam.create_user().user_name("ann").path("/people/").tags(tag.clone()).send().await.unwrap();
    iam.add_user_to_group().user_name("ann").group_name("admins").send().await.unwrap();
    iam.put_user_policy().user_name("ann").policy_name("own").policy_document(INLINE).send().await.unwrap();
    iam.create_role()
        .role_name("web")
        .description("left out by the details")
        .assume_role_policy_document(EC2_TRUST)
        .permissions_boundary(&policy)
        .tags(tag)
        .send()
        .await
        .unwrap();
    iam.attach_role_policy().role_name("web").policy_arn(READ_ONLY).send().await.unwrap();
    iam.create_instance_profile().instance_profile_name("web").send().await.unwrap();
    iam.add_role_to_instance_profile().instance_profile_name("web").role_name("web").send().await.unwrap();
    policy
}

#[tokio::test]
async fn the_details_hold_every_grant() {
    let (_sandbox, iam) = start().await;
    let policy = populate(&iam).await;
    let details = iam.get_account_authorization_details().send().await.unwrap();
    assert!(!details.is_truncated());

    let user = &details.user_detail_list()[0];
    assert_eq!(user.arn(), Some(format!("arn:aws:iam::{ACCOUNT}:user/people/ann").as_str()));
    assert_eq!(user.group_list(), ["admins"]);
    assert_eq!(user.tags()[0].value(), "red");
    let inline = user.user_policy_list()[0].policy_document().unwrap();
    assert!(!inline.contains([' ', '{', '+']), "URL-encoded: {inline}");
    assert_eq!(PolicyDocument::parse_url_encoded(inline).unwrap(), PolicyDocument::parse(INLINE).unwrap());

    let group = &details.group_detail_list()[0];
    assert_eq!(group.attached_managed_policies()[0].policy_arn(), Some(policy.as_str()));
    assert_eq!(group.attached_managed_policies()[0].policy_name(), Some("team"));

    let role = &details.role_detail_list()[0];
    let trust = PolicyDocument::parse_url_encoded(role.assume_role_policy_document().unwrap()).unwrap();
    assert_eq!(trust, PolicyDocument::parse(EC2_TRUST).unwrap());
    assert_eq!(role.permissions_boundary().unwrap().permissions_boundary_arn(), Some(policy.as_str()));
    assert_eq!(role.instance_profile_list()[0].roles()[0].role_name(), "web");
    assert_eq!(role.attached_managed_policies()[0].policy_arn(), Some(READ_ONLY));
    assert!(role.role_last_used().is_some_and(|used| used.last_used_date().is_none()));

    // Of AWS's own policies only those in use.
    let arns: BTreeSet<_> = details.policies().iter().filter_map(|policy| policy.arn()).collect();
    assert_eq!(arns, BTreeSet::from([READ_ONLY, policy.as_str()]));
    let own = details.policies().iter().find(|each| each.arn() == Some(policy.as_str())).unwrap();
    assert_eq!((own.attachment_count(), own.permissions_boundary_usage_count()), (Some(1), Some(1)));
    assert_eq!(own.description(), Some("the team's"));
    assert_eq!(own.policy_version_list()[0].version_id(), Some("v1"));
    assert!(own.policy_version_list()[0].is_default_version());
}

#[tokio::test]
async fn a_filter_leaves_the_other_kinds_out() {
    let (_sandbox, iam) = start().await;
    populate(&iam).await;
    let details = iam
        .get_account_authorization_details()
        .filter(EntityType::Role)
        .filter(EntityType::LocalManagedPolicy)
        .send()
        .await
        .unwrap();
    assert!(details.user_detail_list().is_empty() && details.group_detail_list().is_empty());
    assert_eq!((details.role_detail_list().len(), details.policies().len()), (1, 1));
}

#[tokio::test]
async fn pages_hold_every_principal_once() {
    let (_sandbox, iam) = start().await;
    let names: BTreeSet<String> = (0..25).map(|n| format!("role-{n:02}")).collect();
    for name in &names {
        iam.create_role().role_name(name).assume_role_policy_document(EC2_TRUST).send().await.unwrap();
    }
    iam.create_user().user_name("ann").send().await.unwrap();
    let mut seen = Vec::new();
    let mut marker = None;
    let mut pages = 0;
    loop {
        let page = iam.get_account_authorization_details().max_items(10).set_marker(marker).send().await.unwrap();
        pages += 1;
        seen.extend(page.role_detail_list().iter().filter_map(|role| role.role_name().map(str::to_owned)));
        marker = page.marker().map(str::to_owned);
        assert_eq!(page.is_truncated(), marker.is_some());
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(seen.len(), names.len());
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), names);
}

#[tokio::test]
async fn listing_roles_tells_what_the_details_leave_out() {
    let (_sandbox, iam) = start().await;
    populate(&iam).await;
    let roles = iam.list_roles().send().await.unwrap();
    let role = &roles.roles()[0];
    assert_eq!(role.description(), Some("left out by the details"));
    assert_eq!(role.max_session_duration(), Some(3_600));
    assert!(role.tags().is_empty() && role.permissions_boundary().is_none());
    let full = iam.get_role().role_name("web").send().await.unwrap().role.unwrap();
    assert_eq!(full.tags()[0].key(), "team");
    assert!(full.permissions_boundary().is_some());
}
