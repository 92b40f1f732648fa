//! `AssumeRole`: one principal becomes a role of its own or of another account.

use std::collections::BTreeMap;

use driftwise_contract::policy::{Context, PolicyDocument, Request};

use super::{
    parameters::{Wanted, check_pattern},
    session::{self, Carried},
};
use crate::sandbox::{
    Answer, AwsError, Call, Caller, World,
    auth::Principal,
    iam::{Role, is_name_character},
    log::lock,
    query::{Params, reply},
    route::Service,
};

/// A session that a session opened lasts at most an hour, whatever the role allows.
const CHAINED_MAX_S: i64 = 3_600;

/// The caller's own permission and the role's trust policy must both allow, and no resource control policy of the role's account
/// may deny. (AWS lets a trust policy that names a principal
/// of its own account stand alone; the sandbox asks for both, which refuses more than AWS and never less.)
pub(super) fn answer(world: &World, call: &Call, params: &Params) -> Result<Answer, AwsError> {
    let caller = &call.caller;
    let wanted = Wanted::read(world, params)?;
    let asked = Asked::read(world, caller, params)?;
    if caller.principal == Principal::Root {
        return Err(AwsError::access_denied("Roles may not be assumed by root accounts."));
    }
    if matches!(caller.principal, Principal::Session { .. }) && wanted.duration_s.is_some_and(|s| s > CHAINED_MAX_S) {
        return Err(AwsError::validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    let mut actions = vec!["sts:AssumeRole"];
    if !asked.tags.is_empty() {
        actions.push("sts:TagSession");
    }
    if asked.source_identity.is_some() {
        actions.push("sts:SetSourceIdentity");
    }
    let keys = asked.context(&wanted);
    for action in &actions {
        world.authorize(caller, action, wanted.role_arn.as_str(), keys.clone())?;
    }
    let role = find_role(world, &wanted);
    for action in actions {
        let is_trusted = role.as_ref().is_some_and(|role| trusts(world, role, caller, action, &keys));
        if !is_trusted {
            return Err(AwsError::access_denied(format!(
                "User: {} is not authorized to perform: {action} on resource: {}",
                caller.arn,
                wanted.role_arn.as_str()
            )));
        }
    }
    let role = role.ok_or_else(|| AwsError::new(500, "InternalFailure", "the role is gone"))?;
    let opened = session::open(world, &role, &wanted, asked.into_carried(caller))?;
    Ok(reply(Service::Sts, &call.operation, &call.request_id, |xml| opened.write(xml)))
}

/// What the caller asks for beside the role.
struct Asked {
    external_id: Option<String>,
    tags: BTreeMap<String, String>,
    transitive_tag_keys: Vec<String>,
    inherited: BTreeMap<String, String>,
    source_identity: Option<String>,
}

impl Asked {
    fn read(world: &World, caller: &Caller, params: &Params) -> Result<Self, AwsError> {
        let external_id = params.optional("ExternalId");
        if let Some(id) = external_id {
            let fits = |letter| is_name_character(letter) || ":/".contains(letter);
            check_pattern("externalId", id, 2..=1_224, "[\\w+=,.@:\\/-]*", fits)?;
        }
        let source_identity = params.optional("SourceIdentity");
        if let Some(source) = source_identity {
            check_pattern("sourceIdentity", source, 2..=64, "[\\w+=,.@-]*", is_name_character)?;
        }
        let tags: BTreeMap<_, _> = params.tags("Tags")?.into_iter().collect();
        let inherited = inherited_tags(world, caller);
        if let Some(key) = tags.keys().find(|key| inherited.keys().any(|held| held.eq_ignore_ascii_case(key))) {
            return Err(AwsError::bad_request(
                "InvalidParameterValue",
                format!(
                    "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session: {key}"
                ),
            ));
        }
        // A source identity, once set, can't be changed by the sessions that follow.
        if let (Some(held), Some(new)) = (&caller.source_identity, source_identity)
            && held != new
        {
            return Err(AwsError::access_denied("SourceIdentity can't be changed by a chained session."));
        }
        Ok(Self {
            external_id: external_id.map(str::to_owned),
            tags,
            transitive_tag_keys: params.strings("TransitiveTagKeys"),
            inherited,
            source_identity: source_identity.map(str::to_owned).or_else(|| caller.source_identity.clone()),
        })
    }

    fn context(&self, wanted: &Wanted) -> Context {
        let mut context = Context::new();
        context
            .set("sts:RoleSessionName", &wanted.session_name)
            .set_many("sts:TransitiveTagKeys", self.transitive_tag_keys.iter().cloned())
            .set_many("aws:TagKeys", self.tags.keys().chain(self.inherited.keys()).cloned());
        if let Some(id) = &self.external_id {
            context.set("sts:ExternalId", id);
        }
        if let Some(source) = &self.source_identity {
            context.set("sts:SourceIdentity", source);
        }
        for (key, value) in self.tags.iter().chain(&self.inherited) {
            context.set(&format!("aws:RequestTag/{key}"), value);
        }
        context
    }

    fn into_carried(self, caller: &Caller) -> Carried {
        let mut transitive_tag_keys = self.transitive_tag_keys;
        transitive_tag_keys.extend(self.inherited.keys().cloned());
        let mut tags = self.inherited;
        tags.extend(self.tags);
        Carried {
            tags,
            transitive_tag_keys,
            source_identity: self.source_identity,
            federated_provider: None,
            region: caller.region.clone(),
        }
    }
}

/// The transitive tags of the calling session.
fn inherited_tags(world: &World, caller: &Caller) -> BTreeMap<String, String> {
    let Principal::Session { access_key_id, .. } = &caller.principal else { return BTreeMap::new() };
    lock(&world.sessions)
        .get(access_key_id)
        .map(|session| {
            let keys = session.transitive_tag_keys.iter();
            keys.filter_map(|key| Some((key.clone(), session.tags.get(key)?.clone()))).collect()
        })
        .unwrap_or_default()
}

fn find_role(world: &World, wanted: &Wanted) -> Option<Role> {
    world
        .account(wanted.role_arn.account_id().as_str(), |account| {
            account
                .iam
                .roles
                .get(wanted.role_arn.role_name())
                .filter(|role| role.arn == wanted.role_arn.as_str())
                .cloned()
        })
        .flatten()
}

fn trusts(world: &World, role: &Role, caller: &Caller, action: &str, keys: &Context) -> bool {
    let request =
        Request::new(action, &role.arn).by(caller.requester()).with_context(world.context(caller, keys.clone()));
    let owner = role.arn.split(':').nth(4).unwrap_or_default();
    PolicyDocument::parse(&role.trust_policy).is_ok_and(|policy| policy.evaluate(&request).is_allowed())
        && !world.is_denied_by_rcp(owner, Some(caller), &request)
}
