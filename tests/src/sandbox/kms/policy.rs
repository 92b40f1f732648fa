//! `GetKeyPolicy` and `PutKeyPolicy`. A key has one policy, and a caller can't lock himself out by it unless he asks to.

use std::sync::Arc;

use driftwise_contract::policy::{PolicyDocument, Request};
use serde::Deserialize;
use serde_json::json;

use super::{find, parse};
use crate::sandbox::{Answer, AwsError, Call, World, auth::Context};

/// The size of a key policy, in bytes.
const POLICY_MAX_BYTES: usize = 32 * 1024;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    key_id: String,
    policy: Option<String>,
    #[serde(default)]
    bypass_policy_lockout_safety_check: bool,
}

pub(super) fn read(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    let input: Input = parse(call)?;
    let key = find(world, call, &input.key_id)?;
    Ok(Answer::json11(&json!({ "Policy": key.policy, "PolicyName": "default" })))
}

pub(super) fn write(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    let input: Input = parse(call)?;
    let key = find(world, call, &input.key_id)?;
    let policy = check(world, call, input.policy.unwrap_or_default(), input.bypass_policy_lockout_safety_check)?;
    let owner = key.arn.split(':').nth(4).unwrap_or_default();
    world.account_mut(owner, |account| account.kms.set_policy(&key.id, policy));
    Ok(Answer::json11(&json!({})))
}

/// Refuses what is no key policy, and one that would not let its writer write another.
pub(super) fn check(world: &World, call: &Call, text: String, bypass: bool) -> Result<String, AwsError> {
    let malformed = |said: &str| AwsError::bad_request("MalformedPolicyDocumentException", said);
    if text.len() > POLICY_MAX_BYTES {
        return Err(AwsError::bad_request("LimitExceededException", "The key policy is larger than 32 KB."));
    }
    let document = PolicyDocument::parse(&text).map_err(|error| malformed(&error.to_string()))?;
    if document.statements().iter().any(|statement| statement.principal().is_none() || statement.resource().is_none()) {
        return Err(malformed("Policy contains a statement without a principal or a resource."));
    }
    // In a key policy, "*" is the key that it is attached to.
    let request = Request::new("kms:PutKeyPolicy", "*")
        .by(call.caller.requester())
        .with_context(world.context(&call.caller, Context::new()));
    if !bypass && !document.evaluate(&request).is_allowed() {
        return Err(malformed("The new key policy will not allow you to update the key policy in the future."));
    }
    Ok(text)
}

/// What KMS gives a key that is made without one.
pub(super) fn default_of(account_id: &str) -> String {
    json!({"Version": "2012-10-17", "Id": "key-default-1", "Statement": [{
        "Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{account_id}:root")},
        "Action": "kms:*", "Resource": "*",
    }]})
    .to_string()
}
