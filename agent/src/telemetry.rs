//! Logs: on stderr, human-readable, warnings and above unless `DRIFTWISE_AGENT_LOG` says otherwise (the syntax of
//! `tracing`'s environment filter: `info,driftwise_agent=debug`). Tokens, keys and bodies are never logged.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// The environment variable that sets the log filter.
pub const LOG_VARIABLE: &str = "DRIFTWISE_AGENT_LOG";

/// Starts logging. A process that embeds the agent and logs already keeps its own subscriber.
pub fn start() {
    let filter = EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new("warn"));
    let ansi = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).finish();
    // An embedding program's subscriber stays: this fails only when there is one.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
