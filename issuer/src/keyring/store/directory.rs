//! The key directory: one file per sealed key, `<kid>.jwe`, mode 0600 in a directory of mode 0700. Files appear whole
//! or not at all: written aside, synced, renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use driftwise_contract::Kid;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::KeyStore;
use crate::keyring::error::SealFault;
use crate::keyring::{KeyringError, SealedKey, permissions};

const EXTENSION: &str = "jwe";

/// A directory of sealed keys.
#[derive(Debug, Clone)]
pub struct KeyDirectory {
    path: PathBuf,
}

/// Held while keys are read or made. The operating system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(in crate::keyring) struct DirectoryLock {
    _file: File,
}

impl KeyDirectory {
    /// Names the directory; nothing is touched yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(in crate::keyring) fn master_key_path(&self) -> PathBuf {
        self.path.join("master.key")
    }

    /// Makes the directory, for the owner alone, where it does not exist.
    pub(in crate::keyring) fn create(&self) -> Result<(), KeyringError> {
        if self.path.is_dir() {
            return Ok(());
        }
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt as _;
            builder.mode(0o700);
        }
        builder.create(&self.path).map_err(|source| fault("create the key directory", &self.path, source))
    }

    /// Waits until no other process reads or makes keys here.
    pub(in crate::keyring) fn lock(&self) -> Result<DirectoryLock, KeyringError> {
        let path = self.path.join(".lock");
        let file = private_file(OpenOptions::new().create(true).truncate(false))
            .open(&path)
            .map_err(|source| fault("open the lock file", &path, source))?;
        file.lock().map_err(|source| fault("lock", &path, source))?;
        Ok(DirectoryLock { _file: file })
    }

    /// Every sealed key, by kid. A file that ends like a key and is not named like one is an error:
    /// what is published must never depend on a misspelt name.
    pub fn read(&self) -> Result<Vec<SealedKey>, KeyringError> {
        let read_fault = |source| fault("read the key directory", &self.path, source);
        let mut sealed = Vec::new();
        let entries = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(sealed),
            entries => entries.map_err(read_fault)?,
        };
        for entry in entries {
            let path = entry.map_err(read_fault)?.path();
            if path.extension().is_none_or(|extension| extension != EXTENSION) {
                continue;
            }
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let Ok(kid) = stem.parse::<Kid>() else {
                return Err(KeyringError::Sealed { place: path.display().to_string(), cause: SealFault::WrongKid });
            };
            let text = match fs::read_to_string(&path) {
                // Removed since the directory was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                text => text.map_err(|source| fault("read", &path, source))?,
            };
            sealed.push(SealedKey::from_text(kid, &text, path.display().to_string()));
        }
        sealed.sort_by(|a, b| a.kid().cmp(b.kid()));
        Ok(sealed)
    }

    /// Adds a sealed key. The lock must be held.
    pub(in crate::keyring) fn add(&self, key: &SealedKey) -> Result<(), KeyringError> {
        self.write_secret(&self.file(key.kid()), key.as_str())
    }

    fn file(&self, kid: &Kid) -> PathBuf {
        self.path.join(format!("{kid}.{EXTENSION}"))
    }

    /// Writes a file for the owner alone, whole or not at all. An existing file is never replaced.
    pub(in crate::keyring) fn write_secret(&self, path: &Path, text: &str) -> Result<(), KeyringError> {
        if path.exists() {
            return Err(fault("write", path, io::ErrorKind::AlreadyExists.into()));
        }
        self.replace_secret(path, text)
    }

    fn replace_secret(&self, path: &Path, text: &str) -> Result<(), KeyringError> {
        let write_fault = |source| fault("write", path, source);
        let aside = path.with_extension("tmp");
        // A left-over of a crash; the lock is held, so nobody is writing it.
        match fs::remove_file(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(write_fault(error)),
            _ => {}
        }
        let mut file = private_file(OpenOptions::new().create_new(true)).open(&aside).map_err(write_fault)?;
        writeln!(file, "{text}").and_then(|()| file.sync_all()).map_err(write_fault)?;
        fs::rename(&aside, path).map_err(write_fault)?;
        self.sync().map_err(write_fault)
    }

    fn delete(&self, kid: &Kid) -> Result<(), KeyringError> {
        let path = self.file(kid);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.and_then(|()| self.sync()).map_err(|source| fault("remove", &path, source)),
        }
    }

    /// A name is durable, or gone for good, once the directory is synced.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    /// Runs file work off the async threads.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, KeyringError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, KeyringError>> {
        let this = self.clone();
        async move {
            let done = tokio::task::spawn_blocking(move || work(&this)).await;
            done.unwrap_or_else(|error| Err(fault("work in", &self.path, io::Error::other(error))))
        }
        .boxed()
    }
}

impl KeyStore for KeyDirectory {
    fn read_all(&self) -> BoxFuture<'_, Result<Vec<SealedKey>, KeyringError>> {
        self.run(|this| {
            permissions::check(&this.path)?;
            this.read()
        })
    }

    fn write<'a>(&'a self, key: &'a SealedKey) -> BoxFuture<'a, Result<(), KeyringError>> {
        let key = key.clone();
        self.run(move |this| {
            this.create()?;
            let _lock = this.lock()?;
            this.add(&key)
        })
    }

    fn replace<'a>(&'a self, key: &'a SealedKey) -> BoxFuture<'a, Result<(), KeyringError>> {
        let key = key.clone();
        self.run(move |this| {
            let _lock = this.lock()?;
            let path = this.file(key.kid());
            if path.exists() { this.replace_secret(&path, key.as_str()) } else { Ok(()) }
        })
    }

    fn remove<'a>(&'a self, kid: &'a Kid) -> BoxFuture<'a, Result<(), KeyringError>> {
        let kid = kid.clone();
        self.run(move |this| {
            if !this.path.exists() {
                return Ok(());
            }
            let _lock = this.lock()?;
            this.delete(&kid)
        })
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }
}

fn private_file(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.read(true).write(true)
}

fn fault(action: &'static str, path: &Path, source: io::Error) -> KeyringError {
    KeyringError::File { action, path: path.to_owned(), source }
}
