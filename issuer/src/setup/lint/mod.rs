//! The linter: what is wrong with a policy document, where, why, and how to mend it.
//!
//! [`lint`] takes any text and never fails: a text that is no JSON is a finding, too. It is made for trust policies, where a
//! small slip lets every org in or keeps everyone out, and knows the common slips of the other kinds.
//!
//! Words:
//! - *rule*: one row of [`Rule`], with a code that stays; `docs/setup-lint.md` has a section for each.
//! - *finding*: a rule that was broken at a place of the text.
//! - *ours*: a statement that trusts the issuer in question. With an issuer in the context, that one and the orgs' own issuers
//!   below it; without, every OpenID Connect provider that is not one of the well-known ones. Statements about others (GitHub,
//!   EKS, …) are judged only for what is dangerous everywhere.
//! - *guard*: a condition that keeps someone out.
//!
//! Invariants:
//! - What AWS refuses is never clean: whatever the rules miss, contract's strict reader finds ([`Rule::Grammar`]).
//! - What lets another org in is never clean: after the rules, contract's evaluator is asked with the tokens of a stranger
//!   ([`Rule::OtherOrgGetsIn`]).
//! - The work is bounded: texts over [`TEXT_MAX_BYTES`] are not read, documents far over AWS's limits are not judged, and
//!   there are at most [`FINDINGS_MAX`] findings.
//!
//! To add a rule: a row in `finding.rs`, its check in one of the modules of `rules/`, a case in that module's tests, a section
//! in `docs/setup-lint.md`.

mod finding;
mod place;
mod report;
mod rules;
mod sarif;
mod view;

use driftwise_contract::claims::TrustForm;
use driftwise_contract::policy::PolicyDocument;
use driftwise_contract::{AccountId, OrgId, Partition, RoleArn};

pub(crate) use finding::harmless;
pub use finding::{LintFinding, Rule, Severity};
pub use report::LintReport;
pub use sarif::{Sarif, sarif};

use super::document::{Document, DocumentKind};
use super::request::{SetupRequest, TrustChoice};
use crate::federation::Settings;
use place::{Lines, Node, Spot};
use view::DocumentView;

/// The longest text that is read, in bytes; AWS's largest policy has 32 KiB.
pub const TEXT_MAX_BYTES: usize = 1 << 20;
/// The most findings that are told of one document.
pub const FINDINGS_MAX: usize = 200;
/// Documents longer than this, in bytes without blanks, are over every limit: that alone is said of them.
const JUDGED_MAX_BYTES: usize = 128 << 10;

/// What is known beside the document. All of it is optional: the more is known, the more is checked.
#[derive(Debug, Clone, Default)]
pub struct LintContext {
    /// The issuer whose tokens the policy is about, and their audience.
    pub issuer: Option<Settings>,
    /// The org that must get in, and none other.
    pub org: Option<OrgId>,
    /// The account that the policy stands in. Known by the role, where that is given.
    pub account: Option<AccountId>,
    /// The role whose trust policy it is.
    pub role: Option<RoleArn>,
    /// The form that the account is registered with: what its tokens carry. `custom-claim` says that the STS in question
    /// exposes every claim, which AWS's does not.
    pub form: Option<TrustForm>,
    /// The kind of policy. None: told from its elements.
    pub kind: Option<DocumentKind>,
}

impl LintContext {
    /// What is known of a document that was made of a request.
    pub fn of_document(request: &SetupRequest, document: &Document) -> Self {
        let is_readers = document.file_stem.contains("reader");
        Self {
            issuer: Some(Settings { issuer: request.issuer.issuer.clone(), audience: request.issuer.audience.clone() }),
            org: Some(request.org),
            account: None,
            role: request.state_reader.clone().filter(|_| is_readers).or_else(|| Some(request.role.clone())),
            form: match request.trust {
                TrustChoice::Federated { form, .. } => Some(form),
                TrustChoice::ExternalId { .. } | TrustChoice::TwoLayer { .. } => None,
            },
            kind: Some(document.kind),
        }
    }

    pub(super) fn account(&self) -> Option<&AccountId> {
        self.role.as_ref().map(RoleArn::account_id).or(self.account.as_ref())
    }

    pub(super) fn partition(&self) -> Option<Partition> {
        self.role.as_ref().map(RoleArn::partition)
    }

    /// Whether the STS in question exposes every claim as a condition key.
    pub(super) fn exposes_claims(&self) -> bool {
        self.form == Some(TrustForm::CustomClaim)
    }
}

/// Checks a document. Never fails, whatever the text.
pub fn lint(text: &str, context: &LintContext) -> LintReport {
    let mut linter = Linter { context, lines: Lines::new(text), findings: Vec::new() };
    let whole = Spot { span: 0..0, pointer: String::new() };
    if text.len() > TEXT_MAX_BYTES {
        linter.find(
            Rule::TooMuch,
            &whole,
            format!(
                "the text has {} bytes; at most {TEXT_MAX_BYTES} are read, and no policy may be that long",
                text.len()
            ),
            "Give the policy document alone.",
        );
        return linter.report(text);
    }
    let root = match place::read(text) {
        Ok(root) => root,
        Err(unreadable) => {
            let rule = if unreadable.too_deep { Rule::TooMuch } else { Rule::NotJson };
            let spot = Spot { span: unreadable.offset..unreadable.offset + 1, ..whole };
            linter.find(rule, &spot, format!("this is not a policy: {}", unreadable.cause), unreadable.fix);
            return linter.report(text);
        }
    };
    let root = document_of(&root);
    let source = &text[root.spot.span.clone()];
    if source.bytes().filter(|byte| !byte.is_ascii_whitespace()).count() > JUDGED_MAX_BYTES {
        rules::length(&mut linter, source, &root.spot, None);
        return linter.report(text);
    }
    let view = DocumentView::new(root);
    let parsed = PolicyDocument::parse(source);
    let kind = context.kind.unwrap_or_else(|| rules::kind_of(&view));
    rules::check(&mut linter, &rules::Subject { root, view: &view, source, parsed: &parsed, kind });
    linter.report(text)
}

/// The part of a text that is the policy document: all of it, or what stands inside an answer of the AWS CLI
/// (`aws iam get-role`, `get-policy-version`).
pub fn document_in(text: &str) -> &str {
    if text.len() > TEXT_MAX_BYTES {
        return text;
    }
    place::read(text).map_or(text, |root| &text[document_of(&root).spot.span.clone()])
}

/// The document itself: what the AWS CLI answers has it inside (`aws iam get-role`, `get-policy-version`).
fn document_of(root: &Node) -> &Node {
    let path: &[&[&str]] = &[
        &["Role", "AssumeRolePolicyDocument"],
        &["AssumeRolePolicyDocument"],
        &["PolicyVersion", "Document"],
        &["PolicyDocument"],
    ];
    if root.member("Statement").is_some() {
        return root;
    }
    let inner = path
        .iter()
        .find_map(|names| names.iter().try_fold(root, |node, name| node.member(name).map(|member| &member.value)));
    inner.filter(|node| matches!(node.kind, place::Kind::Object(_))).unwrap_or(root)
}

/// Collects findings.
struct Linter<'a> {
    context: &'a LintContext,
    lines: Lines<'a>,
    findings: Vec<LintFinding>,
}

impl Linter<'_> {
    fn find(&mut self, rule: Rule, spot: &Spot, message: impl Into<String>, fix: impl Into<String>) {
        self.find_as(rule, rule.severity(), spot, message, fix);
    }

    /// As [`Self::find`], less or more severe than the rule usually is.
    fn find_as(
        &mut self,
        rule: Rule,
        severity: Severity,
        spot: &Spot,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) {
        if self.findings.len() >= FINDINGS_MAX {
            return;
        }
        let (line, column) = self.lines.position(spot.span.start);
        let (end_line, end_column) = self.lines.position(spot.span.end);
        self.findings.push(LintFinding {
            code: rule.code(),
            severity,
            line,
            column,
            end_line,
            end_column,
            pointer: spot.pointer.clone(),
            message: finding::told(&message.into()),
            fix: finding::told(&fix.into()),
            rule,
        });
    }

    /// Whether something worse than a note was found at or below a pointer.
    fn has_fault_below(&self, pointer: &str) -> bool {
        self.findings.iter().any(|finding| {
            finding.severity > Severity::Note
                && finding.pointer.strip_prefix(pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    fn report(mut self, text: &str) -> LintReport {
        self.findings.sort_by(|a, b| {
            (a.line, a.column, std::cmp::Reverse(a.severity), a.code).cmp(&(
                b.line,
                b.column,
                std::cmp::Reverse(b.severity),
                b.code,
            ))
        });
        self.findings.dedup();
        LintReport::new(self.findings, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_too_big_too_deep_or_too_much() {
        let context = LintContext::default();
        let codes = |text: &str| lint(text, &context).findings.iter().map(|finding| finding.code).collect::<Vec<_>>();
        assert_eq!(codes(&"x".repeat(TEXT_MAX_BYTES + 1)), ["DW-JSON-002"]);
        for deep in ["[".repeat(1 << 20), "{\"a\":".repeat(100_000), "[[[".repeat(1_000)] {
            assert_eq!(codes(&deep).len(), 1);
        }
        let statements = vec![r#"{"Effect":"Allow"}"#; 50_000].join(",");
        assert_eq!(codes(&format!("{{\"Statement\":[{statements}]}}")), ["DW-POLICY-005"]);
        let statements = vec![r#"{"Effect":"Allow"}"#; 5_000].join(",");
        assert_eq!(codes(&format!("{{\"Statement\":[{statements}]}}")).len(), FINDINGS_MAX);
    }

    #[test]
    fn findings_are_shown_with_their_line_and_place() {
        let text = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [{\n    \"Effect\": \"Allow\", \"Principal\": \"*\",\n    \"Action\": \"sts:AssumeRole\"\n  }]\n}";
        let report = lint(text, &LintContext::default());
        insta::assert_snapshot!(report.to_text("trust.json"), @r#"
        error[DW-TRUST-006]: the principal is everyone: every provider of the account, and every AWS account in the world
         --> trust.json:4:37
          |
        4 | "Effect": "Allow", "Principal": "*",
          |                                 ^^^
          = fix: Name the provider: "Principal": { "Federated": "arn:aws:iam::<account>:oidc-provider/<issuer>" }.
        "#);
        assert_eq!(report.summary(), "1 error");
    }

    #[test]
    fn sarif_has_what_its_schema_asks_for() {
        let report = lint(
            "{\"Statement\": {\"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": \"*\"}}",
            &LintContext::default(),
        );
        let log = serde_json::to_value(sarif(&report, "infra/trust.json")).unwrap();
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        let results = run["results"].as_array().unwrap();
        assert!(!results.is_empty() && run["tool"]["driver"]["name"].is_string());
        for result in results {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[index]["id"], result["ruleId"]);
            assert!(["note", "warning", "error"].contains(&result["level"].as_str().unwrap()));
            assert!(result["message"]["text"].is_string());
            let place = &result["locations"][0]["physicalLocation"];
            assert_eq!(place["artifactLocation"]["uri"], "infra/trust.json");
            for edge in ["startLine", "startColumn", "endLine", "endColumn"] {
                assert!(place["region"][edge].as_u64().unwrap() >= 1, "{edge}");
            }
        }
    }

    #[test]
    fn a_line_can_not_play_with_the_terminal() {
        let report = lint("{\"a\u{1b}[2J\u{202e}\": 1}", &LintContext::default());
        let text = report.to_text("x");
        assert!(
            !text.chars().any(|letter| letter.is_control() && letter != '\n') && !text.contains('\u{202e}'),
            "{text:?}"
        );
    }
}
