//! What the linter can find: one row per code. `docs/setup-lint.md` has a section for each; a test holds the two together.

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// To know, no fault: the document may be applied.
    Note,
    /// Works on AWS as it stands, but guards less than it seems to, or only by chance.
    Warning,
    /// Lets the wrong ones in, keeps the right ones out, or AWS refuses it.
    Error,
}

impl Severity {
    /// The word of the report, the JSON and SARIF's `level`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

macro_rules! rules {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $severity:ident, $title:literal;)+) => {
        /// A rule of the linter.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Rule { $(#[doc = $title] $variant,)+ }

        impl Rule {
            /// Every rule, by code.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The code: stable, never used again for something else.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// How bad it usually is; a finding may say otherwise.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }

            /// What it is, in one line.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

rules! {
    NotJson = "DW-JSON-001", Error, "The text is not JSON.";
    TooMuch = "DW-JSON-002", Error, "The text is too long or too deeply nested to be a policy.";
    RepeatedMember = "DW-JSON-003", Error, "A member is given twice.";
    Grammar = "DW-POLICY-001", Error, "The document breaks the IAM policy grammar.";
    OldVersion = "DW-POLICY-002", Warning, "The document is not of version 2012-10-17.";
    UnknownOperator = "DW-POLICY-003", Error, "AWS knows no such condition operator.";
    AllBut = "DW-POLICY-004", Error, "An Allow names whom or what it does not mean.";
    TooLong = "DW-POLICY-005", Error, "The document is longer than AWS takes.";
    DenyNeverMatches = "DW-POLICY-006", Error, "A Deny can never match.";
    Everything = "DW-POLICY-007", Error, "A statement allows everything.";
    NeverHolds = "DW-POLICY-008", Error, "No request can satisfy a condition.";
    WrongElement = "DW-POLICY-009", Error, "An element does not belong into a policy of this kind.";
    Variable = "DW-POLICY-010", Error, "A policy variable stands where a fixed value must.";
    LiteralWildcard = "DW-POLICY-011", Error, "A wildcard stands under an operator that takes it for plain text.";
    NoSubject = "DW-TRUST-001", Error, "The subject is not checked.";
    SubjectWildcard = "DW-TRUST-002", Error, "A wildcard in the subject spans several orgs.";
    NoAudience = "DW-TRUST-003", Error, "The audience is not checked.";
    CustomClaim = "DW-TRUST-004", Error, "A custom claim is no condition key on AWS.";
    HollowGuard = "DW-TRUST-005", Error, "A condition guards nothing where its key is absent.";
    Everyone = "DW-TRUST-006", Error, "The principal is everyone.";
    ForeignProvider = "DW-TRUST-007", Error, "The provider stands in another account or partition.";
    IssuerSpelling = "DW-TRUST-008", Error, "The issuer is not spelled as the provider is.";
    NoTagSession = "DW-TRUST-009", Error, "The token carries tags, and sts:TagSession is not allowed.";
    NotAProvider = "DW-TRUST-010", Error, "The principal is no OpenID Connect provider.";
    OtherOrg = "DW-TRUST-011", Error, "The subject is not this org's, or no org's at all.";
    WrongAudience = "DW-TRUST-012", Error, "The audience is not the issuer's.";
    WrongTag = "DW-TRUST-013", Error, "The session tag does not fit the org.";
    RolePinMisplaced = "DW-TRUST-014", Error, "sts:RoleAuthorizedByIdp is asked for where it is absent or means the opposite.";
    WrongAction = "DW-TRUST-015", Error, "The actions are not those of a web identity.";
    KeyOfOthers = "DW-TRUST-016", Error, "A condition key belongs to another provider.";
    KeyCase = "DW-TRUST-017", Warning, "A condition key is spelled in another case.";
    OtherOrgGetsIn = "DW-TRUST-018", Error, "Another org's token gets in.";
    OrgKeptOut = "DW-TRUST-019", Error, "The org's own token is kept out.";
    AbsentKey = "DW-TRUST-020", Error, "The call of a web identity does not have this condition key.";
    OtherProviderOpen = "DW-TRUST-021", Error, "Another provider's subject is not checked.";
    DeletedPrincipal = "DW-TRUST-022", Warning, "The principal was deleted.";
    ExternalIdMissing = "DW-EXTID-001", Error, "The external id is not checked.";
    ExternalIdWeak = "DW-EXTID-002", Error, "The check of the external id can be passed without knowing it.";
    ExternalIdGuessable = "DW-EXTID-003", Warning, "The external id can be guessed, or AWS does not take it.";
    WholeAccount = "DW-EXTID-004", Note, "Everyone whom an account trusts may assume the role.";
}

/// One thing that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LintFinding {
    /// The code of the rule, such as `DW-TRUST-001`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The line, from 1.
    pub line: usize,
    /// The column of the first character, from 1, in Unicode scalar values.
    pub column: usize,
    /// The line of the end, from 1.
    pub end_line: usize,
    /// The column behind the last character.
    pub end_column: usize,
    /// The JSON pointer (RFC 6901) of the value; empty for the whole document, and where there is no JSON.
    pub pointer: String,
    /// What is wrong, and why that matters. Values of the document stand in it escaped, and cut where they are long.
    pub message: String,
    /// What to do about it.
    pub fix: String,
    /// The rule.
    #[serde(skip)]
    pub rule: Rule,
}

/// A value of the document for a message: in quotes, controls escaped, cut after 80 characters.
pub(super) fn shown(text: &str) -> String {
    let mut cut: String = text.chars().take(80).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    format!("{cut:?}")
}

/// A message as it leaves: on one line, harmless to a terminal, and not longer than one wants to read.
pub(super) fn told(text: &str) -> String {
    const LONGEST: usize = 800;
    let mut cut: String = text.chars().take(LONGEST).map(harmless).collect();
    if cut.chars().count() == LONGEST {
        cut.push('…');
    }
    cut
}

/// What a terminal would take for a command, or for a change of direction, is shown as a blank or a mark.
pub(crate) fn harmless(letter: char) -> char {
    match letter {
        '\t' => ' ',
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => '\u{fffd}',
        control if control.is_control() => '\u{fffd}',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_its_own_and_documented() {
        let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/setup-lint.md"));
        let codes: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.code()).collect();
        assert_eq!(codes.len(), Rule::ALL.len());
        for rule in Rule::ALL {
            let heading = format!("### {} {}", rule.code(), rule.title().trim_end_matches('.'));
            assert!(page.contains(&heading), "docs/setup-lint.md lacks {heading:?}");
        }
        for line in page.lines().filter_map(|line| line.strip_prefix("### ")) {
            let code = line.split_whitespace().next().unwrap_or_default();
            assert!(codes.contains(code), "docs/setup-lint.md has {code}, which no rule has");
        }
    }

    #[test]
    fn a_shown_value_can_not_play_with_the_terminal() {
        assert_eq!(shown("a\u{1b}[2J\u{202e}"), "\"a\\u{1b}[2J\\u{202e}\"");
        assert_eq!(shown(&"x".repeat(100)).chars().count(), 83);
    }
}
