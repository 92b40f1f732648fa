//! What was published and read back.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PublishedLabels {
    target: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReadBackLabels {
    outcome: &'static str,
}

/// What was published and read back.
#[derive(Debug)]
pub struct PublicationMetrics {
    published: Family<PublishedLabels, Counter>,
    read_backs: Family<ReadBackLabels, Counter>,
    /// The age of the oldest read-back of a public URL, in seconds; 0 where nothing is read back.
    pub read_back_age_seconds: Gauge<f64, AtomicU64>,
}

impl PublicationMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            published: Family::default(),
            read_backs: Family::default(),
            read_back_age_seconds: Gauge::default(),
        };
        registry.register(
            "publications",
            "Publications of documents, by target (directory, bucket) and outcome (done, failed)",
            metrics.published.clone(),
        );
        registry.register(
            "read_backs",
            "Read-backs of public URLs, by outcome (done, failed)",
            metrics.read_backs.clone(),
        );
        registry.register(
            "read_back_age_seconds",
            "The age of the oldest read-back; 0 where nothing is read back",
            metrics.read_back_age_seconds.clone(),
        );
        metrics
    }

    /// Counts a publication to `directory` or `bucket`.
    pub fn published(&self, target: &'static str, done: bool) {
        self.published.get_or_create(&PublishedLabels { target, outcome: outcome(done) }).inc();
    }

    /// Counts a read-back.
    pub fn read_back(&self, done: bool) {
        self.read_backs.get_or_create(&ReadBackLabels { outcome: outcome(done) }).inc();
    }
}

fn outcome(done: bool) -> &'static str {
    if done { "done" } else { "failed" }
}
