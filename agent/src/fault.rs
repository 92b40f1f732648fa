//! What ends a command: one error with a stable code, what was tried, AWS's or the issuer's own words, and what to do.
//!
//! A fault never holds a token, a key or a response body. Where a scan can go on without the thing that failed, the fault
//! becomes a [`Gap`] instead ([`Fault::into_gap`]): unknown, counted, and visible in the report.

use std::fmt;
use std::io::{self, Write};

use driftwise_contract::codes::Code;
use driftwise_contract::finding::{Gap, GapScope};

/// A coded error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    code: Code,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
}

impl Fault {
    /// An error: its code, and what was tried, on what, as a clause without a full stop.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), detail: None, hint: None }
    }

    /// Adds the particular cause, in the words of whoever refused; the code's general cause stands beside it.
    #[must_use]
    pub fn because(mut self, detail: impl fmt::Display) -> Self {
        self.detail = Some(one_line(&detail.to_string()));
        self
    }

    /// Replaces the code's general fix by a better one.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The stable code.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What was tried.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The particular cause, where one is known.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// What to do about it.
    pub fn fix(&self) -> &str {
        self.hint.as_deref().unwrap_or(self.code.fix())
    }

    /// The gap that this error leaves in a scan that goes on without what failed.
    pub fn into_gap(self, scope: GapScope, count: u64) -> Gap {
        let detail = match self.detail {
            Some(detail) => format!("{}: {detail}", self.message),
            None => self.message,
        };
        Gap { code: self.code, scope, count, detail }
    }

    /// Writes the error as people read it: message, cause, hint.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let style = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Red.into()));
        let label = anstyle::Style::new().bold();
        writeln!(out, "{style}error[{}]{style:#}: {}", self.code, self.message)?;
        match &self.detail {
            Some(detail) => writeln!(out, "{label}cause:{label:#} {detail}\n       {}", self.code.cause())?,
            None => writeln!(out, "{label}cause:{label:#} {}", self.code.cause())?,
        }
        writeln!(out, "{label}hint:{label:#} {}", self.fix())
    }
}

/// Foreign text on one line and of bounded length: it goes to terminals and into reports.
fn one_line(text: &str) -> String {
    const LIMIT_CHARS: usize = 600;
    let mut shown: String =
        text.chars().take(LIMIT_CHARS).map(|char| if char.is_control() { ' ' } else { char }).collect();
    if text.chars().nth(LIMIT_CHARS).is_some() {
        shown.push('…');
    }
    shown.trim().to_owned()
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.code, self.message)?;
        match &self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}

/// An error and its sources, joined: `error sending request: connection refused`.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_names_its_code_the_cause_and_the_fix() {
        let fault = Fault::new(Code::StsAccessDenied, "the role arn:aws:iam::1:role/x can't be assumed")
            .because("Not authorized\nto perform sts:AssumeRoleWithWebIdentity");
        let mut out = Vec::new();
        fault.write(&mut out).unwrap();
        let text = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
        assert!(text.starts_with("error[aws.sts.access_denied]: the role"), "{text}");
        assert!(text.contains("cause: Not authorized to perform sts:AssumeRoleWithWebIdentity\n"), "{text}");
        assert!(text.contains(&format!("hint: {}", Code::StsAccessDenied.fix())), "{text}");
    }

    #[test]
    fn foreign_text_can_neither_break_lines_nor_flood() {
        let fault = Fault::new(Code::IssuerRefused, "x").because(format!("a\u{1b}[31m\r\n{}", "b".repeat(5000)));
        let detail = fault.detail().unwrap();
        assert!(detail.chars().count() <= 601 && !detail.contains(['\u{1b}', '\n', '\r']));
    }
}
