//! What the issuer tells of itself: logs on stderr ([`install`]) and numbers ([`metrics`]).
//!
//! A log message is readable alone; values are fields with one name each everywhere (`org.id`, `agent.id`, `key.kid`,
//! `token.jti`). Neither a log line, a span nor a label ever holds a token, key, assertion, code or body.

pub mod metrics;

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Installs the subscriber for the whole process. Does nothing where one is installed already (tests, the demo).
pub(crate) fn install(filter: &str, format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(filter));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // An error here means that a subscriber is there already: its owner decides.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().with_ansi(false).try_init(),
    };
}
