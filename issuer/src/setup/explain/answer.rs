//! The answer, as text for people and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use crate::setup::lint::harmless;

/// Whether a token gets in by a policy, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether STS would let the token in, given that its signature is good and its times are right.
    pub gets_in: bool,
    /// The role that was asked for, where it is known.
    pub role: Option<String>,
    /// Always false: the answer is about the policy.
    pub signature_checked: bool,
    /// The steps in STS's order.
    pub steps: Vec<Step>,
    /// The same question for tokens that differ in one thing.
    pub variants: Vec<Variant>,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The token passes.
    Passed,
    /// The token is refused here.
    Refused,
    /// To know; decides nothing by itself.
    Remark,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What is looked at.
    pub name: &'static str,
    /// What it came to.
    pub outcome: Outcome,
    /// Why.
    pub text: String,
    /// Every statement of the policy, where the policy was asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Statement>,
}

/// How one statement fared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// Its place, from 1, and its `Sid`.
    pub name: String,
    /// `Allow` or `Deny`.
    pub effect: &'static str,
    /// Whether it matches the call.
    pub matches: bool,
    /// What kept it from matching.
    pub failures: Vec<String>,
}

/// A token that differs from the given one in one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variant {
    /// What is different.
    pub what: &'static str,
    /// Whether it gets in.
    pub gets_in: bool,
    /// Whether its getting in means that the policy guards too little.
    pub dangerous: bool,
    /// What keeps it out; empty if it gets in.
    pub kept_out_by: Vec<String>,
}

impl Step {
    pub(super) fn new(name: &'static str, outcome: Outcome, text: String) -> Self {
        Self { name, outcome, text, statements: Vec::new() }
    }
}

impl Explanation {
    /// For people.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a String can't fail.
        let _ = writeln!(text, "The token {}.", if self.gets_in { "gets in" } else { "is kept out" });
        text.push_str("(Its signature is not checked: this is about the policy.)\n\n");
        for step in &self.steps {
            let mark = match step.outcome {
                Outcome::Passed => "ok",
                Outcome::Refused => "NO",
                Outcome::Remark => "--",
            };
            let _ = writeln!(text, "{mark}  {}: {}", step.name, step.text);
            for statement in &step.statements {
                let Statement { name, effect, matches, failures } = statement;
                let _ =
                    writeln!(text, "      {effect} by {name}: {}", if *matches { "matches" } else { "does not match" });
                for failure in failures {
                    let _ = writeln!(text, "        - {failure}");
                }
            }
        }
        text.push_str("\nOthers:\n");
        for Variant { what, gets_in, dangerous, kept_out_by } in &self.variants {
            let outcome = match (gets_in, dangerous) {
                (false, _) => "is kept out",
                (true, false) => "gets in",
                (true, true) => "GETS IN: the policy guards too little (driftwise-issuer setup lint says where)",
            };
            let _ = writeln!(text, "  {what} {outcome}");
            for reason in kept_out_by {
                let _ = writeln!(text, "    - {reason}");
            }
        }
        // Keys and claims are written by others.
        text.chars().map(|letter| if letter == '\n' { letter } else { harmless(letter) }).collect()
    }
}
