//! The issuer's numbers, for Prometheus. One [`Metrics`] per running issuer; every metric is a typed field or method here,
//! so that a name and its labels are written once.
//!
//! To add one: a field in the struct of its theme (one file each), registered in that file's `register`, and a row in
//! docs/operations/monitoring.md, which a test holds against this registry. What is known only when asked for, such as an
//! age, is set by a hook ([`Metrics::before_scrape`]).
//!
//! Labels have few values, all of them ours: never an id, an address, a path as the caller wrote it, or anything secret.

mod audit;
mod connections;
mod http;
mod jobs;
mod keys;
mod publication;
mod tokens;

use std::fmt;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

pub use audit::AuditMetrics;
pub use connections::{ConnectionEnd, ConnectionMetrics};
pub use http::HttpMetrics;
pub use jobs::JobMetrics;
pub use keys::KeyMetrics;
pub use publication::PublicationMetrics;
pub use tokens::{Grant, TokenMetrics};

/// The media type of [`Metrics::scrape`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Every metric begins with this.
const PREFIX: &str = "driftwise_issuer";

type Hook = Box<dyn Fn(&Metrics) + Send + Sync>;

/// The metrics of one running issuer.
pub struct Metrics {
    /// Answered requests.
    pub http: HttpMetrics,
    /// Sockets and TLS.
    pub connections: ConnectionMetrics,
    /// Minted and refused tokens.
    pub tokens: TokenMetrics,
    /// Signing keys.
    pub keys: KeyMetrics,
    /// What was published and read back.
    pub publication: PublicationMetrics,
    /// The audit log's writer.
    pub audit: AuditMetrics,
    /// Periodic jobs.
    pub jobs: JobMetrics,
    registry: Registry,
    hooks: Mutex<Vec<Hook>>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        Self {
            http: HttpMetrics::register(&mut registry),
            connections: ConnectionMetrics::register(&mut registry),
            tokens: TokenMetrics::register(&mut registry),
            keys: KeyMetrics::register(&mut registry),
            publication: PublicationMetrics::register(&mut registry),
            audit: AuditMetrics::register(&mut registry),
            jobs: JobMetrics::register(&mut registry),
            registry,
            hooks: Mutex::default(),
        }
    }
}

impl Metrics {
    /// Adds what is to be set just before each scrape. A hook must be quick and must not hold what holds these metrics:
    /// give it a `Weak`.
    pub fn before_scrape(&self, hook: impl Fn(&Self) + Send + Sync + 'static) {
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(hook));
    }

    /// Every metric as `OpenMetrics` text.
    pub fn scrape(&self) -> String {
        for hook in self.hooks.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            hook(self);
        }
        let mut text = String::new();
        // A String takes everything that is written to it.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_documented() {
        let metrics = Metrics::default();
        // A family is shown once it has a member.
        metrics.http.answered("/healthz", "GET", 200, std::time::Duration::ZERO);
        metrics.connections.ended(ConnectionEnd::Idle);
        metrics.connections.reloaded(true);
        metrics.tokens.minted(Grant::Agent);
        metrics.tokens.refused(Grant::ApiKey, "invalid_client");
        metrics.keys.set_count("active", 1);
        metrics.publication.published("directory", true);
        metrics.publication.read_back(true);
        metrics.jobs.done("sweep", 0);
        let documentation = include_str!("../../../../docs/operations/monitoring.md");
        let text = metrics.scrape();
        let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        assert!(names.len() > 20, "{text}");
        for name in names.into_iter().filter_map(|line| line.split(' ').next()) {
            assert!(documentation.contains(&format!("`{name}`")), "{name} is not in docs/operations/monitoring.md");
        }
    }

    #[test]
    fn hooks_run_before_each_scrape() {
        let metrics = Metrics::default();
        metrics.before_scrape(|metrics| {
            metrics.keys.days_to_rotation.set(12.5);
        });
        let text = metrics.scrape();
        assert!(text.contains("driftwise_issuer_days_to_rotation 12.5\n"), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }
}
