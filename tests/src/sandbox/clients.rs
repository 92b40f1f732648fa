//! Real SDK clients that talk to a sandbox.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_types::retry::RetryConfig;

use super::{Sandbox, server::DEFAULT_REGION};

/// An SDK configuration for this sandbox with these credentials, without retries, so that a test sees each answer. Pass it to
/// `aws_sdk_…::Client::new`.
pub fn config(sandbox: &Sandbox, credentials: Credentials, region: &str) -> SdkConfig {
    build(sandbox, Some(credentials), region)
}

/// An SDK configuration with the root credentials of one account, in the default region.
pub fn root_config(sandbox: &Sandbox, account_id: &str) -> SdkConfig {
    let key = sandbox.world().account(account_id, |account| account.root_key.clone());
    let credentials = key.map_or_else(
        || Credentials::new("AKIANOSUCHACCOUNT000", "none", None, None, "sandbox"),
        |key| Credentials::new(key.id, key.secret, None, None, "sandbox"),
    );
    config(sandbox, credentials, DEFAULT_REGION)
}

/// An SDK configuration without credentials, for the unsigned call.
pub fn anonymous_config(sandbox: &Sandbox) -> SdkConfig {
    build(sandbox, None, DEFAULT_REGION)
}

fn build(sandbox: &Sandbox, credentials: Option<Credentials>, region: &str) -> SdkConfig {
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(sandbox.url())
        .region(Region::new(region.to_owned()))
        .retry_config(RetryConfig::disabled());
    builder.set_credentials_provider(credentials.map(SharedCredentialsProvider::new));
    builder.build()
}
