//! The key directory: one file per sealed key, `<kid>.jwe`, mode 0600 in a directory of mode 0700. Files appear whole
//! or not at all: written aside, synced, renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use driftwise_contract::Kid;

use super::error::SealFault;
use super::{KeyringError, SealedKey};

const EXTENSION: &str = "jwe";

/// A directory of sealed keys.
#[derive(Debug, Clone)]
pub struct KeyDirectory {
    path: PathBuf,
}

/// Held while keys are read or made. The operating system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct DirectoryLock {
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

    pub(super) fn master_key_path(&self) -> PathBuf {
        self.path.join("master.key")
    }

    /// Makes the directory, for the owner alone, where it does not exist.
    pub(super) fn create(&self) -> Result<(), KeyringError> {
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
    pub(super) fn lock(&self) -> Result<DirectoryLock, KeyringError> {
        let path = self.path.join(".lock");
        let file = private_file(OpenOptions::new().create(true).truncate(false))
            .open(&path)
            .map_err(|source| fault("open the lock file", &path, source))?;
        file.lock().map_err(|source| fault("lock", &path, source))?;
        Ok(DirectoryLock { _file: file })
    }

    /// Every sealed key with its file, by file name. A file that ends like a key and is not named like one is an error:
    /// what is published must never depend on a misspelt name.
    pub fn read_all(&self) -> Result<Vec<(PathBuf, SealedKey)>, KeyringError> {
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
                return Err(KeyringError::Sealed { path, cause: SealFault::WrongKid });
            };
            let text = fs::read_to_string(&path).map_err(|source| fault("read", &path, source))?;
            sealed.push((path, SealedKey::from_file(kid, &text)));
        }
        sealed.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(sealed)
    }

    /// Writes a sealed key and says where.
    pub fn write(&self, key: &SealedKey) -> Result<PathBuf, KeyringError> {
        let path = self.path.join(format!("{}.{EXTENSION}", key.kid()));
        self.write_secret(&path, key.as_str())?;
        Ok(path)
    }

    /// Writes a file for the owner alone, whole or not at all. An existing file is never replaced.
    pub(super) fn write_secret(&self, path: &Path, text: &str) -> Result<(), KeyringError> {
        let write_fault = |source| fault("write", path, source);
        if path.exists() {
            return Err(write_fault(io::ErrorKind::AlreadyExists.into()));
        }
        let aside = path.with_extension("tmp");
        // A left-over of a crash; the lock is held, so nobody is writing it.
        match fs::remove_file(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(write_fault(error)),
            _ => {}
        }
        let mut file = private_file(OpenOptions::new().create_new(true)).open(&aside).map_err(write_fault)?;
        writeln!(file, "{text}").and_then(|()| file.sync_all()).map_err(write_fault)?;
        fs::rename(&aside, path).map_err(write_fault)?;
        // The name is durable once the directory is synced.
        File::open(&self.path).and_then(|directory| directory.sync_all()).map_err(write_fault)
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
