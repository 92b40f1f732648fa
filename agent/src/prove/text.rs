//! A proof as people read it.

use std::io::{self, Write};

use driftwise_contract::proof::ProofOutcome;

use super::{Proof, Step, StepResult, TokenKind};

/// Writes it. `color` for a terminal that shows it.
pub fn write(proof: &Proof, color: bool, out: &mut dyn Write) -> io::Result<()> {
    let paint = |style: anstyle::Style| if color { style } else { anstyle::Style::new() };
    let good = paint(anstyle::Style::new().fg_color(Some(anstyle::AnsiColor::Green.into())));
    let bad = paint(anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Red.into())));
    writeln!(out, "account  {}", proof.account_id)?;
    writeln!(out, "role     {}", proof.role_arn)?;
    writeln!(out, "org      {} ({})", printable(&proof.org_name), proof.org_id)?;
    writeln!(out, "issuer   {}\n", proof.issuer)?;
    for step in &proof.steps {
        let (style, mark) = if step.as_expected { (good, "ok    ") } else { (bad, "not ok") };
        writeln!(out, "{style}{mark}{style:#}  {}", told(step))?;
        writeln!(out, "        {}", evidence(step))?;
    }
    let org = printable(&proof.org_name);
    let (style, verdict) = match proof.outcome {
        ProofOutcome::Proven => {
            (good, format!("proven: the role lets tokens of {org} in, and no other org's of this issuer"))
        }
        ProofOutcome::ForeignOrgAdmitted => (
            bad,
            "NOT SAFE: the role lets in tokens of other orgs. The session was dropped; it could do nothing".to_owned(),
        ),
        ProofOutcome::OwnOrgRefused => {
            (bad, format!("not proven: the role refuses tokens of {org} too, so that it refuses others' says nothing"))
        }
        ProofOutcome::Inconclusive => {
            (bad, "not proven: what AWS answered says nothing about the role's trust policy".to_owned())
        }
    };
    writeln!(out, "\n{style}{verdict}{style:#}")
}

fn told(step: &Step) -> String {
    let token = match step.token {
        TokenKind::CanaryWithTags => "another org's token with session tags",
        TokenKind::CanaryWithoutTags => "another org's token without session tags",
        TokenKind::Own => "this org's token",
        TokenKind::OwnForAnotherRole => "this org's token for another of its roles",
    };
    let done = match &step.result {
        StepResult::Admitted { .. } if step.token == TokenKind::OwnForAnotherRole => {
            "was let in: this STS does not know the roles claim, so that a token opens each role of its org"
        }
        StepResult::Admitted { .. } => "was let in",
        StepResult::Refused { .. } => "was refused",
    };
    match step.attempts {
        1 => format!("{token} {done}"),
        attempts => format!("{token} {done}, at attempt {attempts}"),
    }
}

fn evidence(step: &Step) -> String {
    let subject = step.subject.map(|subject| format!("{subject}: ")).unwrap_or_default();
    match &step.result {
        StepResult::Admitted { session_account_id: Some(account) } => {
            format!("{subject}AWS says that the session is in account {account}")
        }
        StepResult::Admitted { session_account_id: None } => format!("{subject}AWS opened a session"),
        StepResult::Refused { detail, .. } => format!("{subject}{}", printable(detail)),
    }
}

/// Foreign text: an org's name, AWS's words.
fn printable(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use driftwise_contract::codes::Code;

    use super::*;
    use crate::prove::SCHEMA;

    fn proof(outcome: ProofOutcome, steps: Vec<Step>) -> Proof {
        Proof {
            schema: SCHEMA,
            outcome,
            code: None,
            account_id: "123456789012".parse().unwrap(),
            role_arn: "arn:aws:iam::123456789012:role/scan".parse().unwrap(),
            org_id: "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21".parse().unwrap(),
            org_name: "Ac\u{1b}[31mme".into(),
            issuer: "https://id.example.com".parse().unwrap(),
            tested_at: "2027-01-15T08:00:00Z".into(),
            steps,
        }
    }

    fn shown(proof: &Proof, color: bool) -> String {
        let mut out = Vec::new();
        write(proof, color, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_proof_reads_step_by_step_and_foreign_text_paints_nothing() {
        let canary = Step {
            token: TokenKind::CanaryWithTags,
            subject: Some("org-0198c5e2-7c1a-7b3e-9d52-000000000001".parse().unwrap()),
            jti: Some("j".into()),
            attempts: 2,
            as_expected: true,
            result: StepResult::Refused { code: Code::StsAccessDenied, detail: "AccessDenied: \u{7}no".into() },
        };
        let own = Step {
            token: TokenKind::Own,
            subject: None,
            jti: None,
            attempts: 1,
            as_expected: true,
            result: StepResult::Admitted { session_account_id: Some("123456789012".parse().unwrap()) },
        };
        insta::assert_snapshot!(shown(&proof(ProofOutcome::Proven, vec![canary, own]), false), @r"
        account  123456789012
        role     arn:aws:iam::123456789012:role/scan
        org      Ac [31mme (0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21)
        issuer   https://id.example.com

        ok      another org's token with session tags was refused, at attempt 2
                org-0198c5e2-7c1a-7b3e-9d52-000000000001: AccessDenied:  no
        ok      this org's token was let in
                AWS says that the session is in account 123456789012

        proven: the role lets tokens of Ac [31mme in, and no other org's of this issuer
        ");
    }

    #[test]
    fn colours_are_for_terminals_alone() {
        let proof = proof(ProofOutcome::ForeignOrgAdmitted, Vec::new());
        assert!(shown(&proof, true).contains("\u{1b}["));
        assert!(!shown(&proof, false).contains('\u{1b}'));
    }
}
