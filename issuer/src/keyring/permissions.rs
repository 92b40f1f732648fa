//! Who else could change what lies on disk: keys that another user may replace are not ours.

use std::path::Path;

use super::KeyringError;

/// Refuses a file or directory that group or others can write, or that belongs to somebody else than this process's user
/// or root. A path that does not exist is fine. Gives the mode, where the platform has one.
#[cfg(unix)]
pub(super) fn check(path: &Path) -> Result<Option<u32>, KeyringError> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        metadata => {
            metadata.map_err(|source| KeyringError::File { action: "look at", path: path.to_owned(), source })?
        }
    };
    let mode = metadata.mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(KeyringError::Writable { path: path.to_owned(), mode, is_directory: metadata.is_dir() });
    }
    if is_foreign(metadata.uid(), effective_uid()) {
        return Err(KeyringError::ForeignOwner { path: path.to_owned(), uid: metadata.uid() });
    }
    Ok(Some(mode))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the signature is that of unix")]
pub(super) fn check(_path: &Path) -> Result<Option<u32>, KeyringError> {
    Ok(None)
}

#[cfg(unix)]
fn is_foreign(owner: u32, process: Option<u32>) -> bool {
    process.is_some_and(|process| owner != process && owner != 0)
}

/// From proc(5), since the standard library has no call for it: the line `Uid:` has the real, the effective, the saved and
/// the file system's id. Without /proc the owner is not checked.
#[cfg(unix)]
fn effective_uid() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;

    #[test]
    fn what_group_or_others_can_write_is_refused() {
        let directory = tempfile::TempDir::new().unwrap();
        let file = directory.path().join("master.key");
        assert_eq!(check(&file).unwrap(), None);
        std::fs::write(&file, "").unwrap();
        for path in [directory.path(), &file] {
            for (mode, fine) in [(0o700, true), (0o755, true), (0o720, false), (0o702, false), (0o1777, false)] {
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
                match check(path) {
                    Ok(found) => assert_eq!((fine, found), (true, Some(mode))),
                    Err(error) => {
                        assert!(!fine && error.to_string().contains("can be changed by others"), "{mode:o}: {error}");
                        assert!(error.hint().unwrap().contains("chmod"));
                    }
                }
            }
        }
    }

    #[test]
    fn only_the_process_and_root_may_own_keys() {
        assert!(!is_foreign(1000, Some(1000)) && !is_foreign(0, Some(1000)) && !is_foreign(1000, None));
        assert!(is_foreign(1001, Some(1000)) && is_foreign(1000, Some(0)));
        let directory = tempfile::TempDir::new().unwrap();
        if let Some(uid) = effective_uid() {
            assert_eq!(std::fs::metadata(directory.path()).unwrap().uid(), uid);
        }
    }
}
