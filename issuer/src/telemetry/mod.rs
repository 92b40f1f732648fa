//! What the issuer tells of itself: logs on stderr and traces over OTLP (`install`), and numbers ([`metrics`]).
//!
//! A log message is readable alone; values are fields with one name each everywhere (`org.id`, `agent.id`, `key.kid`,
//! `token.jti`). Neither a log line, a span nor a label ever holds a token, key, assertion, code or body.

pub mod metrics;
mod traces;

use std::io::IsTerminal;

use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt};

use crate::config::{Log, LogFormat, Telemetry};

/// What was installed. Dropping it sends the last spans: keep it until the end, while the runtime lives.
#[derive(Debug)]
#[must_use]
pub(crate) struct Installed {
    _traces: Option<traces::Traces>,
}

/// Installs log and traces for the whole process; call it within the runtime. Where a subscriber is installed already (tests,
/// the demo), its owner decides.
pub(crate) fn install(log: &Log, telemetry: &Telemetry) -> anyhow::Result<Installed> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(&log.filter));
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match log.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().with_ansi(false).boxed(),
    };
    let (layer, traces) = match &telemetry.otlp_endpoint {
        None => (None, None),
        Some(endpoint) => {
            let (layer, traces) = traces::layer::<Registry>(endpoint, telemetry.trace_ratio)?;
            (Some(layer), Some(traces))
        }
    };
    // An error means that a subscriber is there already.
    let _ = tracing_subscriber::registry().with(layer).with(lines.with_filter(filter)).try_init();
    Ok(Installed { _traces: traces })
}
