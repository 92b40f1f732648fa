//! Statements that admit tokens: subject, audience, and the keys that AWS has for them.

use std::collections::BTreeSet;

use driftwise_contract::Subject as OrgSubject;

use super::provider::{Key, Provider, folded, plain};
use super::trust::spelling;
use crate::setup::lint::finding::shown;
use crate::setup::lint::view::{ConditionView, StatementView, Word};
use crate::setup::lint::{Linter, Rule, Severity};

/// The claims that AWS offers to trust policies for an issuer of one's own (IAM user guide, "Available keys for AWS OIDC
/// federation").
pub(super) const OFFERED: [&str; 5] = ["aud", "oaud", "sub", "amr", "email"];

const ASSUME: &str = "sts:AssumeRoleWithWebIdentity";

/// A condition on a claim of ours.
struct OnClaim<'a> {
    claim: &'a str,
    condition: &'a ConditionView,
}

/// An Allow statement about our providers.
pub(super) fn check(linter: &mut Linter<'_>, statement: &StatementView, ours: &[(&Word, Provider)]) {
    let mut spelled = Vec::new();
    for (name, provider) in ours {
        let mut provider = provider.clone();
        if let Some((what, right)) = spelling(linter, &provider) {
            linter.find(
                Rule::IssuerSpelling,
                &name.spot,
                format!("the issuer in the provider's ARN {what}: no token's iss fits, so nobody gets in"),
                format!("Write …:oidc-provider/{right}, in the conditions' keys, too."),
            );
            // The keys are judged by the right spelling.
            provider.url = right;
        }
        spelled.push((*name, provider));
    }
    let ours = spelled.as_slice();
    actions(linter, statement);
    let claims = keys(linter, statement, ours);
    if statement.covers(ASSUME) {
        guard(linter, statement, &claims, "sub", Rule::NoSubject);
        guard(linter, statement, &claims, "aud", Rule::NoAudience);
    }
    subjects(linter, &claims);
    audiences(linter, &claims);
}

fn actions(linter: &mut Linter<'_>, statement: &StatementView) {
    let Some(first) = statement.actions.first() else { return };
    let spot = statement.not_action.as_ref().unwrap_or(&first.spot);
    let asked = ["sts:TagSession", "sts:SetSourceIdentity"];
    if !statement.covers(ASSUME) && !asked.iter().any(|action| statement.covers(action))
        || statement.not_action.is_some()
    {
        let severity = if statement.covers(ASSUME) { Severity::Warning } else { Severity::Error };
        let why = "a token needs sts:AssumeRoleWithWebIdentity, which this statement does not name";
        let fix =
            "Write \"Action\": \"sts:AssumeRoleWithWebIdentity\", with \"sts:TagSession\" where tokens carry tags.";
        linter.find_as(Rule::WrongAction, severity, spot, why, fix);
    } else if let Some(wide) = statement.actions.iter().find(|action| action.text.contains(['*', '?'])) {
        linter.find_as(
            Rule::WrongAction,
            Severity::Warning,
            &wide.spot,
            format!("{} allows more than a token needs, SetSourceIdentity among it", shown(&wide.text)),
            "Name the actions: sts:AssumeRoleWithWebIdentity, and sts:TagSession where tokens carry tags.",
        );
    }
}

/// Sorts the conditions by their keys, and says which keys no request has.
fn keys<'a>(linter: &mut Linter<'_>, statement: &'a StatementView, ours: &[(&Word, Provider)]) -> Vec<OnClaim<'a>> {
    let mut claims = Vec::new();
    for condition in &statement.conditions {
        let read = || ours.iter().map(|(_, provider)| (Key::read(&condition.key, &provider.url), provider));
        let rank = |key: &Key<'_>| match key {
            Key::Global => 0,
            Key::Claim { .. } => 1,
            Key::Misspelled { .. } => 2,
            Key::Bare | Key::OfOthers => 3,
        };
        let Some((key, provider)) = read().min_by_key(|(key, _)| rank(key)) else { continue };
        let (spot, text) = (&condition.key.spot, shown(&condition.key.text));
        let outcome = if condition.holds_without_key() {
            "the condition always holds and guards nothing"
        } else {
            "nobody gets in"
        };
        let url = plain(&provider.url);
        match key {
            Key::Global => {}
            Key::Claim { claim, is_cased } => {
                if is_cased {
                    let why = format!(
                        "{text} is not spelled as the provider and its claim are: AWS ignores the case of keys, other STS \
                         servers do not"
                    );
                    let fix = format!("Write {}:{}.", provider.url, claim.to_lowercase());
                    linter.find(Rule::KeyCase, spot, why, fix);
                }
                match OFFERED.iter().find(|known| known.eq_ignore_ascii_case(claim)) {
                    Some(&known @ ("amr" | "email")) if !condition.holds_without_key() => {
                        let why = format!("tokens of this issuer have no {known}: nobody gets in");
                        linter.find(Rule::NeverHolds, spot, why, "Remove the key; sub says which org it is.");
                    }
                    Some(&known) => claims.push(OnClaim { claim: known, condition }),
                    None => custom_claim(linter, condition, claim, outcome),
                }
            }
            Key::Misspelled { claim } => {
                let why = format!("{text} has a scheme or a slash that the provider's name has not: {outcome}");
                linter.find(Rule::IssuerSpelling, spot, why, format!("Write {url}:{claim}."));
            }
            Key::Bare if OFFERED.contains(&condition.key.text.as_str()) => {
                let why = format!("{text} names no provider, so AWS knows no such key: {outcome}");
                linter.find(Rule::KeyOfOthers, spot, why, format!("Write {url}:{}.", condition.key.text));
            }
            Key::Bare => custom_claim(linter, condition, &condition.key.text, outcome),
            Key::OfOthers => {
                let why = format!("{text} is a key of another provider than the statement's: {outcome}");
                linter.find(Rule::KeyOfOthers, spot, why, format!("Write {url}:<claim>, as the Principal names it."));
            }
        }
    }
    claims
}

fn custom_claim(linter: &mut Linter<'_>, condition: &ConditionView, claim: &str, outcome: &str) {
    let text = shown(&condition.key.text);
    if linter.context.exposes_claims() {
        let why = format!("{text} is a custom claim: fit for STS servers that expose every claim, not for AWS");
        let fix = "On AWS, use the form session-tag: aws:RequestTag/dw_org_id.";
        linter.find_as(Rule::CustomClaim, Severity::Note, &condition.key.spot, why, fix);
        return;
    }
    let fix = if claim.eq_ignore_ascii_case("dw_org_id") {
        "Check sub, and \"aws:RequestTag/dw_org_id\" with sts:TagSession (the form session-tag); remove this key."
    } else {
        "Remove the key. What AWS offers are aud, sub, and the token's session tags as aws:RequestTag/…."
    };
    let why = format!("{text} is a custom claim, and AWS offers none to trust policies: {outcome}");
    linter.find(Rule::CustomClaim, &condition.key.spot, why, fix);
}

/// A claim must be pinned by a condition that a token without it fails.
fn guard(linter: &mut Linter<'_>, statement: &StatementView, claims: &[OnClaim<'_>], claim: &str, rule: Rule) {
    let on_claim = || claims.iter().filter(|found| found.claim == claim).map(|found| found.condition);
    if on_claim().any(ConditionView::pins) {
        return;
    }
    let danger = if claim == "sub" {
        "every org's token gets in"
    } else {
        "tokens that were made for another service get in, if the provider lists their audience"
    };
    let example = match (claim, &linter.context.org, &linter.context.issuer) {
        ("sub", Some(org), _) => format!("org-{org}"),
        ("sub", None, _) => "org-<uuid>".into(),
        (_, _, Some(settings)) => settings.audience.to_string(),
        _ => "sts.amazonaws.com".into(),
    };
    let fix = format!("Write \"StringEquals\": {{ \"<issuer>:{claim}\": \"{example}\" }}.");
    if let Some(hollow) = on_claim().find(|condition| condition.holds_without_key()) {
        hollow_guard(linter, hollow, &format!("does not pin {claim}: {danger}"), fix);
        return;
    }
    // Another operator: of presence, of ARNs, of numbers, of truth.
    if let Some(other) = on_claim().find(|condition| condition.parsed.is_some_and(|o| o.comparison.as_str() != "Null"))
    {
        let why = format!("{} can't compare {claim}, which is a text: nobody gets in", other.operator.text);
        linter.find(Rule::NeverHolds, &other.operator.spot, why, fix);
        return;
    }
    linter.find(rule, statement.condition_spot(), format!("no condition says what {claim} must be: {danger}"), fix);
}

/// A condition that holds where its key is absent.
pub(super) fn hollow_guard(linter: &mut Linter<'_>, condition: &ConditionView, outcome: &str, fix: String) {
    let operator = &condition.operator.text;
    let why = match condition.parsed {
        Some(operator) if operator.if_exists => "…IfExists holds where the key is absent",
        Some(operator) if operator.set.is_some() => "ForAllValues holds where the key is absent or empty",
        Some(operator) if operator.comparison.negates().is_some() => "it only says what the value must not be",
        _ => "it demands that the key be absent",
    };
    let spot = &condition.operator.spot;
    linter.find(Rule::HollowGuard, spot, format!("{} {outcome}; {why}", shown(operator)), fix);
}

fn subjects(linter: &mut Linter<'_>, claims: &[OnClaim<'_>]) {
    let mut orgs = BTreeSet::new();
    for found in claims.iter().filter(|found| found.claim == "sub" && found.condition.pins()) {
        for value in &found.condition.values {
            if let Some(org) = subject(linter, found.condition, value) {
                orgs.insert(org.org());
                let Some(own) = linter.context.org.filter(|own| *own != org.org()) else { continue };
                let fix = format!("Write org-{own} alone; another org needs a role of its own.");
                linter.find(Rule::OtherOrg, &value.spot, format!("the subject is another org's than {own}"), fix);
            }
        }
        if linter.context.org.is_none() && orgs.len() > 1 {
            let why =
                format!("the statement admits {} orgs, and their sessions can't be told apart by the role", orgs.len());
            let fix = "Give each org a role of its own.";
            linter.find_as(Rule::OtherOrg, Severity::Warning, &found.condition.key.spot, why, fix);
        }
    }
}

/// The org that a value of `sub` names, if it names exactly one.
fn subject(linter: &mut Linter<'_>, condition: &ConditionView, value: &Word) -> Option<OrgSubject> {
    let own = linter.context.org.map_or("org-<uuid>".to_owned(), |org| format!("org-{org}"));
    if value.text.contains("${") {
        let why =
            format!("{} holds a variable, which the token itself can fill: it may admit any org", shown(&value.text));
        linter.find(Rule::Variable, &value.spot, why, format!("Write {own}."));
        return None;
    }
    if condition.takes_wildcards() && value.text.contains(['*', '?']) {
        let literal = value.text.split(['*', '?']).next().unwrap_or_default();
        if literal.parse::<OrgSubject>().is_ok() {
            let why =
                format!("{} fits one org's subject only because of how long subjects are today", shown(&value.text));
            linter.find_as(Rule::SubjectWildcard, Severity::Warning, &value.spot, why, format!("Write {own}."));
        } else {
            let why = format!("{} fits the subjects of several orgs: their tokens get in", shown(&value.text));
            linter.find(Rule::SubjectWildcard, &value.spot, why, format!("Write {own}, under StringEquals."));
        }
        return None;
    }
    let ignores_case = condition.comparison().is_some_and(|comparison| comparison.as_str() == "StringEqualsIgnoreCase");
    let text = if ignores_case { value.text.to_lowercase() } else { value.text.clone() };
    if let Ok(subject) = text.parse::<OrgSubject>() {
        return Some(subject);
    }
    let lower = text.to_lowercase();
    let meant = [lower.clone(), format!("org-{lower}")].into_iter().find(|text| text.parse::<OrgSubject>().is_ok());
    // Without an issuer in hand it may be somebody else's, with other subjects.
    let known = linter.context.issuer.is_some() || meant.is_some();
    linter.find_as(
        Rule::OtherOrg,
        if known { Severity::Error } else { Severity::Warning },
        &value.spot,
        format!("no token has the subject {}: subjects are org-<uuid> in lower case", shown(&value.text)),
        format!("Write {}.", meant.unwrap_or(own)),
    );
    None
}

fn audiences(linter: &mut Linter<'_>, claims: &[OnClaim<'_>]) {
    let expected = linter.context.issuer.as_ref().map(|settings| settings.audience.to_string());
    let own = expected.clone().unwrap_or_else(|| "sts.amazonaws.com".into());
    for found in claims.iter().filter(|found| found.claim == "aud" && found.condition.pins()) {
        let has_right = found.condition.values.iter().any(|value| Some(&value.text) == expected.as_ref());
        for value in &found.condition.values {
            let text = shown(&value.text);
            if value.text.contains("${") {
                let why = format!("{text} holds a variable, which the token itself can fill");
                linter.find(Rule::Variable, &value.spot, why, format!("Write {own}."));
            } else if found.condition.takes_wildcards() && value.text.contains(['*', '?']) {
                let why = format!("{text} fits other audiences, too: tokens that were made for another service get in");
                linter.find(Rule::WrongAudience, &value.spot, why, format!("Write {own}, under StringEquals."));
            } else if expected.as_ref().is_some_and(|expected| *expected != value.text) {
                let severity = if has_right { Severity::Warning } else { Severity::Error };
                let outcome = if has_right { "it is not needed" } else { "nobody gets in" };
                let why = format!("tokens of this issuer are for {own}, not for {text}: {outcome}");
                linter.find_as(Rule::WrongAudience, severity, &value.spot, why, format!("Write {own}."));
            }
        }
    }
}

/// A statement about somebody else's tokens: judged only for letting in everyone there.
pub(super) fn of_others(linter: &mut Linter<'_>, statement: &StatementView, name: &Word, url: &str) {
    if !statement.covers(ASSUME) {
        return;
    }
    let built_in = !url.contains('/') && name.text == url;
    let is_guard = |condition: &&ConditionView| {
        let Some((prefix, claim)) = condition.key.text.rsplit_once(':') else { return false };
        // Of the built-in providers the application's id is the usual guard; of others the subject.
        folded(prefix) == folded(url) && condition.pins() && (built_in || !claim.eq_ignore_ascii_case("aud"))
    };
    let open =
        |value: &Word| value.text.trim_matches('*').is_empty() || value.text == "repo:*" || value.text == "repo:*/*";
    let mut guards = statement.conditions.iter().filter(is_guard).peekable();
    let spot = statement.condition_spot();
    let fix = format!("Write \"StringEquals\": {{ \"{url}:sub\": \"<the workload that is meant>\" }}.");
    if guards.peek().is_none() {
        let why = format!("no condition says whose token of {} it must be: everyone there gets in", shown(url));
        linter.find(Rule::OtherProviderOpen, spot, why, fix);
    } else if guards.all(|guard| guard.takes_wildcards() && guard.values.iter().any(open)) {
        let why = format!("the subject of {} may be anything: everyone there gets in", shown(url));
        linter.find(Rule::OtherProviderOpen, spot, why, fix);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{GOOD, changed, codes, context, expect};
    use crate::setup::lint::{LintContext, lint};

    const ORG: &str = "org-0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21";

    #[test]
    fn a_subject_that_is_not_checked_is_found() {
        let line = format!("\"id.example.com/base:sub\": \"{ORG}\",");
        expect(&[(&line, "", &["DW-TRUST-001"])]);
        let text = |operator: &str, value: &str| {
            GOOD.replace(&line, "").replace(
                "\"Condition\": {",
                &format!("\"Condition\": {{\"{operator}\": {{\"id.example.com/base:sub\": \"{value}\"}},"),
            )
        };
        for (operator, value, expected) in [
            ("StringLike", ORG, ""),
            ("StringLike", "*", "DW-TRUST-002"),
            ("StringLike", "org-*", "DW-TRUST-002"),
            ("StringLike", "org-0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c2?", "DW-TRUST-002"),
            ("StringLike", "org-0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21*", "DW-TRUST-002"),
            ("StringEqualsIfExists", ORG, "DW-TRUST-005"),
            ("ForAllValues:StringEquals", ORG, "DW-TRUST-005"),
            ("StringNotEquals", "org-1", "DW-TRUST-005"),
            ("StringNotLikeIfExists", "org-1", "DW-TRUST-005"),
            ("Null", "true", "DW-TRUST-005"),
            ("Null", "false", "DW-TRUST-001"),
            ("ArnLike", ORG, "DW-POLICY-008"),
            ("ForAnyValue:StringEquals", ORG, ""),
            ("StringEqualsIgnoreCase", "ORG-0198C5E2-7C1A-7B3E-9D52-6F0E5A4B3C21", ""),
            ("ForAnyValue:StringLike", "org-${aws:RequestTag/dw_org_id}", "DW-POLICY-010"),
            ("StringLike", "org-0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c22", "DW-TRUST-011"),
            ("StringLike", "ORG-0198C5E2-7C1A-7B3E-9D52-6F0E5A4B3C21", "DW-TRUST-011"),
            ("StringLike", "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21", "DW-TRUST-011"),
            ("StringLike", "system:serviceaccount:a:b", "DW-TRUST-011"),
        ] {
            let report = lint(&text(operator, value), &context());
            assert_eq!(codes(&report).join(" "), expected, "{operator} {value}\n{}", report.to_text("p"));
        }
    }

    #[test]
    fn an_audience_that_is_not_checked_or_wrong_is_found() {
        let line = "\"id.example.com/base:aud\": \"sts.amazonaws.com\",";
        let with = |value: &str| format!("\"id.example.com/base:aud\": {value},");
        expect(&[
            (line, "", &["DW-TRUST-003"]),
            (line, &with("\"https://sts.amazonaws.com\""), &["DW-TRUST-012"]),
            (line, &with("[\"sts.amazonaws.com\", \"other\"]"), &["DW-TRUST-012"]),
            (line, &with("\"${aws:username}\""), &["DW-POLICY-010"]),
        ]);
        let like = GOOD
            .replace(line, "")
            .replace("\"Condition\": {", "\"Condition\": {\"StringLike\": {\"id.example.com/base:aud\": \"sts*\"},");
        assert_eq!(codes(&lint(&like, &context())), ["DW-TRUST-012"]);
    }

    #[test]
    fn keys_that_aws_does_not_have_are_found() {
        let key = "\"id.example.com/base:sub\"";
        expect(&[
            (key, "\"https://id.example.com/base:sub\"", &["DW-TRUST-001", "DW-TRUST-008"]),
            (key, "\"id.example.com/base/:sub\"", &["DW-TRUST-001", "DW-TRUST-008"]),
            (key, "\"sub\"", &["DW-TRUST-001", "DW-TRUST-016"]),
            (key, "\"id.example.net:sub\"", &["DW-TRUST-001", "DW-TRUST-016"]),
            (key, "\"ID.example.com/base:sub\"", &["DW-TRUST-017"]),
            (key, "\"id.example.com/base:Sub\"", &["DW-TRUST-017"]),
            (key, "\"id.example.com/base:dw_org_id\": \"x\", \"id.example.com/base:sub\"", &["DW-TRUST-004"]),
            (key, "\"dw_org_id\": \"x\", \"id.example.com/base:sub\"", &["DW-TRUST-004"]),
            (key, "\"id.example.com/base:email\": \"a@b.c\", \"id.example.com/base:sub\"", &["DW-POLICY-008"]),
        ]);
        let ceph = LintContext { form: Some(driftwise_contract::claims::TrustForm::CustomClaim), ..context() };
        let text = GOOD.replace("aws:RequestTag/dw_org_id", "id.example.com/base:dw_org_id");
        let report = lint(&text, &ceph);
        assert!(report.is_clean() && report.findings.len() == 1, "{}", report.to_text("p"));
    }

    #[test]
    fn actions_that_no_token_asks_for_are_found() {
        let actions = "[\"sts:AssumeRoleWithWebIdentity\", \"sts:TagSession\"]";
        expect(&[
            (actions, "\"sts:AssumeRole\"", &["DW-TRUST-015"]),
            (actions, "\"sts:*\"", &["DW-TRUST-015"]),
            (actions, "\"*\"", &["DW-TRUST-015"]),
        ]);
    }

    #[test]
    fn other_providers_are_judged_only_for_what_is_dangerous_everywhere() {
        let github = |condition: &str| {
            let statement = format!(
                r#"{{"Effect": "Allow", "Principal": {{"Federated": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"}},
                    "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {{{condition}}}}}"#
            );
            let text = changed("\"Statement\": [", &format!("\"Statement\": [{statement},"));
            let both = [context(), LintContext::default()].map(|context| codes(&lint(&text, &context)).join(" "));
            assert_eq!(both[0], both[1]);
            both[0].clone()
        };
        let host = "token.actions.githubusercontent.com";
        assert_eq!(github(&format!(r#""StringEquals": {{"{host}:aud": "sts.amazonaws.com"}}"#)), "DW-TRUST-021");
        assert_eq!(github(&format!(r#""StringLike": {{"{host}:sub": "repo:*"}}"#)), "DW-TRUST-021");
        assert_eq!(github(&format!(r#""StringEqualsIfExists": {{"{host}:sub": "repo:a/b"}}"#)), "DW-TRUST-021");
        assert_eq!(github(&format!(r#""StringLike": {{"{host}:sub": "repo:acme/app:*"}}"#)), "");
        assert_eq!(github(&format!(r#""StringEquals": {{"{host}:job_workflow_ref": "a/b/c"}}"#)), "");
    }
}
