//! What the tests share: a sandbox with one account, a provider registered in it, and a role that trusts the provider.

use aws_credential_types::Credentials;
use aws_sdk_sts::{error::ProvideErrorMetadata, types::Credentials as SessionCredentials};
use driftwise_tests::sandbox::{Sandbox, World, clients};
use serde_json::{Value, json};

use crate::provider::{AUDIENCE, Provider};

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const ROLE: &str = "arn:aws:iam::111122223333:role/scan";

/// Code and message of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn of(error: &impl ProvideErrorMetadata) -> Self {
        Self {
            code: error.code().unwrap_or_default().to_owned(),
            message: error.message().unwrap_or_default().to_owned(),
        }
    }
}

/// A sandbox with everything set up.
pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    pub(crate) provider: Provider,
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) sts: aws_sdk_sts::Client,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let sandbox = Sandbox::start(World::with_account(ACCOUNT)).await.unwrap();
        let provider = Provider::start().await;
        let iam = aws_sdk_iam::Client::new(&clients::root_config(&sandbox, ACCOUNT));
        let sts = aws_sdk_sts::Client::new(&clients::anonymous_config(&sandbox));
        iam.create_open_id_connect_provider().url(&provider.issuer).client_id_list(AUDIENCE).send().await.unwrap();
        let stage = Self { sandbox, provider, iam, sts };
        stage.create_role("scan", &stage.trust(&["sts:AssumeRoleWithWebIdentity"], &json!({}))).await;
        stage
    }

    pub(crate) async fn create_role(&self, name: &str, trust: &Value) {
        self.iam.create_role().role_name(name).assume_role_policy_document(trust.to_string()).send().await.unwrap();
        self.iam
            .attach_role_policy()
            .role_name(name)
            .policy_arn("arn:aws:iam::aws:policy/ReadOnlyAccess")
            .send()
            .await
            .unwrap();
    }

    pub(crate) async fn set_trust(&self, trust: &Value) {
        self.iam.update_assume_role_policy().role_name("scan").policy_document(trust.to_string()).send().await.unwrap();
    }

    /// A trust policy for the provider's `org-a`, with more conditions under `StringEquals`.
    pub(crate) fn trust(&self, actions: &[&str], more: &Value) -> Value {
        let url = self.provider_url();
        let mut equals = json!({ format!("{url}:sub"): "org-a", format!("{url}:aud"): AUDIENCE });
        for (key, value) in more.as_object().unwrap() {
            equals[key] = value.clone();
        }
        json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "Federated": self.provider_arn() },
            "Action": actions,
            "Condition": { "StringEquals": equals },
        }] })
    }

    pub(crate) fn provider_url(&self) -> &str {
        self.provider.issuer.trim_start_matches("http://")
    }

    pub(crate) fn provider_arn(&self) -> String {
        format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{}", self.provider_url())
    }

    pub(crate) fn now_s(&self) -> i64 {
        self.sandbox.world().now().unix_timestamp()
    }

    /// A token that passes, with some claims replaced; null removes one.
    pub(crate) fn token_with(&self, changes: &Value) -> String {
        let mut claims = self.provider.claims(self.now_s());
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        self.provider.token(&claims)
    }

    /// Assumes the role with this token and default parameters.
    pub(crate) async fn assume(&self, token: &str) -> Result<SessionCredentials, Refusal> {
        self.assume_named(ROLE, token).await
    }

    pub(crate) async fn assume_named(&self, role: &str, token: &str) -> Result<SessionCredentials, Refusal> {
        self.sts
            .assume_role_with_web_identity()
            .role_arn(role)
            .role_session_name("scan-1")
            .web_identity_token(token)
            .send()
            .await
            .map(|answer| answer.credentials.unwrap())
            .map_err(|error| Refusal::of(&error))
    }

    /// An SDK configuration with a session's credentials.
    pub(crate) fn session_config(&self, session: &SessionCredentials) -> aws_config::SdkConfig {
        clients::config(&self.sandbox, credentials(session), "eu-central-1")
    }
}

/// Session credentials as the SDK's clients take them.
pub(crate) fn credentials(session: &SessionCredentials) -> Credentials {
    Credentials::new(
        session.access_key_id(),
        session.secret_access_key(),
        Some(session.session_token().to_owned()),
        None,
        "test",
    )
}
