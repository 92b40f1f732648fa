//! Answered requests.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// From half a millisecond to the request time-out.
const BUCKETS_S: [f64; 12] = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125, 0.5, 2.5, 20.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
}

/// Answered requests, by route as the route table writes it.
#[derive(Debug)]
pub struct HttpMetrics {
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    rate_limited: Counter,
}

impl HttpMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS_S);
        let metrics = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(histogram),
            rate_limited: Counter::default(),
        };
        registry.register("requests", "Answered requests by route, method and status", metrics.requests.clone());
        registry.register(
            "request_duration_seconds",
            "From the request's headers to the answer's, by route",
            metrics.durations.clone(),
        );
        registry.register(
            "rate_limited_requests",
            "Requests refused with 429: their client asked too often",
            metrics.rate_limited.clone(),
        );
        metrics
    }

    /// Counts an answer. `route` and `method` are of the route table, never of the request.
    pub fn answered(&self, route: &'static str, method: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&RequestLabels { route, method, status }).inc();
        self.durations.get_or_create(&RouteLabels { route }).observe(took.as_secs_f64());
    }

    /// Counts a refusal of the rate limit.
    pub fn rate_limited(&self) {
        self.rate_limited.inc();
    }
}
