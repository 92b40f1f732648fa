//! The exchange: a token from the issuer, a session from STS.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_sdk_sts::types::PolicyDescriptorType;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use driftwise_contract::codes::Code;
use driftwise_contract::{RoleArn, SessionScope};
use secrecy::ExposeSecret;
use tokio::sync::Mutex;

use super::refusal::{self, Again};
use super::{NoRoom, REFRESH_BEFORE, SessionPolicy};
use crate::aws::{AwsFailure, Service};
use crate::clock::SharedClock;
use crate::fault::Fault;
use crate::identity::Enrolled;
use crate::issuer_client::{FederationToken, IssuerClient};
use crate::state::StateSource;

/// How often a token is shown to STS again when STS could not get the issuer's keys.
pub(super) const KEY_ATTEMPTS: u32 = 3;

/// The session that is wanted, and by whom.
#[derive(Debug)]
pub struct WantedSession {
    /// The agent.
    pub enrolled: Enrolled,
    /// The role to assume.
    pub role: RoleArn,
    /// What the session is for.
    pub scope: SessionScope,
    /// Where the Terraform states lie: a scan's session reads no other objects.
    pub states: Vec<StateSource>,
    /// How long it lasts, in seconds: 900 to 43,200, at most the role's maximum.
    pub duration_s: i32,
    /// The first wait before a token is shown again.
    pub backoff: Duration,
}

/// Assumes one role with the agent's federation tokens, and gives the sessions to the SDK.
#[derive(Clone)]
pub struct WebIdentity(Arc<Inner>);

struct Inner {
    sts: aws_sdk_sts::Client,
    issuer: IssuerClient,
    wanted: WantedSession,
    clock: SharedClock,
    session: Mutex<Option<Credentials>>,
}

impl fmt::Debug for WebIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebIdentity").field("role", &self.0.wanted.role).finish_non_exhaustive()
    }
}

impl WebIdentity {
    /// Nothing is called yet. `config` must hold no credentials: the call is unsigned.
    pub fn new(config: &SdkConfig, issuer: IssuerClient, wanted: WantedSession, clock: SharedClock) -> Self {
        let sts = aws_sdk_sts::Client::new(config);
        let session = Mutex::new(None);
        Self(Arc::new(Inner { sts, issuer, wanted, clock, session }))
    }

    /// The present session, or a new one when there is none or it ends within [`REFRESH_BEFORE`].
    pub async fn session(&self) -> Result<Credentials, Fault> {
        let mut held = self.0.session.lock().await;
        let now: SystemTime = self.0.clock.now().into();
        if let Some(credentials) = held.as_ref().filter(|held| outlives(held.expiry(), now + REFRESH_BEFORE)) {
            return Ok(credentials.clone());
        }
        let credentials = self.0.assume().await?;
        *held = Some(credentials.clone());
        Ok(credentials)
    }
}

fn outlives(expiry: Option<SystemTime>, moment: SystemTime) -> bool {
    expiry.is_none_or(|expiry| expiry > moment)
}

impl Inner {
    async fn token(&self) -> Result<FederationToken, Fault> {
        self.issuer.token(&self.wanted.enrolled, &self.wanted.role, self.wanted.scope).await
    }

    async fn assume(&self) -> Result<Credentials, Fault> {
        let mut token = self.token().await?;
        let mut minted_anew = false;
        let mut attempt = 1;
        loop {
            let (fault, again) = match self.exchange(&token).await {
                Ok(credentials) => return Ok(credentials),
                Err(refused) => refused,
            };
            match again {
                Again::NewToken if !minted_anew => {
                    minted_anew = true;
                    token = self.token().await?;
                }
                Again::SameToken if attempt < KEY_ATTEMPTS => {
                    tracing::warn!(error.code = %fault.code(), attempt, "STS could not get the issuer's keys; trying again");
                    tokio::time::sleep(self.wanted.backoff * attempt).await;
                    attempt += 1;
                }
                Again::Never | Again::NewToken | Again::SameToken => return Err(fault),
            }
        }
    }

    async fn exchange(&self, token: &FederationToken) -> Result<Credentials, (Fault, Again)> {
        let name = session_name(token.jti());
        // The scope that was granted, not the one that was asked for.
        let policy = SessionPolicy::of(token.scope(), self.wanted.role.partition(), &self.wanted.states)
            .map_err(|no_room| (not_narrowed(&no_room), Again::Never))?;
        let managed = policy.managed.iter().map(|arn| PolicyDescriptorType::builder().arn(arn).build()).collect();
        let answer = self
            .sts
            .assume_role_with_web_identity()
            .role_arn(self.wanted.role.as_str())
            .role_session_name(&name)
            .web_identity_token(token.jwt().expose_secret())
            .duration_seconds(self.wanted.duration_s)
            .set_policy(policy.inline)
            .set_policy_arns(Some(managed).filter(|managed: &Vec<_>| !managed.is_empty()))
            .send()
            .await
            .map_err(|error| refused(&self.wanted.role, &error))?;
        let session = answer.credentials().ok_or_else(|| {
            (
                Fault::new(Code::AwsServiceError, "STS gave no credentials").because("the answer lacks them"),
                Again::Never,
            )
        })?;
        tracing::info!(role.arn = %self.wanted.role, scope = %token.scope(), session.name = name, "role assumed");
        let expiry: Option<SystemTime> = (*session.expiration()).try_into().ok();
        Ok(Credentials::new(
            session.access_key_id(),
            session.secret_access_key(),
            Some(session.session_token().to_owned()),
            expiry,
            "driftwise-web-identity",
        ))
    }
}

/// What STS's refusal means, and whether another attempt can help.
pub(super) fn refused(
    role: &RoleArn,
    error: &SdkError<AssumeRoleWithWebIdentityError, HttpResponse>,
) -> (Fault, Again) {
    let message = format!("{role} could not be assumed");
    let Some(service) = error.as_service_error() else {
        let failure = AwsFailure::of(Service::Sts, "AssumeRoleWithWebIdentity", error);
        let fault = failure.fault(Code::StsAccessDenied);
        return (Fault::new(fault.code(), message).because(failure.words()), Again::Never);
    };
    let (aws_code, words) = (service.code().unwrap_or_default(), service.message().unwrap_or_default());
    let (code, again) = refusal::read(aws_code, words);
    (Fault::new(code, message).because(format!("{aws_code}: {words}")), again)
}

impl ProvideCredentials for WebIdentity {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        // The fault rides along as the source, and AwsFailure finds it there again.
        future::ProvideCredentials::new(async { self.session().await.map_err(CredentialsError::provider_error) })
    }
}

fn not_narrowed(no_room: &NoRoom) -> Fault {
    Fault::new(Code::ConfigInvalid, "the session can't be narrowed to the states' buckets").because(no_room).hint(
        "Scan in several runs with fewer buckets each in scan.states, or give state buckets names that begin alike. \
         scan.narrow_session = false lets the session do all that the role may.",
    )
}

/// The role session's name: `driftwise-<jti>`, so that a `CloudTrail` row leads to the token's row in the issuer's audit log.
/// AWS takes 2 to 64 characters of `[\w+=,.@-]`; a UUID makes 46.
pub fn session_name(jti: Option<&str>) -> String {
    let allowed = |char: &char| char.is_ascii_alphanumeric() || "_+=,.@-".contains(*char);
    let id: String = jti.unwrap_or("unknown").chars().filter(allowed).take(54).collect();
    format!("driftwise-{id}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_session_name_is_always_one_that_aws_takes(jti in ".{0,100}") {
            let name = session_name(Some(&jti));
            prop_assert!((2..=64).contains(&name.len()));
            prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b)));
        }
    }

    #[test]
    fn a_session_name_leads_back_to_the_token() {
        assert_eq!(
            session_name(Some("0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21")),
            "driftwise-0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21"
        );
    }

    #[test]
    fn a_session_that_ends_soon_is_renewed() {
        let now = std::time::UNIX_EPOCH;
        let moment = now + REFRESH_BEFORE;
        assert!(outlives(Some(moment + Duration::from_secs(1)), moment));
        assert!(!outlives(Some(moment), moment));
        assert!(outlives(None, now));
    }
}
