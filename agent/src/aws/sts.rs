//! STS: who the session is.

use aws_config::SdkConfig;
use driftwise_contract::AccountId;

use super::{AwsFailure, AwsSession, FailureKind, Service};

/// The account that a session really is in (`GetCallerIdentity`, which needs no permission).
pub async fn caller_account(session: &AwsSession) -> Result<AccountId, AwsFailure> {
    const OPERATION: &str = "GetCallerIdentity";
    let answer = client(&session.base)
        .get_caller_identity()
        .send()
        .await
        .map_err(|error| AwsFailure::of(Service::Sts, OPERATION, &error))?;
    let account = answer.account().unwrap_or_default();
    account.parse().map_err(|error: driftwise_contract::ids::ParseIdError| AwsFailure {
        service: Service::Sts,
        operation: OPERATION,
        kind: FailureKind::Service,
        aws_code: String::new(),
        message: error.to_string(),
    })
}

fn client(config: &SdkConfig) -> aws_sdk_sts::Client {
    aws_sdk_sts::Client::new(config)
}
