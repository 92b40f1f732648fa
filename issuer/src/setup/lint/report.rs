//! What was found, for people.

use std::fmt::Write as _;

use serde::Serialize;

use super::finding::harmless;
use super::{LintFinding, Severity};

/// All findings of one document, by place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LintReport {
    /// The findings in the order of the text.
    pub findings: Vec<LintFinding>,
    /// The lines that findings begin on, with their numbers, for [`LintReport::to_text`].
    #[serde(skip)]
    lines: Vec<(usize, String)>,
}

/// How much of a line is shown.
const LINE_WIDTH_MAX: usize = 160;

impl LintReport {
    pub(super) fn new(findings: Vec<LintFinding>, text: &str) -> Self {
        let mut wanted = findings.iter().map(|finding| finding.line).collect::<Vec<_>>();
        wanted.dedup();
        let mut wanted = wanted.into_iter().peekable();
        let lines = text.split('\n').zip(1..).filter_map(|(line, number)| {
            wanted.next_if_eq(&number).map(|_| (number, line.strip_suffix('\r').unwrap_or(line).to_owned()))
        });
        let lines = lines.collect();
        Self { findings, lines }
    }

    /// Whether nothing worse than a note was found: the document may be applied.
    pub fn is_clean(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity == Severity::Note)
    }

    /// How many findings there are of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// `2 errors, 1 warning`, or that there is nothing to say.
    pub fn summary(&self) -> String {
        let counts = [Severity::Error, Severity::Warning, Severity::Note].map(|severity| match self.count(severity) {
            0 => String::new(),
            1 => format!("1 {}", severity.as_str()),
            many => format!("{many} {}s", severity.as_str()),
        });
        let told: Vec<_> = counts.into_iter().filter(|count| !count.is_empty()).collect();
        if told.is_empty() { "nothing found".into() } else { told.join(", ") }
    }

    /// The findings with their lines, each place marked; `name` is the document's.
    pub fn to_text(&self, name: &str) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            let margin = finding.line.to_string().len();
            let LintFinding { code, severity, line, column, message, fix, .. } = finding;
            // Writing to a String can't fail.
            let _ = writeln!(text, "{}[{code}]: {message}", severity.as_str());
            let _ = writeln!(text, "{:margin$}--> {name}:{line}:{column}", "");
            if let Some((source, mark)) = self.excerpt(finding) {
                let _ = writeln!(text, "{:margin$} |\n{line} | {source}\n{:margin$} | {mark}", "", "");
            }
            let _ = writeln!(text, "{:margin$} = fix: {fix}\n", "");
        }
        text
    }

    /// The finding's line, shortened around its place, and the carets below it.
    pub fn excerpt(&self, finding: &LintFinding) -> Option<(String, String)> {
        let found = self.lines.binary_search_by_key(&finding.line, |(number, _)| *number).ok()?;
        let line: Vec<char> = self.lines[found].1.chars().map(harmless).collect();
        let start = (finding.column - 1).min(line.len());
        let end = if finding.end_line == finding.line { finding.end_column - 1 } else { line.len() };
        let indent = line.iter().take_while(|c| c.is_whitespace()).count().min(start);
        let first = if start - indent > LINE_WIDTH_MAX / 2 { start - LINE_WIDTH_MAX / 2 } else { indent };
        let last = line.len().min(first + LINE_WIDTH_MAX);
        let mut shown: String = line[first..last].iter().collect();
        if last < line.len() {
            shown.push('…');
        }
        let carets = end.min(last).saturating_sub(start).max(1);
        Some((shown, format!("{}{}", " ".repeat(start - first), "^".repeat(carets))))
    }
}
