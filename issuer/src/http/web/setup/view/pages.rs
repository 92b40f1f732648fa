//! The pages: one struct each.

use askama::Template;

use super::document::{Chunk, DocumentView};
use super::field::{Choice, Choices, FaultLine, TextField};

/// The org that a page is for, and who looks at it.
#[derive(Debug, Clone)]
pub(in crate::http::web) struct OrgView {
    pub(in crate::http::web) id: String,
    pub(in crate::http::web) name: String,
    /// What the sign-out form carries.
    pub(in crate::http::web) csrf: String,
    /// Who is signed in.
    pub(in crate::http::web) admin: String,
}

/// `/orgs`
#[derive(Debug, Template)]
#[template(path = "pages/orgs.html")]
pub(in crate::http::web) struct OrgsPage<'a> {
    pub(in crate::http::web) base_path: &'a str,
    pub(in crate::http::web) csrf: String,
    pub(in crate::http::web) admin: String,
    pub(in crate::http::web) orgs: Vec<OrgLine>,
}

/// An org in the list.
#[derive(Debug, Clone)]
pub(in crate::http::web) struct OrgLine {
    pub(in crate::http::web) id: String,
    pub(in crate::http::web) name: String,
    /// `2 accounts registered`
    pub(in crate::http::web) accounts: String,
}

/// `/setup` and `/orgs/{org_id}/setup`
#[derive(Debug, Template)]
#[template(path = "pages/setup.html")]
pub(in crate::http::web) struct SetupPage<'a> {
    pub(in crate::http::web) base_path: &'a str,
    /// None on the public page.
    pub(in crate::http::web) org: Option<OrgView>,
    /// Where the page and what belongs to it lie: `/setup` or `/orgs/<id>/setup`, below the base path.
    pub(in crate::http::web) here: String,
    pub(in crate::http::web) form: FormView,
    pub(in crate::http::web) faults: Vec<FaultLine>,
    /// What can't be made of answers that are right each by itself.
    pub(in crate::http::web) refusal: Option<String>,
    pub(in crate::http::web) made: Option<MadeView>,
    pub(in crate::http::web) paste: PasteView,
}

impl SetupPage<'_> {
    /// Whether the form is open: there is something to answer.
    pub(in crate::http::web) fn is_asking(&self) -> bool {
        self.made.is_none() || self.org.is_none()
    }
}

/// The questions.
#[derive(Debug, Clone)]
pub(in crate::http::web) struct FormView {
    pub(in crate::http::web) account: TextField,
    pub(in crate::http::web) role: TextField,
    pub(in crate::http::web) region: TextField,
    pub(in crate::http::web) trust: Choices,
    pub(in crate::http::web) pinned: Choices,
    pub(in crate::http::web) trust_details: Vec<TextField>,
    pub(in crate::http::web) access: Choices,
    pub(in crate::http::web) types: Vec<TextField>,
    pub(in crate::http::web) compact: Choice,
    pub(in crate::http::web) state: Vec<TextField>,
    pub(in crate::http::web) state_details: Vec<TextField>,
    pub(in crate::http::web) abac: Choice,
    pub(in crate::http::web) lock_down: Vec<TextField>,
    /// Whether what is rarely needed stands open: something in it was answered.
    pub(in crate::http::web) details_open: bool,
    pub(in crate::http::web) lock_down_open: bool,
}

/// What was made of the answers.
#[derive(Debug, Clone)]
pub(in crate::http::web) struct MadeView {
    /// The answers in short: a label and a value each.
    pub(in crate::http::web) answers: Vec<(String, String)>,
    pub(in crate::http::web) words: WordsView,
    pub(in crate::http::web) tabs: Vec<TabView>,
    pub(in crate::http::web) bundle: String,
    /// Whether the issuer knows the role already.
    pub(in crate::http::web) is_registered: bool,
    pub(in crate::http::web) register: Vec<CommandView>,
    pub(in crate::http::web) prove: Vec<CommandView>,
    pub(in crate::http::web) proof: Option<ProofView>,
}

/// The documents in plain words.
#[derive(Debug, Clone)]
pub(in crate::http::web) struct WordsView {
    pub(in crate::http::web) admitted: Vec<String>,
    pub(in crate::http::web) refused: Vec<String>,
    pub(in crate::http::web) may: Vec<String>,
    pub(in crate::http::web) may_not: Vec<String>,
    /// What the admin must do by hand.
    pub(in crate::http::web) by_hand: Vec<String>,
}

/// One way to deploy.
#[derive(Debug, Clone)]
pub(in crate::http::web) struct TabView {
    pub(in crate::http::web) id: &'static str,
    pub(in crate::http::web) label: &'static str,
    pub(in crate::http::web) title: &'static str,
    pub(in crate::http::web) lead: &'static str,
    pub(in crate::http::web) launch: Option<LaunchView>,
    pub(in crate::http::web) commands: Vec<CommandView>,
    pub(in crate::http::web) documents: Vec<DocumentView>,
}

/// The way into AWS's console.
#[derive(Debug, Clone)]
pub(in crate::http::web) struct LaunchView {
    /// Opens the console with the template loaded.
    pub(in crate::http::web) link: String,
    /// Where the console takes the template from: somebody has to put it there first.
    pub(in crate::http::web) template_url: String,
}

/// A command to copy.
#[derive(Debug, Clone)]
pub(in crate::http::web) struct CommandView {
    pub(in crate::http::web) id: String,
    /// What it does.
    pub(in crate::http::web) about: String,
    pub(in crate::http::web) text: String,
}

/// What the last proof of the account found.
#[derive(Debug, Clone)]
pub(in crate::http::web) struct ProofView {
    /// `good` or `bad`
    pub(in crate::http::web) class: &'static str,
    pub(in crate::http::web) title: String,
    pub(in crate::http::web) text: String,
}

/// The box for a policy that exists.
#[derive(Debug, Clone)]
pub(in crate::http::web) struct PasteView {
    /// Where it is sent: the linter's page.
    pub(in crate::http::web) action: String,
    /// Against which account and role it is checked; empty for none.
    pub(in crate::http::web) account: String,
    pub(in crate::http::web) text: String,
    pub(in crate::http::web) csrf: Option<String>,
}

/// `/setup/lint` and `/orgs/{org_id}/setup/lint`
#[derive(Debug, Template)]
#[template(path = "pages/setup-lint.html")]
pub(in crate::http::web) struct LintPage<'a> {
    pub(in crate::http::web) base_path: &'a str,
    pub(in crate::http::web) org: Option<OrgView>,
    pub(in crate::http::web) here: String,
    pub(in crate::http::web) account: TextField,
    pub(in crate::http::web) paste: PasteView,
    pub(in crate::http::web) verdict: Option<VerdictView>,
}

/// What the linter found.
#[derive(Debug, Clone)]
pub(in crate::http::web) struct VerdictView {
    /// `good`, `warn` or `bad`
    pub(in crate::http::web) class: &'static str,
    pub(in crate::http::web) title: String,
    pub(in crate::http::web) text: String,
    pub(in crate::http::web) findings: Vec<FindingView>,
    pub(in crate::http::web) source: Vec<SourceLine>,
}

/// One finding.
#[derive(Debug, Clone)]
pub(in crate::http::web) struct FindingView {
    pub(in crate::http::web) code: String,
    /// `bad` or `warn`; empty for a remark.
    pub(in crate::http::web) class: &'static str,
    /// The word for it.
    pub(in crate::http::web) severity: &'static str,
    pub(in crate::http::web) line: usize,
    pub(in crate::http::web) column: usize,
    pub(in crate::http::web) why: String,
    pub(in crate::http::web) fix: String,
}

/// A line of the pasted text.
#[derive(Debug, Clone)]
pub(in crate::http::web) struct SourceLine {
    pub(in crate::http::web) number: usize,
    pub(in crate::http::web) chunk: Chunk,
    /// The class of the worst finding on it; none without findings.
    pub(in crate::http::web) hit: Option<&'static str>,
    /// What the findings on it say, with their codes.
    pub(in crate::http::web) notes: Vec<String>,
}
