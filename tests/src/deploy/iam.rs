//! The calls of IAM that CloudFormation and Terraform make for the resources of a set-up.

use std::collections::BTreeMap;

use aws_sdk_iam::types::Tag;

use crate::sandbox::{Sandbox, clients};

/// IAM with the root credentials of an account.
pub(super) struct Iam {
    pub(super) client: aws_sdk_iam::Client,
}

/// What makes up a role.
pub(super) struct RoleFacts {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) description: Option<String>,
    pub(super) max_session_s: i32,
    pub(super) trust: String,
    pub(super) tags: BTreeMap<String, String>,
}

impl Iam {
    pub(super) fn of(sandbox: &Sandbox, account_id: &str) -> Self {
        Self { client: aws_sdk_iam::Client::new(&clients::root_config(sandbox, account_id)) }
    }

    pub(super) async fn provider(
        &self,
        url: &str,
        client_ids: Vec<String>,
        thumbprints: Vec<String>,
    ) -> anyhow::Result<String> {
        let call = self.client.create_open_id_connect_provider().url(url).set_client_id_list(Some(client_ids));
        let made = call.set_thumbprint_list((!thumbprints.is_empty()).then_some(thumbprints)).send().await?;
        Ok(made.open_id_connect_provider_arn.unwrap_or_default())
    }

    pub(super) async fn role(&self, role: RoleFacts) -> anyhow::Result<String> {
        let call = self.client.create_role().role_name(role.name).path(role.path).set_description(role.description);
        let call = call.max_session_duration(role.max_session_s).assume_role_policy_document(role.trust);
        let made = call.set_tags(tags(role.tags)?).send().await?;
        Ok(made.role.map(|role| role.arn).unwrap_or_default())
    }

    pub(super) async fn user(
        &self,
        name: &str,
        path: &str,
        user_tags: BTreeMap<String, String>,
    ) -> anyhow::Result<String> {
        let made = self.client.create_user().user_name(name).path(path).set_tags(tags(user_tags)?).send().await?;
        Ok(made.user.map(|user| user.arn).unwrap_or_default())
    }

    pub(super) async fn policy(
        &self,
        name: &str,
        path: &str,
        description: Option<&str>,
        document: &str,
    ) -> anyhow::Result<String> {
        let call = self.client.create_policy().policy_name(name).path(path).policy_document(document);
        let made = call.set_description(description.map(str::to_owned)).send().await?;
        Ok(made.policy.and_then(|policy| policy.arn).unwrap_or_default())
    }

    pub(super) async fn attach(&self, role: &str, policy_arn: &str) -> anyhow::Result<()> {
        self.client.attach_role_policy().role_name(role).policy_arn(policy_arn).send().await?;
        Ok(())
    }

    pub(super) async fn role_policy(&self, role: &str, name: &str, document: &str) -> anyhow::Result<()> {
        let call = self.client.put_role_policy().role_name(role).policy_name(name).policy_document(document);
        call.send().await?;
        Ok(())
    }

    pub(super) async fn user_policy(&self, user: &str, name: &str, document: &str) -> anyhow::Result<()> {
        let call = self.client.put_user_policy().user_name(user).policy_name(name).policy_document(document);
        call.send().await?;
        Ok(())
    }
}

fn tags(tags: BTreeMap<String, String>) -> anyhow::Result<Option<Vec<Tag>>> {
    let tags: Vec<Tag> =
        tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect::<Result<_, _>>()?;
    Ok((!tags.is_empty()).then_some(tags))
}
