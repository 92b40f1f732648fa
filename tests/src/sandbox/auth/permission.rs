//! Whether a caller may do something: service control policies, identity policies, permissions boundary and session policies.
//!
//! Each set is asked on its own, as IAM does: an explicit denial in any of them wins; else the identity policies must allow,
//! and so must the others where there are any. A root user is limited by service control policies only.
//!
//! What the resource's side says (a bucket's or a key's policy, resource control policies) is for the service that owns it.

use driftwise_contract::policy::{Context, Decision, PolicyDocument, Request, evaluate_all};

use super::{Caller, Principal};
use crate::sandbox::{
    Account, AwsError, World,
    iam::{Grants, IamState},
    log::lock,
};

/// The policies that bound one caller, by their standing.
#[derive(Debug, Default)]
struct PolicySets {
    service_control: Option<Vec<PolicyDocument>>,
    /// None for a root user, whom no policy of the account limits.
    identity: Option<Vec<PolicyDocument>>,
    boundary: Option<Vec<PolicyDocument>>,
    session: Option<Vec<PolicyDocument>>,
}

impl World {
    /// Allows or refuses `action` (for example `iam:GetRole`) on `resource` (an ARN, or `*`). `extra` holds the condition keys
    /// that only the service knows; the global ones are added here.
    pub fn authorize(&self, caller: &Caller, action: &str, resource: &str, extra: Context) -> Result<(), AwsError> {
        let sets = self.policy_sets(caller)?;
        let request = Request::new(action, resource).with_context(self.context(caller, extra));
        match sets.verdict(&request) {
            Ok(()) => Ok(()),
            Err(reason) => Err(AwsError::access_denied(format!(
                "User: {} is not authorized to perform: {action} on resource: {resource} {reason}",
                caller.arn
            ))),
        }
    }

    /// What the caller's own policies say, for services that weigh it against a resource's policy (a bucket policy, say).
    pub fn decision(
        &self,
        caller: &Caller,
        action: &str,
        resource: &str,
        extra: Context,
    ) -> Result<Decision, AwsError> {
        let sets = self.policy_sets(caller)?;
        let request = Request::new(action, resource).with_context(self.context(caller, extra));
        Ok(match sets.verdict(&request) {
            Ok(()) => Decision::Allow,
            Err(reason) if reason.starts_with("with an explicit deny") => Decision::ExplicitDeny,
            Err(_) => Decision::ImplicitDeny,
        })
    }

    /// The condition keys of a request by this caller: the global ones, and `extra`, which wins.
    #[expect(clippy::needless_pass_by_value, reason = "the keys are built for this one request")]
    pub fn context(&self, caller: &Caller, extra: Context) -> Context {
        let now = self.now();
        let mut context = Context::new();
        context
            .set("aws:PrincipalArn", &caller.principal_arn)
            .set("aws:PrincipalAccount", &caller.account_id)
            .set("aws:PrincipalType", caller.principal.kind())
            .set("aws:userid", &caller.user_id)
            .set("aws:RequestedRegion", &caller.region)
            .set("aws:SourceIp", "127.0.0.1")
            .set_bool("aws:SecureTransport", false)
            .set_bool("aws:PrincipalIsAWSService", false)
            .set_bool("aws:ViaAWSService", false)
            .set_date("aws:CurrentTime", now)
            .set_number("aws:EpochTime", now.unix_timestamp());
        for (key, value) in &caller.principal_tags {
            context.set(&format!("aws:PrincipalTag/{key}"), value);
        }
        if let Principal::User { name } = &caller.principal {
            context.set("aws:username", name);
        }
        if let Some(issued) = caller.token_issued_at {
            context.set_date("aws:TokenIssueTime", issued);
        }
        if let Some(source) = &caller.source_identity {
            context.set("aws:SourceIdentity", source);
        }
        if let Some(provider) = &caller.federated_provider {
            context.set("aws:FederatedProvider", provider);
        }
        for (key, values) in extra.iter() {
            match values {
                [one] if extra.single(key).is_some() => context.set(key, one),
                many => context.set_many(key, many.iter().cloned()),
            };
        }
        context
    }

    fn policy_sets(&self, caller: &Caller) -> Result<PolicySets, AwsError> {
        let service_control = self.service_control_of(caller);
        let own = self.account(&caller.account_id, |account| match &caller.principal {
            Principal::Root => Some(PolicySets::default()),
            Principal::User { name } => user_sets(account, name),
            Principal::Session { role, access_key_id } => {
                let mut sets = role_sets(account, role)?;
                let session = lock(&self.sessions).get(access_key_id)?.policies.clone();
                sets.session = (!session.is_empty()).then(|| parse_all(session.iter().map(String::as_str)));
                Some(sets)
            }
        });
        // The principal was deleted while its credentials lived on.
        let own = own.flatten().ok_or_else(|| {
            AwsError::new(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        })?;
        Ok(PolicySets { service_control, ..own })
    }
}

impl PolicySets {
    /// The reason of a refusal, in the words that end AWS's message.
    fn verdict(&self, request: &Request) -> Result<(), String> {
        let sets = [
            ("service control policy", self.service_control.as_ref()),
            ("identity-based policy", self.identity.as_ref()),
            ("permissions boundary", self.boundary.as_ref()),
            ("session policy", self.session.as_ref()),
        ];
        let decisions: Vec<(&str, Decision)> = sets
            .into_iter()
            .filter_map(|(kind, documents)| Some((kind, evaluate_all(documents?, request).decision)))
            .collect();
        let refused_by = |wanted: Decision| decisions.iter().find(|(_, decision)| *decision == wanted);
        if let Some((kind, _)) = refused_by(Decision::ExplicitDeny) {
            let article = if kind.starts_with('i') { "an" } else { "a" };
            return Err(format!("with an explicit deny in {article} {kind}"));
        }
        if let Some((kind, _)) = refused_by(Decision::ImplicitDeny) {
            return Err(format!("because no {kind} allows the {} action", request.action));
        }
        Ok(())
    }
}

fn user_sets(account: &Account, name: &str) -> Option<PolicySets> {
    let iam = &account.iam;
    let user = iam.users.get(name)?;
    let groups = user.groups.iter().filter_map(|group| iam.groups.get(group)).map(|group| &group.grants);
    let identity = std::iter::once(&user.grants).chain(groups).flat_map(|grants| documents(iam, grants)).collect();
    let boundary = boundary(iam, user.boundary.as_deref());
    Some(PolicySets { identity: Some(identity), boundary, ..PolicySets::default() })
}

fn role_sets(account: &Account, name: &str) -> Option<PolicySets> {
    let role = account.iam.roles.get(name)?;
    let identity = documents(&account.iam, &role.grants);
    let boundary = boundary(&account.iam, role.boundary.as_deref());
    Some(PolicySets { identity: Some(identity), boundary, ..PolicySets::default() })
}

fn documents(iam: &IamState, grants: &Grants) -> Vec<PolicyDocument> {
    let inline = grants.inline.values().map(String::as_str);
    let attached = grants.attached.iter().filter_map(|arn| iam.managed_document(arn));
    parse_all(inline.chain(attached))
}

fn boundary(iam: &IamState, arn: Option<&str>) -> Option<Vec<PolicyDocument>> {
    arn.map(|arn| parse_all(iam.managed_document(arn)))
}

/// Documents were parsed once when they were written; what a test put into the state by hand and can't be read grants nothing.
fn parse_all<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<PolicyDocument> {
    texts.into_iter().filter_map(|text| PolicyDocument::parse(text).ok()).collect()
}
