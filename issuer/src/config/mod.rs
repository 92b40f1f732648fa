//! The configuration: a TOML file, and environment variables that override it.
//!
//! A key `section.name` is overridden by `DRIFTWISE_ISSUER__SECTION__NAME`. Unknown keys are refused, and every wrong value
//! is reported at once. [`Config`] is what came out: parsed values, nothing left to check. Each section is a file: its keys with
//! their defaults, and how they are read. To add a key, add it there and to the example file.

mod environment;
mod federation;
mod issuer_path;
mod keys;
mod limits;
mod log;
mod metrics;
mod publication;
mod raw;
mod server;
mod setup;
mod store;
mod telemetry;
mod web;

use std::sync::Arc;

use driftwise_contract::IssuerUrl;

use crate::clock::Clock;
use crate::keyring::rotation::RotationSettings;
use crate::keyring::{Catalogue, KeyVault};

pub use federation::Federation;
pub(crate) use issuer_path::base_path;
pub use keys::{KeyBackend, KeyStoreKind, Keys};
pub use limits::{Limits, RateLimit};
pub use log::{Log, LogFormat};
pub use metrics::Metrics;
pub use publication::{Bucket, Publication};
pub use raw::ConfigError;
pub use server::{ForwardedHeader, Server, TlsFiles};
pub use setup::Setup;
pub use store::Store;
pub use telemetry::Telemetry;
pub use web::{Web, WebOrigin};

/// The file that is read when none is named.
pub const DEFAULT_FILE: &str = "driftwise-issuer.toml";

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[server]`
    pub server: Server,
    /// `[limits]`
    pub limits: Limits,
    /// `[store]`
    pub store: Store,
    /// `[keys]`
    pub keys: Keys,
    /// `[federation]`
    pub federation: Federation,
    /// `[publication]`
    pub publication: Publication,
    /// `[log]`
    pub log: Log,
    /// `[metrics]`
    pub metrics: Metrics,
    /// `[telemetry]`
    pub telemetry: Telemetry,
    /// `[setup]`
    pub setup: Setup,
    /// `[web]`
    pub web: Web,
    /// What the operator should know although it stops nothing: to be logged once the log is there.
    pub warnings: Vec<String>,
}

impl Config {
    /// Every default, for an issuer of that URL.
    pub fn new(issuer_url: IssuerUrl) -> Self {
        Self {
            server: Server::new(issuer_url),
            limits: Limits::default(),
            store: Store::default(),
            keys: Keys::default(),
            federation: Federation::default(),
            publication: Publication::default(),
            log: Log::default(),
            metrics: Metrics::default(),
            telemetry: Telemetry::default(),
            setup: Setup::default(),
            web: Web::default(),
            warnings: Vec::new(),
        }
    }

    /// The signing keys as configured.
    pub fn catalogue(&self, store: &crate::store::Store, clock: Arc<dyn Clock>) -> Catalogue {
        let vault = KeyVault::new(&self.keys, &self.server.issuer_url, store).with_certificates(self.federation.x5c);
        let rotation = RotationSettings { must_be_seen: self.publication.read_back, ..self.keys.rotation.clone() };
        Catalogue::new(store.clone(), vault, clock, self.keys.algorithm, rotation)
    }

    /// What tokens and documents of the shared issuer are made with.
    pub fn settings(&self) -> crate::federation::Settings {
        crate::federation::Settings {
            issuer: self.server.issuer_url.clone(),
            audience: self.federation.audience.clone(),
        }
    }
}
