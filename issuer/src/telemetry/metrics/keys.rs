//! Signing keys.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

/// Signing keys of every set.
#[derive(Debug)]
pub struct KeyMetrics {
    keys: Family<StateLabels, Gauge>,
    /// The age of the oldest active key, in seconds.
    pub active_age_seconds: Gauge<f64, AtomicU64>,
    /// Days until the next rotation is due; negative when it is overdue.
    pub days_to_rotation: Gauge<f64, AtomicU64>,
}

impl KeyMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics =
            Self { keys: Family::default(), active_age_seconds: Gauge::default(), days_to_rotation: Gauge::default() };
        registry.register("keys", "Signing keys by state (staged, active, retired), of all sets", metrics.keys.clone());
        registry.register(
            "active_key_age_seconds",
            "The age of the oldest active signing key",
            metrics.active_age_seconds.clone(),
        );
        registry.register(
            "days_to_rotation",
            "Days until the next key rotation is due; negative when it is overdue",
            metrics.days_to_rotation.clone(),
        );
        metrics
    }

    /// Sets how many keys are in a state.
    pub fn set_count(&self, state: &'static str, count: usize) {
        self.keys.get_or_create(&StateLabels { state }).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}
