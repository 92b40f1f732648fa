//! The configuration: a TOML file, and environment variables that override it.
//!
//! A key `section.name` is overridden by `DRIFTWISE_ISSUER__SECTION__NAME`. Unknown keys are refused, and every wrong value
//! is reported at once. [`Config`] is what came out: parsed values, nothing left to check.

mod environment;
mod issuer_path;
mod raw;

use std::net::SocketAddr;
use std::path::PathBuf;

use driftwise_contract::{Audience, IssuerUrl, Partition};

use crate::keyring::MasterKeySource;

pub(crate) use issuer_path::base_path;
pub use raw::ConfigError;

/// The file that is read when none is named.
pub const DEFAULT_FILE: &str = "driftwise-issuer.toml";

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[server]`
    pub server: Server,
    /// `[store]`
    pub store: Store,
    /// `[keys]`
    pub keys: Keys,
    /// `[federation]`
    pub federation: Federation,
    /// `[log]`
    pub log: Log,
    /// What the operator should know although it stops nothing: to be logged once the log is there.
    pub warnings: Vec<String>,
}

/// `[server]`: where the issuer listens and what it is called.
#[derive(Debug, Clone)]
pub struct Server {
    /// `listen`: address and port. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// `issuer_url`: the public URL, equal to the letter to the registered IAM OIDC provider. No default. Never taken from
    /// a request's Host header.
    pub issuer_url: IssuerUrl,
}

/// `[store]`: where orgs, accounts and agents lie.
#[derive(Debug, Clone)]
pub struct Store {
    /// `path`: the `SQLite` file. Default `driftwise-issuer.db`.
    pub path: PathBuf,
}

/// `[keys]`: where signing keys lie, and what opens them.
#[derive(Debug, Clone)]
pub struct Keys {
    /// `directory`: the sealed signing keys. Default `keys`.
    pub directory: PathBuf,
    /// `master_key_file` or `master_key` (at most one): 32 bytes as base64 or hexadecimal. Default: `master.key` in the key
    /// directory, made on the first start.
    pub master_key: MasterKeySource,
}

/// `[federation]`: what tokens and trust policies say.
#[derive(Debug, Clone)]
pub struct Federation {
    /// `audience`: the `aud` of tokens and the client id of the IAM OIDC provider. Default `sts.amazonaws.com`.
    pub audience: Audience,
    /// `roles_authorized_by_idp`: the partitions whose trust policies demand a token pinned to the role
    /// (`sts:RoleAuthorizedByIdp`). Default `["aws"]`: there it is recorded to work.
    pub roles_authorized_by_idp: Vec<Partition>,
}

/// `[log]`: what goes to stderr.
#[derive(Debug, Clone)]
pub struct Log {
    /// `filter`: a tracing filter; the variable `RUST_LOG` overrides it. Default `info`.
    pub filter: String,
    /// `format`: `text` or `json`. Default `text`.
    pub format: LogFormat,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Config {
    /// Every default, for an issuer of that URL.
    pub fn new(issuer_url: IssuerUrl) -> Self {
        Self {
            server: Server { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), issuer_url },
            store: Store { path: "driftwise-issuer.db".into() },
            keys: Keys { directory: "keys".into(), master_key: MasterKeySource::KeyDirectory },
            federation: Federation { audience: Audience::sts(), roles_authorized_by_idp: vec![Partition::Aws] },
            log: Log { filter: "info".into(), format: LogFormat::Text },
            warnings: Vec::new(),
        }
    }

    /// What tokens and documents are made with.
    pub fn settings(&self) -> crate::federation::Settings {
        crate::federation::Settings {
            issuer: self.server.issuer_url.clone(),
            audience: self.federation.audience.clone(),
        }
    }
}
