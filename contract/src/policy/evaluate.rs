//! Deciding a request by documents: an explicit deny wins, then any allow, else it is denied.

use super::compare::holds;
use super::pattern::{action_fits, resolve, resource_fits};
use super::principal::whole_account;
use super::{
    Context, Decision, Effect, Evaluation, Failure, Matching, PolicyDocument, PrincipalKind, Principals, Request,
    RequestPrincipal, Statement, StatementRef, StatementTrace,
};

/// Decides a request by several documents of the same standing: the policies attached to one principal, say. How
/// documents of different standing combine (an identity's with a session's or a boundary's) is for the caller: each set
/// is asked on its own.
pub fn evaluate_all<'a>(policies: impl IntoIterator<Item = &'a PolicyDocument>, request: &Request) -> Evaluation {
    let mut statements = Vec::new();
    for (policy, document) in policies.into_iter().enumerate() {
        for (index, statement) in document.statements.iter().enumerate() {
            let variables = document.has_policy_variables().then_some(&request.context);
            statements.push(StatementTrace {
                statement: StatementRef::new(policy, index, statement),
                effect: statement.effect,
                failures: failures(statement, request, variables),
            });
        }
    }
    let first = |effect| {
        statements.iter().find(|trace| trace.effect == effect && trace.is_match()).map(|trace| trace.statement.clone())
    };
    let (decision, decided_by) = match (first(Effect::Deny), first(Effect::Allow)) {
        (Some(deny), _) => (Decision::ExplicitDeny, Some(deny)),
        (None, Some(allow)) => (Decision::Allow, Some(allow)),
        (None, None) => (Decision::ImplicitDeny, None),
    };
    Evaluation { decision, decided_by, statements }
}

impl PolicyDocument {
    /// Decides a request by this document alone.
    pub fn evaluate(&self, request: &Request) -> Evaluation {
        evaluate_all([self], request)
    }
}

fn failures(statement: &Statement, request: &Request, variables: Option<&Context>) -> Vec<Failure> {
    let mut failures = Vec::new();
    if !principal_matches(statement, request.principal.as_ref()) {
        failures.push(Failure::Principal);
    }
    if !action_matches(&statement.action, &request.action) {
        failures.push(Failure::Action);
    }
    if !resource_matches(statement.resource.as_ref(), &request.resource, variables) {
        failures.push(Failure::Resource);
    }
    for condition in &statement.conditions {
        if !holds(condition, &request.context, variables) {
            failures.push(Failure::Condition {
                operator: condition.operator,
                key: condition.key.clone(),
                expected: condition.values.clone(),
                actual: request.context.values(&condition.key).map(<[_]>::to_vec),
            });
        }
    }
    failures
}

fn action_matches(element: &Matching<Vec<String>>, action: &str) -> bool {
    let is_listed = element.listed().iter().any(|pattern| action_fits(pattern, action));
    is_listed != element.is_negated()
}

/// A document without `Resource` (a trust policy) speaks of what it is attached to. A variable without a value takes
/// its entry out of `Resource`, and makes `NotResource` fail, as nobody can say what was meant to be left out.
fn resource_matches(element: Option<&Matching<Vec<String>>>, resource: &str, variables: Option<&Context>) -> bool {
    let fits = |pattern: &String| resolve(pattern, variables).map(|pattern| resource_fits(&pattern, resource));
    match element {
        None => true,
        Some(Matching::Only(listed)) => listed.iter().any(|pattern| fits(pattern) == Some(true)),
        Some(Matching::AllBut(listed)) => listed.iter().all(|pattern| fits(pattern) == Some(false)),
    }
}

fn principal_matches(statement: &Statement, caller: Option<&RequestPrincipal>) -> bool {
    match (&statement.principal, caller) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(Matching::Only(listed)), Some(caller)) => is_listed(listed, caller),
        (Some(Matching::AllBut(listed)), Some(caller)) => match statement.effect {
            Effect::Allow => !is_listed(listed, caller),
            Effect::Deny => !is_exempt(listed, caller),
        },
    }
}

fn is_listed(listed: &Principals, caller: &RequestPrincipal) -> bool {
    let has = |kind, name: &str| listed.of_kind(kind).iter().any(|listed| listed == name);
    match (listed, caller) {
        (Principals::Everyone, _) => true,
        // {"AWS": "*"} admits callers of any account, services and the anonymous, but no web identity: recorded
        // against STS. Elsewhere in a principal a star is no wildcard ("you cannot use a wildcard to match part of a
        // principal name or ARN").
        (_, RequestPrincipal::Federated(provider)) => has(PrincipalKind::Federated, provider),
        (_, RequestPrincipal::Anonymous) => has(PrincipalKind::Aws, "*"),
        (_, RequestPrincipal::Service(service)) => has(PrincipalKind::Service, service) || has(PrincipalKind::Aws, "*"),
        (_, RequestPrincipal::Aws { arn, account_id, role_arn }) => {
            listed.of_kind(PrincipalKind::Aws).iter().any(|name| {
                name == "*" || name == arn || is_account(name, account_id) || is_role_of(name, arn, role_arn.as_deref())
            })
        }
    }
}

/// `Deny` with `NotPrincipal` spares an AWS principal only if its account is listed beside it ("you must also specify the
/// account ARN of the not-denied principal"), and a session only if its role is, too: AWS may validate the account
/// first, then the role, then the session (IAM user guide, `NotPrincipal`).
fn is_exempt(listed: &Principals, caller: &RequestPrincipal) -> bool {
    let RequestPrincipal::Aws { arn, account_id, role_arn } = caller else {
        return is_listed(listed, caller);
    };
    let names = listed.of_kind(PrincipalKind::Aws);
    let lists = |wanted: &dyn Fn(&String) -> bool| names.iter().any(wanted);
    let is_root = whole_account(arn).is_some();
    *listed == Principals::Everyone
        || lists(&|name| name == "*")
        || lists(&|name| is_account(name, account_id))
            && (is_root || lists(&|name| name == arn))
            && (session_role(arn).is_none() || lists(&|name| is_role_of(name, arn, role_arn.as_deref())))
}

fn is_account(name: &str, account_id: &str) -> bool {
    whole_account(name) == Some(account_id)
}

/// Whether `name` is the role that the session `arn` was opened with.
fn is_role_of(name: &str, arn: &str, role_arn: Option<&str>) -> bool {
    let Some((partition, account_id, role)) = session_role(arn) else {
        return false;
    };
    if let Some(role_arn) = role_arn {
        return name == role_arn;
    }
    name.strip_prefix("arn:")
        .and_then(|rest| rest.strip_prefix(partition)?.strip_prefix(":iam::"))
        .and_then(|rest| rest.strip_prefix(account_id)?.strip_prefix(":role/"))
        .is_some_and(|path| path.rsplit('/').next() == Some(role))
}

/// Partition, account and role name of an assumed-role session's ARN.
fn session_role(arn: &str) -> Option<(&str, &str, &str)> {
    let (partition, rest) = arn.strip_prefix("arn:")?.split_once(':')?;
    let (account_id, rest) = rest.strip_prefix("sts::")?.split_once(':')?;
    let (role, _session) = rest.strip_prefix("assumed-role/")?.split_once('/')?;
    Some((partition, account_id, role))
}
