//! The box for a policy that exists: what the linter says of it, with the places in the text. The text is checked and forgotten; it is
//! neither stored nor logged.

use serde::Deserialize;

use super::Place;
use super::form::capital;
use super::view::document::{Language, Mine, plain_chunks};
use super::view::field::{FaultText, TextField};
use super::view::pages::{FindingView, LintPage, PasteView, SourceLine, VerdictView};
use crate::accounts::AwsAccount;
use crate::federation::Settings;
use crate::setup::lint::{LintContext, LintFinding, LintReport, Severity, lint};
use crate::setup::{DocumentKind, Field};

/// What was pasted.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct Pasted {
    /// The account whose role it is; empty where that is not known.
    pub(super) account: String,
    /// The text; none where the page was only opened.
    pub(super) policy: Option<String>,
}

/// The most lines of the text that are shown again with the findings; a trust policy has some fifty.
const LINES_MAX: usize = 2_000;

/// The page, with a verdict where something was pasted.
pub(super) fn page<'a>(place: &'a Place, pasted: &Pasted) -> LintPage<'a> {
    // Browsers send line ends as CR LF; places count lines and columns of what was typed.
    let text = pasted.policy.as_deref().map(|text| text.replace("\r\n", "\n"));
    let account = match pasted.account.trim() {
        "" => Ok(None),
        typed => typed.parse().map(Some).map_err(|_| FaultText {
            reason: "It is no account id".to_owned(),
            fix: "Give its 12 digits, or leave the field empty".to_owned(),
        }),
    };
    let verdict = text.as_deref().zip(account.as_ref().ok()).map(|(text, account)| {
        let context = LintContext {
            issuer: Some(Settings { issuer: place.facts.issuer.clone(), audience: place.facts.audience.clone() }),
            // The placeholder is nobody: without an org, only what lets every org in is told.
            org: place.shown.as_ref().map(|_| place.org),
            account: account.clone(),
            role: place.registered.as_ref().map(|known| known.role_arn().clone()),
            form: place.registered.as_ref().map(AwsAccount::trust_form),
            kind: Some(DocumentKind::TrustPolicy),
        };
        verdict(text, &lint(text, &context))
    });
    LintPage {
        base_path: &place.base_path,
        org: place.shown.clone(),
        here: place.here.clone(),
        account: TextField {
            name: Field::Account.name(),
            label: Field::Account.label(),
            hint: "Of the role, so that a provider of another account is found out. It may stay empty.",
            value: pasted.account.clone(),
            numeric: true,
            fault: account.err(),
            ..TextField::default()
        },
        paste: PasteView {
            action: format!("{}{}/lint", place.base_path, place.here),
            account: String::new(),
            text: text.unwrap_or_default(),
            csrf: place.shown.as_ref().map(|org| org.csrf.clone()),
        },
        verdict,
    }
}

fn verdict(text: &str, report: &LintReport) -> VerdictView {
    let (errors, warnings) = (report.count(Severity::Error), report.count(Severity::Warning));
    let (class, title, told) = match (errors, warnings) {
        (0, 0) => (
            "good",
            "Nothing is wrong with this policy",
            "It lets in who it should, as far as a reader can tell. The proof is AWS’s answer: driftwise-agent prove."
                .to_owned(),
        ),
        (0, _) => ("warn", "This policy could be better", format!("Found: {}.", report.summary())),
        _ => ("bad", "This policy must not stay as it is", format!("Found: {}.", report.summary())),
    };
    VerdictView {
        class,
        title: title.to_owned(),
        text: told,
        findings: report.findings.iter().map(finding).collect(),
        source: if report.findings.is_empty() { Vec::new() } else { source(text, &report.findings) },
    }
}

fn class(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "bad",
        Severity::Warning => "warn",
        Severity::Note => "",
    }
}

fn finding(finding: &LintFinding) -> FindingView {
    FindingView {
        code: finding.code.to_owned(),
        class: class(finding.severity),
        severity: match finding.severity {
            Severity::Error => "Error",
            Severity::Warning => "Warning",
            Severity::Note => "Note",
        },
        line: finding.line,
        column: finding.column,
        why: sentence(&finding.message),
        fix: sentence(&finding.fix),
    }
}

fn sentence(text: &str) -> String {
    let text = capital(text);
    if text.ends_with(['.', '!', '?']) { text } else { format!("{text}.") }
}

/// The lines of the text, those with findings marked.
fn source(text: &str, findings: &[LintFinding]) -> Vec<SourceLine> {
    let lines = text.split('\n').take(LINES_MAX);
    let line = |(line, number): (&str, usize)| {
        let here = findings.iter().filter(|finding| finding.line == number);
        let worst = here.clone().map(|finding| finding.severity).max();
        // One line is one chunk.
        let chunk = plain_chunks(line, Language::Json, &Mine::default()).into_iter().next();
        Some(SourceLine {
            number,
            chunk: chunk?,
            hit: worst.map(|severity| if severity == Severity::Error { "bad" } else { "warn" }),
            notes: here.map(|finding| format!("{}, column {}", finding.code, finding.column)).collect(),
        })
    };
    lines.zip(1..).filter_map(line).collect()
}
