//! AWS, in our own terms: one file per service behind a trait, so that the SDK's types end here and a scan can be tested
//! without AWS.
//!
//! [`AwsSession`] holds what all of them share: endpoints, proxies and certificates from the SDK's own settings, retries
//! and time-outs from ours, the session credentials, and a limiter in front of every call ([`limiter`]). A call that still
//! fails is an [`AwsFailure`]: what was called, AWS's own code and words, and what kind of failure that is.
//!
//! To add a service: a trait with the reads that a scan needs, an adapter that maps the SDK's answers to plain structs,
//! and a rate in the configuration.

pub mod cloud_control;
pub mod failure;
pub mod iam;
pub mod limiter;
pub mod resource_explorer;
pub mod s3;
pub mod sts;

use std::sync::Arc;
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use driftwise_contract::Region;

pub use failure::{AwsFailure, FailureKind};
pub use limiter::{Limiter, Service};

use crate::config::AwsConfig;
use crate::credentials::REFRESH_BEFORE;

/// The SDK's settings with our retries and time-outs, and no credentials.
pub async fn sdk_config(config: &AwsConfig, region: &Region) -> SdkConfig {
    // Facts: short back-offs under steady throttling empty the SDK's retry bucket, and calls then fail without their
    // remaining attempts; adaptive mode collapses. Our limiter goes first, and few, long waits follow.
    let retries = RetryConfig::standard()
        .with_max_attempts(config.max_attempts)
        .with_initial_backoff(Duration::from_millis(config.initial_backoff_ms))
        .with_max_backoff(Duration::from_millis(config.max_backoff_ms));
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(config.connect_timeout_s))
        .operation_attempt_timeout(Duration::from_secs(config.attempt_timeout_s))
        .operation_timeout(Duration::from_secs(config.operation_timeout_s))
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .region(aws_config::Region::new(region.as_str().to_owned()))
        .retry_config(retries)
        .timeout_config(timeouts)
        // Never an access key that happens to lie around: the agent's credentials come from its token alone.
        .no_credentials()
        .load()
        .await
}

/// One account, as the assumed role sees it.
#[derive(Debug, Clone)]
pub struct AwsSession {
    base: SdkConfig,
    limiter: Arc<Limiter>,
    s3_path_style: bool,
}

impl AwsSession {
    /// A session: calls are signed with what `credentials` provides.
    pub fn new(base: &SdkConfig, credentials: SharedCredentialsProvider, config: &AwsConfig) -> Self {
        // Minting a token and assuming the role takes longer than the SDK's own load time-out of 5 s may allow.
        let cache = IdentityCache::lazy()
            .load_timeout(Duration::from_secs(config.operation_timeout_s))
            .buffer_time(REFRESH_BEFORE)
            .build();
        // Host names below a bucket's name exist on AWS only.
        let endpoint_override = base.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
        Self {
            base: base.to_builder().credentials_provider(credentials).identity_cache(cache).build(),
            limiter: Arc::new(Limiter::new(&config.max_rps)),
            s3_path_style: config.s3_path_style || endpoint_override,
        }
    }

    /// The settings for calls to another region.
    fn in_region(&self, region: &str) -> SdkConfig {
        self.base.to_builder().region(aws_config::Region::new(region.to_owned())).build()
    }
}
