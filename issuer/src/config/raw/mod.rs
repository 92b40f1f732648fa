//! From text to [`Config`]: every key optional and unparsed first, so that all faults can be told at once. Each section's keys
//! are read in the section's own file.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use driftwise_contract::IssuerUrl;
use figment::providers::{Format as _, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::{Deserialize, Deserializer};

use super::{
    Config, DEFAULT_FILE, base_path, environment, federation, keys, limits, log, metrics, publication, server, setup,
    store, telemetry, web,
};

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
    server: server::Raw,
    limits: limits::Raw,
    store: store::Raw,
    keys: keys::Raw,
    federation: federation::Raw,
    publication: publication::Raw,
    log: log::Raw,
    metrics: metrics::Raw,
    telemetry: telemetry::Raw,
    setup: setup::Raw,
    web: web::Raw,
}

impl Config {
    /// Reads the named file, or `driftwise-issuer.toml` in the working directory where it exists, and the environment.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let path = match file {
            // A missing file that was asked for is a fault; the default one may be absent.
            Some(path) if !path.is_file() => {
                return Err(ConfigError { faults: vec![format!("there is no file {}", path.display())] });
            }
            Some(path) => Some(path),
            None => Some(Path::new(DEFAULT_FILE)).filter(|path| path.is_file()),
        };
        let mut sources: Vec<Box<dyn Provider>> = Vec::new();
        let mut warning = None;
        if let Some(path) = path {
            let file = Toml::file_exact(path);
            if Figment::from(&file).contains("keys.master_key") {
                warning = warning_of_mode(path);
            }
            sources.push(Box::new(file));
        }
        for variable in environment::variables(std::env::vars_os()) {
            sources.push(Box::new(variable));
        }
        let mut config = Self::from_sources(&sources)?;
        config.warnings.extend(warning);
        Ok(config)
    }

    /// Reads TOML text alone.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        Self::from_sources(&[Box::new(Toml::string(text))])
    }

    /// Reading ends at the first unknown key or wrong type. So it is noted and left out, and the rest is read again.
    fn from_sources(sources: &[Box<dyn Provider>]) -> Result<Self, ConfigError> {
        let mut faults = Faults { told: Vec::new(), left_out: Vec::new() };
        loop {
            let figment = sources.iter().fold(Figment::new(), |figment, source| {
                figment.merge(LeavingOut { source: &**source, keys: &faults.left_out })
            });
            let error = match figment.extract::<RawConfig>() {
                Ok(raw) => return raw.parse(faults),
                Err(error) => error,
            };
            let found = error.clone().into_iter().map(|error| describe(&error));
            faults.told.extend(found);
            let key = place(&error);
            // Not one key, as with a syntax error; or one that is not left out by leaving it out.
            if key.is_empty() || faults.left_out.contains(&key) {
                return Err(ConfigError { faults: faults.told });
            }
            faults.left_out.push(key);
        }
    }
}

/// The key that an error is about.
fn place(error: &figment::Error) -> Vec<String> {
    let mut path = error.path.clone();
    if let figment::error::Kind::UnknownField(name, _) = &error.kind
        && path.last() != Some(name)
    {
        path.push(name.clone());
    }
    path
}

/// A source without some of its keys.
struct LeavingOut<'a> {
    source: &'a dyn Provider,
    keys: &'a [Vec<String>],
}

impl Provider for LeavingOut<'_> {
    fn metadata(&self) -> Metadata {
        self.source.metadata()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut data = self.source.data()?;
        for dict in data.values_mut() {
            self.keys.iter().for_each(|key| leave_out(dict, key));
        }
        Ok(data)
    }
}

/// Of a list, the whole list goes.
fn leave_out(dict: &mut Dict, key: &[String]) {
    let [first, rest @ ..] = key else { return };
    match dict.get_mut(first) {
        Some(Value::Dict(_, below)) if !rest.is_empty() => leave_out(below, rest),
        _ => drop(dict.remove(first)),
    }
}

/// A file that holds the master key is as secret as the key.
#[cfg(unix)]
fn warning_of_mode(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        format!(
            "{} holds keys.master_key and is open to others (mode {mode:o}): chmod 600 {}",
            path.display(),
            path.display()
        )
    })
}

#[cfg(not(unix))]
fn warning_of_mode(_path: &Path) -> Option<String> {
    None
}

/// A syntax error without the source line that it is shown with, which may hold the master key:
/// `TOML parse error at line 2, column 7`, the line with a frame of `|`, what is wrong.
fn without_source(text: &str) -> String {
    let is_framed =
        |line: &&str| line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start().starts_with('|');
    let mut lines = text.lines();
    let place = lines.next().unwrap_or_default();
    let lines: Vec<&str> = lines.collect();
    let told = lines.iter().rposition(is_framed).map_or(lines.len(), |last| last + 1);
    match lines[told..].join(", ") {
        cause if cause.is_empty() => place.to_owned(),
        cause => format!("{place}: {cause}"),
    }
}

/// The key, where it came from, what is wrong. A value is told by its type only: it may be a secret.
fn describe(error: &figment::Error) -> String {
    use figment::error::Kind;
    let cause = match &error.kind {
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => format!("expected {expected}"),
        Kind::UnknownField(name, known) => format!("unknown key {name:?}; known are {}", known.join(", ")),
        Kind::Message(text) => without_source(text),
        other => other.to_string(),
    };
    let source = error.metadata.as_ref().map(|metadata| match &metadata.source {
        Some(source) => format!(" (in {source})"),
        None => format!(" (in {})", metadata.name),
    });
    let place = if error.path.is_empty() { String::new() } else { format!("{}: ", error.path.join(".")) };
    format!("{place}{cause}{}", source.unwrap_or_default())
}

/// A number as the file writes it (`64`) or the environment (`"64"`): its text, for [`Faults::parse`].
pub(super) struct Plain(String);

impl Plain {
    pub(super) fn text(plain: Option<Self>) -> Option<String> {
        plain.map(|plain| plain.0)
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Plain;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_i64<E>(self, value: i64) -> Result<Plain, E> {
                Ok(Plain(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Plain, E> {
                Ok(Plain(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Plain, E> {
                Ok(Plain(value.to_string()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Plain, E> {
                Ok(Plain(value.to_owned()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// The faults found so far.
pub(super) struct Faults {
    told: Vec<String>,
    /// Keys with a fault that is told already: what their absence leads to is none of its own.
    left_out: Vec<Vec<String>>,
}

impl Faults {
    /// Parses a key's text into its slot; a fault is noted under the key. Nothing given leaves the default.
    pub(super) fn parse<T: FromStr<Err: fmt::Display>>(&mut self, key: &str, text: Option<String>, slot: &mut T) {
        match text.map(|text| text.parse()) {
            Some(Ok(value)) => *slot = value,
            Some(Err(error)) => self.add(key, &error),
            None => {}
        }
    }

    /// The same for what is no secret: the fault tells the value, and what was expected.
    pub(super) fn told<T: FromStr>(&mut self, key: &str, text: Option<String>, expected: &str, slot: &mut T) {
        let Some(text) = text else { return };
        match text.parse() {
            Ok(value) => *slot = value,
            Err(_) => self.add(key, &format!("{text:?} is not {expected}")),
        }
    }

    /// The same for a duration, as humantime writes it: `90s`, `48h`, `30d`.
    pub(super) fn duration(&mut self, key: &str, text: Option<String>, slot: &mut Duration) {
        let mut duration = humantime::Duration::from(*slot);
        self.told(key, text, "a time with its unit, such as 90s, 48h or 30d", &mut duration);
        *slot = *duration;
    }

    /// The same for an address to listen on.
    pub(super) fn address(&mut self, key: &str, text: Option<String>, slot: &mut SocketAddr) {
        self.told(key, text, "an IP address with a port, such as 127.0.0.1:8080 or [::1]:8080", slot);
    }

    /// The same for a count.
    pub(super) fn count<T: FromStr>(&mut self, key: &str, number: Option<Plain>, slot: &mut T) {
        self.told(key, Plain::text(number), "a whole number, or is too large", slot);
    }

    /// Notes what is wrong with a key.
    pub(super) fn add(&mut self, key: &str, cause: &(impl fmt::Display + ?Sized)) {
        if !self.left_out.iter().any(|path| path.join(".") == key) {
            self.told.push(format!("{key}: {cause}"));
        }
    }
}

impl RawConfig {
    fn parse(mut self, mut faults: Faults) -> Result<Config, ConfigError> {
        let issuer_url = match self.server.issuer_url.take() {
            None => {
                faults.add(
                    "server.issuer_url",
                    "missing; give the public URL that AWS will know this issuer by, such as https://id.example.com",
                );
                None
            }
            Some(text) => {
                let url = text.parse::<IssuerUrl>().map_err(|error| error.to_string());
                let url = url.and_then(|url| base_path(&url).map(|_| url));
                url.map_err(|error| faults.add("server.issuer_url", &error)).ok()
            }
        };
        // Stands in while further faults are collected; never leaves with them.
        let stand_in = || "https://id.example.com".parse().ok();
        let Some(url) = issuer_url.or_else(stand_in) else { return Err(ConfigError { faults: faults.told }) };
        let mut config = Config::new(url);
        self.server.parse(&mut config.server, &mut faults);
        self.store.parse(&mut config.store);
        self.keys.parse(&mut config.keys, &mut faults);
        self.federation.parse(&mut config.federation, &mut faults);
        self.publication.parse(&mut config.publication, &mut faults);
        self.log.parse(&mut config.log, &mut faults);
        self.limits.parse(&mut config.limits, &mut faults);
        self.metrics.parse(&mut config.metrics, config.server.listen, &mut faults);
        self.telemetry.parse(&mut config.telemetry, &mut faults);
        self.setup.parse(&mut config.setup, &mut faults);
        self.web.parse(&mut config.web, &mut faults);
        if faults.told.is_empty() { Ok(config) } else { Err(ConfigError { faults: faults.told }) }
    }
}

#[cfg(test)]
mod tests;
