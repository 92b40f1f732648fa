//! What IAM refuses to write.

use serde_json::{Value, json};

use crate::{ACCOUNT, EC2_TRUST, READ_ONLY, code, start};

#[tokio::test]
async fn trust_policies_that_aws_refuses_are_refused() {
    let (_sandbox, iam) = start().await;
    let statement = |statement: Value| json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    let service = json!({ "Service": "ec2.amazonaws.com" });
    let many: Vec<String> = (0..100).map(|n| format!("arn:aws:iam::{ACCOUNT}:role/role-{n}")).collect();
    for (what, document, expected) in [
        ("no JSON", "{".to_owned(), "MalformedPolicyDocument"),
        (
            "no principal",
            statement(json!({ "Effect": "Allow", "Action": "sts:AssumeRole" })),
            "MalformedPolicyDocument",
        ),
        (
            "a resource",
            statement(json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": service, "Resource": "*" })),
            "MalformedPolicyDocument",
        ),
        (
            "another service's action",
            statement(json!({ "Effect": "Allow", "Action": "s3:GetObject", "Principal": service })),
            "MalformedPolicyDocument",
        ),
        (
            "a wildcard in a principal",
            statement(
                json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": "arn:aws:iam::1:role/*" } }),
            ),
            "MalformedPolicyDocument",
        ),
        (
            "more than 2,048 characters",
            statement(json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": many } })),
            "LimitExceeded",
        ),
    ] {
        let outcome = iam.create_role().role_name("r").assume_role_policy_document(document).send().await;
        assert_eq!(code(&outcome.unwrap_err()), expected, "{what}");
    }
}

#[tokio::test]
async fn identity_policies_name_resources_and_no_principal() {
    let (_sandbox, iam) = start().await;
    let with_principal = json!({ "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "s3:*", "Resource": "*", "Principal": "*" }] });
    let without_resource = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:*" }] });
    for document in [with_principal, without_resource] {
        let outcome = iam.create_policy().policy_name("p").policy_document(document.to_string()).send().await;
        assert_eq!(code(&outcome.unwrap_err()), "MalformedPolicyDocument", "{document}");
    }
}

#[tokio::test]
async fn names_are_taken_once_and_missing_things_are_named() {
    let (_sandbox, iam) = start().await;
    let create = || iam.create_role().role_name("web").assume_role_policy_document(EC2_TRUST).send();
    create().await.unwrap();
    assert_eq!(code(&create().await.unwrap_err()), "EntityAlreadyExists");
    assert_eq!(code(&iam.get_role().role_name("none").send().await.unwrap_err()), "NoSuchEntity");
    assert_eq!(code(&iam.get_user().user_name("none").send().await.unwrap_err()), "NoSuchEntity");
    let unknown = format!("arn:aws:iam::{ACCOUNT}:policy/none");
    let outcome = iam.attach_role_policy().role_name("web").policy_arn(unknown).send().await;
    assert_eq!(code(&outcome.unwrap_err()), "NoSuchEntity");
    let outcome = iam.create_role().role_name("we b").assume_role_policy_document(EC2_TRUST).send().await;
    assert_eq!(code(&outcome.unwrap_err()), "ValidationError");
}

#[tokio::test]
async fn a_role_holds_ten_managed_policies_and_is_emptied_before_it_goes() {
    let (_sandbox, iam) = start().await;
    iam.create_role().role_name("web").assume_role_policy_document(EC2_TRUST).send().await.unwrap();
    let document =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}]}"#;
    for n in 0..11 {
        let created = iam.create_policy().policy_name(format!("p{n}")).policy_document(document).send().await.unwrap();
        let arn = created.policy.unwrap().arn.unwrap();
        let outcome = iam.attach_role_policy().role_name("web").policy_arn(&arn).send().await;
        if n < 10 {
            outcome.unwrap();
        } else {
            assert_eq!(code(&outcome.unwrap_err()), "LimitExceeded");
        }
    }
    assert_eq!(code(&iam.delete_role().role_name("web").send().await.unwrap_err()), "DeleteConflict");
    let attached = iam.list_attached_role_policies().role_name("web").send().await.unwrap();
    for policy in attached.attached_policies() {
        iam.detach_role_policy().role_name("web").policy_arn(policy.policy_arn().unwrap()).send().await.unwrap();
    }
    iam.delete_role().role_name("web").send().await.unwrap();
}

#[tokio::test]
async fn providers_are_public_https_or_loopback() {
    let (_sandbox, iam) = start().await;
    let create = |url: &str| iam.create_open_id_connect_provider().url(url).client_id_list("a").send();
    for refused in ["http://issuer.example.com", "https://issuer.example.com/?a=b", "issuer"] {
        assert_eq!(code(&create(refused).await.unwrap_err()), "InvalidInput", "{refused}");
    }
    let arn = create("https://issuer.example.com/org").await.unwrap().open_id_connect_provider_arn.unwrap();
    assert_eq!(arn, format!("arn:aws:iam::{ACCOUNT}:oidc-provider/issuer.example.com/org"));
    assert_eq!(code(&create("https://issuer.example.com/org").await.unwrap_err()), "EntityAlreadyExists");
    create("http://127.0.0.1:4000").await.unwrap();

    iam.add_client_id_to_open_id_connect_provider()
        .open_id_connect_provider_arn(&arn)
        .client_id("b")
        .send()
        .await
        .unwrap();
    let provider = iam.get_open_id_connect_provider().open_id_connect_provider_arn(&arn).send().await.unwrap();
    assert_eq!(
        (provider.url(), provider.client_id_list()),
        (Some("issuer.example.com/org"), &["a".to_owned(), "b".to_owned()][..])
    );
    let listed = iam.list_open_id_connect_providers().send().await.unwrap();
    assert_eq!(listed.open_id_connect_provider_list().len(), 2);
}

#[tokio::test]
async fn documents_come_back_as_they_were_written() {
    let (_sandbox, iam) = start().await;
    iam.create_group().group_name("g").send().await.unwrap();
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::ü/*"}]}"#;
    iam.put_group_policy().group_name("g").policy_name("p").policy_document(document).send().await.unwrap();
    let read = iam.get_group_policy().group_name("g").policy_name("p").send().await.unwrap();
    let decoded = percent_encoding::percent_decode_str(read.policy_document()).decode_utf8().unwrap();
    assert_eq!(decoded, document);
    let version = iam.get_policy_version().policy_arn(READ_ONLY).version_id("v1").send().await.unwrap();
    assert!(version.policy_version().unwrap().document().unwrap().contains("resource-explorer-2"));
}
