//! Security Token Service.

use std::sync::Arc;

use super::{Answer, AwsError, Call, World};

/// Answers one authenticated call.
pub async fn handle(_world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    Err(AwsError::bad_request("InvalidAction", format!("Could not find operation {} for version 2011-06-15", call.operation)))
}

/// Answers `AssumeRoleWithWebIdentity`, the one call that nobody signs.
pub async fn handle_unsigned(_world: &Arc<World>, _body: &[u8], _request_id: &str) -> Result<Answer, AwsError> {
    Err(AwsError::access_denied("Not authorized to perform sts:AssumeRoleWithWebIdentity"))
}
