//! Why a policy document was refused, and where.

use std::fmt;

/// A policy document that can't be read.
///
/// The position is where the reader stood when it noticed: just behind the wrong value, at the end of the object for a
/// missing member. There is none for a document that was read from an already parsed JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    fault: PolicyFault,
    line: usize,
    column: usize,
    cause: String,
}

/// What kind of mistake a refused document holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PolicyFault {
    /// Percent-decoding gave bytes that are not UTF-8.
    Encoding,
    /// The text is not JSON.
    Json,
    /// It is JSON, but AWS would answer `MalformedPolicyDocument`.
    Refused,
}

impl PolicyError {
    pub(super) fn encoding(cause: impl fmt::Display) -> Self {
        Self { fault: PolicyFault::Encoding, line: 0, column: 0, cause: cause.to_string() }
    }

    /// What kind of mistake it is.
    pub fn fault(&self) -> PolicyFault {
        self.fault
    }

    /// The line of the mistake, from 1; 0 when unknown.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column of the mistake; 0 before the first character of a line.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong, without the position; names the member (`Statement[0]: …`).
    pub fn cause(&self) -> &str {
        &self.cause
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, line, column, cause } = self;
        f.write_str(match fault {
            PolicyFault::Encoding => "the policy document is not percent-encoded UTF-8",
            PolicyFault::Json => "the policy document is not JSON",
            PolicyFault::Refused => "the policy document breaks the IAM policy grammar",
        })?;
        if *line > 0 {
            write!(f, " (line {line}, column {column})")?;
        }
        write!(f, ": {cause}")
    }
}

impl std::error::Error for PolicyError {}

impl From<serde_json::Error> for PolicyError {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        let position = format!(" at line {} column {}", error.line(), error.column());
        Self {
            fault: if error.is_data() { PolicyFault::Refused } else { PolicyFault::Json },
            line: error.line(),
            column: error.column(),
            cause: text.strip_suffix(&position).unwrap_or(&text).to_owned(),
        }
    }
}
