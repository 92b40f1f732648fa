//! `[keys]`: where signing keys lie, what makes them, and what opens them.

use std::path::PathBuf;
use std::time::Duration;

use driftwise_contract::claims::TOKEN_LIFETIME_S;
use secrecy::SecretString;
use serde::Deserialize;

use super::raw::Faults;
use crate::keyring::replicas::lease;
use crate::keyring::rotation::{CLOCK_TOLERANCE, RotationSettings};
use crate::keyring::{KeyAlgorithm, KmsSettings, MasterKeyCommand, MasterKeySource};

/// `[keys]`: where signing keys lie, what makes them, and what opens them.
#[derive(Debug, Clone)]
pub struct Keys {
    /// `algorithm`: of the keys that are made: `RS256` (2,048 bits), `RS256-3072` or `ES256`. The next rotation switches to it.
    /// Default `RS256`.
    pub algorithm: KeyAlgorithm,
    /// `backend`: what makes keys and signs with them: `local` (this process) or `kms` (AWS KMS). Keys of both kinds go on
    /// signing after a switch. Default `local`.
    pub backend: KeyBackend,
    /// `store`: where the sealed keys lie: `directory` or `database`. Default `directory`.
    pub store: KeyStoreKind,
    /// `directory`: the sealed signing keys, and the master key where none is configured. Default `keys`.
    pub directory: PathBuf,
    /// `master_key_file`, `master_key` or `master_key_command` (at most one): 32 bytes as base64 or hexadecimal. Default:
    /// `master.key` in the key directory, made on the first start.
    pub master_key: MasterKeySource,
    /// `previous_master_key_file` or `previous_master_key_command` (at most one): opens what is not sealed under the new
    /// master key yet. Default: none.
    pub previous_master_key: Option<MasterKeySource>,
    /// `[keys.kms]`
    pub kms: KmsSettings,
    /// `rotation_period`, `publish_ahead`, `keep_after`: how long a key signs, how long it is published before that and after.
    /// Defaults `30d`, `48h`, `48h`. The period is at least the two windows together; `publish_ahead` is at least 5 minutes,
    /// as long as the JWKS may be cached; `keep_after` is at least 12 minutes: a token's life, AWS's clock tolerance and two minutes
    /// in which another replica may sign on. And `refresh`: how often a running issuer learns of changed keys and says that it
    /// lives, 100 milliseconds to 10 seconds. Default `5s`.
    pub rotation: RotationSettings,
}

/// `max-age` of the JWKS.
const PUBLISH_AHEAD_MIN: Duration = Duration::from_mins(5);

/// A replica that missed an activation signs with the key that was retired, for its lease at most.
const KEEP_AFTER_MIN: Duration =
    Duration::from_secs(TOKEN_LIFETIME_S.unsigned_abs() + CLOCK_TOLERANCE.as_secs() + 2 * lease(REFRESH_MAX).as_secs());

/// Nobody needs to learn of changes less often; a crashed issuer is waited for six times as long.
const REFRESH_MAX: Duration = Duration::from_secs(10);

/// Each refresh is a small commit.
const REFRESH_MIN: Duration = Duration::from_millis(100);

/// What makes keys and signs with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyBackend {
    /// This process.
    #[default]
    Local,
    /// AWS KMS.
    Kms,
}

/// Where the sealed keys lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyStoreKind {
    /// Files of the key directory.
    #[default]
    Directory,
    /// The table of the issuer's database.
    Database,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            algorithm: KeyAlgorithm::default(),
            backend: KeyBackend::default(),
            store: KeyStoreKind::default(),
            directory: "keys".into(),
            master_key: MasterKeySource::KeyDirectory,
            previous_master_key: None,
            kms: KmsSettings::default(),
            rotation: RotationSettings::default(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    algorithm: Option<String>,
    backend: Option<String>,
    store: Option<String>,
    directory: Option<PathBuf>,
    master_key_file: Option<PathBuf>,
    master_key: Option<String>,
    master_key_command: Option<Vec<String>>,
    previous_master_key_file: Option<PathBuf>,
    previous_master_key_command: Option<Vec<String>>,
    rotation_period: Option<String>,
    publish_ahead: Option<String>,
    keep_after: Option<String>,
    refresh: Option<String>,
    kms: RawKms,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawKms {
    region: Option<String>,
    endpoint_url: Option<String>,
    schedule_deletion: Option<bool>,
}

impl Raw {
    pub(super) fn parse(self, keys: &mut Keys, faults: &mut Faults) {
        faults.parse("keys.algorithm", self.algorithm, &mut keys.algorithm);
        match self.backend.as_deref() {
            Some("local") | None => {}
            Some("kms") => keys.backend = KeyBackend::Kms,
            Some(_) => faults.add("keys.backend", "expected local or kms"),
        }
        match self.store.as_deref() {
            Some("directory") | None => {}
            Some("database") => keys.store = KeyStoreKind::Database,
            Some(_) => faults.add("keys.store", "expected directory or database"),
        }
        if let Some(directory) = self.directory {
            keys.directory = directory;
        }
        let value = self.master_key.map(|value| MasterKeySource::Value(SecretString::from(value)));
        let file = self.master_key_file.map(MasterKeySource::File);
        let command = command("keys.master_key_command", self.master_key_command, faults);
        let mut given = [value, file, command].into_iter().flatten();
        if let Some(source) = given.next() {
            keys.master_key = source;
        }
        if given.next().is_some() {
            faults
                .add("keys", "more than one of master_key, master_key_file and master_key_command is given; keep one");
        }
        let file = self.previous_master_key_file.map(MasterKeySource::File);
        let command = self::command("keys.previous_master_key_command", self.previous_master_key_command, faults);
        if file.is_some() && command.is_some() {
            faults.add("keys", "previous_master_key_file and previous_master_key_command are both given; keep one");
        }
        keys.previous_master_key = file.or(command);
        let rotation = &mut keys.rotation;
        faults.duration("keys.rotation_period", self.rotation_period, &mut rotation.rotation_period);
        faults.duration("keys.publish_ahead", self.publish_ahead, &mut rotation.publish_ahead);
        faults.duration("keys.keep_after", self.keep_after, &mut rotation.keep_after);
        check_windows(rotation, faults);
        faults.duration("keys.refresh", self.refresh, &mut rotation.refresh);
        if !(REFRESH_MIN..=REFRESH_MAX).contains(&rotation.refresh) {
            faults.add("keys.refresh", "expected 100ms to 10s");
        }
        keys.kms.region = self.kms.region;
        keys.kms.endpoint_url = self.kms.endpoint_url;
        if let Some(url) = keys.kms.endpoint_url.as_ref().filter(|url| !is_http(url)) {
            faults.add("keys.kms.endpoint_url", &format!("{url:?} is not an http or https URL"));
        }
        keys.kms.schedule_deletion = self.kms.schedule_deletion.unwrap_or(keys.kms.schedule_deletion);
    }
}

fn check_windows(rotation: &RotationSettings, faults: &mut Faults) {
    let text = humantime::format_duration;
    if rotation.publish_ahead < PUBLISH_AHEAD_MIN {
        let cause = format!("expected at least {}, for which verifiers may cache the JWKS", text(PUBLISH_AHEAD_MIN));
        faults.add("keys.publish_ahead", &cause);
    }
    if rotation.keep_after < KEEP_AFTER_MIN {
        let cause = format!(
            "expected at least {}: a token's life, AWS's clock tolerance, and two minutes in which another replica may sign on",
            text(KEEP_AFTER_MIN)
        );
        faults.add("keys.keep_after", &cause);
    }
    let windows = rotation.publish_ahead.saturating_add(rotation.keep_after);
    if rotation.rotation_period < windows {
        let cause = format!("expected at least {}: keys.publish_ahead and keys.keep_after together", text(windows));
        faults.add("keys.rotation_period", &cause);
    }
}

fn command(setting: &'static str, words: Option<Vec<String>>, faults: &mut Faults) -> Option<MasterKeySource> {
    let command = MasterKeyCommand::new(setting, words?);
    if command.is_none() {
        faults.add(setting, "expected the program and its arguments, such as [\"/usr/bin/pass\", \"driftwise\"]");
    }
    command.map(MasterKeySource::Command)
}

fn is_http(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
