//! Minted and refused tokens.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// By what a token was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Grant {
    /// An agent's client assertion.
    Agent,
    /// An API key.
    ApiKey,
    /// An agent's client assertion, for a canary token.
    Canary,
}

impl Grant {
    fn label(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::ApiKey => "api_key",
            Self::Canary => "canary",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MintedLabels {
    grant: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    grant: &'static str,
    reason: &'static str,
}

/// Minted and refused tokens.
#[derive(Debug)]
pub struct TokenMetrics {
    minted: Family<MintedLabels, Counter>,
    refused: Family<RefusedLabels, Counter>,
}

impl TokenMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self { minted: Family::default(), refused: Family::default() };
        registry.register(
            "tokens_minted",
            "Federation tokens handed out, by what they were asked for with",
            metrics.minted.clone(),
        );
        registry.register(
            "tokens_refused",
            "Requests for a token that were refused, by reason",
            metrics.refused.clone(),
        );
        metrics
    }

    /// Counts a token that was handed out.
    pub fn minted(&self, grant: Grant) {
        self.minted.get_or_create(&MintedLabels { grant: grant.label() }).inc();
    }

    /// Counts a refusal. `reason` is an error code of ours, such as `invalid_client`.
    pub fn refused(&self, grant: Grant, reason: &'static str) {
        self.refused.get_or_create(&RefusedLabels { grant: grant.label(), reason }).inc();
    }
}
