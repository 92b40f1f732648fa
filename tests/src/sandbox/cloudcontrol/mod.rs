//! Cloud Control (JSON 1.0).

use std::sync::Arc;

use super::{Answer, AwsError, Call, World};

/// Answers one authenticated call.
pub async fn handle(_world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    Err(AwsError::bad_request("UnknownOperationException", format!("the sandbox does not know {}", call.operation)))
}
