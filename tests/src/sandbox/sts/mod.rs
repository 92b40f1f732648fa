//! Security Token Service: `AssumeRoleWithWebIdentity`, `AssumeRole`, `GetCallerIdentity`.
//!
//! Web identities are verified as AWS verifies them: the token's provider must be registered in the role's account, its
//! audience at the provider, its signature made by a key that the provider publishes right now; then come times, the roles
//! claim, and last the role's trust policy. The order decides which error a caller sees, so it is part of the contract.

mod assume_role;
mod claims;
mod parameters;
mod provider_keys;
mod session;
mod token;
mod verify;
mod web_identity;

use std::sync::Arc;

use super::{
    Answer, AwsError, Call, World,
    query::{Params, reply},
    route::Service,
};

/// The lie by which `GetCallerIdentity` names an account that the caller is not in, as an endpoint that is not AWS's might.
pub const OTHER_ACCOUNT: &str = "other-account";

/// Answers one authenticated call.
#[expect(clippy::unused_async, reason = "every service has the same shape")]
pub async fn handle(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    match call.operation.as_str() {
        "GetCallerIdentity" => {
            let lies = world.faults.lies(Service::Sts.name(), &call.operation, &call.text(), OTHER_ACCOUNT);
            Ok(caller_identity(call, if lies { "999999999999" } else { &call.caller.account_id }))
        }
        "AssumeRole" => assume_role::answer(world, call, &Params::parse(&call.body)),
        other => Err(AwsError::bad_request(
            "InvalidAction",
            format!("Could not find operation {other} for version 2011-06-15"),
        )),
    }
}

/// Answers `AssumeRoleWithWebIdentity`, the one call that nobody signs.
pub async fn handle_unsigned(world: &Arc<World>, body: &[u8], request_id: &str) -> Result<Answer, AwsError> {
    web_identity::answer(world, &Params::parse(body), request_id).await
}

/// "No permissions are required to perform this operation", not even against an explicit denial.
fn caller_identity(call: &Call, account_id: &str) -> Answer {
    reply(Service::Sts, &call.operation, &call.request_id, |xml| {
        xml.text("Arn", call.caller.arn.replace(&call.caller.account_id, account_id));
        xml.text("UserId", &call.caller.user_id);
        xml.text("Account", account_id);
    })
}
