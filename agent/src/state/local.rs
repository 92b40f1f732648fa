//! States in local files.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use driftwise_contract::codes::Code;
use driftwise_contract::resource::StateRef;

use super::source::is_state_name;
use super::{State, StateError, StateSource, read};

/// Directories below which nothing is looked for: `.terraform` holds backend stubs and modules.
const LEFT_OUT: &str = ".terraform";

/// Reads every state of the given files, directories (all `*.tfstate` below) and globs, in the order of their paths. A
/// path without any state is an error of that path.
pub fn read_local(paths: &[impl AsRef<str>]) -> Vec<(StateRef, Result<State, StateError>)> {
    let mut states = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let source = StateRef { uri: path.to_owned(), version_id: None };
        match files(path) {
            Ok(found) if found.files.is_empty() && found.unreadable.is_empty() => {
                let error = StateError::new(Code::StateNotFound, path, "no state is there");
                states.push((source, Err(error)));
            }
            Ok(found) => {
                states.extend(found.files.iter().map(|file| read_file(file)));
                let place = |error: &StateError| StateRef { uri: error.uri.clone(), version_id: None };
                states.extend(found.unreadable.into_iter().map(|error| (place(&error), Err(error))));
            }
            Err(error) => states.push((source, Err(error))),
        }
    }
    states
}

fn read_file(path: &Path) -> (StateRef, Result<State, StateError>) {
    let source = StateRef { uri: path.display().to_string(), version_id: None };
    let state = match File::open(path) {
        Ok(file) => read(source.clone(), file),
        Err(error) => Err(io_error(&source.uri, &error)),
    };
    (source, state)
}

/// What a path means: files, and folders below it that can't be looked into.
#[derive(Default)]
struct Found {
    files: Vec<PathBuf>,
    unreadable: Vec<StateError>,
}

/// The files that a path means.
fn files(text: &str) -> Result<Found, StateError> {
    // A file may be named like a pattern: what exists under the name is meant by it.
    let path = Path::new(text);
    let mut found = Found::default();
    if path.is_dir() {
        walk(path, &|file| is_state_name(&file.to_string_lossy()).then_some(file), &mut found);
    } else if path.exists() {
        found.files.push(path.to_owned());
    } else {
        match StateSource::parse(text) {
            Ok(source @ StateSource::LocalGlob(_)) => {
                let fixed = text.split('/').take_while(|part| !part.contains(['*', '?', '[', '{']));
                let start: PathBuf = if text.starts_with('/') {
                    Path::new("/").join(fixed.collect::<PathBuf>())
                } else {
                    fixed.collect()
                };
                let relative = start.as_os_str().is_empty();
                let start = if relative { PathBuf::from(".") } else { start };
                let wanted = |file: PathBuf| {
                    let file =
                        if relative { file.strip_prefix(".").map(Path::to_path_buf).unwrap_or(file) } else { file };
                    source.matches(&file.to_string_lossy()).then_some(file)
                };
                walk(&start, &wanted, &mut found);
            }
            Ok(StateSource::Local(_)) => {
                return Err(StateError::new(Code::StateNotFound, text, "there is no such file or directory"));
            }
            Ok(_) => {
                let detail = "only local files are read here; `driftwise-agent scan` reads states from S3";
                return Err(StateError::new(Code::StateUnreadable, text, detail));
            }
            Err(error) => return Err(StateError::new(Code::ConfigInvalid, text, error.to_string())),
        }
    }
    found.files.sort();
    found.unreadable.sort_by(|a, b| a.uri.cmp(&b.uri));
    Ok(found)
}

/// Every wanted file below a directory. A folder that can't be read hides nothing but itself. Links to directories are
/// not followed, so that a ring of them ends.
fn walk(directory: &Path, wanted: &impl Fn(PathBuf) -> Option<PathBuf>, found: &mut Found) {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => return found.unreadable.push(io_error(&directory.display().to_string(), &error)),
    };
    for entry in entries {
        let read = entry.and_then(|entry| Ok((entry.file_type()?, entry)));
        let (kind, entry) = match read {
            Ok(read) => read,
            Err(error) => {
                found.unreadable.push(io_error(&directory.display().to_string(), &error));
                continue;
            }
        };
        if kind.is_dir() {
            if entry.file_name() != LEFT_OUT {
                walk(&entry.path(), wanted, found);
            }
        } else if kind.is_file() || entry.path().is_file() {
            found.files.extend(wanted(entry.path()));
        }
    }
}

fn io_error(uri: &str, error: &io::Error) -> StateError {
    let code = match error.kind() {
        io::ErrorKind::NotFound => Code::StateNotFound,
        // Not `StateAccessDenied`, whose fix is about S3: the system's own words tell more.
        _ => Code::StateUnreadable,
    };
    StateError::new(code, uri, error.to_string())
}
