//! Statements that trust principals of AWS: the external id keeps a third party from being talked into using a role for
//! somebody else ("The confused deputy problem", IAM user guide).

use driftwise_contract::Arn;

use crate::setup::lint::finding::shown;
use crate::setup::lint::view::{ConditionView, PrincipalView, StatementView, Word};
use crate::setup::lint::{Linter, Rule, Severity};

const ASSUME: &str = "sts:AssumeRole";
const KEY: &str = "sts:ExternalId";
/// Below this, an external id can be tried out.
const UNGUESSABLE_MIN: usize = 16;

/// An Allow statement.
pub(super) fn check(linter: &mut Linter<'_>, statement: &StatementView, principal: &PrincipalView) {
    if principal.named.iter().all(|(kind, _)| kind != "AWS") {
        return;
    }
    let mut strangers = Vec::new();
    for (_, name) in principal.named.iter().filter(|(kind, name)| kind == "AWS" && name.text != "*") {
        match Caller::read(&name.text) {
            Some(caller) => {
                let own = linter.context.account().map(driftwise_contract::AccountId::as_str);
                if caller.is_deleted {
                    deleted(linter, name);
                } else if own != Some(caller.account.as_str()) {
                    if caller.is_account {
                        whole_account(linter, name);
                    }
                    strangers.push((name, own.is_some()));
                }
            }
            None => linter.find(
                Rule::WrongElement,
                &name.spot,
                format!("{} is no principal that AWS takes: wildcards stand for nothing in it", shown(&name.text)),
                "Write an account's 12 digits, or the full ARN of a role, user or root.",
            ),
        }
    }
    if statement.covers(ASSUME) {
        guard(linter, statement, &strangers);
    }
    for condition in statement.conditions.iter().filter(|condition| condition.is_key(KEY) && condition.pins()) {
        for value in &condition.values {
            judge(linter, condition, value);
        }
    }
}

/// Who an `AWS` principal is.
struct Caller {
    account: String,
    is_account: bool,
    is_deleted: bool,
}

impl Caller {
    fn read(text: &str) -> Option<Self> {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Self { account: text.to_owned(), is_account: true, is_deleted: false });
        }
        // Unique ids of a user and a role (IAM user guide, "Unique identifiers").
        let is_id = text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if is_id && ["AIDA", "AROA"].iter().any(|prefix| text.starts_with(prefix)) {
            return Some(Self { account: String::new(), is_account: false, is_deleted: true });
        }
        let arn: Arn = text.parse().ok().filter(|_| !text.contains(['*', '?']))?;
        let resource = arn.resource();
        let fits = match arn.service() {
            "iam" => resource == "root" || resource.starts_with("role/") || resource.starts_with("user/"),
            "sts" => resource.starts_with("assumed-role/") || resource.starts_with("federated-user/"),
            _ => false,
        };
        (fits && !arn.account().is_empty()).then(|| Self {
            account: arn.account().to_owned(),
            is_account: resource == "root",
            is_deleted: false,
        })
    }
}

fn deleted(linter: &mut Linter<'_>, name: &Word) {
    let why = format!("{} is the unique id of a user or role that was deleted: it admits nobody", shown(&name.text));
    linter.find(Rule::DeletedPrincipal, &name.spot, why, "Remove it, or write the ARN of the principal that is meant.");
}

fn whole_account(linter: &mut Linter<'_>, name: &Word) {
    let why = format!("{} means every user and role of that account whose own policy allows it", shown(&name.text));
    linter.find(Rule::WholeAccount, &name.spot, why, "Where the caller's role or user is known, name its ARN.");
}

/// A stranger must know the external id. `strangers`: name, and whether it is certain that the account is another one.
fn guard(linter: &mut Linter<'_>, statement: &StatementView, strangers: &[(&Word, bool)]) {
    let on_id = || statement.conditions.iter().filter(|condition| condition.is_key(KEY));
    let fix = "Write \"StringEquals\": { \"sts:ExternalId\": \"<a random id per connection>\" }.";
    if let Some(hollow) = on_id().find(|condition| !condition.pins()) {
        if !on_id().any(ConditionView::pins) {
            let why = format!(
                "{} does not demand the external id: a caller without it gets in",
                shown(&hollow.operator.text)
            );
            linter.find(Rule::ExternalIdWeak, &hollow.operator.spot, why, fix);
        }
        return;
    }
    if on_id().next().is_some() {
        return;
    }
    // Other conditions that hold the caller: an organisation, a source, a tag.
    let held = statement.conditions.iter().any(|condition| {
        let key = condition.key.text.to_lowercase();
        (key.starts_with("aws:principal") || key.starts_with("aws:source")) && !condition.holds_without_key()
    });
    for (name, certain) in strangers.iter().filter(|_| !held) {
        let severity = if *certain { Severity::Error } else { Severity::Warning };
        let whose = if *certain { "of another account" } else { "perhaps of another account" };
        let why = format!(
            "{} is {whose}, and no condition asks for an external id: whoever else that principal works for can have it use \
             this role",
            shown(&name.text)
        );
        linter.find_as(Rule::ExternalIdMissing, severity, &name.spot, why, fix);
    }
}

fn judge(linter: &mut Linter<'_>, condition: &ConditionView, value: &Word) {
    let text = &value.text;
    let fix = "Take a random id: `driftwise-issuer setup external-id` makes one.";
    if text.contains("${") {
        let why = "the external id holds a variable, which the caller may fill";
        linter.find(Rule::Variable, &value.spot, why, fix);
    } else if condition.takes_wildcards() && text.contains(['*', '?']) {
        let why = "the external id holds a wildcard: a caller need not know it";
        linter.find(Rule::ExternalIdWeak, &value.spot, why, fix);
    } else if !(2..=1_224).contains(&text.chars().count())
        || !text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_+=,.@:/-".contains(letter))
    {
        // "2 to 1,224 characters … [\w+=,.@:\/-]*" (STS API, AssumeRole, ExternalId).
        let why = "no caller can send this external id: STS takes 2 to 1,224 letters, digits and _+=,.@:/-";
        linter.find_as(Rule::ExternalIdGuessable, Severity::Error, &value.spot, why, fix);
    } else if linter.context.org.is_some_and(|org| text.contains(&org.to_string())) {
        let why = "the external id is the org's own id, which is no secret and the same for every connection";
        linter.find(Rule::ExternalIdGuessable, &value.spot, why, fix);
    } else if text.len() < UNGUESSABLE_MIN || text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        let why = format!(
            "the external id is short or a mere number: it can be guessed (less than {UNGUESSABLE_MIN} characters)"
        );
        linter.find(Rule::ExternalIdGuessable, &value.spot, why, fix);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{codes, context};
    use crate::setup::lint::{LintContext, lint};

    fn judged(principal: &str, condition: &str, context: &LintContext) -> String {
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": {{"AWS": "{principal}"}},
                "Action": "sts:AssumeRole", "Condition": {{{condition}}}}}}}"#
        );
        let context = LintContext { org: None, ..context.clone() };
        codes(&lint(&text, &context)).join(" ")
    }

    #[test]
    fn a_stranger_needs_an_external_id_that_can_not_be_guessed() {
        let stranger = "arn:aws:iam::210987654321:role/vendor";
        let id = "dw-7Qh1mXc0sVt9bL2kRfZ3";
        let equals = format!(r#""StringEquals": {{"sts:ExternalId": "{id}"}}"#);
        for (principal, condition, expected) in [
            (stranger, equals.clone(), ""),
            (stranger, String::new(), "DW-EXTID-001"),
            ("210987654321", String::new(), "DW-EXTID-001"),
            ("arn:aws:iam::123456789012:role/own", String::new(), ""),
            (stranger, r#""StringEquals": {"aws:PrincipalOrgID": "o-abc"}"#.into(), ""),
            (stranger, equals.replace("StringEquals", "StringEqualsIfExists"), "DW-EXTID-002"),
            (stranger, equals.replace("StringEquals", "StringNotEquals"), "DW-EXTID-002"),
            (stranger, r#""StringLike": {"sts:ExternalId": "*"}"#.into(), "DW-EXTID-002"),
            (stranger, r#""StringEquals": {"sts:ExternalId": "${aws:username}"}"#.into(), "DW-POLICY-010"),
            (stranger, r#""StringEquals": {"sts:ExternalId": "123456"}"#.into(), "DW-EXTID-003"),
            (stranger, r#""StringEquals": {"sts:ExternalId": "with a blank in it, long"}"#.into(), "DW-EXTID-003"),
            ("arn:aws:iam::210987654321:role/*", equals.clone(), "DW-POLICY-009"),
            ("*", equals.clone(), "DW-TRUST-006"),
            ("AROADBQP57FF2AEXAMPLE", equals, "DW-TRUST-022"),
        ] {
            assert_eq!(judged(principal, &condition, &context()), expected, "{principal} {condition}");
        }
        assert_eq!(judged(stranger, "", &LintContext::default()), "DW-EXTID-001");
    }
}
