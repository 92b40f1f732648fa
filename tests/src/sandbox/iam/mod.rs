//! Identity and Access Management.

mod state;

use std::sync::Arc;

pub use state::{IamState, User};

use super::{Answer, AwsError, Call, World};

/// Answers one authenticated call.
pub async fn handle(_world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    Err(AwsError::bad_request("InvalidAction", format!("Could not find operation {} for version 2010-05-08", call.operation)))
}
