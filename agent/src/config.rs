//! The agent's settings: built-in defaults, then a TOML file (`--config`, or `DRIFTWISE_AGENT_CONFIG`), then the
//! environment (`DRIFTWISE_AGENT__SCAN__REGION=eu-west-1`), then the command line, each overriding the one before.
//!
//! To add a setting: a documented field with a default, a line in `driftwise-agent.example.toml` (a test compares), and a
//! check in `Config::faults` where not every value is allowed.

use std::path::{Path, PathBuf};

use driftwise_contract::codes::Code;
use driftwise_contract::{AccountId, Region};
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Deserializer, Serialize};

use crate::fault::Fault;

/// The prefix of settings in the environment; sections are parted by `__`.
pub const ENV_PREFIX: &str = "DRIFTWISE_AGENT__";

/// All settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where identity and key lie. Default: `$XDG_DATA_HOME/driftwise-agent`, else `~/.local/share/driftwise-agent`.
    pub data_dir: Option<PathBuf>,
    /// Talking to the issuer.
    pub issuer: IssuerConfig,
    /// What a scan reads.
    pub scan: ScanConfig,
    /// Talking to AWS.
    pub aws: AwsConfig,
}

/// Talking to the issuer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IssuerConfig {
    /// How long a connection may take, in seconds. Default 10.
    pub connect_timeout_s: u64,
    /// How long a request may take in all, in seconds. Default 30.
    pub request_timeout_s: u64,
}

impl Default for IssuerConfig {
    fn default() -> Self {
        Self { connect_timeout_s: 10, request_timeout_s: 30 }
    }
}

/// What a scan reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScanConfig {
    /// The account to scan; needed only when the org registered several. No default.
    #[serde(deserialize_with = "account_as_text_or_number")]
    pub account: Option<AccountId>,
    /// The region of the Resource Explorer aggregator. Default: the one that the account is registered with.
    pub region: Option<Region>,
    /// Where Terraform states lie: `s3://bucket/key`, `s3://bucket/prefix/`, globs, paths. Default: none.
    pub states: Vec<String>,
    /// How long the role's session lasts, in seconds: 900 to 43,200, at most the role's maximum. Default 3,600.
    pub session_duration_s: i32,
    /// Narrow the session to what a scan needs, whatever the role may do: descriptions and the states' buckets, no
    /// change. Off, the session may do all that the role may. Default true.
    pub narrow_session: bool,
    /// Go on, with a gap, where there is no aggregator index and only one region is seen. Default false.
    pub allow_local_index: bool,
}

impl Default for ScanConfig {
    fn default() -> Self {
        Self {
            account: None,
            region: None,
            states: Vec::new(),
            session_duration_s: 3600,
            narrow_session: true,
            allow_local_index: false,
        }
    }
}

/// Talking to AWS. Endpoints, proxies and certificate bundles come from the SDK's own settings (`AWS_ENDPOINT_URL`, …).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AwsConfig {
    /// Attempts per call, the first included. Default 6.
    pub max_attempts: u32,
    /// The first wait between attempts, in milliseconds. Default 1,000.
    pub initial_backoff_ms: u64,
    /// The longest wait between attempts, in milliseconds. Default 3,000.
    pub max_backoff_ms: u64,
    /// How long a connection may take, in seconds. Default 6.
    pub connect_timeout_s: u64,
    /// How long one attempt may take, in seconds. Default 60.
    pub attempt_timeout_s: u64,
    /// How long a call may take with all its attempts, in seconds. Default 180.
    pub operation_timeout_s: u64,
    /// Cloud Control reads in flight at once, over all regions. Default 24.
    pub concurrency: usize,
    /// Address buckets by path instead of by host name, for servers that stand in for S3. On by itself where an endpoint
    /// override is set. Default false.
    pub s3_path_style: bool,
    /// Calls per second, each per account and region.
    pub max_rps: RateConfig,
}

impl Default for AwsConfig {
    fn default() -> Self {
        Self {
            max_attempts: 6,
            initial_backoff_ms: 1000,
            max_backoff_ms: 3000,
            connect_timeout_s: 6,
            attempt_timeout_s: 60,
            operation_timeout_s: 180,
            concurrency: 24,
            s3_path_style: false,
            max_rps: RateConfig::default(),
        }
    }
}

/// Calls per second, each per account and region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateConfig {
    /// Resource Explorer; AWS's fixed quota is 5 searches and 3 other calls. Default 3.
    pub resource_explorer: u32,
    /// Cloud Control; AWS publishes no quota, about 30 were measured. Default 25.
    pub cloud_control: u32,
    /// IAM. Default 5.
    pub iam: u32,
    /// S3. Default 50.
    pub s3: u32,
}

impl Default for RateConfig {
    fn default() -> Self {
        Self { resource_explorer: 3, cloud_control: 25, iam: 5, s3: 50 }
    }
}

impl RateConfig {
    /// Lowers every rate to at most `limit` (`--max-rps`).
    pub fn cap(&mut self, limit: u32) {
        for rate in [&mut self.resource_explorer, &mut self.cloud_control, &mut self.iam, &mut self.s3] {
            *rate = (*rate).min(limit);
        }
    }
}

impl Config {
    /// Reads defaults, the file (when one is named) and the environment.
    pub fn load(file: Option<&Path>) -> Result<Self, Fault> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if let Some(path) = file {
            if !path.is_file() {
                return Err(Fault::new(
                    Code::ConfigInvalid,
                    format!("the configuration file {} can't be read", path.display()),
                )
                .because("there is no such file")
                .hint("Check the path given to --config or DRIFTWISE_AGENT_CONFIG."));
            }
            figment = figment.merge(Toml::file_exact(path));
        }
        let config: Self = figment.merge(Env::prefixed(ENV_PREFIX).split("__")).extract().map_err(|error| {
            let faults: Vec<String> = error.into_iter().map(|fault| fault.to_string()).collect();
            Fault::new(Code::ConfigInvalid, "the configuration is not valid").because(faults.join("; "))
        })?;
        Ok(config)
    }

    /// Fails with everything that is wrong, not only the first thing.
    pub fn check(&self) -> Result<(), Fault> {
        let faults = self.faults();
        if faults.is_empty() {
            return Ok(());
        }
        Err(Fault::new(Code::ConfigInvalid, "the configuration is not valid").because(faults.join("; ")))
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut within = |name: &str, value: u64, low: u64, high: u64| {
            if !(low..=high).contains(&value) {
                faults.push(format!("{name} is {value}: expected {low} to {high}"));
            }
        };
        // AssumeRoleWithWebIdentity, DurationSeconds: 900 to 43,200.
        within("scan.session_duration_s", u64::try_from(self.scan.session_duration_s).unwrap_or(0), 900, 43_200);
        within("issuer.connect_timeout_s", self.issuer.connect_timeout_s, 1, 300);
        within("issuer.request_timeout_s", self.issuer.request_timeout_s, 1, 600);
        within("aws.max_attempts", self.aws.max_attempts.into(), 1, 20);
        within("aws.initial_backoff_ms", self.aws.initial_backoff_ms, 1, 60_000);
        within("aws.max_backoff_ms", self.aws.max_backoff_ms, self.aws.initial_backoff_ms.max(1), 300_000);
        within("aws.connect_timeout_s", self.aws.connect_timeout_s, 1, 300);
        within("aws.attempt_timeout_s", self.aws.attempt_timeout_s, 1, 900);
        within("aws.operation_timeout_s", self.aws.operation_timeout_s, self.aws.attempt_timeout_s.max(1), 3600);
        within("aws.concurrency", self.aws.concurrency as u64, 1, 512);
        let rates = &self.aws.max_rps;
        for (name, rate) in [
            ("aws.max_rps.resource_explorer", rates.resource_explorer),
            ("aws.max_rps.cloud_control", rates.cloud_control),
            ("aws.max_rps.iam", rates.iam),
            ("aws.max_rps.s3", rates.s3),
        ] {
            within(name, rate.into(), 1, 10_000);
        }
        faults
    }
}

/// An account id from the environment arrives as a number, and has lost its leading zeros.
fn account_as_text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<AccountId>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Number(u64),
        Text(String),
    }
    let text = match Option::<Form>::deserialize(deserializer)? {
        None => return Ok(None),
        Some(Form::Number(number)) => format!("{number:012}"),
        Some(Form::Text(text)) => text,
    };
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    const EXAMPLE: &str = include_str!("../driftwise-agent.example.toml");

    /// `#key = value`, without a blank, is a setting that has no default.
    fn with_optional_settings() -> String {
        EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if !rest.starts_with([' ', '#']) && !rest.is_empty() => rest,
                _ => line,
            })
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn parse(text: &str) -> Config {
        Figment::from(Serialized::defaults(Config::default())).merge(Toml::string(text)).extract().unwrap()
    }

    fn keys(value: &Value, prefix: &str, into: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    keys(member, &format!("{prefix}.{key}"), into);
                }
            }
            _ => {
                into.insert(prefix.to_owned());
            }
        }
    }

    #[test]
    fn the_example_file_states_the_defaults() {
        assert_eq!(parse(EXAMPLE), Config::default());
    }

    #[test]
    fn the_example_file_lists_every_key() {
        let text = with_optional_settings();
        parse(&text).check().unwrap();
        let stated: Value = Figment::from(Toml::string(&text)).extract().unwrap();
        let (mut documented, mut existing) = (BTreeSet::new(), BTreeSet::new());
        keys(&stated, "", &mut documented);
        keys(&serde_json::to_value(Config::default()).unwrap(), "", &mut existing);
        assert_eq!(documented, existing);
    }

    #[test]
    fn all_faults_are_reported_at_once() {
        let mut config = Config::default();
        config.scan.session_duration_s = 60;
        config.aws.max_rps.iam = 0;
        let fault = config.check().unwrap_err();
        let detail = fault.detail().unwrap();
        assert!(detail.contains("scan.session_duration_s") && detail.contains("aws.max_rps.iam"), "{detail}");
    }

    #[test]
    fn an_account_id_keeps_its_leading_zeros() {
        let config = parse("[scan]\naccount = 12345678901\n");
        assert_eq!(config.scan.account.unwrap().as_str(), "012345678901");
        assert_eq!(parse("[scan]\naccount = \"012345678901\"\n").scan.account.unwrap().as_str(), "012345678901");
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let result: Result<Config, _> = Figment::from(Serialized::defaults(Config::default()))
            .merge(Toml::string("[scan]\nregoin = \"eu-west-1\"\n"))
            .extract();
        assert!(result.unwrap_err().to_string().contains("regoin"));
    }

    #[test]
    fn one_limit_caps_every_rate_and_raises_none() {
        let mut rates = RateConfig::default();
        rates.cap(4);
        assert_eq!(rates, RateConfig { resource_explorer: 3, cloud_control: 4, iam: 4, s3: 4 });
    }
}
