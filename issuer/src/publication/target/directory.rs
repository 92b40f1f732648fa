//! A directory: the root of a static site. Files appear whole: written aside, synced, renamed. The version before is kept
//! as `<name>.previous`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use uuid::Uuid;

use super::{Target, TargetError};
use crate::federation::Document;

/// A directory that a web server serves under the issuer URL.
#[derive(Debug, Clone)]
pub struct DirectoryTarget {
    root: PathBuf,
}

impl DirectoryTarget {
    /// Names the directory; it is made when the first document is published.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }
}

impl Target for DirectoryTarget {
    fn kind(&self) -> &'static str {
        "directory"
    }

    fn place(&self) -> String {
        self.root.display().to_string()
    }

    fn put<'a>(&'a self, path: &'a str, document: &'a Document) -> BoxFuture<'a, Result<bool, TargetError>> {
        async move {
            let (file, body) = (self.root.join(path), document.body.clone());
            let done =
                tokio::task::spawn_blocking(move || put(&file, &body)).await.unwrap_or_else(|error| Err(error.into()));
            done.map_err(|error| TargetError {
                path: path.to_owned(),
                place: self.place(),
                cause: error.to_string(),
                hint: match error.kind() {
                    io::ErrorKind::PermissionDenied => {
                        Some("Give the directory (publication.directory) to the user that the issuer runs as.")
                    }
                    io::ErrorKind::StorageFull => Some("Make room on the volume of publication.directory."),
                    _ => None,
                },
            })
        }
        .boxed()
    }
}

fn put(file: &Path, body: &[u8]) -> io::Result<bool> {
    let old = match fs::read(file) {
        Ok(old) if old == body => return Ok(false),
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent)?;
    }
    if let Some(old) = old {
        let mut previous = file.as_os_str().to_owned();
        previous.push(".previous");
        write_whole(Path::new(&previous), &old)?;
    }
    write_whole(file, body)?;
    Ok(true)
}

/// Written aside under a name of its own: several replicas may publish to one directory.
fn write_whole(path: &Path, body: &[u8]) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let aside = directory.join(format!(".{}.tmp", Uuid::new_v4()));
    let written = write_synced(&aside, body).and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        // Nothing more can be done where even this fails; the name says that it may be removed.
        let _ = fs::remove_file(&aside);
    }
    written?;
    // The name is durable once the directory is synced.
    File::open(directory)?.sync_all()
}

fn write_synced(path: &Path, body: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        // Public documents: the web server runs as another user.
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o644);
    }
    let mut file = options.open(path)?;
    file.write_all(body)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_replaces_the_one_before_which_is_kept_and_nothing_is_left_aside() {
        let directory = tempfile::TempDir::new().unwrap();
        let file = directory.path().join("orgs/x/jwks.json");
        assert!(put(&file, b"one").unwrap());
        assert!(!put(&file, b"one").unwrap(), "it is there already");
        assert!(put(&file, b"two").unwrap());
        assert!(put(&file, b"three").unwrap());
        let mut names: Vec<_> = fs::read_dir(file.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["jwks.json", "jwks.json.previous"]);
        assert_eq!(fs::read(&file).unwrap(), b"three");
        assert_eq!(fs::read(file.with_extension("json.previous")).unwrap(), b"two");
    }

    #[test]
    fn what_stands_in_the_way_is_told_and_what_was_there_stays() {
        let directory = tempfile::TempDir::new().unwrap();
        let file = directory.path().join("jwks.json");
        put(&file, b"one").unwrap();
        fs::create_dir(directory.path().join("jwks.json.previous")).unwrap();
        assert!(put(&file, b"two").is_err());
        assert_eq!(fs::read(&file).unwrap(), b"one");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "nothing is left aside");
    }
}
