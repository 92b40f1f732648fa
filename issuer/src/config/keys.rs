//! `[keys]`: where signing keys lie, and what opens them.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

use super::raw::Faults;
use crate::keyring::MasterKeySource;

/// `[keys]`: where signing keys lie, and what opens them.
#[derive(Debug, Clone)]
pub struct Keys {
    /// `directory`: the sealed signing keys. Default `keys`.
    pub directory: PathBuf,
    /// `master_key_file` or `master_key` (at most one): 32 bytes as base64 or hexadecimal. Default: `master.key` in the key
    /// directory, made on the first start.
    pub master_key: MasterKeySource,
}

impl Default for Keys {
    fn default() -> Self {
        Self { directory: "keys".into(), master_key: MasterKeySource::KeyDirectory }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    directory: Option<PathBuf>,
    master_key_file: Option<PathBuf>,
    master_key: Option<String>,
}

impl Raw {
    pub(super) fn parse(self, keys: &mut Keys, faults: &mut Faults) {
        if let Some(directory) = self.directory {
            keys.directory = directory;
        }
        match (self.master_key, self.master_key_file) {
            (Some(_), Some(_)) => faults.add("keys", "master_key and master_key_file are both given; keep one"),
            (Some(value), None) => keys.master_key = MasterKeySource::Value(SecretString::from(value)),
            (None, Some(file)) => keys.master_key = MasterKeySource::File(file),
            (None, None) => {}
        }
    }
}
