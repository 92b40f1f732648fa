//! KMS (JSON 1.1), as far as asymmetric signing and the keys of buckets go: `CreateKey`, `GetPublicKey`, `Sign`, `DescribeKey`,
//! `GetKeyPolicy`, `PutKeyPolicy`, `ScheduleKeyDeletion`; S3 asks [`may_use`] for objects under a key.
//!
//! Keys have AWS's default key policy, which leaves everything to the account's IAM policies, until they are given another. A key
//! exists in one region. What is refused is the point: a caller whom the key's policy does not admit, an algorithm that is not one of the key's, a digest of another length, a long message, a key that is
//! disabled, pending deletion or gone.
//!
//! Lies that a test may plant ([`Fault::Lie`](crate::sandbox::Fault)): [`OTHER_KEY`].

mod key;
mod permission;
mod policy;
mod sign;
mod spec;

use std::{collections::BTreeMap, sync::Arc};

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use uuid::Uuid;

use self::{key::State, spec::Spec};
use super::{Answer, AwsError, Call, World, auth::Context};

pub use key::{KmsKey, KmsKeys};
pub use permission::may_use;

/// The lie of a signature by another key than the one that was asked for.
pub const OTHER_KEY: &str = "other_key";

const WINDOW_DAYS_LEAST: i64 = 7;
const WINDOW_DAYS_MOST: i64 = 30;

/// Answers one authenticated call.
#[expect(clippy::unused_async, reason = "every service has the same shape")]
pub async fn handle(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    match call.operation.as_str() {
        "CreateKey" => create(world, call),
        "DescribeKey" => describe(world, call),
        "GetPublicKey" => public_key(world, call),
        "Sign" => sign::sign(world, call),
        "GetKeyPolicy" => policy::read(world, call),
        "PutKeyPolicy" => policy::write(world, call),
        "ScheduleKeyDeletion" => schedule_deletion(world, call),
        other => Err(AwsError::bad_request("UnknownOperationException", format!("the sandbox does not know {other}"))),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateInput {
    key_spec: Option<String>,
    key_usage: Option<String>,
    #[serde(default)]
    description: String,
    policy: Option<String>,
    #[serde(default)]
    bypass_policy_lockout_safety_check: bool,
    #[serde(default)]
    tags: Vec<TagInput>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagInput {
    tag_key: String,
    tag_value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyInput {
    key_id: String,
    pending_window_in_days: Option<i64>,
}

fn create(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    let input: CreateInput = parse(call)?;
    let mut context = Context::new();
    context.set("kms:KeySpec", input.key_spec.as_deref().unwrap_or("SYMMETRIC_DEFAULT"));
    context.set("kms:KeyUsage", input.key_usage.as_deref().unwrap_or("ENCRYPT_DECRYPT"));
    for tag in &input.tags {
        context.set(&format!("aws:RequestTag/{}", tag.tag_key), &tag.tag_value);
    }
    world.authorize(&call.caller, "kms:CreateKey", "*", context.clone())?;
    if !input.tags.is_empty() {
        world.authorize(&call.caller, "kms:TagResource", "*", context)?;
    }
    let spec = input.key_spec.as_deref().unwrap_or("SYMMETRIC_DEFAULT");
    let spec = Spec::parse(spec).ok_or_else(|| {
        AwsError::bad_request("UnsupportedOperationException", format!("the sandbox makes no keys of the spec {spec}"))
    })?;
    match input.key_usage.as_deref() {
        Some(usage) if usage == spec.usage() => {}
        None if spec == Spec::Symmetric => {}
        None => return Err(validation("You must specify a KeyUsage value for an asymmetric CMK.")),
        Some(other) => {
            return Err(validation(&format!("KeyUsage {other} is not compatible with KeySpec {}", spec.name())));
        }
    }
    let mut tags = BTreeMap::new();
    for tag in input.tags {
        let is_fine = (1..=128).contains(&tag.tag_key.chars().count())
            && tag.tag_value.chars().count() <= 256
            && !tag.tag_key.starts_with("aws:");
        if !is_fine || tags.len() == 50 || tags.insert(tag.tag_key.clone(), tag.tag_value).is_some() {
            return Err(AwsError::bad_request("TagException", format!("Invalid tag {}", tag.tag_key)));
        }
    }
    let id = Uuid::new_v4().to_string();
    let (account_id, region) = (&call.caller.account_id, &call.caller.region);
    let policy = match input.policy {
        Some(policy) => policy::check(world, call, policy, input.bypass_policy_lockout_safety_check)?,
        None => policy::default_of(account_id),
    };
    let key = KmsKey {
        arn: format!("arn:aws:kms:{region}:{account_id}:key/{id}"),
        id,
        region: region.clone(),
        description: input.description,
        policy,
        tags,
        is_enabled: true,
        created_at: world.now(),
        deletion_at: None,
        pair: Arc::new(spec.generate()?),
        spec,
    };
    let metadata = key.metadata(account_id, world.now());
    world.account_mut(account_id, |account| account.kms.insert(key));
    Ok(Answer::json11(&json!({ "KeyMetadata": metadata })))
}

fn describe(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    let input: KeyInput = parse(call)?;
    let key = find(world, call, &input.key_id)?;
    Ok(Answer::json11(&json!({ "KeyMetadata": key.metadata(&call.caller.account_id, world.now()) })))
}

fn public_key(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    let input: KeyInput = parse(call)?;
    let key = find(world, call, &input.key_id)?;
    key.require_usable()?;
    let der: PublicKeyX509Der<'_> = match &*key.pair {
        spec::Pair::Rsa(pair) => aws_lc_rs::signature::KeyPair::public_key(pair).as_der(),
        spec::Pair::P256(pair) => aws_lc_rs::signature::KeyPair::public_key(pair).as_der(),
        spec::Pair::Secret => {
            let said = format!("{} has no public key: it is symmetric.", key.arn);
            return Err(AwsError::bad_request("UnsupportedOperationException", said));
        }
    }
    .map_err(|_| internal())?;
    Ok(Answer::json11(&json!({
        "KeyId": key.arn, "PublicKey": STANDARD.encode(der.as_ref()), "KeySpec": key.spec.name(),
        "CustomerMasterKeySpec": key.spec.name(), "KeyUsage": "SIGN_VERIFY", "SigningAlgorithms": key.spec.algorithms(),
    })))
}

fn schedule_deletion(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    let input: KeyInput = parse(call)?;
    let key = find(world, call, &input.key_id)?;
    let days = input.pending_window_in_days.unwrap_or(WINDOW_DAYS_MOST);
    if !(WINDOW_DAYS_LEAST..=WINDOW_DAYS_MOST).contains(&days) {
        return Err(validation(&format!(
            "1 validation error detected: Value '{days}' at 'pendingWindowInDays' failed to satisfy constraint: Member must be \
             between {WINDOW_DAYS_LEAST} and {WINDOW_DAYS_MOST}"
        )));
    }
    if key.state() == State::PendingDeletion {
        return Err(key.is_pending());
    }
    let deletion_at = world.now() + time::Duration::days(days);
    world.account_mut(&call.caller.account_id, |account| account.kms.schedule_deletion(&key.id, deletion_at));
    Ok(Answer::json11(&json!({
        "KeyId": key.arn, "DeletionDate": deletion_at.unix_timestamp(), "KeyState": State::PendingDeletion.name(),
        "PendingWindowInDays": days,
    })))
}

/// The key that a request names, after asking whether the caller may do to it what it asks for.
fn find(world: &World, call: &Call, key_id: &str) -> Result<KmsKey, AwsError> {
    let caller = &call.caller;
    let arn = if key_id.starts_with("arn:") {
        key_id.to_owned()
    } else {
        format!("arn:aws:kms:{}:{}:key/{key_id}", caller.region, caller.account_id)
    };
    let action = format!("kms:{}", call.operation);
    let found = permission::authorize(world, caller, &action, &arn, Context::new())?;
    if !arn.starts_with(&format!("arn:aws:kms:{}:", caller.region)) {
        // A region knows its own keys only.
        return Err(not_found(&format!("Invalid arn {}", caller.region)));
    }
    found.ok_or_else(|| not_found(&format!("Key '{arn}' does not exist")))
}

fn parse<T: DeserializeOwned>(call: &Call) -> Result<T, AwsError> {
    serde_json::from_slice(&call.body)
        .map_err(|error| AwsError::bad_request("SerializationException", error.to_string()))
}

fn validation(message: &str) -> AwsError {
    AwsError::bad_request("ValidationException", message)
}

fn not_found(message: &str) -> AwsError {
    AwsError::bad_request("NotFoundException", message)
}

fn internal() -> AwsError {
    AwsError::new(500, "KMSInternalException", "An internal error occurred.")
}
