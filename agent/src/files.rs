//! Files that are there in full or not at all.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Who may read a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The owner only (0600).
    Private,
    /// As the process's umask says.
    Shared,
}

/// Writes a file so that it is there in full or not at all: a sibling is written, flushed to disk and renamed.
pub(crate) fn write_atomically(path: &Path, content: &[u8], mode: Mode) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::other("the path names no file"))?;
    let mut sibling = OsString::from(".");
    sibling.push(name);
    sibling.push(format!(".{}.tmp", std::process::id()));
    let sibling = path.with_file_name(sibling);
    let written = write_new(&sibling, content, mode).and_then(|()| fs::rename(&sibling, path));
    if written.is_err() {
        // The first error is the one to tell; a leftover is harmless.
        let _ = fs::remove_file(&sibling);
    }
    written
}

fn write_new(path: &Path, content: &[u8], mode: Mode) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if mode == Mode::Private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    // A leftover of a killed process of the same id.
    if path.exists() {
        fs::remove_file(path)?;
    }
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_in_one_step_and_leaves_no_sibling() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("report.json");
        write_atomically(&path, b"one", Mode::Shared).unwrap();
        write_atomically(&path, b"two", Mode::Shared).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
        assert!(write_atomically(&scratch.path().join("no/such/dir"), b"x", Mode::Shared).is_err());
    }
}
