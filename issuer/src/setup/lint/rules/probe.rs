//! The last word: the evaluator is asked with the tokens of a stranger, and with the org's own. The rules say why a policy is
//! wrong; this says that it is, should a rule have missed it.

use driftwise_contract::claims::ORG_TAG;
use driftwise_contract::policy::{Context, Failure, PolicyDocument, Request, RequestPrincipal};
use driftwise_contract::{OrgId, Subject};

use super::provider::{Federated, Provider, plain};
use crate::setup::lint::finding::shown;
use crate::setup::lint::view::DocumentView;
use crate::setup::lint::{Linter, Rule};

const ASSUME: &str = "sts:AssumeRoleWithWebIdentity";

/// Ids of no org: version 4 UUIDs with all bits set or none, which are never made.
const STRANGERS: [u128; 2] = [0x0000_0000_0000_4000_8000_0000_0000_0001, 0xffff_ffff_ffff_4fff_bfff_ffff_ffff_ffff];

/// A token as STS sees it.
#[derive(Clone, Copy)]
struct Token<'a> {
    org: OrgId,
    audience: &'a str,
    tag: Option<OrgId>,
    pinned: bool,
}

pub(super) fn check(linter: &mut Linter<'_>, view: &DocumentView, document: &PolicyDocument) {
    let mut providers: Vec<(String, Provider)> = Vec::new();
    for statement in view.statements.iter().filter(|statement| statement.allows()) {
        for (kind, name) in statement.principal.iter().flat_map(|principal| &principal.named) {
            match Federated::parse(&name.text) {
                Federated::OpenId(provider)
                    if kind == "Federated"
                        && provider.is_ours(linter.context)
                        && providers.iter().all(|(known, _)| *known != name.text) =>
                {
                    providers.push((name.text.clone(), provider));
                }
                _ => {}
            }
        }
    }
    let audiences = audiences(linter, view);
    let named = named_orgs(view);
    for (arn, provider) in &providers {
        stranger(linter, view, document, arn, provider, &audiences, &named);
        let Some(org) = linter.context.org.or_else(|| named.first().copied()) else { continue };
        own(linter, view, document, arn, provider, &audiences, org);
    }
}

/// The audiences that a stranger's token may have: the issuer's, and what the document itself asks for.
fn audiences(linter: &Linter<'_>, view: &DocumentView) -> Vec<String> {
    let configured = linter.context.issuer.as_ref().map(|settings| settings.audience.to_string());
    let conditions = view.statements.iter().flat_map(|statement| &statement.conditions);
    let asked = conditions.filter(|c| c.key.text.to_lowercase().ends_with(":aud")).flat_map(|c| &c.values);
    let mut audiences: Vec<String> = match configured {
        Some(configured) => vec![configured],
        None => asked.map(|value| value.text.clone()).take(4).collect(),
    };
    if audiences.is_empty() {
        audiences.push("sts.amazonaws.com".into());
    }
    audiences
}

fn named_orgs(view: &DocumentView) -> Vec<OrgId> {
    let conditions = view.statements.iter().flat_map(|statement| &statement.conditions);
    let values = conditions.filter(|c| c.key.text.to_lowercase().ends_with(":sub")).flat_map(|c| &c.values);
    values.filter_map(|value| value.text.parse::<Subject>().ok()).map(|subject| subject.org()).take(8).collect()
}

fn stranger(
    linter: &mut Linter<'_>,
    view: &DocumentView,
    document: &PolicyDocument,
    arn: &str,
    provider: &Provider,
    audiences: &[String],
    named: &[OrgId],
) {
    for org in STRANGERS.map(|bits| OrgId::from_uuid(uuid::Uuid::from_u128(bits))) {
        if named.contains(&org) {
            continue;
        }
        for audience in audiences {
            for (tag, pinned) in [(Some(org), true), (None, true), (Some(org), false), (None, false)] {
                let token = Token { org, audience, tag, pinned };
                let evaluation = document.evaluate(&request(linter, arn, provider, ASSUME, token));
                let Some(decided) = evaluation
                    .decided_by
                    .filter(|_| evaluation.decision == driftwise_contract::policy::Decision::Allow)
                else {
                    continue;
                };
                if linter.has_fault_below(&format!("/Statement/{}", decided.index))
                    || linter.has_fault_below("/Statement")
                {
                    return;
                }
                let Some(statement) = view.statements.get(decided.index) else { return };
                linter.find(
                    Rule::OtherOrgGetsIn,
                    statement.condition_spot(),
                    "tried with the token of another org, and it gets in by this statement",
                    "Pin the org: \"StringEquals\": { \"<issuer>:sub\": \"org-<uuid>\" }, in every statement that allows.",
                );
                return;
            }
        }
    }
}

/// The org's own token must get in. Said only where every condition in the way is about what a token has.
fn own(
    linter: &mut Linter<'_>,
    view: &DocumentView,
    document: &PolicyDocument,
    arn: &str,
    provider: &Provider,
    audiences: &[String],
    org: OrgId,
) {
    if linter.has_fault_below("") {
        return;
    }
    let Some(audience) = audiences.first() else { return };
    let form = linter.context.form;
    let wants_tag = view
        .statements
        .iter()
        .flat_map(|s| &s.conditions)
        .any(|c| c.key.text.to_lowercase().starts_with("aws:requesttag/"));
    let tagged = form.map_or(wants_tag, driftwise_contract::claims::TrustForm::tags_the_session);
    let token = Token { org, audience, tag: tagged.then_some(org), pinned: true };
    let asked: &[&str] = if tagged { &[ASSUME, "sts:TagSession"] } else { &[ASSUME] };
    for action in asked {
        let evaluation = document.evaluate(&request(linter, arn, provider, action, token));
        if evaluation.is_allowed() {
            continue;
        }
        let of_token = |key: &str| {
            let key = key.to_lowercase();
            key.starts_with("aws:requesttag/")
                || key == "sts:roleauthorizedbyidp"
                || key.starts_with(&plain(&provider.url).to_lowercase())
        };
        let understood = |failure: &Failure| match failure {
            Failure::Condition { key, .. } => of_token(key),
            _ => true,
        };
        let denied = evaluation.decided_by.as_ref();
        if denied.is_none() && !evaluation.statements.iter().any(|trace| trace.failures.iter().all(understood)) {
            continue;
        }
        let spot = denied.and_then(|by| view.statements.get(by.index)).map_or(&view.spot, |statement| &statement.spot);
        let cause = if denied.is_some() { "this statement denies it" } else { "no statement allows it" };
        linter.find(
            Rule::OrgKeptOut,
            spot,
            format!("tried with a token of {}, and it is kept out: {cause} ({action})", shown(&format!("org-{org}"))),
            "`driftwise-issuer setup explain` shows each condition that is in the way.",
        );
        return;
    }
}

fn request(linter: &Linter<'_>, arn: &str, provider: &Provider, action: &str, token: Token<'_>) -> Request {
    let Token { org, audience, tag, pinned } = token;
    let key = |claim: &str| format!("{}:{claim}", plain(&provider.url));
    let mut context = Context::new();
    context
        .set(&key("sub"), Subject::of_org(org).to_string())
        .set(&key("aud"), audience)
        .set_many(&key("oaud"), [audience])
        .set("aws:FederatedProvider", arn)
        .set("aws:PrincipalAccount", provider.account.as_str())
        .set("aws:PrincipalType", "User");
    if linter.context.exposes_claims() {
        context.set(&key(ORG_TAG), org.to_string());
    }
    if let Some(tag) = tag {
        context
            .set(&format!("aws:RequestTag/{ORG_TAG}"), tag.to_string())
            .set_many("aws:TagKeys", [ORG_TAG])
            .set_many("sts:TransitiveTagKeys", [ORG_TAG]);
    }
    if action == ASSUME {
        context.set_bool("sts:RoleAuthorizedByIdp", pinned);
    }
    let role = linter.context.role.as_ref().map_or("*", driftwise_contract::RoleArn::as_str);
    Request::new(action, role).by(RequestPrincipal::Federated(arn.to_owned())).with_context(context)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{GOOD, codes, context};
    use crate::setup::lint::place::{self, Lines};
    use crate::setup::lint::view::DocumentView;
    use crate::setup::lint::{Linter, lint};

    #[test]
    fn a_deny_of_the_org_itself_is_found_by_trying() {
        let deny = r#"{"Effect": "Deny", "Principal": "*", "Action": "sts:TagSession",
            "Condition": {"StringLike": {"id.example.com/base:sub": "org-0198*"}}}"#;
        let text = GOOD.replace("\"Statement\": [", &format!("\"Statement\": [{deny},"));
        assert_eq!(codes(&lint(&text, &context())), ["DW-TRUST-019"]);
    }

    #[test]
    fn a_stranger_who_gets_in_is_found_by_trying() {
        // No rule has looked at it: what is found, the trial found.
        let lax = GOOD.replace("\"id.example.com/base:sub\"", "\"aws:PrincipalAccount\"").replace(
            "\"org-0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21\",\n          \"aws:RequestTag/dw_org_id\": \"0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21\"",
            "\"123456789012\"",
        );
        let context = context();
        for (text, expected) in [(lax.as_str(), &["DW-TRUST-018"] as &[_]), (GOOD, &[])] {
            let mut linter = Linter { context: &context, lines: Lines::new(text), findings: Vec::new() };
            let view = DocumentView::new(&place::read(text).unwrap());
            super::check(&mut linter, &view, &driftwise_contract::policy::PolicyDocument::parse(text).unwrap());
            let found: Vec<_> = linter.findings.iter().map(|finding| finding.code).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
