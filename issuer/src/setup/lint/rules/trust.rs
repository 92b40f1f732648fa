//! Trust policies: who is trusted, and whether a Deny among it does anything.

use std::collections::BTreeSet;

use driftwise_contract::policy::Effect;

use super::provider::{Federated, Key, Provider, bears_our_marks, plain};
use super::{Subject, external_id, session_tag, web_identity};
use crate::setup::lint::finding::shown;
use crate::setup::lint::view::{PrincipalView, StatementView, Word};
use crate::setup::lint::{Linter, Rule, Severity};

/// What STS asks a trust policy for.
pub(super) const ACTIONS: [&str; 5] = [
    "sts:AssumeRole",
    "sts:AssumeRoleWithWebIdentity",
    "sts:AssumeRoleWithSAML",
    "sts:TagSession",
    "sts:SetSourceIdentity",
];

/// What the whole document says, for rules that look beyond one statement.
pub(super) struct Overview {
    /// The URLs of our providers, as their ARNs have them.
    pub(super) urls: Vec<String>,
    /// The `Federated` names that some statement lets tag sessions.
    pub(super) tagging: BTreeSet<String>,
    /// The actions of [`ACTIONS`] that some statement allows.
    allowed: Vec<&'static str>,
}

pub(super) fn check(linter: &mut Linter<'_>, subject: &Subject<'_>) {
    let statements = &subject.view.statements;
    let overview = Overview::new(linter, statements);
    accounts(linter, statements);
    for statement in statements {
        let Some(principal) = &statement.principal else { continue };
        match statement.effect {
            Some(Effect::Allow) => {
                everyone(linter, statement, principal);
                if !principal.negated {
                    allow(linter, statement, principal, &overview);
                }
            }
            Some(Effect::Deny) => deny(linter, statement, principal, &overview),
            None => {}
        }
    }
}

fn federated(principal: &PrincipalView) -> impl Iterator<Item = (&Word, Federated)> {
    principal.named.iter().filter(|(kind, _)| kind == "Federated").map(|(_, name)| (name, Federated::parse(&name.text)))
}

impl Overview {
    fn new(linter: &Linter<'_>, statements: &[StatementView]) -> Self {
        let (mut urls, mut tagging) = (Vec::new(), BTreeSet::new());
        let allowing = || statements.iter().filter(|statement| statement.allows());
        for statement in allowing() {
            for (name, parsed) in statement.principal.iter().flat_map(federated) {
                if statement.covers("sts:TagSession") {
                    tagging.insert(name.text.clone());
                }
                match parsed {
                    Federated::OpenId(provider)
                        if provider.is_ours(linter.context) && !urls.contains(&provider.url) =>
                    {
                        urls.push(provider.url);
                    }
                    _ => {}
                }
            }
        }
        let allowed = ACTIONS.into_iter().filter(|action| allowing().any(|statement| statement.covers(action)));
        Self { urls, tagging, allowed: allowed.collect() }
    }
}

/// "One provider per URL per account; it must stand in the role's account": two accounts in one document can't both be right.
fn accounts(linter: &mut Linter<'_>, statements: &[StatementView]) {
    let mut first: Option<String> = None;
    for (name, parsed) in statements.iter().flat_map(|statement| &statement.principal).flat_map(federated) {
        let Federated::OpenId(Provider { partition, account, .. }) = parsed else { continue };
        let expected_account = linter.context.account().map(ToString::to_string).or_else(|| first.clone());
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        if !is_account || !partition.starts_with("aws") {
            linter.find(
                Rule::NotAProvider,
                &name.spot,
                format!("{} is no ARN of a provider: AWS refuses it", shown(&name.text)),
                "Write arn:aws:iam::<account, 12 digits>:oidc-provider/<issuer without https://>.",
            );
            continue;
        }
        if let Some(expected) = expected_account.filter(|expected| *expected != account) {
            linter.find(
                Rule::ForeignProvider,
                &name.spot,
                format!(
                    "the provider stands in account {account}, and the role in {expected}: STS looks for the provider in the \
                     role's own account only, so nobody gets in"
                ),
                format!("Write the account {expected} in the ARN; make the provider there if there is none."),
            );
        }
        if let Some(expected) = linter.context.partition().filter(|expected| expected.as_str() != partition) {
            linter.find(
                Rule::ForeignProvider,
                &name.spot,
                format!(
                    "the provider's ARN is of the partition {partition}, and the role's of {expected}: nobody gets in"
                ),
                format!("Begin the ARN with arn:{expected}:."),
            );
        }
        first.get_or_insert(account);
    }
}

/// `"*"` admits web identities of any provider of the account, SAML users, services and every AWS account.
fn everyone(linter: &mut Linter<'_>, statement: &StatementView, principal: &PrincipalView) {
    if principal.negated {
        return;
    }
    if let Some(spot) = &principal.everyone {
        linter.find(
            Rule::Everyone,
            spot,
            "the principal is everyone: every provider of the account, and every AWS account in the world",
            "Name the provider: \"Principal\": { \"Federated\": \"arn:aws:iam::<account>:oidc-provider/<issuer>\" }.",
        );
        return;
    }
    for (kind, name) in principal.named.iter().filter(|(_, name)| name.text == "*") {
        // Recorded: {"AWS": "*"} does not admit web identities, but it does admit whoever has an AWS account.
        let pinned = statement.conditions.iter().any(|condition| {
            let key = condition.key.text.to_lowercase();
            condition.pins()
                && ["aws:principalorgid", "aws:principalaccount", "aws:principalarn"].contains(&key.as_str())
        });
        let severity = if pinned { Severity::Warning } else { Severity::Error };
        let who = if kind == "AWS" { "anyone with an AWS account" } else { "every identity of that kind" };
        let held = if pinned { "; only a condition keeps strangers out" } else { "" };
        linter.find_as(
            Rule::Everyone,
            severity,
            &name.spot,
            format!("the principal is {who}{held}"),
            "Name the principal: a provider's ARN for Federated, an account's, role's or user's for AWS.",
        );
    }
}

fn allow(linter: &mut Linter<'_>, statement: &StatementView, principal: &PrincipalView, overview: &Overview) {
    let mut ours = Vec::new();
    for (name, parsed) in federated(principal) {
        match parsed {
            Federated::OpenId(provider) if provider.is_ours(linter.context) => ours.push((name, provider)),
            Federated::OpenId(provider) if linter.context.issuer.is_some() && bears_our_marks(statement) => {
                other_issuer(linter, name, &provider);
            }
            Federated::OpenId(provider) => web_identity::of_others(linter, statement, name, &provider.url),
            Federated::BuiltIn => web_identity::of_others(linter, statement, name, &name.text),
            Federated::Unknown => linter.find(
                Rule::NotAProvider,
                &name.spot,
                format!("{} is no identity provider that STS knows", shown(&name.text)),
                "Write the ARN of the account's provider: arn:aws:iam::<account>:oidc-provider/<issuer without https://>.",
            ),
            Federated::Saml | Federated::Everyone => {}
        }
    }
    if !ours.is_empty() {
        web_identity::check(linter, statement, &ours);
        session_tag::check(linter, statement, &ours, overview);
    }
    external_id::check(linter, statement, principal);
}

/// A statement about our orgs that trusts somebody else's tokens.
fn other_issuer(linter: &mut Linter<'_>, name: &Word, provider: &Provider) {
    let Some(settings) = &linter.context.issuer else { return };
    let issuer = settings.issuer.without_scheme().to_owned();
    linter.find(
        Rule::IssuerSpelling,
        &name.spot,
        format!(
            "the conditions are about an org of {}, and the provider is {}: tokens of the issuer do not fit this statement",
            shown(&issuer),
            shown(&provider.url)
        ),
        format!("Write …:oidc-provider/{issuer}; or check the document against the issuer that it is for."),
    );
}

/// A Deny that matches nobody gives false comfort; one that always matches keeps everyone out.
fn deny(linter: &mut Linter<'_>, statement: &StatementView, principal: &PrincipalView, overview: &Overview) {
    if !statement.actions.is_empty()
        && !overview.allowed.is_empty()
        && !overview.allowed.iter().any(|a| statement.covers(a))
    {
        let spot = statement.actions.first().map_or(&statement.spot, |action| &action.spot);
        let allowed = overview.allowed.join(", ");
        let why = format!("this Deny is about none of what the document allows ({allowed}): it can never matter");
        linter.find(Rule::DenyNeverMatches, spot, why, "Deny the actions that are allowed, or remove the statement.");
    }
    let only_aws_star = principal.named.iter().all(|(kind, name)| kind == "AWS" && name.text == "*");
    if !principal.negated
        && principal.everyone.is_none()
        && only_aws_star
        && !principal.named.is_empty()
        && overview.allowed.iter().all(|action| *action != "sts:AssumeRole")
    {
        let why = "{\"AWS\": \"*\"} does not mean web identities (recorded of STS): this Deny keeps none of them out";
        linter.find(Rule::DenyNeverMatches, &principal.spot, why, "Write \"Principal\": \"*\".");
    }
    for condition in &statement.conditions {
        let Some((word, claim)) = overview.urls.iter().find_map(|url| match Key::read(&condition.key, url) {
            Key::Claim { claim, .. }
                if !web_identity::OFFERED.iter().any(|known| known.eq_ignore_ascii_case(claim)) =>
            {
                Some(("a custom claim", claim.to_owned()))
            }
            Key::Misspelled { claim } => Some(("a key with the issuer misspelled", claim.to_owned())),
            _ => None,
        }) else {
            continue;
        };
        if linter.context.exposes_claims() {
            continue;
        }
        let (what, key) = (format!("{word}, which AWS never offers"), shown(&condition.key.text));
        if condition.holds_without_key() {
            linter.find(
                Rule::CustomClaim,
                &condition.key.spot,
                format!("{key} is {what}: this Deny always matches, and keeps everyone out"),
                "Deny by sub: \"StringNotEquals\": { \"<issuer>:sub\": \"org-<uuid>\" }.",
            );
        } else {
            let fix = match claim.as_str() {
                "sub" | "aud" => "Spell the key as the provider's ARN does: no scheme, no trailing slash.",
                _ => "Deny by sub: \"StringNotEquals\": { \"<issuer>:sub\": \"org-<uuid>\" }.",
            };
            let why = format!("{key} is {what}: this Deny can never match");
            linter.find(Rule::DenyNeverMatches, &condition.key.spot, why, fix);
        }
    }
}

/// The issuer's URL as the provider's ARN and the keys must have it, or what is wrong with the ARN's.
pub(super) fn spelling(linter: &Linter<'_>, provider: &Provider) -> Option<(String, String)> {
    let url = &provider.url;
    if url.starts_with("http://") || url.starts_with("https://") {
        return Some(("has a scheme".into(), plain(url).to_owned()));
    }
    if url.ends_with('/') {
        return Some(("ends with a slash, which to AWS is another issuer".into(), plain(url).to_owned()));
    }
    let issuer = linter.context.issuer.as_ref()?.issuer.without_scheme();
    let spelled = url.get(..issuer.len()) == Some(issuer);
    (!spelled).then(|| {
        ("is not in the case of the issuer".into(), format!("{issuer}{}", &url[issuer.len().min(url.len())..]))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{GOOD, codes, context, expect};
    use crate::setup::lint::{LintContext, lint};

    #[test]
    fn principals_that_are_too_wide_or_elsewhere_are_found() {
        let federated =
            "{\n        \"Federated\": \"arn:aws:iam::123456789012:oidc-provider/id.example.com/base\"\n      }";
        expect(&[
            (federated, "\"*\"", &["DW-TRUST-006"]),
            (federated, "{\"AWS\": \"*\"}", &["DW-TRUST-006"]),
            (federated, "{\"Federated\": \"*\"}", &["DW-TRUST-006"]),
            (federated, "{\"Federated\": \"https://id.example.com/base\"}", &["DW-TRUST-010"]),
            (federated, "{\"Federated\": \"arn:aws:iam::123456789012:role/x\"}", &["DW-TRUST-010"]),
            ("iam::123456789012", "iam::12345678901", &["DW-TRUST-010"]),
            ("oidc-provider/id.example.com", "oidc-provider/https://id.example.com", &["DW-TRUST-008"]),
        ]);
        let text = GOOD.replace("123456789012", "999999999999");
        assert_eq!(codes(&lint(&text, &context())), ["DW-TRUST-007"]);
        assert!(lint(&text, &LintContext::default()).is_clean(), "nothing says which account it is");
        assert_eq!(codes(&lint(&GOOD.replace("arn:aws:", "arn:aws-cn:"), &context())), ["DW-TRUST-007"]);
        let foreign = GOOD.replace("oidc-provider/id.example.com/base", "oidc-provider/id.example.org");
        assert_eq!(codes(&lint(&foreign, &context())), ["DW-TRUST-008"]);
    }

    #[test]
    fn a_deny_that_does_nothing_is_found() {
        let with = |statement: &str| {
            let text = GOOD.replace("\"Statement\": [", &format!("\"Statement\": [{statement},"));
            let report = lint(&text, &context());
            codes(&report).join(" ")
        };
        let deny = |principal: &str, action: &str, condition: &str| {
            with(&format!(
                r#"{{"Effect": "Deny", "Principal": {principal}, "Action": "{action}", "Condition": {{{condition}}}}}"#
            ))
        };
        let web = "sts:AssumeRoleWithWebIdentity";
        let good = r#""StringNotEquals": {"id.example.com/base:sub": "org-0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21"}"#;
        assert_eq!(deny("\"*\"", web, good), "");
        assert_eq!(deny("\"*\"", "sts:AssumeRole", good), "DW-POLICY-006");
        assert_eq!(deny("{\"AWS\": \"*\"}", web, good), "DW-POLICY-006");
        assert_eq!(deny("\"*\"", web, r#""StringEquals": {"id.example.com/base:dw_org_id": "x"}"#), "DW-POLICY-006");
        assert_eq!(deny("\"*\"", web, r#""StringNotEquals": {"id.example.com/base:dw_org_id": "x"}"#), "DW-TRUST-004");
        assert_eq!(deny("\"*\"", web, r#""StringEquals": {"https://id.example.com/base:sub": "x"}"#), "DW-POLICY-006");
    }
}
