//! The rules, by what they look at.

mod everywhere;
mod external_id;
mod grammar;
mod probe;
mod provider;
mod session_tag;
mod trust;
mod web_identity;

use driftwise_contract::policy::{PolicyDocument, PolicyError};

use super::place::{Node, Spot};
use super::view::DocumentView;
use super::{Linter, Rule, Severity};
use crate::setup::document::{Counted, DocumentKind, SizeLimit};

pub(super) use grammar::kind_of;

/// What is judged.
pub(super) struct Subject<'a> {
    pub(super) root: &'a Node,
    pub(super) view: &'a DocumentView,
    /// The text of the document.
    pub(super) source: &'a str,
    /// What contract's strict reader made of it.
    pub(super) parsed: &'a Result<PolicyDocument, PolicyError>,
    pub(super) kind: DocumentKind,
}

/// All rules. The grammar comes last but for the probes: it speaks only where no other rule said what is wrong.
pub(super) fn check(linter: &mut Linter<'_>, subject: &Subject<'_>) {
    length(linter, subject.source, &subject.view.spot, Some(subject.kind));
    grammar::repeated_members(linter, subject.root);
    grammar::operators(linter, subject.view);
    grammar::elements(linter, subject);
    everywhere::check(linter, subject);
    if subject.kind == DocumentKind::TrustPolicy {
        trust::check(linter, subject);
    }
    grammar::strict(linter, subject);
    if let (DocumentKind::TrustPolicy, Ok(document)) = (subject.kind, subject.parsed) {
        probe::check(linter, subject.view, document);
    }
}

/// AWS's limits. Without a kind: longer than any policy may be.
pub(super) fn length(linter: &mut Linter<'_>, source: &str, spot: &Spot, kind: Option<DocumentKind>) {
    let kind = kind.unwrap_or(DocumentKind::KeyPolicy);
    let SizeLimit { characters, counted, source: said_by } = kind.limit();
    let length = match counted {
        Counted::WithoutWhitespace => source.chars().filter(|letter| !letter.is_whitespace()).count(),
        Counted::AsWritten => compact_length(source),
    };
    if length <= characters {
        return;
    }
    // A quota request raises it to 4,096 at most (IAM quotas, "Role trust policy length").
    let raised = kind == DocumentKind::TrustPolicy && length <= 4_096;
    let severity = if raised { Severity::Warning } else { Severity::Error };
    let fix = match kind {
        DocumentKind::TrustPolicy if raised => {
            "Ask for a higher quota \"Role trust policy length\" in this account, or use a shorter issuer URL or fewer statements."
        }
        DocumentKind::TrustPolicy => {
            "Use a shorter issuer URL, or fewer statements; other workloads can have roles of their own."
        }
        DocumentKind::PermissionPolicy | DocumentKind::StatePolicy => {
            "Split it: a role takes up to 10 managed policies (20 by a quota request)."
        }
        _ => "Leave out statements, or put fewer names into each.",
    };
    linter.find_as(
        Rule::TooLong,
        severity,
        spot,
        format!("this {kind} has {length} characters that count, and AWS takes {characters} ({said_by})"),
        fix,
    );
}

/// The length without the white space between the JSON tokens.
fn compact_length(source: &str) -> usize {
    let (mut in_string, mut escaped, mut length) = (false, false, 0);
    for letter in source.chars() {
        if in_string || !letter.is_ascii_whitespace() {
            length += 1;
        }
        match letter {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
    }
    length
}

#[cfg(test)]
pub(super) mod tests {
    //! What the modules below test with: a good policy, and what happens when one part of it is changed.

    use crate::federation::Settings;
    use crate::setup::lint::{LintContext, LintReport, Severity, lint};

    pub(super) const GOOD: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {
        "Federated": "arn:aws:iam::123456789012:oidc-provider/id.example.com/base"
      },
      "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
      "Condition": {
        "StringEquals": {
          "id.example.com/base:aud": "sts.amazonaws.com",
          "id.example.com/base:sub": "org-0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21",
          "aws:RequestTag/dw_org_id": "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21"
        }
      }
    }
  ]
}"#;

    pub(super) fn context() -> LintContext {
        LintContext {
            issuer: Some(Settings {
                issuer: "https://id.example.com/base".parse().unwrap(),
                audience: "sts.amazonaws.com".parse().unwrap(),
            }),
            org: Some("0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21".parse().unwrap()),
            role: Some("arn:aws:iam::123456789012:role/scan".parse().unwrap()),
            ..LintContext::default()
        }
    }

    /// The good policy with one text in place of another.
    pub(super) fn changed(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "the policy has no {from}");
        GOOD.replace(from, to)
    }

    /// The codes of a report, without notes, each once.
    pub(super) fn codes(report: &LintReport) -> Vec<&'static str> {
        let mut codes: Vec<_> =
            report.findings.iter().filter(|f| f.severity > Severity::Note).map(|finding| finding.code).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }

    /// Changes of the good policy and the codes that they must bring about, with all context and with none.
    pub(super) fn expect(cases: &[(&str, &str, &[&str])]) {
        for (from, to, expected) in cases {
            let text = changed(from, to);
            let report = lint(&text, &context());
            assert_eq!(codes(&report), *expected, "{from} -> {to}\n{}", report.to_text("policy.json"));
            // With less known, less is found, and nothing breaks.
            let _ = lint(&text, &LintContext::default());
        }
    }

    #[test]
    fn a_good_policy_is_clean() {
        for context in [context(), LintContext::default()] {
            let report = lint(GOOD, &context);
            assert!(report.findings.is_empty(), "{}", report.to_text("policy.json"));
        }
        let answer = format!("{{\"Role\": {{\"RoleName\": \"scan\", \"AssumeRolePolicyDocument\": {GOOD}}}}}");
        assert!(lint(&answer, &context()).findings.is_empty(), "as the AWS CLI answers it");
    }

    #[test]
    fn lengths_are_counted_as_aws_counts_them() {
        assert_eq!(super::compact_length("{ \"a b\\\" c\" : 1 }\n"), 13);
        let padded = GOOD.replace('[', &format!("[{}", " ".repeat(5_000)));
        assert!(lint(&padded, &context()).findings.is_empty(), "white space does not count");
        let many = |count: usize| {
            let others: Vec<_> = (0..count)
                .map(|n| format!(
                    r#"{{"Sid": "S{n}", "Effect": "Allow", "Principal": {{"Service": "ec2.amazonaws.com"}}, "Action": "sts:AssumeRole"}}"#
                ))
                .collect();
            GOOD.replace("\"Statement\": [", &format!("\"Statement\": [{},", others.join(",")))
        };
        assert_eq!(lint(&many(20), &context()).findings[0].severity, Severity::Warning);
        assert_eq!(lint(&many(40), &context()).findings[0].severity, Severity::Error);
        assert_eq!(codes(&lint(&many(5_000), &context())), ["DW-POLICY-005"]);
    }
}
