//! `[telemetry]`: traces over OTLP.

use serde::Deserialize;
use url::Url;

use super::raw::{Faults, Plain};

/// `[telemetry]`: traces over OTLP.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// `otlp_endpoint`: the OTLP/HTTP address of a collector, such as `http://127.0.0.1:4318/v1/traces`. Headers, such as a
    /// collector's key, come from the environment variable `OTEL_EXPORTER_OTLP_HEADERS`. Default: no traces.
    pub otlp_endpoint: Option<Url>,
    /// `trace_ratio`: the part of requests that is traced, 0 to 1. Default 1.
    pub trace_ratio: f64,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { otlp_endpoint: None, trace_ratio: 1.0 }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    otlp_endpoint: Option<String>,
    trace_ratio: Option<Plain>,
}

impl Raw {
    pub(super) fn parse(self, telemetry: &mut Telemetry, faults: &mut Faults) {
        match self.otlp_endpoint.map(|text| text.parse::<Url>()) {
            Some(Ok(url)) if matches!(url.scheme(), "http" | "https") => telemetry.otlp_endpoint = Some(url),
            Some(Ok(_)) => faults.add("telemetry.otlp_endpoint", "must be http or https"),
            Some(Err(error)) => faults.add("telemetry.otlp_endpoint", &error),
            None => {}
        }
        faults.parse("telemetry.trace_ratio", Plain::text(self.trace_ratio), &mut telemetry.trace_ratio);
        if !(0.0..=1.0).contains(&telemetry.trace_ratio) {
            faults.add("telemetry.trace_ratio", "must lie between 0 and 1");
        }
    }
}
