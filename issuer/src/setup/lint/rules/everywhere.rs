//! What is dangerous or pointless in a policy of any kind.

use std::collections::BTreeMap;

use driftwise_contract::policy::{Comparison, Version};

use super::Subject;
use crate::setup::document::DocumentKind;
use crate::setup::lint::finding::shown;
use crate::setup::lint::view::{ConditionView, StatementView};
use crate::setup::lint::{Linter, Rule, Severity};

pub(super) fn check(linter: &mut Linter<'_>, subject: &Subject<'_>) {
    for statement in &subject.view.statements {
        // These two only permit what another policy must grant: everything is how they begin.
        let only_permits = matches!(subject.kind, DocumentKind::ServiceControlPolicy | DocumentKind::SessionPolicy);
        if statement.allows() && !only_permits {
            all_but(linter, statement);
            everything(linter, statement, subject.kind);
        }
        if subject.kind != DocumentKind::TrustPolicy {
            everyone(linter, statement);
        }
        for condition in &statement.conditions {
            literal_wildcards(linter, condition);
            no_values(linter, condition);
        }
        contradictions(linter, statement);
    }
    // In version 2008-10-17 a variable is plain text, so a condition compares with the very words.
    let is_new = subject.parsed.as_ref().is_ok_and(|document| document.version() == Some(Version::V2012));
    if !is_new && subject.source.contains("${") {
        let spot = subject.view.version.as_ref().map_or(&subject.view.spot, |version| &version.spot);
        linter.find_as(
            Rule::OldVersion,
            Severity::Error,
            spot,
            "the document uses policy variables (${…}), which are plain text in any version but 2012-10-17",
            "Write \"Version\": \"2012-10-17\".",
        );
    }
}

/// Allow with `NotPrincipal`, `NotAction` or `NotResource`: grants to everything that was not thought of.
fn all_but(linter: &mut Linter<'_>, statement: &StatementView) {
    let negated_principal = statement.principal.as_ref().filter(|principal| principal.negated);
    let negated_resource = statement.resource.as_ref().filter(|resource| resource.text == "NotResource");
    let found = [
        negated_principal
            .map(|principal| (&principal.spot, "NotPrincipal", "everyone else, anonymous callers included")),
        statement
            .not_action
            .as_ref()
            .map(|spot| (spot, "NotAction", "every other action, those of the future included")),
        negated_resource
            .map(|resource| (&resource.spot, "NotResource", "every other resource, those of the future included")),
    ];
    for (spot, name, reach) in found.into_iter().flatten() {
        linter.find(
            Rule::AllBut,
            spot,
            format!("Allow with {name} grants to {reach}"),
            format!("Name what is meant: {} instead of {name}.", &name["Not".len()..]),
        );
    }
}

fn everything(linter: &mut Linter<'_>, statement: &StatementView, kind: DocumentKind) {
    // In a key policy "*" is the key itself.
    if matches!(kind, DocumentKind::TrustPolicy | DocumentKind::KeyPolicy) {
        return;
    }
    let all = |words: &[crate::setup::lint::view::Word]| words.iter().find(|word| word.text == "*").cloned();
    if statement.not_action.is_some() {
        return;
    }
    if let (Some(action), Some(_)) = (all(&statement.actions), all(&statement.resources)) {
        linter.find(
            Rule::Everything,
            &action.spot,
            "the statement allows every action on every resource: its bearer is an administrator",
            "List the actions that are needed; a scan needs none that writes.",
        );
    }
}

/// Anyone in the world, in a policy of a resource.
fn everyone(linter: &mut Linter<'_>, statement: &StatementView) {
    let Some(principal) = statement.principal.as_ref().filter(|_| statement.allows()) else { return };
    let star = principal.named.iter().find(|(_, name)| name.text == "*").map(|(_, name)| &name.spot);
    let Some(spot) = principal.everyone.as_ref().or(star) else { return };
    if statement.conditions.iter().any(|condition| !condition.holds_without_key() && !condition.values.is_empty()) {
        return;
    }
    linter.find(
        Rule::Everyone,
        spot,
        "the statement allows everyone, anonymous callers included, and no condition keeps anyone out",
        "Name the role that needs it: \"Principal\": { \"AWS\": \"<role ARN>\" }.",
    );
}

/// `StringEquals` compares to the letter.
fn literal_wildcards(linter: &mut Linter<'_>, condition: &ConditionView) {
    let Some(comparison) = condition.comparison() else { return };
    let exact = comparison.negates().unwrap_or(comparison);
    if !matches!(exact, Comparison::StringEquals | Comparison::StringEqualsIgnoreCase) {
        return;
    }
    // An audience may hold a star, and is then meant to the letter.
    let audience = linter.context.issuer.as_ref().map(|settings| settings.audience.as_str());
    let literal = |text: &str| text.replace("${*}", "").contains('*') && Some(text) != audience;
    for value in condition.values.iter().filter(|value| literal(&value.text)) {
        let effect = if condition.holds_without_key() { "keeps nobody out" } else { "no request satisfies it" };
        linter.find(
            Rule::LiteralWildcard,
            &value.spot,
            format!("{} takes the * of {} for plain text, so {effect}", condition.operator.text, shown(&value.text)),
            "Write the exact value. (StringLike takes wildcards, and lets in all that they span.)",
        );
    }
}

fn no_values(linter: &mut Linter<'_>, condition: &ConditionView) {
    if condition.values.is_empty() {
        linter.find(
            Rule::NeverHolds,
            &condition.key.spot,
            format!(
                "{} lists no value for {}: no value satisfies it",
                condition.operator.text,
                shown(&condition.key.text)
            ),
            "List the values that are meant, or remove the key.",
        );
    }
}

/// All conditions of a statement must hold: two exact ones on one key with no value in common never do.
fn contradictions(linter: &mut Linter<'_>, statement: &StatementView) {
    let mut seen: BTreeMap<String, &ConditionView> = BTreeMap::new();
    for condition in &statement.conditions {
        let is_exact = condition.parsed.is_some_and(|operator| {
            operator.comparison == Comparison::StringEquals && operator.set.is_none() && !operator.if_exists
                || operator.comparison == Comparison::StringEqualsIgnoreCase && operator.set.is_none()
        });
        if !is_exact || condition.values.is_empty() {
            continue;
        }
        let Some(earlier) = seen.insert(condition.key.text.to_lowercase(), condition) else { continue };
        let shares = |value: &str| earlier.values.iter().any(|other| other.text.eq_ignore_ascii_case(value));
        if !condition.values.iter().any(|value| shares(&value.text)) {
            linter.find(
                Rule::NeverHolds,
                &condition.key.spot,
                format!(
                    "{} is held to other values under {}: no request satisfies both",
                    shown(&condition.key.text),
                    earlier.operator.text
                ),
                "Keep one of the two; several values of one key go into one list.",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{codes, expect};
    use crate::setup::lint::{LintContext, lint};

    #[test]
    fn what_is_dangerous_everywhere_is_found() {
        expect(&[
            ("\"Action\"", "\"NotAction\"", &["DW-POLICY-004", "DW-TRUST-015"]),
            ("\"Principal\"", "\"NotPrincipal\"", &["DW-POLICY-004"]),
            ("\"org-0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21\"", "\"org-*\"", &["DW-POLICY-011", "DW-TRUST-011"]),
            (
                "\"aws:RequestTag/dw_org_id\"",
                "\"id.example.com/base:email\": [], \"aws:RequestTag/dw_org_id\"",
                &["DW-POLICY-008"],
            ),
            (
                "\"Condition\": {",
                "\"Condition\": {\"StringEqualsIgnoreCase\": {\"id.example.com/base:AUD\": \"other\"},",
                &["DW-POLICY-008", "DW-TRUST-012", "DW-TRUST-017"],
            ),
        ]);
    }

    #[test]
    fn other_kinds_are_judged_by_their_own_measure() {
        let judged = |statement: &str| {
            let text = format!(r#"{{"Version": "2012-10-17", "Statement": {statement}}}"#);
            let report = lint(&text, &LintContext::default());
            codes(&report).join(" ")
        };
        for (statement, expected) in [
            (r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#, "DW-POLICY-007"),
            (r#"{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}"#, "DW-POLICY-004"),
            (r#"{"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::b"}"#, "DW-POLICY-004"),
            (r#"{"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"}"#, ""),
            (
                r#"{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}"#,
                "DW-TRUST-006",
            ),
            (
                r#"{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*",
                    "Condition": {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}}"#,
                "DW-TRUST-006",
            ),
            (
                r#"{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*",
                    "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}"#,
                "",
            ),
        ] {
            assert_eq!(judged(statement), expected, "{statement}");
        }
    }
}
