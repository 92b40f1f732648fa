//! `[keys]`: where signing keys lie, what makes them, and what opens them.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

use super::raw::Faults;
use crate::keyring::rotation::RotationSettings;
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
    /// `rotation_period`, `publish_ahead`, `keep_after`: when keys follow each other. Defaults `30d`, `48h`, `48h`.
    pub rotation: RotationSettings,
}

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
        keys.kms.region = self.kms.region;
        keys.kms.endpoint_url = self.kms.endpoint_url;
        if let Some(url) = keys.kms.endpoint_url.as_ref().filter(|url| !is_http(url)) {
            faults.add("keys.kms.endpoint_url", &format!("{url:?} is not an http or https URL"));
        }
        keys.kms.schedule_deletion = self.kms.schedule_deletion.unwrap_or(keys.kms.schedule_deletion);
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
