//! The data directory: `identity.json` and the private key, `key-<kid>.pem`.
//!
//! The key's file name holds its thumbprint, and `identity.json` names the thumbprint: so replacing `identity.json`, one
//! atomic rename, switches identity and key together, and a crash at any point leaves the old pair or the new one. The
//! directory has mode 0700, the files 0600; a key that others can read is refused.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use driftwise_contract::Kid;
use driftwise_contract::codes::Code;
use secrecy::{ExposeSecret, SecretString};

use super::{AgentKey, Enrolled, Identity};
use crate::fault::Fault;
use crate::files::{Mode, write_atomically};

/// The environment variable that names the data directory.
pub const DATA_DIR_VARIABLE: &str = "DRIFTWISE_AGENT_DATA_DIR";
const IDENTITY_FILE: &str = "identity.json";

/// Where the agent's identity lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// A directory named outright.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The named directory, else `$XDG_DATA_HOME/driftwise-agent`, else `~/.local/share/driftwise-agent`.
    pub fn resolve(named: Option<PathBuf>, variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Fault> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        named
            .or_else(|| {
                // XDG Base Directory Specification: relative paths are to be ignored.
                set("XDG_DATA_HOME").filter(|path| path.is_absolute()).map(|path| path.join("driftwise-agent"))
            })
            .or_else(|| set("HOME").map(|home| home.join(".local/share/driftwise-agent")))
            .map(Self)
            .ok_or_else(|| {
                Fault::new(Code::ConfigInvalid, "the data directory is not known")
                    .because("neither XDG_DATA_HOME nor HOME is set")
                    .hint(format!("Name it with --data-dir or {DATA_DIR_VARIABLE}."))
            })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Whether an identity lies here.
    pub fn holds_identity(&self) -> bool {
        self.0.join(IDENTITY_FILE).exists()
    }

    fn key_path(&self, kid: &Kid) -> PathBuf {
        self.0.join(format!("key-{kid}.pem"))
    }

    /// Reads identity and key.
    pub fn load(&self) -> Result<Enrolled, Fault> {
        let path = self.0.join(IDENTITY_FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Fault::new(
                    Code::AgentNotEnrolled,
                    format!("no agent is enrolled in {}", self.0.display()),
                ));
            }
            Err(error) => return Err(unreadable(&path, &error)),
        };
        let identity: Identity = serde_json::from_str(&text).map_err(|error| unreadable(&path, &error))?;
        let key = self.read_key(&identity.kid)?;
        Ok(Enrolled { identity, key })
    }

    /// Writes the private key, before anybody is told of its public half. It counts only once [`commit`](Self::commit)
    /// has run; until then [`discard`](Self::discard) takes it back.
    pub fn stage(&self, key: &AgentKey) -> Result<(), Fault> {
        make_private_dir(&self.0).map_err(|error| unwritable(&self.0, &error))?;
        let path = self.key_path(key.kid());
        write_atomically(&path, key.pem().expose_secret().as_bytes(), Mode::Private)
            .map_err(|error| unwritable(&path, &error))
    }

    /// A staged key that is not the identity's yet: what an enrolment or a rotation that was cut off has left. Where there are
    /// several, the one that was written last.
    pub fn staged(&self, identity: &Identity) -> Result<Option<AgentKey>, Fault> {
        let mut staged: Vec<_> = self
            .key_files()
            .filter(|(kid, _)| *kid != identity.kid)
            .map(|(kid, path)| (fs::metadata(&path).and_then(|file| file.modified()).ok(), kid))
            .collect();
        staged.sort();
        staged.pop().map(|(_, kid)| self.read_key(&kid)).transpose()
    }

    /// The files that are named like keys.
    fn key_files(&self) -> impl Iterator<Item = (Kid, PathBuf)> {
        fs::read_dir(&self.0).into_iter().flatten().flatten().filter_map(|entry| {
            let name = entry.file_name();
            let kid = name.to_str()?.strip_prefix("key-")?.strip_suffix(".pem")?.parse().ok()?;
            Some((kid, entry.path()))
        })
    }

    fn read_key(&self, kid: &Kid) -> Result<AgentKey, Fault> {
        let path = self.key_path(kid);
        refuse_shared(&path)?;
        let pem = fs::read_to_string(&path).map(SecretString::from).map_err(|error| unreadable(&path, &error))?;
        let key = AgentKey::from_pem(pem).map_err(|error| unreadable(&path, &error))?;
        if key.kid() != kid {
            return Err(unreadable(&path, &"it holds another key than its name says"));
        }
        Ok(key)
    }

    /// Removes a staged key.
    pub fn discard(&self, key: &AgentKey) {
        let path = self.key_path(key.kid());
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), error = %error, "an unused key file could not be removed");
        }
    }

    /// Makes a staged key the agent's, and removes the keys before it.
    pub fn commit(&self, identity: &Identity) -> Result<(), Fault> {
        let path = self.0.join(IDENTITY_FILE);
        let mut text = serde_json::to_vec_pretty(identity).map_err(|error| unwritable(&path, &error))?;
        text.push(b'\n');
        write_atomically(&path, &text, Mode::Private).map_err(|error| unwritable(&path, &error))?;
        self.remove_other_keys(&identity.kid);
        Ok(())
    }

    fn remove_other_keys(&self, kept: &Kid) {
        for (_, path) in self.key_files().filter(|(kid, _)| kid != kept) {
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), error = %error, "a replaced key could not be removed");
            }
        }
    }
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Fault {
    Fault::new(Code::AgentIdentityUnreadable, format!("{} can't be used", path.display())).because(error)
}

fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> Fault {
    Fault::new(Code::AgentIdentityUnreadable, format!("{} can't be written", path.display()))
        .because(error)
        .hint("Check owner, mode and free space of the data directory.")
}

#[cfg(unix)]
fn refuse_shared(path: &Path) -> Result<(), Fault> {
    use std::os::unix::fs::MetadataExt;

    let mode = fs::metadata(path).map_err(|error| unreadable(path, &error))?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(unreadable(path, &format!("its mode is {mode:04o}: others than the owner may read or write it"))
            .hint(format!(
                "Run `chmod 600 {}`; if somebody may have read the key, enrol again with --force.",
                path.display()
            )));
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_shared(_path: &Path) -> Result<(), Fault> {
    Ok(())
}

fn make_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use driftwise_contract::{AgentId, OrgId};
    use uuid::Uuid;

    use super::*;
    use crate::identity::KeyType;

    fn identity(kid: &Kid) -> Identity {
        Identity {
            agent_id: AgentId::from_uuid(Uuid::from_u128(1)),
            org_id: OrgId::from_uuid(Uuid::from_u128(2)),
            org_name: "Example".into(),
            issuer: "https://id.example.com".parse().unwrap(),
            token_endpoint: "https://id.example.com/oauth2/token".into(),
            kid: kid.clone(),
        }
    }

    fn enrolled_in(dir: &DataDir) -> AgentKey {
        let key = AgentKey::generate(KeyType::P256).unwrap();
        dir.stage(&key).unwrap();
        dir.commit(&identity(key.kid())).unwrap();
        key
    }

    #[test]
    fn what_was_committed_is_loaded_and_replaced_keys_are_removed() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = DataDir::at(scratch.path().join("a/b"));
        assert_eq!(dir.load().unwrap_err().code(), Code::AgentNotEnrolled);
        let first = enrolled_in(&dir);
        assert_eq!(dir.load().unwrap().identity, identity(first.kid()));
        let second = enrolled_in(&dir);
        assert_eq!(dir.load().unwrap().key.kid(), second.kid());
        assert!(!dir.key_path(first.kid()).exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_staged_key_alone_is_no_identity_and_leaves_no_trace_when_discarded() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = DataDir::at(scratch.path().join("data"));
        let key = AgentKey::generate(KeyType::P256).unwrap();
        dir.stage(&key).unwrap();
        assert!(!dir.holds_identity());
        dir.discard(&key);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn the_key_is_private_and_a_shared_one_is_refused() {
        use std::os::unix::fs::PermissionsExt;

        let scratch = tempfile::tempdir().unwrap();
        let dir = DataDir::at(scratch.path().join("data"));
        let key = enrolled_in(&dir);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let path = dir.key_path(key.kid());
        assert_eq!((mode(dir.path()), mode(&path)), (0o700, 0o600));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let fault = dir.load().unwrap_err();
        assert_eq!(fault.code(), Code::AgentIdentityUnreadable);
        assert!(fault.detail().unwrap().contains("0640") && fault.fix().contains("chmod 600"), "{fault}");
    }

    #[test]
    fn a_key_that_was_swapped_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = DataDir::at(scratch.path());
        let key = enrolled_in(&dir);
        let other = AgentKey::generate(KeyType::P256).unwrap();
        write_atomically(&dir.key_path(key.kid()), other.pem().expose_secret().as_bytes(), Mode::Private).unwrap();
        assert_eq!(dir.load().unwrap_err().code(), Code::AgentIdentityUnreadable);
    }

    #[test]
    fn the_data_directory_follows_the_xdg_rules() {
        let resolve = |xdg: Option<&str>, home: Option<&str>| {
            DataDir::resolve(None, |name| match name {
                "XDG_DATA_HOME" => xdg.map(OsString::from),
                _ => home.map(OsString::from),
            })
            .map(|dir| dir.path().to_string_lossy().into_owned())
            .map_err(|fault| fault.code())
        };
        assert_eq!(resolve(Some("/x"), Some("/h")).unwrap(), "/x/driftwise-agent");
        assert_eq!(resolve(Some("relative"), Some("/h")).unwrap(), "/h/.local/share/driftwise-agent");
        assert_eq!(resolve(None, Some("/h")).unwrap(), "/h/.local/share/driftwise-agent");
        assert_eq!(resolve(None, None).unwrap_err(), Code::ConfigInvalid);
    }
}
