//! Documents as files: whole or not at all, and never over somebody's changes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};

use anyhow::Context as _;
use uuid::Uuid;

/// What became of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// There was none.
    New,
    /// It held the same.
    Unchanged,
    /// It held something else, and `--force` was given.
    Replaced,
}

/// Files that hold something else than what would be written.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} would be overwritten: {}; look at what was changed, then give --force or another --out",
    if .0.len() == 1 { "a file" } else { "files" },
    .0.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
)]
pub(super) struct WouldOverwrite(Vec<PathBuf>);

/// Writes files below a directory, which is made where there is none. Unless `force`, a file that holds something else is left
/// alone, and then none is written. Each file appears whole.
pub(super) fn write_all(
    directory: &Path,
    files: &[(String, String)],
    force: bool,
) -> anyhow::Result<Vec<(PathBuf, Written)>> {
    let mut planned = Vec::new();
    let mut changed = Vec::new();
    for (name, text) in files {
        let path = below(directory, name)?;
        let written = match fs::read(&path) {
            Ok(old) if old == text.as_bytes() => Written::Unchanged,
            Ok(_) => {
                changed.push(path.clone());
                Written::Replaced
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Written::New,
            Err(error) => return Err(error).with_context(|| format!("can't read {}", path.display())),
        };
        planned.push((path, text, written));
    }
    if !force && !changed.is_empty() {
        return Err(WouldOverwrite(changed).into());
    }
    let mut done = Vec::new();
    for (path, text, written) in planned {
        if written != Written::Unchanged {
            write_whole(&path, text.as_bytes()).with_context(|| format!("can't write {}", path.display()))?;
        }
        done.push((path, written));
    }
    Ok(done)
}

/// The path of a file, which must not lead out of the directory.
fn below(directory: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let relative = Path::new(name);
    let plain = relative.components().all(|component| matches!(component, Component::Normal(_)));
    anyhow::ensure!(plain && !name.is_empty(), "{name:?} is no file name below a directory");
    Ok(directory.join(relative))
}

/// Written aside and moved into place, so that nobody sees half of it.
fn write_whole(path: &Path, body: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let aside = directory.join(format!(".{}.tmp", Uuid::new_v4()));
    let written = write_synced(&aside, body).and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        // Nothing more can be done where even this fails; the name says that it may be removed.
        let _ = fs::remove_file(&aside);
    }
    written?;
    File::open(directory)?.sync_all()
}

fn write_synced(path: &Path, body: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(body)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn files(texts: &[(&str, &str)]) -> Vec<(String, String)> {
        texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn a_file_that_somebody_changed_is_kept_and_then_nothing_is_written() {
        let directory = TempDir::new().unwrap();
        let out = directory.path().join("a/b");
        let first = files(&[("one.json", "1"), ("deep/two.json", "2")]);
        let written: Vec<Written> = write_all(&out, &first, false).unwrap().into_iter().map(|(_, done)| done).collect();
        assert_eq!(written, [Written::New, Written::New]);
        assert_eq!(write_all(&out, &first, false).unwrap()[1].1, Written::Unchanged);

        fs::write(out.join("deep/two.json"), "edited").unwrap();
        let second = files(&[("one.json", "1 again"), ("deep/two.json", "2")]);
        let refusal = write_all(&out, &second, false).unwrap_err().to_string();
        assert!(refusal.contains("two.json") && refusal.contains("--force"), "{refusal}");
        assert_eq!(fs::read_to_string(out.join("one.json")).unwrap(), "1");
        assert_eq!(write_all(&out, &second, true).unwrap()[1].1, Written::Replaced);
        assert_eq!(fs::read_to_string(out.join("deep/two.json")).unwrap(), "2");
        let names: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "nothing is left aside: {names:?}");
    }

    #[test]
    fn no_name_leads_out_of_the_directory() {
        let directory = TempDir::new().unwrap();
        for name in ["../x", "/x", "", "a/../../x"] {
            assert!(write_all(directory.path(), &files(&[(name, "")]), true).is_err(), "{name}");
        }
    }
}
