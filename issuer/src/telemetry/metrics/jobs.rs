//! Periodic jobs.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PassLabels {
    job: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    job: &'static str,
}

/// Periodic jobs.
#[derive(Debug)]
pub struct JobMetrics {
    passes: Family<PassLabels, Counter>,
    last_success: Family<JobLabels, Gauge>,
}

impl JobMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self { passes: Family::default(), last_success: Family::default() };
        registry.register("job_passes", "Passes of periodic jobs, by outcome (done, failed)", metrics.passes.clone());
        registry.register(
            "job_last_success_timestamp_seconds",
            "When a job last succeeded, in seconds since the epoch",
            metrics.last_success.clone(),
        );
        metrics
    }

    /// Counts a pass that did its work.
    pub fn done(&self, job: &'static str, now_s: i64) {
        self.passes.get_or_create(&PassLabels { job, outcome: "done" }).inc();
        self.last_success.get_or_create(&JobLabels { job }).set(now_s);
    }

    /// Counts a pass that failed.
    pub fn failed(&self, job: &'static str) {
        self.passes.get_or_create(&PassLabels { job, outcome: "failed" }).inc();
    }
}
