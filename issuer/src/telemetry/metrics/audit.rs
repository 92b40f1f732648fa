//! The audit log's writer.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The audit log's writer.
#[derive(Debug)]
pub struct AuditMetrics {
    /// Entries that wait for the writer now.
    pub queue_depth: Gauge,
    /// Rows made durable.
    pub rows: Counter,
    /// Rows per commit.
    pub batch_size: Histogram,
    /// Entries that were refused because the queue was full: their requests were answered with 503.
    pub refused_busy: Counter,
    /// Commits that failed.
    pub failed_commits: Counter,
}

impl AuditMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            queue_depth: Gauge::default(),
            rows: Counter::default(),
            batch_size: Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0]),
            refused_busy: Counter::default(),
            failed_commits: Counter::default(),
        };
        registry.register(
            "audit_queue_depth",
            "Audit entries that wait for the writer now",
            metrics.queue_depth.clone(),
        );
        registry.register("audit_rows", "Audit rows made durable", metrics.rows.clone());
        registry.register("audit_batch_size", "Audit rows per commit", metrics.batch_size.clone());
        registry.register(
            "audit_refused_busy",
            "Audit entries refused because the queue was full; their requests were answered with 503",
            metrics.refused_busy.clone(),
        );
        registry.register("audit_failed_commits", "Commits of audit rows that failed", metrics.failed_commits.clone());
        metrics
    }
}
