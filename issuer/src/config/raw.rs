//! From text to [`Config`]: every key optional and unparsed first, so that all faults can be told at once.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use driftwise_contract::{Audience, IssuerUrl, Partition};
use figment::Figment;
use figment::providers::{Env, Format as _, Toml};
use secrecy::SecretString;
use serde::Deserialize;

use super::{Config, DEFAULT_FILE, LogFormat};
use crate::keyring::MasterKeySource;

const ENV_PREFIX: &str = "DRIFTWISE_ISSUER__";

/// What is wrong with the configuration: every fault that was found, one per line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    faults: Vec<String>,
}

impl ConfigError {
    /// The faults.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.faults.as_slice() {
            [fault] => write!(f, "the configuration is not usable: {fault}"),
            faults => {
                write!(f, "the configuration is not usable; {} faults:", faults.len())?;
                faults.iter().try_for_each(|fault| write!(f, "\n  - {fault}"))
            }
        }
    }
}

impl std::error::Error for ConfigError {}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawConfig {
    server: RawServer,
    store: RawStore,
    keys: RawKeys,
    federation: RawFederation,
    log: RawLog,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawServer {
    listen: Option<String>,
    issuer_url: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawStore {
    path: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawKeys {
    directory: Option<PathBuf>,
    master_key_file: Option<PathBuf>,
    master_key: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawFederation {
    audience: Option<String>,
    roles_authorized_by_idp: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawLog {
    filter: Option<String>,
    format: Option<String>,
}

impl Config {
    /// Reads the named file, or `driftwise-issuer.toml` in the working directory where it exists, and the environment.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut figment = Figment::new();
        match file {
            // A missing file that was asked for is a fault; the default one may be absent.
            Some(path) if !path.is_file() => {
                return Err(ConfigError { faults: vec![format!("there is no file {}", path.display())] });
            }
            Some(path) => figment = figment.merge(Toml::file_exact(path)),
            None if Path::new(DEFAULT_FILE).is_file() => figment = figment.merge(Toml::file_exact(DEFAULT_FILE)),
            None => {}
        }
        Self::from_figment(&figment.merge(Env::prefixed(ENV_PREFIX).split("__")))
    }

    /// Reads TOML text alone.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        Self::from_figment(&Figment::from(Toml::string(text)))
    }

    fn from_figment(figment: &Figment) -> Result<Self, ConfigError> {
        let raw: RawConfig = figment
            .extract()
            .map_err(|errors| ConfigError { faults: errors.into_iter().map(|error| describe(&error)).collect() })?;
        raw.parse()
    }
}

/// The key, where it came from, what is wrong. A value is told by its type only: it may be a secret.
fn describe(error: &figment::Error) -> String {
    use figment::error::Kind;
    let cause = match &error.kind {
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => format!("expected {expected}"),
        Kind::UnknownField(name, known) => format!("unknown key {name:?}; known are {}", known.join(", ")),
        other => other.to_string(),
    };
    let source = error.metadata.as_ref().map(|metadata| match &metadata.source {
        Some(source) => format!(" (in {source})"),
        None => format!(" (in {})", metadata.name),
    });
    let place = if error.path.is_empty() { String::new() } else { format!("{}: ", error.path.join(".")) };
    format!("{place}{cause}{}", source.unwrap_or_default())
}

struct Faults(Vec<String>);

impl Faults {
    fn parse<T: FromStr<Err: fmt::Display>>(&mut self, key: &str, text: Option<String>, slot: &mut T) {
        match text.map(|text| text.parse()) {
            Some(Ok(value)) => *slot = value,
            Some(Err(error)) => self.0.push(format!("{key}: {error}")),
            None => {}
        }
    }
}

impl RawConfig {
    fn parse(self) -> Result<Config, ConfigError> {
        let mut faults = Faults(Vec::new());
        let issuer_url = match self.server.issuer_url {
            None => {
                faults.0.push(
                    "server.issuer_url: missing; give the public URL that AWS will know this issuer by, such as \
                     https://id.example.com"
                        .into(),
                );
                None
            }
            Some(text) => {
                text.parse::<IssuerUrl>().map_err(|error| faults.0.push(format!("server.issuer_url: {error}"))).ok()
            }
        };
        // Stands in while further faults are collected; never leaves with them.
        let stand_in = || "https://id.example.com".parse().ok();
        let Some(url) = issuer_url.or_else(stand_in) else { return Err(ConfigError { faults: faults.0 }) };
        let mut config = Config::new(url);
        faults.parse("server.listen", self.server.listen, &mut config.server.listen);
        if let Some(path) = self.store.path {
            config.store.path = path;
        }
        if let Some(directory) = self.keys.directory {
            config.keys.directory = directory;
        }
        match (self.keys.master_key, self.keys.master_key_file) {
            (Some(_), Some(_)) => faults.0.push("keys: master_key and master_key_file are both given; keep one".into()),
            (Some(value), None) => config.keys.master_key = MasterKeySource::Value(SecretString::from(value)),
            (None, Some(file)) => config.keys.master_key = MasterKeySource::File(file),
            (None, None) => {}
        }
        faults.parse("federation.audience", self.federation.audience, &mut config.federation.audience);
        check_audience(&config.federation.audience, &mut faults);
        if let Some(partitions) = self.federation.roles_authorized_by_idp {
            config.federation.roles_authorized_by_idp.clear();
            for text in partitions {
                let mut partition = Partition::Aws;
                faults.parse("federation.roles_authorized_by_idp", Some(text), &mut partition);
                config.federation.roles_authorized_by_idp.push(partition);
            }
        }
        if let Some(filter) = self.log.filter {
            match filter.parse::<tracing_subscriber::EnvFilter>() {
                Ok(_) => config.log.filter = filter,
                Err(error) => faults.0.push(format!("log.filter: {error}")),
            }
        }
        match self.log.format.as_deref() {
            None | Some("text") => {}
            Some("json") => config.log.format = LogFormat::Json,
            Some(other) => faults.0.push(format!("log.format: {other:?} is neither text nor json")),
        }
        if faults.0.is_empty() { Ok(config) } else { Err(ConfigError { faults: faults.0 }) }
    }
}

/// The audience stands in trust policies, where `${` would begin a policy variable.
fn check_audience(audience: &Audience, faults: &mut Faults) {
    if audience.as_str().contains("${") {
        faults.0.push(format!("federation.audience: {audience} holds ${{, which IAM would take for a policy variable"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../driftwise-issuer.example.toml");

    #[test]
    fn the_example_file_parses_and_lists_every_key() {
        // The example comments out what has no sensible example value beside another.
        let uncommented = EXAMPLE.replace("\n# master_key_file =", "\nmaster_key_file =");
        let config = Config::from_toml(&uncommented).unwrap();
        assert_eq!(config.server.issuer_url.as_str(), "https://id.example.com");
        for key in [
            "listen",
            "issuer_url",
            "path",
            "directory",
            "master_key_file",
            "master_key",
            "audience",
            "roles_authorized_by_idp",
            "filter",
            "format",
        ] {
            let stands = EXAMPLE.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{key} =")));
            assert!(stands, "{key} is not in the example");
        }
    }

    #[test]
    fn the_example_file_states_the_defaults() {
        let example = format!("{:?}", Config::from_toml(EXAMPLE).unwrap());
        assert_eq!(example, format!("{:?}", Config::new("https://id.example.com".parse().unwrap())));
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let error = Config::from_toml(
            "[server]\nlisten = \"nowhere\"\nissuer_url = \"http://id.example.com\"\n[federation]\naudience = \"\"\n\
             roles_authorized_by_idp = [\"mars\"]\n[keys]\nmaster_key = \"a\"\nmaster_key_file = \"b\"\n[log]\nformat = \"xml\"\n",
        )
        .unwrap_err();
        let text = error.to_string();
        for key in [
            "server.listen",
            "server.issuer_url",
            "federation.audience",
            "federation.roles_authorized_by_idp",
            "keys:",
            "log.format",
        ] {
            assert!(text.contains(key), "{key} in {text}");
        }
        assert_eq!(error.faults().len(), 6);
    }

    #[test]
    fn a_missing_issuer_url_and_unknown_keys_are_refused() {
        assert!(Config::from_toml("").unwrap_err().to_string().contains("server.issuer_url: missing"));
        let error = Config::from_toml("[server]\nissuer = \"https://id.example.com\"\n").unwrap_err().to_string();
        assert!(error.contains("unknown key \"issuer\"") && error.contains("issuer_url"), "{error}");
    }

    #[test]
    fn the_master_key_never_shows() {
        let text = "[server]\nissuer_url = \"https://id.example.com\"\n[keys]\nmaster_key = \"topsecretvalue\"\n";
        assert!(!format!("{:?}", Config::from_toml(text).unwrap()).contains("topsecret"));
        let number = "[keys]\nmaster_key = 123456789\n";
        assert!(!Config::from_toml(number).unwrap_err().to_string().contains("123456789"));
    }
}
