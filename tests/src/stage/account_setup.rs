//! What a customer's admin does in the account, with exactly the documents that the issuer generated.

use anyhow::Context as _;
use driftwise_contract::OrgId;
use serde_json::json;

use super::{ACCOUNT_ID, Stage};
use crate::sandbox::{Sandbox, clients};

/// Creates the OIDC provider, the role with its generated trust policy, the managed and the generated permission policy,
/// and sets the generated bucket policy on the state bucket.
pub(super) async fn apply(stage: &Stage, org: OrgId, role_name: &str, state_bucket: &str) -> anyhow::Result<()> {
    let (iam, s3) = (stage.iam(), stage.s3());

    // A second org of the same issuer finds the provider in place.
    let created =
        iam.create_open_id_connect_provider().url(stage.issuer_url()).client_id_list("sts.amazonaws.com").send().await;
    if let Err(error) = created {
        let error = error.into_service_error();
        if !error.is_entity_already_exists_exception() {
            return Err(error.into());
        }
    }
    let trust = stage.document(org, &["trust-policy"]).await?;
    iam.create_role().role_name(role_name).assume_role_policy_document(trust).send().await?;
    iam.attach_role_policy().role_name(role_name).policy_arn("arn:aws:iam::aws:policy/ReadOnlyAccess").send().await?;
    let permissions = stage.document(org, &["permission-policy", "--bucket", state_bucket]).await?;
    iam.put_role_policy()
        .role_name(role_name)
        .policy_name("driftwise-scan")
        .policy_document(permissions)
        .send()
        .await?;
    let bucket_policy = stage.document(org, &["bucket-policy", "--bucket", state_bucket]).await?;
    s3.put_bucket_policy().bucket(state_bucket).policy(bucket_policy).send().await?;
    tracing::debug!(account.id = ACCOUNT_ID, role.name = role_name, "the account is set up");
    Ok(())
}

/// A new user who may do `actions` on everything, as the environment of an AWS SDK that talks to the sandbox.
pub(super) async fn user_env(sandbox: &Sandbox, name: &str, actions: &[&str]) -> anyhow::Result<Vec<(String, String)>> {
    let iam = aws_sdk_iam::Client::new(&clients::root_config(sandbox, ACCOUNT_ID));
    iam.create_user().user_name(name).send().await?;
    let document =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]});
    iam.put_user_policy().user_name(name).policy_name(name).policy_document(document.to_string()).send().await?;
    let key = iam.create_access_key().user_name(name).send().await?.access_key.context("no access key was made")?;
    let mut env = sandbox.root_env();
    env.retain(|(name, _)| !name.starts_with("AWS_ACCESS_KEY") && !name.starts_with("AWS_SECRET"));
    env.push(("AWS_ACCESS_KEY_ID".to_owned(), key.access_key_id));
    env.push(("AWS_SECRET_ACCESS_KEY".to_owned(), key.secret_access_key));
    Ok(env)
}
