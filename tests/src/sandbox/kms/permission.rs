//! Whether a caller may use a key: the caller's policies and the key's.
//!
//! Unlike other resources, a key is open to nobody whom its policy does not admit, its own account included: "No AWS principal,
//! including the account root user or key creator, has any permissions to a KMS key unless they are explicitly allowed" (KMS
//! developer guide, "Key policies"). A statement for the account's root admits the account's IAM policies, which then decide; one
//! that names the caller is enough by itself. Across accounts both must allow.

use driftwise_contract::policy::{
    Context, Decision, Effect, Matching, PolicyDocument, PrincipalKind, Principals, Request, Statement,
};

use super::{KmsKey, not_found};
use crate::sandbox::{AwsError, Caller, World};

/// Allows or refuses the use of a key for another service, which calls KMS with its caller's permissions. `extra` holds what that
/// service says of the use: `kms:ViaService`, the encryption context.
pub fn may_use(world: &World, caller: &Caller, action: &str, key_arn: &str, extra: &Context) -> Result<(), AwsError> {
    let key = authorize(world, caller, action, key_arn, extra.clone())?;
    let key = key.ok_or_else(|| not_found(&format!("Key '{key_arn}' does not exist")))?;
    key.require_usable()
}

/// The key of an ARN after every check, or none where the caller may ask for it and there is none.
pub(super) fn authorize(
    world: &World,
    caller: &Caller,
    action: &str,
    arn: &str,
    mut extra: Context,
) -> Result<Option<KmsKey>, AwsError> {
    let owner = arn.split(':').nth(4).unwrap_or_default();
    let id = arn.split_once(":key/").map(|(_, id)| id);
    let id = id.ok_or_else(|| not_found(&format!("Invalid keyId '{arn}'")))?;
    let key = world.account(owner, |account| account.kms.get(id, world.now()).cloned()).flatten();
    let key = key.filter(|key| key.arn == arn);
    extra.set("kms:CallerAccount", &caller.account_id).set("aws:ResourceAccount", owner);
    for (name, value) in key.iter().flat_map(|key| &key.tags) {
        extra.set(&format!("aws:ResourceTag/{name}"), value);
    }
    let own = world.decision(caller, action, arn, extra.clone())?;
    let request = Request::new(action, arn).by(caller.requester()).with_context(world.context(caller, extra.clone()));
    let said = |why: &str| {
        AwsError::access_denied(format!(
            "User: {} is not authorized to perform: {action} on resource: {arn} {why}",
            caller.arn
        ))
    };
    if own == Decision::ExplicitDeny {
        // Says whose denial it is.
        world.authorize(caller, action, arn, extra)?;
    }
    if world.is_denied_by_rcp(owner, Some(caller), &request) {
        return Err(said("with an explicit deny in a resource control policy"));
    }
    let policy = key.as_ref().and_then(|key| PolicyDocument::parse(&key.policy).ok());
    let (of_key, is_direct) = policy.map_or((Decision::ImplicitDeny, false), |policy| {
        let evaluated = policy.evaluate(&request);
        let matching = evaluated.statements.iter().zip(policy.statements()).filter(|(trace, _)| trace.is_match());
        let is_direct = matching.map(|(_, statement)| statement).any(|statement| admits_itself(statement, caller));
        (evaluated.decision, is_direct)
    });
    let is_owner = owner == caller.account_id;
    match (of_key, own) {
        (Decision::ExplicitDeny, _) => Err(said("with an explicit deny in a resource-based policy")),
        (Decision::Allow, Decision::Allow) => Ok(key),
        (Decision::Allow, _) if is_owner && is_direct => Ok(key),
        (_, Decision::ImplicitDeny) => {
            Err(said(&format!("because no identity-based policy allows the {action} action")))
        }
        // Who may ask in an account learns that a key is not there.
        _ if key.is_none() && is_owner => Ok(None),
        _ => Err(said(&format!("because no resource-based policy allows the {action} action"))),
    }
}

/// Whether a statement admits the caller by itself, without the account's IAM policies.
fn admits_itself(statement: &Statement, caller: &Caller) -> bool {
    let Some(Matching::Only(listed)) = statement.principal() else { return false };
    let names = listed.of_kind(PrincipalKind::Aws);
    statement.effect() == Effect::Allow
        && (*listed == Principals::Everyone
            || names.iter().any(|name| name == "*" || *name == caller.arn || *name == caller.principal_arn))
}
