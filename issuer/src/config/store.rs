//! `[store]`: where orgs, accounts and agents lie.

use std::path::PathBuf;

use serde::Deserialize;

/// `[store]`: where orgs, accounts and agents lie.
#[derive(Debug, Clone)]
pub struct Store {
    /// `path`: the `SQLite` file. Default `driftwise-issuer.db`.
    pub path: PathBuf,
}

impl Default for Store {
    fn default() -> Self {
        Self { path: "driftwise-issuer.db".into() }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    path: Option<PathBuf>,
}

impl Raw {
    pub(super) fn parse(self, store: &mut Store) {
        if let Some(path) = self.path {
            store.path = path;
        }
    }
}
