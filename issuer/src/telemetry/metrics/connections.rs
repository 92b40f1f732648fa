//! Sockets and TLS.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Why a connection was ended by the issuer before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectionEnd {
    /// `limits.connections` were open.
    TooMany,
    /// `limits.connections_per_client` of this client were open.
    TooManyOfClient,
    /// The TLS handshake failed.
    Handshake,
    /// No request came in time.
    NoRequest,
    /// Nothing was sent or taken for `limits.idle_timeout`.
    Idle,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

impl ConnectionEnd {
    fn label(self) -> &'static str {
        match self {
            Self::TooMany => "too_many",
            Self::TooManyOfClient => "too_many_of_client",
            Self::Handshake => "handshake",
            Self::NoRequest => "no_request",
            Self::Idle => "idle",
        }
    }
}

/// Sockets and TLS.
#[derive(Debug)]
pub struct ConnectionMetrics {
    /// Connections that are open now.
    pub open: Gauge,
    ended: Family<EndLabels, Counter>,
    reloads: Family<OutcomeLabels, Counter>,
    /// When the served certificate expires, in seconds since the epoch; 0 without TLS.
    pub certificate_expiry: Gauge,
}

impl ConnectionMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            open: Gauge::default(),
            ended: Family::default(),
            reloads: Family::default(),
            certificate_expiry: Gauge::default(),
        };
        registry.register("open_connections", "Connections that are open now", metrics.open.clone());
        registry.register(
            "ended_connections",
            "Connections that the issuer refused or ended before their time, by reason",
            metrics.ended.clone(),
        );
        registry.register(
            "certificate_reloads",
            "Reloads of the TLS certificate, by outcome (loaded, failed)",
            metrics.reloads.clone(),
        );
        registry.register(
            "certificate_expiry_timestamp_seconds",
            "When the served TLS certificate expires, in seconds since the epoch; 0 without TLS",
            metrics.certificate_expiry.clone(),
        );
        metrics
    }

    /// Counts a connection that the issuer ended.
    pub fn ended(&self, reason: ConnectionEnd) {
        self.ended.get_or_create(&EndLabels { reason: reason.label() }).inc();
    }

    /// Counts a reload of the certificate.
    pub fn reloaded(&self, done: bool) {
        self.reloads.get_or_create(&OutcomeLabels { outcome: if done { "loaded" } else { "failed" } }).inc();
    }
}
