//! The grammar of IAM policies, and which elements belong into which kind.

use std::collections::BTreeSet;

use driftwise_contract::policy::{Comparison, Effect, PolicyFault};

use super::Subject;
use crate::setup::document::DocumentKind;
use crate::setup::lint::finding::shown;
use crate::setup::lint::place::{Node, Spot};
use crate::setup::lint::view::{DocumentView, StatementView};
use crate::setup::lint::{Linter, Rule};

/// What kind of policy a document seems to be.
pub(in crate::setup::lint) fn kind_of(view: &DocumentView) -> DocumentKind {
    let has_principal = view.statements.iter().any(|statement| statement.principal.is_some());
    let has_resource = view.statements.iter().any(|statement| statement.resource.is_some());
    let mut actions = view.statements.iter().flat_map(|statement| &statement.actions);
    if has_principal && has_resource && !actions.clone().any(|action| is_of(&action.text, "sts")) {
        if actions.any(|action| is_of(&action.text, "kms")) {
            return DocumentKind::KeyPolicy;
        }
        return DocumentKind::BucketPolicy;
    }
    // Without a principal it may still be a trust policy that forgot it.
    let is_trust = has_principal
        || !has_resource && actions.any(|action| action.text.to_lowercase().starts_with("sts:assumerole"));
    if is_trust { DocumentKind::TrustPolicy } else { DocumentKind::PermissionPolicy }
}

fn is_of(action: &str, service: &str) -> bool {
    action.split_once(':').is_some_and(|(vendor, _)| vendor.eq_ignore_ascii_case(service))
}

/// JSON parsers keep one of several members of a name, most of them the last: a guard that stands first is lost.
pub(super) fn repeated_members(linter: &mut Linter<'_>, root: &Node) {
    let mut waiting = vec![root];
    while let Some(node) = waiting.pop() {
        let mut names = BTreeSet::new();
        for member in node.members() {
            if !names.insert(&member.name) {
                linter.find(
                    Rule::RepeatedMember,
                    &member.spot,
                    format!("{} is given twice in one object: only one of them would count", shown(&member.name)),
                    "Write it once, with a list of values where both are meant.",
                );
            }
            waiting.push(&member.value);
        }
        if let crate::setup::lint::place::Kind::Array(elements) = &node.kind {
            waiting.extend(elements);
        }
    }
}

/// Unknown condition operators.
pub(super) fn operators(linter: &mut Linter<'_>, view: &DocumentView) {
    let mut told = BTreeSet::new();
    for condition in view.statements.iter().flat_map(|statement| &statement.conditions) {
        if condition.parsed.is_some() || !told.insert(&condition.operator.spot.pointer) {
            continue;
        }
        let operator = &condition.operator.text;
        let (set, name) = operator.split_once(':').map_or(("", operator.as_str()), |(set, name)| (set, name));
        let base = name.strip_suffix("IfExists").unwrap_or(name);
        let fix = Comparison::ALL.iter().map(|known| known.as_str()).find(|known| is_near(base, known)).map_or_else(
            || {
                "Use an operator of the IAM user guide (\"Condition operators\"); StringEquals is the usual one."
                    .to_owned()
            },
            |known| format!("{known:?} was perhaps meant."),
        );
        let what = if set.is_empty() { "condition operator" } else { "condition operator or set qualifier" };
        linter.find(
            Rule::UnknownOperator,
            &condition.operator.spot,
            format!("AWS knows no {what} {}, and refuses the document", shown(operator)),
            fix,
        );
    }
}

/// Whether one is a slip of the other: at most two letters added, left out or changed, whatever the case.
fn is_near(text: &str, known: &str) -> bool {
    let (text, known) = (text.to_lowercase(), known.to_lowercase());
    let (text, known): (Vec<_>, Vec<_>) = (text.chars().take(40).collect(), known.chars().collect());
    let mut row: Vec<usize> = (0..=known.len()).collect();
    for (i, a) in text.iter().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, b) in known.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if a == b { corner } else { 1 + corner.min(above).min(row[j]) };
            corner = above;
        }
    }
    row.last().is_some_and(|distance| *distance <= 2)
}

/// Elements that a policy of the kind must or must not have.
pub(super) fn elements(linter: &mut Linter<'_>, subject: &Subject<'_>) {
    match &subject.view.version {
        Some(version) if version.text == "2012-10-17" => {}
        version => {
            let (spot, what) = match version {
                Some(version) => (&version.spot, format!("Version is {}", shown(&version.text))),
                None => (&subject.view.spot, "Version is missing, which means 2008-10-17".to_owned()),
            };
            linter.find(
                Rule::OldVersion,
                spot,
                format!("{what}: policy variables would be plain text, and newer features are off"),
                "Write \"Version\": \"2012-10-17\".",
            );
        }
    }
    for statement in &subject.view.statements {
        for_kind(linter, statement, subject.kind);
    }
}

fn for_kind(linter: &mut Linter<'_>, statement: &StatementView, kind: DocumentKind) {
    let needs_principal = matches!(
        kind,
        DocumentKind::TrustPolicy
            | DocumentKind::BucketPolicy
            | DocumentKind::KeyPolicy
            | DocumentKind::ResourceControlPolicy
    );
    match &statement.principal {
        None if needs_principal => linter.find(
            Rule::WrongElement,
            &statement.spot,
            format!("the statement names no Principal, and a {kind} must: AWS refuses it"),
            "Say whom the statement is about: \"Principal\": { … }.",
        ),
        Some(principal) if !needs_principal => linter.find(
            Rule::WrongElement,
            &principal.spot,
            format!("a {kind} names no principals, it speaks of its bearer: AWS refuses it"),
            "Remove the element; or this document belongs elsewhere (a role's trust policy, a bucket's policy).",
        ),
        _ => {}
    }
    match (&statement.resource, kind) {
        (Some(resource), DocumentKind::TrustPolicy) => linter.find(
            Rule::WrongElement,
            &resource.spot,
            format!("a trust policy has no {}: it speaks of its role, and AWS refuses the element", resource.text),
            "Remove the element.",
        ),
        (None, kind) if kind != DocumentKind::TrustPolicy => linter.find(
            Rule::WrongElement,
            &statement.spot,
            format!("the statement names no Resource, and a {kind} must: AWS refuses it"),
            "Write \"Resource\", the ARNs that are meant or \"*\".",
        ),
        _ => {}
    }
    if kind == DocumentKind::TrustPolicy {
        for action in statement.actions.iter().filter(|action| action.text != "*" && !is_of(&action.text, "sts")) {
            linter.find(
                Rule::WrongElement,
                &action.spot,
                format!("the action {} is none of STS, and a trust policy takes no others", shown(&action.text)),
                "Put it into the role's permission policy.",
            );
        }
    }
    // "RCPs … Effect: Deny" only; "Principal: *" only (Organizations user guide, "RCP syntax").
    if kind == DocumentKind::ResourceControlPolicy {
        if statement.effect == Some(Effect::Allow) {
            let why = "a resource control policy can only deny: AWS refuses Allow in it";
            linter.find(
                Rule::WrongElement,
                &statement.spot,
                why,
                "Write \"Effect\": \"Deny\", with the opposite conditions.",
            );
        }
        if let Some(principal) = statement.principal.as_ref().filter(|p| p.negated || p.everyone.is_none()) {
            let why = "a resource control policy speaks of everyone: AWS takes only \"Principal\": \"*\" in it";
            let fix = "Write \"Principal\": \"*\", and name the exempt in conditions on aws:PrincipalArn.";
            linter.find(Rule::WrongElement, &principal.spot, why, fix);
        }
    }
}

/// What contract's reader, as strict as AWS, refuses, unless another rule has said so already.
pub(super) fn strict(linter: &mut Linter<'_>, subject: &Subject<'_>) {
    let Err(error) = subject.parsed else { return };
    let told = [Rule::RepeatedMember, Rule::UnknownOperator];
    if linter.findings.iter().any(|finding| told.contains(&finding.rule)) {
        return;
    }
    let (spot, rest) = place_of(subject.root, error.cause());
    let cause = match error.fault() {
        PolicyFault::Refused => rest.to_owned(),
        _ => error.to_string(),
    };
    let fix = near_member(&cause).map_or_else(
        || "Write it as the IAM user guide says (\"Grammar of the IAM JSON policy language\").".to_owned(),
        |known| format!("{known:?} was perhaps meant: the names of elements are case-sensitive."),
    );
    linter.find(Rule::Grammar, &spot, format!("AWS would refuse this document: {cause}"), fix);
}

/// The known member that an unknown one resembles.
fn near_member(cause: &str) -> Option<&'static str> {
    const KNOWN: [&str; 12] = [
        "Version",
        "Id",
        "Statement",
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    ];
    let (_, rest) = cause.split_once("has no member \"")?;
    let (name, _) = rest.split_once('"')?;
    KNOWN.into_iter().find(|known| is_near(name, known))
}

/// The place that the reader's path (`Statement[0]: Condition: …`) leads to, and what it says there. Where the rest quotes
/// one of the value's members, that member.
fn place_of<'a>(root: &Node, cause: &'a str) -> (Spot, &'a str) {
    let (mut node, mut rest) = (root, cause);
    let mut spot = Spot { span: root.spot.span.start..root.spot.span.start + 1, pointer: String::new() };
    while let Some((step, after)) = rest.split_once(": ") {
        let (name, index) = match step.split_once('[') {
            None => (step, None),
            Some((name, index)) => (name, index.strip_suffix(']').and_then(|index| index.parse::<usize>().ok())),
        };
        let Some(member) = node.member(name) else { break };
        (node, spot, rest) = (&member.value, member.spot.clone(), after);
        if let Some(element) = index.and_then(|index| node.elements().get(index)) {
            node = element;
            spot = Spot { span: node.spot.span.start..node.spot.span.start + 1, pointer: node.spot.pointer.clone() };
        }
    }
    let quoted = node.members().iter().find(|member| rest.contains(&format!("{:?}", member.name)));
    (quoted.map_or(spot, |member| member.spot.clone()), rest)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{GOOD, changed, codes, context, expect};
    use super::*;
    use crate::setup::lint::{LintContext, lint};

    #[test]
    fn what_aws_refuses_is_found_at_its_place() {
        expect(&[
            ("\"Effect\"", "\"effect\"", &["DW-POLICY-001"]),
            ("\"Allow\"", "\"Permit\"", &["DW-POLICY-001"]),
            ("2012-10-17", "2012-10-18", &["DW-POLICY-001", "DW-POLICY-002"]),
            ("\"StringEquals\"", "\"StringEqual\"", &["DW-POLICY-003", "DW-TRUST-001", "DW-TRUST-003"]),
            ("\"Condition\"", "\"Resource\": \"*\", \"Condition\"", &["DW-POLICY-009"]),
            ("\"sts:TagSession\"", "\"sts:TagSession\", \"s3:GetObject\"", &["DW-POLICY-009"]),
            ("\"Version\": \"2012-10-17\",", "", &["DW-POLICY-002"]),
        ]);
        let report = lint(&changed("\"Effect\"", "\"effect\""), &context());
        let finding = &report.findings[0];
        assert_eq!((finding.line, finding.column, finding.pointer.as_str()), (5, 7, "/Statement/0/effect"));
        assert!(finding.fix.contains("\"Effect\""), "{}", finding.fix);
        let report = lint(&changed("\"StringEquals\"", "\"StringEqual\""), &context());
        let finding = report.findings.iter().find(|finding| finding.code == "DW-POLICY-003").unwrap();
        assert_eq!((finding.line, finding.column, finding.end_column), (11, 9, 22));
        assert!(finding.fix.contains("StringEquals"), "{}", finding.fix);
    }

    #[test]
    fn a_member_given_twice_is_found() {
        let text = changed("\"StringEquals\": {", "\"StringEquals\": {\"x\": \"y\"}, \"StringEquals\": {");
        assert!(codes(&lint(&text, &context())).contains(&"DW-JSON-003"));
    }

    #[test]
    fn the_kind_is_told_from_the_elements() {
        for (text, code) in [
            (GOOD.replace("\"Principal\"", "\"Sid\": \"x\", \"principal\""), "DW-POLICY-009"),
            (
                r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject"}}"#.into(),
                "DW-POLICY-009",
            ),
        ] {
            assert!(codes(&lint(&text, &LintContext::default())).contains(&code), "{text}");
        }
        let bucket = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "123456789012"},
            "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}}"#;
        assert!(lint(bucket, &LintContext::default()).is_clean());
    }

    #[test]
    fn a_resource_control_policy_only_denies_and_speaks_of_everyone() {
        let context = LintContext { kind: Some(DocumentKind::ResourceControlPolicy), ..LintContext::default() };
        let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:*", "Resource": "*"}}"#;
        let report = lint(text, &context);
        assert_eq!(report.findings.iter().filter(|finding| finding.code == "DW-POLICY-009").count(), 2);
    }
}
