//! The least-privilege policy: exactly what a scan of the types in scope calls, in as few managed policies as it fits.

use std::collections::BTreeSet;

use askama::Template;
use driftwise_contract::Partition;
use driftwise_contract::policy::PolicyDocument;

use super::choose::{Cannot, Chosen, LeftOut, OWN_CALLS, choose};
use super::scope::TypesInScope;
use super::table::Action;
use crate::setup::document::{Document, DocumentKind, LineReason, Note};
use crate::setup::request::{LeastPrivilegeChoice, SetupRequest};
use crate::setup::state::state_policy;
use crate::setup::{SetupError, StateLocation, render};

/// AWS's limit of a managed policy, in characters without white space (IAM user guide, "IAM and STS quotas").
pub const MANAGED_POLICY_MAX: usize = 6_144;

/// How many managed policies a role may have: AWS's default, and the most that a quota request gives.
pub const POLICIES_PER_ROLE: usize = 10;
/// See [`POLICIES_PER_ROLE`].
pub const POLICIES_PER_ROLE_BY_QUOTA: usize = 20;

/// What may be chosen beside the types.
#[derive(Debug, Clone)]
pub struct LeastPrivilegeOptions<'a> {
    /// The role's partition.
    pub partition: Partition,
    /// Where the Terraform states lie that the role itself reads.
    pub states: &'a [StateLocation],
    /// Surprising actions to grant all the same.
    pub allow: BTreeSet<Action>,
    /// Whether wildcards that open descriptions only (`ec2:Describe*`) may stand for several actions.
    pub compact: bool,
    /// How many managed policies the role has room for: [`POLICIES_PER_ROLE`] unless its quota was raised or others are attached.
    pub policies_max: usize,
}

impl LeastPrivilegeOptions<'_> {
    /// The defaults: no states, nothing surprising, no wildcards, AWS's default quota.
    pub fn of(partition: Partition) -> Self {
        Self { partition, states: &[], allow: BTreeSet::new(), compact: false, policies_max: POLICIES_PER_ROLE }
    }
}

/// A least-privilege policy.
#[derive(Debug, Clone, PartialEq)]
pub struct LeastPrivilege {
    /// The managed policies; at least one, each within [`MANAGED_POLICY_MAX`]. The role needs all of them.
    pub parts: Vec<Part>,
    /// What read handlers in scope are published to call and is not granted.
    pub left_out: Vec<LeftOut>,
    /// What the role can't do.
    pub cannot: Vec<Cannot>,
}

/// One of the managed policies.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The document.
    pub document: PolicyDocument,
    /// Why each of its statements, conditions and actions is there.
    pub reasons: Vec<LineReason>,
}

/// Why no least-privilege policy could be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeastPrivilegeError {
    /// More policies than the role has room for.
    #[error("the types in scope need {needed} managed policies of {MANAGED_POLICY_MAX} characters, and the role has room for {max}: {}", advice(*.needed, *.compact))]
    TooMany {
        /// How many are needed.
        needed: usize,
        /// How many there is room for.
        max: usize,
        /// How many the compact form needs; absent where it was tried.
        compact: Option<usize>,
    },
    /// Actions to allow that nothing calls.
    #[error("no read handler in scope calls {}: leave it out, or add the type that needs it", .0.iter().map(Action::to_string).collect::<Vec<_>>().join(", "))]
    NotAskedFor(Vec<Action>),
    /// The state locations alone don't fit.
    #[error(
        "{locations} state locations take {characters} characters, more than the {MANAGED_POLICY_MAX} of a managed policy: name whole buckets or shorter prefixes"
    )]
    States {
        /// How many.
        locations: usize,
        /// How long the document would be.
        characters: usize,
    },
}

fn advice(needed: usize, compact: Option<usize>) -> String {
    let raise = if needed <= POLICIES_PER_ROLE_BY_QUOTA {
        format!(
            "have the quota \"Managed policies per role\" raised (to {POLICIES_PER_ROLE_BY_QUOTA} at most) and say how many it is (--policies-max)"
        )
    } else {
        "take the managed policy ReadOnlyAccess".to_owned()
    };
    match compact {
        Some(compact) => {
            format!(
                "the compact form (--compact), in which wildcards such as ec2:Describe* stand for several actions, needs {compact}; else name fewer types, or {raise}"
            )
        }
        None => format!("name fewer types, or {raise}"),
    }
}

/// The policy of a scope.
///
/// # Errors
/// [`LeastPrivilegeError`], as [`SetupError`].
pub fn least_privilege(
    scope: &TypesInScope,
    options: &LeastPrivilegeOptions<'_>,
) -> Result<LeastPrivilege, SetupError> {
    let chosen = choose(scope, &options.allow, options.compact);
    if !chosen.not_asked_for.is_empty() {
        return Err(LeastPrivilegeError::NotAskedFor(chosen.not_asked_for).into());
    }
    let parts = pack(&chosen, options)?;
    if parts.len() > options.policies_max {
        let compact = if options.compact {
            None
        } else {
            Some(pack(&choose(scope, &options.allow, true), options)?.len()).filter(|compact| *compact < parts.len())
        };
        return Err(LeastPrivilegeError::TooMany { needed: parts.len(), max: options.policies_max, compact }.into());
    }
    Ok(LeastPrivilege { parts, left_out: chosen.left_out, cannot: chosen.cannot })
}

/// The policies of a request's choice, as documents: with reasons, what was left out and what the role can't do.
///
/// # Errors
/// See [`least_privilege`].
pub fn least_privilege_documents(
    request: &SetupRequest,
    choice: &LeastPrivilegeChoice,
) -> Result<Vec<Document>, SetupError> {
    // States under KMS keys need more than their objects: that is a policy of its own, the same as for a reader of its own.
    let is_reader = request.state_reader.is_none() && !request.states.is_empty();
    let sealed = is_reader && !request.kms_keys.is_empty();
    let options = LeastPrivilegeOptions {
        partition: request.partition(),
        states: if is_reader && !sealed { &request.states } else { &[] },
        allow: choice.allowed_actions.clone(),
        compact: choice.compact,
        policies_max: choice.policies_max.saturating_sub(usize::from(sealed)),
    };
    let policy = least_privilege(&choice.types, &options)?;
    let kind = DocumentKind::PermissionPolicy;
    let count = policy.parts.len();
    let mut documents = Vec::with_capacity(count);
    for (index, part) in policy.parts.into_iter().enumerate() {
        let number = index + 1;
        let mut document = if count == 1 {
            Document::new(kind, "Permission policy", part.document)
        } else {
            Document::new(kind, format!("Permission policy, part {number} of {count}"), part.document)
                .named(format!("{kind}-{number}"))
        };
        document.lines = part.reasons;
        documents.push(document);
    }
    if let Some(first) = documents.first_mut() {
        if count > 1 {
            first.notes.push(Note::warning(format!("the role needs all {count} parts: one alone leaves gaps")));
        }
        first.notes.push(Note::remark(
            "generated for the types in scope: when a scan reports a gap that names an action, a type has been declared since, \
             and the policy is to be generated again",
        ));
        let left_out = policy.left_out.iter().map(LeftOut::words);
        first.notes.extend(left_out.chain(policy.cannot.iter().map(Cannot::words)).map(Note::remark));
    }
    if sealed {
        let reading = state_policy(request)?;
        documents.push(Document { kind, limit: kind.limit(), ..reading }.named(format!("{kind}-state")));
    }
    Ok(documents)
}

#[derive(Template)]
#[template(path = "policies/least-privilege.json")]
struct View<'a> {
    statements: &'a [Draft],
}

/// A statement with its reasons.
struct Draft {
    sid: String,
    why: &'static str,
    actions: Vec<&'static str>,
    reasons: Vec<String>,
    resources: Vec<String>,
    through_services: bool,
    prefixes: Vec<String>,
}

impl Draft {
    fn new(sid: impl Into<String>, why: &'static str) -> Self {
        Self {
            sid: sid.into(),
            why,
            actions: Vec::new(),
            reasons: Vec::new(),
            resources: vec!["*".to_owned()],
            through_services: false,
            prefixes: Vec::new(),
        }
    }

    fn push(&mut self, action: &'static str, reason: impl Into<String>) {
        self.actions.push(action);
        self.reasons.push(reason.into());
    }
}

/// What a scan calls by itself, in the first policy.
fn own_statements(chosen: &Chosen, options: &LeastPrivilegeOptions<'_>) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = Vec::new();
    for (sid, action, reason) in OWN_CALLS {
        if drafts.last().is_none_or(|last| last.sid != sid) {
            drafts.push(Draft::new(sid, "what a scan calls by itself"));
        }
        if let Some(last) = drafts.last_mut() {
            last.push(action, reason);
        }
    }
    if !chosen.through_services.is_empty() {
        let mut draft = Draft::new(
            "ReadThroughServices",
            "these calls also return data (a function's code, a parameter's value): services that act for the role may make them, the role itself may not",
        );
        draft.through_services = true;
        for (action, reason) in &chosen.through_services {
            draft.push(action, reason.clone());
        }
        drafts.push(draft);
    }
    for (index, state) in options.states.iter().enumerate() {
        let number = if options.states.len() == 1 { String::new() } else { (index + 1).to_string() };
        let view = state.view(options.partition);
        let mut read =
            Draft::new(format!("ReadTerraformState{number}"), "the objects of the Terraform state, and no others");
        read.push("s3:GetObject", "reads a state; its lock is never taken");
        read.resources = view.object_arns;
        let mut list = Draft::new(format!("ListTerraformState{number}"), "the bucket of the Terraform state");
        list.push("s3:ListBucket", "finds the states below a prefix, and the workspaces beside it");
        list.resources = vec![view.bucket_arn];
        list.prefixes = view.list_patterns;
        drafts.extend([read, list]);
    }
    drafts
}

fn handlers(number: usize) -> Draft {
    Draft::new(
        format!("ReadHandlers{number}"),
        "the actions of the read handlers of the types in scope: Cloud Control reads with the role's own permissions",
    )
}

/// What surrounds the statements of a policy, and the actions and the name of a statement, in compact JSON.
const EMPTY: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;
const HANDLERS: &str = r#"{"Sid":"","Effect":"Allow","Action":[],"Resource":"*"}"#;

/// Fills one policy after the other, in the order of the actions' names: the same scope gives the same policies.
fn pack(chosen: &Chosen, options: &LeastPrivilegeOptions<'_>) -> Result<Vec<Part>, SetupError> {
    let mut drafts = own_statements(chosen, options);
    let own = document(&drafts)?.to_string().len();
    if own > MANAGED_POLICY_MAX {
        return Err(LeastPrivilegeError::States { locations: options.states.len(), characters: own }.into());
    }
    let mut parts = Vec::new();
    let mut actions = chosen.actions.iter().peekable();
    while !drafts.is_empty() || actions.peek().is_some() {
        let mut draft = handlers(parts.len() + 1);
        let mut length = if drafts.is_empty() { EMPTY.len() } else { own + 1 } + draft.sid.len() + HANDLERS.len();
        // Each action with its quotes and a comma.
        while let Some((action, reason)) =
            actions.next_if(|(action, _)| length + action.len() + 3 <= MANAGED_POLICY_MAX)
        {
            length += action.len() + 3;
            draft.push(action, reason.clone());
        }
        if !draft.actions.is_empty() {
            drafts.push(draft);
        }
        parts.push(part(&drafts)?);
        drafts.clear();
    }
    Ok(parts)
}

fn document(drafts: &[Draft]) -> Result<PolicyDocument, SetupError> {
    render(&View { statements: drafts })
}

fn part(drafts: &[Draft]) -> Result<Part, SetupError> {
    let mut reasons = Vec::new();
    let mut say = |pointer: String, text: &str| reasons.push(LineReason { pointer, text: text.to_owned() });
    for (at, draft) in drafts.iter().enumerate() {
        say(format!("/Statement/{at}"), draft.why);
        for (index, reason) in draft.reasons.iter().enumerate() {
            // A list of one is written as a scalar.
            let place = if draft.actions.len() == 1 { String::new() } else { format!("/{index}") };
            say(format!("/Statement/{at}/Action{place}"), reason);
        }
        if draft.through_services {
            say(
                format!("/Statement/{at}/Condition/Bool/aws:ViaAWSService"),
                "true only for a call that a service makes with the role's session",
            );
        }
        if !draft.prefixes.is_empty() {
            say(
                format!("/Statement/{at}/Condition/StringLike/s3:prefix"),
                "only the names below the state's prefixes are listed",
            );
        }
    }
    Ok(Part { document: document(drafts)?, reasons })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use driftwise_contract::policy::{Context, Decision, Request, evaluate_all};
    use proptest::prelude::*;

    use super::super::table::CfnType;
    use super::*;

    fn scope(types: &[&str]) -> TypesInScope {
        TypesInScope::of_list(types.iter().copied()).unwrap()
    }

    fn options() -> LeastPrivilegeOptions<'static> {
        LeastPrivilegeOptions::of(Partition::Aws)
    }

    fn decides(policy: &LeastPrivilege, request: &Request) -> Decision {
        let documents: Vec<PolicyDocument> = policy.parts.iter().map(|part| part.document.clone()).collect();
        evaluate_all(&documents, request).decision
    }

    #[test]
    fn a_small_scope_is_one_policy_that_allows_its_reads_and_nothing_else() {
        let state =
            [StateLocation { bucket: "tf-state".parse().unwrap(), key_prefixes: vec!["prod/".parse().unwrap()] }];
        let options = LeastPrivilegeOptions { states: &state, ..options() };
        let policy = least_privilege(&scope(&["AWS::SQS::Queue", "AWS::Lambda::Function"]), &options).unwrap();
        assert_eq!(policy.parts.len(), 1);
        insta::assert_snapshot!(policy.parts[0].document.to_pretty_string());
        for (action, resource, decision) in [
            ("sqs:GetQueueAttributes", "arn:aws:sqs:eu-west-1:1:q", Decision::Allow),
            ("cloudformation:GetResource", "*", Decision::Allow),
            ("s3:GetObject", "arn:aws:s3:::tf-state/prod/a.tfstate", Decision::Allow),
            ("s3:GetObject", "arn:aws:s3:::tf-state/env:/blue/prod/a.tfstate", Decision::Allow),
            ("s3:GetObject", "arn:aws:s3:::tf-state/dev/a.tfstate", Decision::ImplicitDeny),
            ("s3:GetObject", "arn:aws:s3:::payroll/x", Decision::ImplicitDeny),
            ("sqs:ReceiveMessage", "arn:aws:sqs:eu-west-1:1:q", Decision::ImplicitDeny),
            ("lambda:GetFunction", "*", Decision::ImplicitDeny),
            ("kms:Decrypt", "*", Decision::ImplicitDeny),
            ("iam:CreateUser", "*", Decision::ImplicitDeny),
        ] {
            assert_eq!(decides(&policy, &Request::new(action, resource)), decision, "{action} {resource}");
        }
        let mut through = Context::new();
        through.set_bool("aws:ViaAWSService", true);
        let request = Request::new("lambda:GetFunction", "*").with_context(through);
        assert_eq!(decides(&policy, &request), Decision::Allow);
    }

    #[test]
    fn every_statement_every_condition_and_every_action_has_its_reason() {
        let state =
            [StateLocation { bucket: "tf-state".parse().unwrap(), key_prefixes: vec!["prod/".parse().unwrap()] }];
        let all = LeastPrivilegeOptions { states: &state, policies_max: 20, ..options() };
        for part in least_privilege(&TypesInScope::all(), &all).unwrap().parts {
            let reasons: BTreeMap<&str, &str> =
                part.reasons.iter().map(|reason| (reason.pointer.as_str(), reason.text.as_str())).collect();
            assert_eq!(reasons.len(), part.reasons.len());
            let json = part.document.to_json();
            assert!(reasons.keys().all(|pointer| json.pointer(pointer).is_some()), "{reasons:?}");
            for (at, statement) in part.document.statements().iter().enumerate() {
                assert!(reasons.contains_key(format!("/Statement/{at}").as_str()));
                let actions = statement.action().listed();
                for index in 0..actions.len() {
                    let place = if actions.len() == 1 { String::new() } else { format!("/{index}") };
                    assert!(reasons.contains_key(format!("/Statement/{at}/Action{place}").as_str()), "{at} {index}");
                }
                for condition in statement.conditions() {
                    assert!(reasons.keys().any(|pointer| pointer.ends_with(condition.key())), "{condition:?}");
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_to_do() {
        let error = least_privilege(&TypesInScope::all(), &options()).unwrap_err().to_string();
        assert!(error.contains("the role has room for 10"), "{error}");
        assert!(error.contains("the compact form") && error.contains("quota"), "{error}");
        let compact = LeastPrivilegeOptions { compact: true, ..options() };
        let policy = least_privilege(&TypesInScope::all(), &compact).unwrap();
        assert!((2..=10).contains(&policy.parts.len()), "{}", policy.parts.len());
        let one = LeastPrivilegeOptions { policies_max: 1, ..compact };
        let error = least_privilege(&TypesInScope::all(), &one).unwrap_err().to_string();
        assert!(error.contains("name fewer types") && !error.contains("the compact form"), "{error}");

        let prefixes: Vec<_> = (0..400).map(|n| format!("a/long/prefix/{n}/").parse().unwrap()).collect();
        let state = [StateLocation { bucket: "tf-state".parse().unwrap(), key_prefixes: prefixes }];
        let many = LeastPrivilegeOptions { states: &state, ..options() };
        let error = least_privilege(&scope(&["AWS::SQS::Queue"]), &many).unwrap_err().to_string();
        assert!(error.contains("shorter prefixes"), "{error}");
    }

    #[test]
    fn an_action_to_allow_that_nothing_calls_is_refused() {
        let allow = BTreeSet::from(["kms:CreateGrant".parse().unwrap()]);
        let error = least_privilege(&scope(&["AWS::SQS::Queue"]), &LeastPrivilegeOptions { allow, ..options() });
        assert!(error.unwrap_err().to_string().contains("no read handler in scope calls kms:CreateGrant"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Any choice of types: within the limits, nothing lost between the parts, nothing twice, the same every time.
        #[test]
        fn any_scope_fits_its_parts_and_loses_nothing(step in 1_usize..400, start in 0_usize..400, compact: bool) {
            let names: Vec<&str> = CfnType::all().map(CfnType::name).skip(start).step_by(step).collect();
            let scope = TypesInScope::of_list(names).unwrap();
            let options = LeastPrivilegeOptions { compact, policies_max: 20, ..options() };
            let policy = least_privilege(&scope, &options).unwrap();
            let chosen = choose(&scope, &BTreeSet::new(), compact);
            let mut granted = Vec::new();
            for (at, part) in policy.parts.iter().enumerate() {
                let length = part.document.to_string().len();
                prop_assert!(length <= MANAGED_POLICY_MAX, "{length}");
                // All but the last are full: no further action would have fitted.
                prop_assert!(at + 1 == policy.parts.len() || length > MANAGED_POLICY_MAX - 100, "{at}: {length}");
                granted.extend(part.document.statements().iter().flat_map(|statement| statement.action().listed().clone()));
            }
            let own = OWN_CALLS.iter().map(|(_, action, _)| *action);
            let mut wanted: Vec<&str> = chosen.actions.keys().chain(chosen.through_services.keys()).copied().chain(own).collect();
            granted.sort();
            wanted.sort_unstable();
            prop_assert_eq!(granted, wanted);
            prop_assert_eq!(least_privilege(&scope, &options).unwrap(), policy);
        }
    }
}
