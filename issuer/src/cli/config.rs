//! `driftwise-issuer config …`

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;

use super::output::Output;
use crate::Error;
use crate::clock::{Clock, rfc3339};
use crate::config::{Config, KeyStoreKind};
use crate::http::server::tls::Certificate;
use crate::keyring::rotation::KeyState;
use crate::keyring::{KeyDirectory, KeyVault, KeyringError};
use crate::publication::read_certificates;
use crate::store::{Store, StoreError, signing_keys};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check the configuration and what it names, without changing anything: every fault at once
    Check,
}

/// One thing that was looked at.
#[derive(Serialize)]
struct Check {
    #[serde(rename = "check")]
    what: &'static str,
    ok: bool,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Check {
    fn good(what: &'static str, detail: impl Into<String>) -> Self {
        Self { what, ok: true, detail: detail.into(), hint: None }
    }

    fn bad(what: &'static str, error: impl Into<Error>) -> Self {
        let error = error.into();
        Self { what, ok: false, detail: error.to_string(), hint: error.hint() }
    }

    fn fault(what: &'static str, detail: impl Into<String>) -> Self {
        Self { what, ok: false, detail: detail.into(), hint: None }
    }
}

/// Reads everything that a start would read; makes and migrates nothing.
pub(super) async fn run(
    command: &Command,
    file: Option<&Path>,
    clock: &dyn Clock,
    output: &mut Output<'_>,
) -> anyhow::Result<()> {
    let Command::Check = command;
    let checks = match Config::load(file) {
        Ok(config) => of_config(&config, clock).await,
        Err(error) => error.faults().iter().map(|fault| Check::fault("configuration", fault)).collect(),
    };
    output.rows(&["CHECK", "RESULT", "DETAIL"], &checks, |check| {
        let detail = match &check.hint {
            Some(hint) => format!("{} ({hint})", check.detail),
            None => check.detail.clone(),
        };
        vec![check.what.into(), if check.ok { "ok" } else { "FAULT" }.into(), detail]
    })?;
    match checks.iter().filter(|check| !check.ok).count() {
        0 => Ok(()),
        1 => anyhow::bail!("1 check found a fault"),
        faults => anyhow::bail!("{faults} checks found faults"),
    }
}

async fn of_config(config: &Config, clock: &dyn Clock) -> Vec<Check> {
    let mut checks = vec![Check::good("configuration", format!("issuer {}", config.server.issuer_url))];
    checks.extend(config.warnings.iter().map(|warning| Check::fault("configuration", warning)));
    let store = match Store::open_to_read(&config.store.path).await {
        Ok(store) => {
            checks.push(Check::good("store", format!("{} can be read", config.store.path.display())));
            Some(store)
        }
        Err(StoreError::Missing { path }) => {
            checks.push(to_be_made("store", &path));
            None
        }
        Err(error) => {
            checks.push(Check::bad("store", error));
            None
        }
    };
    checks.push(keys(config, store.as_ref()).await);
    checks.push(tls(config, clock.now_s()));
    checks.extend(config.publication.ca_file.as_deref().map(ca_file));
    checks.extend(config.publication.directory.as_deref().map(publication_directory));
    if let Some(store) = store {
        store.close().await;
    }
    checks
}

/// Opens every key, or at least reads the master key.
async fn keys(config: &Config, store: Option<&Store>) -> Check {
    let Some(store) = store else {
        let directory = KeyDirectory::new(&config.keys.directory);
        let source = config.keys.master_key.clone();
        if matches!(source, crate::keyring::MasterKeySource::KeyDirectory) && !directory.path().exists() {
            return Check::good("keys", "none yet: the first start makes a master key and a signing key");
        }
        let read = tokio::task::spawn_blocking(move || source.load(&directory)).await;
        return match read {
            Ok(Ok(_)) => Check::good("keys", "the master key can be read"),
            Ok(Err(error)) => Check::bad("keys", error),
            Err(error) => Check::fault("keys", format!("reading the master key was interrupted: {error}")),
        };
    };
    let vault = KeyVault::new(&config.keys, &config.server.issuer_url, store);
    let opened = async { vault.open(vault.sealed().await?).await };
    match opened.await {
        Ok(keys) => {
            let known = match known_keys(store).await {
                Ok(known) => known,
                Err(error) => return Check::bad("keys", error),
            };
            if keys.is_empty() && known > 0 {
                let count = if known == 1 { "1 was".into() } else { format!("{known} were") };
                return Check::bad("keys", KeyringError::KeysGone { place: vault.store().place(), count });
            }
            let place = match config.keys.store {
                KeyStoreKind::Directory => config.keys.directory.display().to_string(),
                KeyStoreKind::Database => "the store".into(),
            };
            Check::good("keys", format!("{} in {place}, all opened", keys.len()))
        }
        Err(error) => Check::bad("keys", error),
    }
}

/// How many keys the store says are there. A store of before there were key states has none on record.
async fn known_keys(store: &Store) -> Result<usize, Error> {
    let mut db = store.connection().await?;
    if !signing_keys::are_recorded(&mut db).await? {
        return Ok(0);
    }
    Ok(signing_keys::list(&mut db).await?.iter().filter(|key| key.state != KeyState::Removed).count())
}

/// The nearest directory above that exists, where the first start could make `path`; or what stands in its way.
fn nearest(path: &Path) -> Result<PathBuf, String> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for above in path.ancestors().skip(1) {
        match std::fs::metadata(above) {
            Ok(metadata) if metadata.is_dir() && metadata.permissions().readonly() => {
                return Err(format!("{} can't be made: nobody may write {}", path.display(), above.display()));
            }
            Ok(metadata) if metadata.is_dir() => return Ok(above.to_owned()),
            Ok(_) => return Err(format!("{} can't be made: {} is no directory", path.display(), above.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{} can't be made: {}: {error}", path.display(), above.display())),
        }
    }
    Err(format!("{} can't be made: no directory above it exists", path.display()))
}

/// A file or directory that is not there yet, which a start makes.
fn to_be_made(what: &'static str, path: &Path) -> Check {
    match nearest(path) {
        Ok(above) if Some(&*above) == path.parent() => {
            Check::good(what, format!("none at {} yet: the first start makes it", path.display()))
        }
        Ok(above) => Check::good(
            what,
            format!(
                "none at {} yet: the first start makes it, and the directories to it below {}, where it may write there",
                path.display(),
                above.display()
            ),
        ),
        Err(fault) => Check::fault(what, fault),
    }
}

fn ca_file(path: &Path) -> Check {
    match read_certificates(path) {
        Ok(certificates) => Check::good("publication.ca_file", format!("{} certificates", certificates.len())),
        Err(error) => Check::fault("publication.ca_file", error.to_string()),
    }
}

fn publication_directory(path: &Path) -> Check {
    const WHAT: &str = "publication.directory";
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match std::fs::metadata(&path) {
        Ok(metadata) if !metadata.is_dir() => Check::fault(WHAT, format!("{} is no directory", path.display())),
        Ok(metadata) if metadata.permissions().readonly() => {
            Check::fault(WHAT, format!("nobody may write {}", path.display()))
        }
        Ok(_) => Check::good(WHAT, format!("{} is there", path.display())),
        // A web server that serves it would have it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !path.parent().is_some_and(Path::is_dir) => {
            Check::fault(
                WHAT,
                format!("{} does not exist, nor does the directory above it: is it mounted?", path.display()),
            )
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => to_be_made(WHAT, &path),
        Err(error) => Check::fault(WHAT, format!("can't look at {}: {error}", path.display())),
    }
}

fn tls(config: &Config, now_s: i64) -> Check {
    let Some(files) = config.server.tls.clone() else {
        return Check::good("tls", "none: a proxy in front must terminate TLS");
    };
    match Certificate::load(files, config.server.certificate_host()) {
        Ok(certificate) => match certificate.faults(now_s) {
            faults if faults.is_empty() => {
                Check::good("tls", format!("the certificate is valid until {}", rfc3339(certificate.expires_at_s())))
            }
            faults => Check::fault("tls", faults.join("; ")),
        },
        Err(error) => Check::fault("tls", error.to_string()),
    }
}
