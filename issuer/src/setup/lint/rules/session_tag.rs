//! What a token carries beside its claims: session tags and the pin to a role; and keys that only look as if it did.

use driftwise_contract::OrgId;
use driftwise_contract::Subject as OrgSubject;
use driftwise_contract::claims::{ORG_TAG, TrustForm};

use super::provider::Provider;
use super::trust::Overview;
use super::web_identity::hollow_guard;
use crate::setup::lint::finding::shown;
use crate::setup::lint::view::{ConditionView, StatementView, Word};
use crate::setup::lint::{Linter, Rule};

const TAG_PREFIX: &str = "aws:requesttag/";
const PIN: &str = "sts:RoleAuthorizedByIdp";

/// Keys that other calls have and `AssumeRoleWithWebIdentity` has not: it is unsigned, and takes no external id. (The first is
/// recorded of STS, the others documented: "AWS global condition context keys", "Availability".)
const ABSENT: [(&str, &str); 6] = [
    ("aws:PrincipalArn", "nobody is signed in before the role is assumed"),
    ("aws:PrincipalOrgID", "the caller belongs to no AWS organisation"),
    ("aws:PrincipalOrgPaths", "the caller belongs to no AWS organisation"),
    ("aws:MultiFactorAuthPresent", "the call is made without credentials of AWS"),
    ("aws:MultiFactorAuthAge", "the call is made without credentials of AWS"),
    ("sts:ExternalId", "the call has no such parameter"),
];

/// An Allow statement about our providers.
pub(super) fn check(
    linter: &mut Linter<'_>,
    statement: &StatementView,
    ours: &[(&Word, Provider)],
    overview: &Overview,
) {
    let mut asks_for_tag = false;
    for condition in &statement.conditions {
        let lower = condition.key.text.to_lowercase();
        if let Some(tag) = lower.strip_prefix(TAG_PREFIX) {
            asks_for_tag |= !condition.holds_without_key();
            self::tag(linter, statement, condition, tag);
        } else if condition.is_key(PIN) {
            pin(linter, statement, condition);
        } else {
            absent(linter, condition, &lower);
        }
    }
    let carries_tag = linter.context.form.is_some_and(TrustForm::tags_the_session);
    let untagged = ours.iter().find(|(name, _)| !overview.tagging.contains(&name.text));
    if let (true, Some(_)) =
        ((asks_for_tag || carries_tag) && statement.covers("sts:AssumeRoleWithWebIdentity"), untagged)
    {
        let spot = statement.actions.first().map_or(&statement.spot, |action| &action.spot);
        let cause = if asks_for_tag {
            "the conditions ask for a session tag"
        } else {
            "tokens of this account carry a session tag"
        };
        linter.find(
            Rule::NoTagSession,
            spot,
            format!("{cause}, and STS takes one only where sts:TagSession is allowed: nobody gets in"),
            "Write \"Action\": [\"sts:AssumeRoleWithWebIdentity\", \"sts:TagSession\"].",
        );
    }
}

fn tag(linter: &mut Linter<'_>, statement: &StatementView, condition: &ConditionView, name: &str) {
    let spot = &condition.key.spot;
    if !name.eq_ignore_ascii_case(ORG_TAG) {
        if !condition.holds_without_key() {
            let why =
                format!("tokens of this issuer carry the tag {ORG_TAG} only, not {}: nobody gets in", shown(name));
            linter.find(Rule::WrongTag, spot, why, format!("Write aws:RequestTag/{ORG_TAG}, or remove the key."));
        }
        return;
    }
    if condition.key.text != format!("aws:RequestTag/{ORG_TAG}") {
        let why = format!(
            "{} is spelled in another case: AWS ignores it, other STS servers do not",
            shown(&condition.key.text)
        );
        linter.find(Rule::KeyCase, spot, why, format!("Write aws:RequestTag/{ORG_TAG}."));
    }
    if condition.holds_without_key() {
        let fix = format!("Write \"StringEquals\": {{ \"aws:RequestTag/{ORG_TAG}\": \"<the org's UUID>\" }}.");
        hollow_guard(linter, condition, "guards nothing: a token without the tag passes it", fix);
        return;
    }
    if let Some(form) = linter.context.form.filter(|form| !form.tags_the_session()) {
        let why =
            format!("the account is registered with the form {form}, and its tokens carry no tag: nobody gets in");
        let fix = "Register the account with the form session-tag, or remove the key.";
        linter.find(Rule::WrongTag, spot, why, fix);
        return;
    }
    let expected = linter.context.org.or_else(|| subject_of(statement));
    for value in &condition.values {
        let text = shown(&value.text);
        let fix = expected.map_or("Write the org's UUID.".to_owned(), |org| format!("Write {org}."));
        if value.text.contains("${") {
            let why = format!("{text} holds a variable, which the token itself can fill");
            linter.find(Rule::Variable, &value.spot, why, fix);
        } else if condition.takes_wildcards() && value.text.contains(['*', '?']) {
            linter.find(Rule::WrongTag, &value.spot, format!("{text} fits the tags of several orgs"), fix);
        } else if let Ok(org) = value.text.parse::<OrgId>() {
            if expected.is_some_and(|expected| expected != org) {
                let why = "the tag is another org's than the subject: no token has both, and nobody gets in";
                linter.find(Rule::WrongTag, &value.spot, why, fix);
            }
        } else {
            let why = format!("no token has the tag {text}: it is the org's UUID in lower case, without org-");
            linter.find(Rule::WrongTag, &value.spot, why, fix);
        }
    }
}

/// The org that the statement's subject names.
fn subject_of(statement: &StatementView) -> Option<OrgId> {
    let subjects = statement.conditions.iter().filter(|c| c.pins() && c.key.text.to_lowercase().ends_with(":sub"));
    let mut named = subjects.flat_map(|c| &c.values).filter_map(|value| value.text.parse::<OrgSubject>().ok());
    let only = named.next()?.org();
    named.all(|other| other.org() == only).then_some(only)
}

fn pin(linter: &mut Linter<'_>, statement: &StatementView, condition: &ConditionView) {
    let spot = &condition.key.spot;
    if condition.holds_without_key() {
        let fix = format!("Write \"Bool\": {{ \"{PIN}\": \"true\" }}.");
        hollow_guard(linter, condition, "guards nothing: a token that is pinned to no role passes it", fix);
        return;
    }
    if condition.values.iter().any(|value| value.text.eq_ignore_ascii_case("false")) {
        let why = "this admits tokens that are pinned to no role; the issuer pins every token, so nobody gets in";
        linter.find(Rule::RolePinMisplaced, spot, why, "Write \"true\", or remove the key.");
    }
    // Recorded: "it exists only during AssumeRoleWithWebIdentity", and STS decides sts:TagSession on its own.
    if let Some(other) = ["sts:TagSession", "sts:SetSourceIdentity"].into_iter().find(|action| statement.covers(action))
    {
        linter.find(
            Rule::RolePinMisplaced,
            spot,
            format!("{PIN} exists for sts:AssumeRoleWithWebIdentity only, and {other} is allowed in the same statement: STS \
                     decides that on its own, and refuses a token with tags"),
            format!("Allow {other} in a statement of its own, with all other conditions."),
        );
    }
}

fn absent(linter: &mut Linter<'_>, condition: &ConditionView, lower: &str) {
    let known = ABSENT.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(lower));
    let principal_tag =
        lower.starts_with("aws:principaltag/").then_some(("", "the tags of a token are aws:RequestTag/… here"));
    let Some((_, cause)) = known.or(principal_tag) else { return };
    let wants_absence = condition.comparison().is_some_and(|comparison| comparison.as_str() == "Null");
    if wants_absence && condition.holds_without_key() {
        return;
    }
    let outcome = if condition.holds_without_key() { "the condition guards nothing" } else { "nobody gets in" };
    let why = format!("AssumeRoleWithWebIdentity does not have {}: {cause}, so {outcome}", shown(&condition.key.text));
    let fix = if lower.starts_with("aws:principaltag/") {
        format!(
            "Write aws:RequestTag/{ORG_TAG}. (aws:PrincipalTag is for bucket and key policies, after the role is assumed.)"
        )
    } else {
        "Remove the key; sub, aud and the session tag say who may come in.".to_owned()
    };
    linter.find(Rule::AbsentKey, &condition.key.spot, why, fix);
}

#[cfg(test)]
mod tests {
    use driftwise_contract::claims::TrustForm;

    use super::super::tests::{GOOD, codes, context, expect};
    use crate::setup::lint::{LintContext, lint};

    #[test]
    fn tags_without_the_leave_to_tag_are_found() {
        expect(&[(", \"sts:TagSession\"", "", &["DW-TRUST-009"])]);
        let untagged = GOOD
            .replace(", \"sts:TagSession\"", "")
            .replace(",\n          \"aws:RequestTag/dw_org_id\": \"0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21\"", "");
        for (form, expected) in
            [(None, ""), (Some(TrustForm::Subject), ""), (Some(TrustForm::SessionTag), "DW-TRUST-009")]
        {
            let context = LintContext { form, ..context() };
            assert_eq!(codes(&lint(&untagged, &context)).join(" "), expected, "{form:?}");
        }
        let context = LintContext { form: Some(TrustForm::Subject), ..context() };
        assert_eq!(codes(&lint(GOOD, &context)), ["DW-TRUST-013"]);
    }

    #[test]
    fn tags_that_do_not_fit_are_found() {
        let tag = "\"aws:RequestTag/dw_org_id\": \"0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21\"";
        expect(&[
            (tag, "\"aws:RequestTag/dw_org_id\": \"0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c22\"", &["DW-TRUST-013"]),
            (tag, "\"aws:RequestTag/dw_org_id\": \"org-0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21\"", &["DW-TRUST-013"]),
            (tag, "\"aws:RequestTag/dw_org_id\": \"${aws:RequestTag/dw_org_id}\"", &["DW-POLICY-010"]),
            (tag, "\"aws:RequestTag/team\": \"x\"", &["DW-TRUST-013"]),
            (tag, "\"AWS:requesttag/DW_ORG_ID\": \"0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21\"", &["DW-TRUST-017"]),
            (tag, "\"aws:PrincipalTag/dw_org_id\": \"0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21\"", &["DW-TRUST-020"]),
            (tag, "\"sts:ExternalId\": \"0198c5e2\"", &["DW-TRUST-020"]),
            (
                "\"Condition\": {",
                "\"Condition\": {\"StringEqualsIfExists\": {\"aws:RequestTag/dw_org_id\": \"x\"},",
                &["DW-TRUST-005"],
            ),
            (
                "\"Condition\": {",
                "\"Condition\": {\"ForAllValues:StringEquals\": {\"aws:TagKeys\": [\"dw_org_id\"]},",
                &[],
            ),
        ]);
    }

    #[test]
    fn a_role_pin_where_it_shuts_everyone_out_is_found() {
        let with = |text: &str| format!("\"Condition\": {{{text},");
        expect(&[
            ("\"Condition\": {", &with(r#""Bool": {"sts:RoleAuthorizedByIdp": "true"}"#), &["DW-TRUST-014"]),
            ("\"Condition\": {", &with(r#""Bool": {"sts:RoleAuthorizedByIdp": "false"}"#), &["DW-TRUST-014"]),
            ("\"Condition\": {", &with(r#""BoolIfExists": {"sts:RoleAuthorizedByIdp": "true"}"#), &["DW-TRUST-005"]),
        ]);
    }
}
