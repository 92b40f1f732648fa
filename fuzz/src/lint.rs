//! Policy documents as people paste them, given to the linter.

use std::sync::LazyLock;

use driftwise_contract::policy::{Context, PolicyDocument, Request, RequestPrincipal};
use driftwise_issuer::config::Config;
use driftwise_issuer::setup::DocumentKind;
use driftwise_issuer::setup::lint::{FINDINGS_MAX, LintContext, document_in, lint, sarif};

const PROVIDER: &str = "arn:aws:iam::123456789012:oidc-provider/issuer.example";
/// An org that no seed names.
const STRANGER: &str = "0198c5e2-7c1a-7b3e-9d52-00000000dead";

static KNOWN: LazyLock<LintContext> = LazyLock::new(|| LintContext {
    issuer: Some(Config::new("https://issuer.example".parse().expect("an issuer URL")).settings()),
    org: Some("0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21".parse().expect("an org")),
    role: Some("arn:aws:iam::123456789012:role/scan".parse().expect("a role")),
    kind: Some(DocumentKind::TrustPolicy),
    ..LintContext::default()
});

/// The linter takes any text; its findings lie in the text and are harmless to show. What AWS refuses is never clean, and
/// neither is what lets another org in.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let parsed = PolicyDocument::parse(document_in(&text));
    for context in [&*KNOWN, &LintContext::default()] {
        let report = lint(&text, context);
        assert!(report.findings.len() <= FINDINGS_MAX);
        let lines = text.split('\n').count();
        for finding in &report.findings {
            assert!((1..=lines).contains(&finding.line) && finding.column >= 1, "{finding:?}");
            let (begin, end) = ((finding.line, finding.column), (finding.end_line, finding.end_column));
            assert!(begin <= end && finding.end_line <= lines, "{finding:?}");
            let told = format!("{}{}", finding.message, finding.fix);
            assert!(!told.chars().any(char::is_control) && told.len() < 4_000, "{told:?}");
        }
        assert!(!report.to_text("-").chars().any(|letter| letter.is_control() && letter != '\n'));
        serde_json::to_string(&sarif(&report, "-")).expect("SARIF is JSON");
        if report.is_clean() {
            assert!(parsed.is_ok(), "AWS refuses it, and it is clean: {text}");
        }
    }
    if let Ok(document) = &parsed
        && lint(&text, &KNOWN).is_clean()
    {
        for (tagged, pinned) in [(false, false), (false, true), (true, false), (true, true)] {
            assert!(!admits_stranger(document, tagged, pinned), "another org gets in, and it is clean: {text}");
        }
    }
}

fn admits_stranger(document: &PolicyDocument, tagged: bool, pinned: bool) -> bool {
    let mut context = Context::new();
    context
        .set("issuer.example:sub", format!("org-{STRANGER}"))
        .set("issuer.example:aud", "sts.amazonaws.com")
        .set_bool("sts:RoleAuthorizedByIdp", pinned);
    if tagged {
        context.set("aws:RequestTag/dw_org_id", STRANGER);
    }
    let request = Request::new("sts:AssumeRoleWithWebIdentity", "arn:aws:iam::123456789012:role/scan")
        .by(RequestPrincipal::Federated(PROVIDER.into()))
        .with_context(context);
    document.evaluate(&request).is_allowed()
}
