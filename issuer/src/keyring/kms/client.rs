//! The connection to KMS, and what its errors mean.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_kms::Client;
use aws_sdk_kms::config::Builder;
use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::config::timeout::TimeoutConfig;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use tokio::sync::OnceCell;

use crate::keyring::KeyringError;

/// How long one attempt may take. KMS signs in some 10 ms within a region; a caller of the token endpoint waits for it.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a call may take with its attempts.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPTS: u32 = 3;
/// The longest wait that KMS offers before it deletes a key: the time in which a mistake can be taken back.
const DELETION_WINDOW_DAYS: i32 = 30;

/// `[keys.kms]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KmsSettings {
    /// `region`: where new keys are made. Default: the AWS SDK's own settings (`AWS_REGION`, profile, instance). A key that exists
    /// is used in the region that its ARN names.
    pub region: Option<String>,
    /// `endpoint_url`: another address than AWS's own, such as a VPC endpoint. Default: none.
    pub endpoint_url: Option<String>,
    /// `schedule_deletion`: whether KMS deletes a removed key, 30 days after the removal. Default true.
    pub schedule_deletion: bool,
}

impl Default for KmsSettings {
    fn default() -> Self {
        Self { region: None, endpoint_url: None, schedule_deletion: true }
    }
}

/// KMS, connected to at the first use: an issuer without keys in KMS never looks for AWS credentials.
#[derive(Clone)]
pub struct Kms(Arc<Inner>);

struct Inner {
    settings: KmsSettings,
    client: OnceCell<Client>,
}

impl Kms {
    /// KMS by these settings, with the credentials that the AWS SDK finds.
    pub fn new(settings: KmsSettings) -> Self {
        Self(Arc::new(Inner { settings, client: OnceCell::new() }))
    }

    /// KMS through a client that is there.
    pub fn with_client(settings: KmsSettings, client: Client) -> Self {
        Self(Arc::new(Inner { settings, client: OnceCell::new_with(Some(client)) }))
    }

    fn settings(&self) -> &KmsSettings {
        &self.0.settings
    }

    pub(super) async fn client(&self) -> &Client {
        self.0.client.get_or_init(|| connect(&self.0.settings)).await
    }

    /// Has KMS delete a key after the longest wait that it offers, unless the settings say to keep it. Doing it again does no
    /// harm.
    pub(in crate::keyring) async fn schedule_deletion(&self, key_arn: &str) -> Result<(), KeyringError> {
        if !self.settings().schedule_deletion {
            return Ok(());
        }
        let scheduled = self
            .client()
            .await
            .schedule_key_deletion()
            .key_id(key_arn)
            .pending_window_in_days(DELETION_WINDOW_DAYS)
            .customize()
            .config_override(call_for(key_arn))
            .send()
            .await;
        match scheduled {
            // Scheduled or gone already: a removal that was interrupted is simply done again.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_kms_invalid_state_exception() || error.is_not_found_exception()) =>
            {
                Ok(())
            }
            other => other.map(drop).map_err(|error| fault("schedule the deletion of", key_arn, &error)),
        }
    }
}

impl fmt::Debug for Kms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kms").field(&self.0.settings).finish()
    }
}

async fn connect(settings: &KmsSettings) -> Client {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let shared = loader.load().await;
    let mut config = Builder::from(&shared);
    if let Some(endpoint) = &settings.endpoint_url {
        config = config.endpoint_url(endpoint);
    }
    Client::from_conf(config.build())
}

/// How calls are made, whatever client they are made through.
pub(super) fn call() -> Builder {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    aws_sdk_kms::Config::builder()
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
}

/// The same for a key that exists: in the region of its ARN (`arn:aws:kms:REGION:ACCOUNT:key/ID`).
pub(super) fn call_for(key_arn: &str) -> Builder {
    match key_arn.split(':').nth(3).filter(|region| !region.is_empty()) {
        Some(region) => call().region(Region::new(region.to_owned())),
        None => call(),
    }
}

/// The error of a call, with the key and what was tried.
pub(super) fn fault<E, R>(action: &'static str, key: &str, error: &SdkError<E, R>) -> KeyringError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: fmt::Debug + 'static,
{
    let (code, cause) = match error {
        SdkError::TimeoutError(_) => (None, format!("no answer in {} s", OPERATION_TIMEOUT.as_secs())),
        SdkError::ServiceError(service) => {
            let error = service.err();
            let code = error.code().map(str::to_owned);
            let message = error.message().unwrap_or("without a message");
            (code.clone(), format!("{}: {message}", code.as_deref().unwrap_or("an error without a code")))
        }
        other => (None, chain(other)),
    };
    KeyringError::Kms { action, key: key.to_owned(), code, cause }
}

/// An error with its causes: the SDK's own text says only that something failed.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
        cause = error.source();
    }
    text
}
