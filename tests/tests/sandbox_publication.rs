//! The issuer's publication to a bucket: its own S3 target with the real SDK against the sandbox's S3.

use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use driftwise_issuer::config::Bucket;
use driftwise_issuer::federation::{OrgIssuers, Publications, Settings};
use driftwise_issuer::keyring::{KeyAlgorithm, KeySet, KeySetId, KeySnapshot, PublishedJwks, SigningKey};
use driftwise_issuer::publication::target::{S3Target, Target as _};
use driftwise_tests::sandbox::seed::{ACCOUNT_ID, HOME_REGION};
use driftwise_tests::sandbox::{Sandbox, clients, seed};
use serde_json::json;

const BUCKET: &str = "acme-id";

fn publications() -> Publications {
    let settings =
        Settings { issuer: "https://id.example.com".parse().unwrap(), audience: "sts.amazonaws.com".parse().unwrap() };
    let key = SigningKey::generate(KeyAlgorithm::Es256, 1_800_000_000).unwrap();
    let shared = KeySet { signer: Some(key.signer()), published: PublishedJwks { keys: vec![key.published(false)] } };
    let snapshot = KeySnapshot::new([(KeySetId::Shared, shared)].into());
    Publications::new(&settings, Arc::new(snapshot), OrgIssuers::new()).unwrap()
}

async fn with_bucket() -> (Sandbox, Client) {
    let sandbox = Sandbox::start(seed::world()).await.unwrap();
    let config = clients::root_config(&sandbox, ACCOUNT_ID);
    let s3 = Client::from_conf(aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build());
    let region = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::EuCentral1).build();
    s3.create_bucket().bucket(BUCKET).create_bucket_configuration(region).send().await.unwrap();
    (sandbox, s3)
}

/// The target as a user with these permissions would have it.
async fn target(sandbox: &Sandbox, name: &str, actions: &[&str]) -> S3Target {
    let iam = aws_sdk_iam::Client::new(&clients::root_config(sandbox, ACCOUNT_ID));
    iam.create_user().user_name(name).send().await.unwrap();
    let statement = json!([{"Effect": "Allow", "Action": actions, "Resource": [
        format!("arn:aws:s3:::{BUCKET}"), format!("arn:aws:s3:::{BUCKET}/*"),
    ]}]);
    let policy = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
    iam.put_user_policy().user_name(name).policy_name("p").policy_document(policy).send().await.unwrap();
    let key = iam.create_access_key().user_name(name).send().await.unwrap().access_key.unwrap();
    let credentials = Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test");
    let bucket = Bucket {
        name: BUCKET.parse().unwrap(),
        prefix: "id".into(),
        region: Some(HOME_REGION.parse().unwrap()),
        endpoint_url: Some(sandbox.url().parse().unwrap()),
    };
    S3Target::with_config(&bucket, &clients::config(sandbox, credentials, HOME_REGION))
}

#[tokio::test]
async fn a_bucket_gets_the_documents_with_their_headers_and_keeps_the_version_before() {
    let (sandbox, s3) = with_bucket().await;
    let target = target(&sandbox, "publisher", &["s3:GetObject", "s3:PutObject", "s3:ListBucket"]).await;
    let (first, second) = (publications(), publications());
    let path = ".well-known/jwks.json";
    for (document, is_written) in [(&first, true), (&first, false), (&second, true), (&second, false)] {
        assert_eq!(target.put(path, &document.shared().jwks).await, Ok(is_written));
    }
    for (key, document) in [("id/.well-known/jwks.json", &second), ("id/previous/.well-known/jwks.json", &first)] {
        let object = s3.get_object().bucket(BUCKET).key(key).send().await.unwrap();
        assert_eq!(object.content_type(), Some("application/jwk-set+json"), "{key}");
        assert_eq!(object.cache_control(), Some("public, max-age=300, stale-while-revalidate=3600"), "{key}");
        assert_eq!(object.body.collect().await.unwrap().into_bytes(), document.shared().jwks.body, "{key}");
    }
}

#[tokio::test]
async fn what_s3_refuses_is_told_with_what_is_missing() {
    let (sandbox, _s3) = with_bucket().await;
    let document = publications();
    for (name, actions) in
        [("reader", &["s3:GetObject", "s3:ListBucket"][..]), ("blind", &["s3:GetObject", "s3:PutObject"])]
    {
        let target = target(&sandbox, name, actions).await;
        let error = target.put(".well-known/jwks.json", &document.shared().jwks).await.unwrap_err();
        assert!(error.cause.contains("AccessDenied") && error.hint.is_some(), "{name}: {error:?}");
        assert!(error.to_string().contains("s3://acme-id/id/"), "{error}");
    }
}
