//! `[log]`: what goes to stderr.

use serde::Deserialize;

use super::raw::Faults;

/// `[log]`: what goes to stderr.
#[derive(Debug, Clone)]
pub struct Log {
    /// `filter`: a tracing filter; the variable `RUST_LOG` overrides it. Default `info`.
    pub filter: String,
    /// `format`: `text` or `json`. Default `text`.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".into(), format: LogFormat::Text }
    }
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    filter: Option<String>,
    format: Option<String>,
}

impl Raw {
    pub(super) fn parse(self, log: &mut Log, faults: &mut Faults) {
        if let Some(filter) = self.filter {
            match filter.parse::<tracing_subscriber::EnvFilter>() {
                Ok(_) => log.filter = filter,
                Err(error) => faults.add("log.filter", &error),
            }
        }
        match self.format.as_deref() {
            None | Some("text") => {}
            Some("json") => log.format = LogFormat::Json,
            Some(other) => faults.add("log.format", &format!("{other:?} is neither text nor json")),
        }
    }
}
