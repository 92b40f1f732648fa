//! Trying a role: a token is shown to STS to learn whether the role's trust policy lets it in, and for nothing else. The session
//! that STS may open is as short as sessions can be, its policy denies everything, and it is dropped at once.

use std::fmt;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use driftwise_contract::codes::Code;
use driftwise_contract::{AccountId, RoleArn};
use secrecy::ExposeSecret as _;

use super::refusal::Again;
use super::session_name;
use super::web_identity::{KEY_ATTEMPTS, refused};
use crate::aws::{AwsSession, sdk_config, sts};
use crate::config::AwsConfig;
use crate::fault::Fault;
use crate::issuer_client::FederationToken;

/// The shortest session that STS opens (`DurationSeconds`).
const DURATION_S: i32 = 900;

/// The session's policy. Whoever got hold of the session could do what needs no permission, such as `GetCallerIdentity`.
const NOTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;

/// What STS did with a token.
#[derive(Debug)]
pub enum Shown {
    /// It opened a session.
    Admitted(Powerless),
    /// It refused the token.
    Refused {
        /// What the refusal means.
        code: Code,
        /// AWS's code and words.
        words: String,
    },
}

/// A session that may do nothing.
pub struct Powerless(Credentials);

impl fmt::Debug for Powerless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Powerless").finish_non_exhaustive()
    }
}

/// Shows tokens to one role.
#[derive(Debug)]
pub struct Probe {
    base: SdkConfig,
    sts: aws_sdk_sts::Client,
    config: AwsConfig,
    role: RoleArn,
}

impl Probe {
    /// Nothing is called yet. The endpoint is the SDK's for that region.
    pub async fn new(config: &AwsConfig, role: RoleArn, region: &driftwise_contract::Region) -> Self {
        let base = sdk_config(config, region).await;
        Self { sts: aws_sdk_sts::Client::new(&base), base, config: config.clone(), role }
    }

    /// Shows a token. A fault where STS gave no verdict on it: no answer, throttled, a fault of its own.
    pub async fn show(&self, token: &FederationToken) -> Result<Shown, Fault> {
        let mut attempt = 1;
        loop {
            let answer = self
                .sts
                .assume_role_with_web_identity()
                .role_arn(self.role.as_str())
                // Named as a scan's session is: a condition on the name must not tell the tokens apart.
                .role_session_name(session_name(token.jti()))
                .web_identity_token(token.jwt().expose_secret())
                .duration_seconds(DURATION_S)
                .policy(NOTHING)
                .send()
                .await;
            let error = match answer {
                Ok(answer) => return Ok(Shown::Admitted(powerless(answer.credentials()))),
                Err(error) => error,
            };
            let (fault, again) = refused(&self.role, &error);
            if again == Again::SameToken && attempt < KEY_ATTEMPTS {
                tracing::warn!(error.code = %fault.code(), attempt, "STS could not get the issuer's keys; trying again");
                tokio::time::sleep(Duration::from_millis(self.config.initial_backoff_ms) * attempt).await;
                attempt += 1;
                continue;
            }
            let is_verdict = error.as_service_error().is_some()
                && !matches!(fault.code(), Code::AwsServiceError | Code::AwsThrottled | Code::AwsUnreachable);
            return if is_verdict {
                Ok(Shown::Refused { code: fault.code(), words: fault.detail().unwrap_or_default().to_owned() })
            } else {
                Err(fault)
            };
        }
    }

    /// The account that a session is in, as AWS says it. Ends the session's use.
    pub async fn account(&self, session: Powerless) -> Result<AccountId, Fault> {
        let session = AwsSession::new(&self.base, SharedCredentialsProvider::new(session.0), &self.config);
        sts::caller_account(&session).await.map_err(|failure| failure.fault(Code::AwsServiceError))
    }
}

/// An answer without credentials still says that the token was let in: the session is then one that nothing can be asked with.
fn powerless(credentials: Option<&aws_sdk_sts::types::Credentials>) -> Powerless {
    let part = |read: fn(&aws_sdk_sts::types::Credentials) -> &str| credentials.map(read).unwrap_or_default();
    Powerless(Credentials::new(
        part(aws_sdk_sts::types::Credentials::access_key_id),
        part(aws_sdk_sts::types::Credentials::secret_access_key),
        Some(part(aws_sdk_sts::types::Credentials::session_token).to_owned()),
        None,
        "driftwise-probe",
    ))
}
