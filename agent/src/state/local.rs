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
            Ok(files) if files.is_empty() => {
                let error = StateError::new(Code::StateNotFound, path, "no state is there");
                states.push((source, Err(error)));
            }
            Ok(files) => states.extend(files.iter().map(|file| read_file(file))),
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

/// The files that a path means.
fn files(text: &str) -> Result<Vec<PathBuf>, StateError> {
    // A file may be named like a pattern: what exists under the name is meant by it.
    let path = Path::new(text);
    let mut found = Vec::new();
    if path.is_dir() {
        walk(path, &mut |file| {
            if is_state_name(&file.to_string_lossy()) {
                found.push(file);
            }
        })?;
    } else if path.exists() {
        found.push(path.to_owned());
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
                walk(&start, &mut |file| {
                    let file =
                        if relative { file.strip_prefix(".").map(Path::to_path_buf).unwrap_or(file) } else { file };
                    if source.matches(&file.to_string_lossy()) {
                        found.push(file);
                    }
                })?;
            }
            Ok(StateSource::Local(_)) => {
                return Err(StateError::new(Code::StateNotFound, text, "there is no such file or directory"));
            }
            Ok(_) => {
                let detail = "only local files are read here; `driftwise-agent scan` reads states from S3";
                return Err(StateError::new(Code::StateUnreadable, text, detail));
            }
            Err(error) => return Err(StateError::new(Code::StateNotFound, text, error.to_string())),
        }
    }
    found.sort();
    Ok(found)
}

/// Every file below a directory; links to directories are not followed, so that a ring of them ends.
fn walk(directory: &Path, visit: &mut impl FnMut(PathBuf)) -> Result<(), StateError> {
    let fault = |error: &io::Error| io_error(&directory.display().to_string(), error);
    for entry in fs::read_dir(directory).map_err(|error| fault(&error))? {
        let entry = entry.map_err(|error| fault(&error))?;
        let kind = entry.file_type().map_err(|error| fault(&error))?;
        if kind.is_dir() {
            if entry.file_name() != LEFT_OUT {
                walk(&entry.path(), visit)?;
            }
        } else if kind.is_file() || entry.path().is_file() {
            visit(entry.path());
        }
    }
    Ok(())
}

fn io_error(uri: &str, error: &io::Error) -> StateError {
    let code = match error.kind() {
        io::ErrorKind::NotFound => Code::StateNotFound,
        io::ErrorKind::PermissionDenied => Code::StateAccessDenied,
        _ => Code::StateUnreadable,
    };
    StateError::new(code, uri, error.to_string())
}
