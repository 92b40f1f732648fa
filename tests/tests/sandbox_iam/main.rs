//! The sandbox's IAM, called with the real SDK.

mod details;
mod permissions;
mod validations;

use aws_credential_types::Credentials;
use aws_sdk_iam::{Client, error::ProvideErrorMetadata};
use driftwise_tests::sandbox::{Sandbox, World, clients};

const ACCOUNT: &str = "111122223333";
const READ_ONLY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const EC2_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

async fn start() -> (Sandbox, Client) {
    let sandbox = Sandbox::start(World::with_account(ACCOUNT)).await.unwrap();
    let iam = Client::new(&clients::root_config(&sandbox, ACCOUNT));
    (sandbox, iam)
}

/// A client that signs as a fresh access key of this user.
async fn as_user(sandbox: &Sandbox, iam: &Client, name: &str) -> Client {
    let key = iam.create_access_key().user_name(name).send().await.unwrap().access_key.unwrap();
    let credentials = Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test");
    Client::new(&clients::config(sandbox, credentials, "eu-central-1"))
}

fn code(error: &impl ProvideErrorMetadata) -> &str {
    error.code().unwrap_or_default()
}
