//! Why a state can't be read.

use std::fmt;

use driftwise_contract::codes::Code;
use driftwise_contract::finding::{Gap, GapScope};

/// A state that can't be read: which, where in it, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateError {
    /// What kind of fault, with its cause and fix.
    pub code: Code,
    /// The state's URI or path.
    pub uri: String,
    /// Where in the file, where that is known.
    pub position: Option<Position>,
    /// What exactly is wrong, as part of a sentence.
    pub detail: String,
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub line: u64,
    /// In bytes, from 1.
    pub column: u64,
    /// The offset of the byte, from 0.
    pub byte: u64,
}

impl StateError {
    /// An error about a whole file.
    pub fn new(code: Code, uri: &str, detail: impl Into<String>) -> Self {
        Self { code, uri: uri.to_owned(), position: None, detail: detail.into() }
    }

    /// The gap that the unreadable state leaves in a scan.
    pub fn gap(&self) -> Gap {
        let place = self.position.map(|position| format!("{position}: ")).unwrap_or_default();
        Gap {
            code: self.code,
            scope: GapScope { state: Some(self.uri.clone()), ..GapScope::default() },
            count: 1,
            detail: format!("{place}{}", self.detail),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {} (byte {})", self.line, self.column, self.byte)
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.uri)?;
        if let Some(position) = self.position {
            write!(f, ", {position}")?;
        }
        write!(f, ": {}", self.detail)
    }
}

impl std::error::Error for StateError {}
