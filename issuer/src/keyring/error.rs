//! What can go wrong with keys. Each message names the file, the cause and, with its hint, the fix.

use std::io;
use std::path::PathBuf;

use driftwise_contract::Kid;

use super::KeySetId;
use super::rotation::{KeyState, MAX_PUBLISHED};
use crate::store::StoreError;

/// A fault of keys or of the files that they lie in. Never holds key material.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// A file or directory could not be read or written.
    #[error("can't {action} {}: {source}", path.display())]
    File {
        /// What was tried: `read`, `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A sealed key could not be opened.
    #[error("can't open the signing key in {place}: {cause}")]
    Sealed {
        /// The file or table.
        place: String,
        /// Why not.
        cause: SealFault,
    },
    /// Another sealed secret could not be opened.
    #[error("can't open {name}: {cause}")]
    SealedSecret {
        /// What it is: `the API key pepper`.
        name: String,
        /// Why not.
        cause: SealFault,
    },
    /// There are sealed keys, but no master key.
    #[error("{} holds signing keys, but there is no master key to open them: {} does not exist and none is configured", directory.display(), expected.display())]
    MasterKeyMissing {
        /// The key directory.
        directory: PathBuf,
        /// Where the master key would lie by default.
        expected: PathBuf,
    },
    /// There is no signing key, but this store's tokens were signed by some.
    #[error(
        "{place} holds no signing key, but {count} made for this store before: is the volume not mounted, were the keys moved, \
         or does keys.directory name another place?"
    )]
    KeysGone {
        /// Where the keys should lie; a directory is absolute.
        place: String,
        /// How many keys the store knows of, with verb: `1 was`.
        count: String,
    },
    /// Old keys were to be given up, but they are there.
    #[error("{place} holds signing keys, so there is none to give up")]
    KeysPresent {
        /// Where they lie.
        place: String,
    },
    /// The master key is not 32 bytes in a known spelling.
    #[error("the master key of {origin} is not 32 bytes: {cause}")]
    MasterKeyInvalid {
        /// A file, or the setting.
        origin: String,
        /// What is wrong.
        cause: &'static str,
    },
    /// The key directory or the master key's file can be written by group or others.
    #[error("{} can be changed by others (mode {mode:o}), and keys that others can replace are not safe", path.display())]
    Writable {
        /// The file or directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// Whether it is a directory.
        is_directory: bool,
    },
    /// The key directory or the master key's file belongs to another user.
    #[error("{} belongs to the user {uid}, who is neither this process's user nor root", path.display())]
    ForeignOwner {
        /// The file or directory.
        path: PathBuf,
        /// Its owner.
        uid: u32,
    },
    /// A key set has no key that may sign.
    #[error("the key set {set} has no active signing key")]
    NoSigningKey {
        /// The set.
        set: KeySetId,
    },
    /// Key generation failed.
    #[error("can't make a signing key: {0}")]
    Generation(String),
    /// Sealing failed.
    #[error("can't seal a signing key: {0}")]
    Sealing(String),
    /// Signing failed.
    #[error("the key {kid} failed to sign: {cause}")]
    Signing {
        /// The key.
        kid: String,
        /// Why.
        cause: String,
    },
    /// The key's certificate could not be made.
    #[error("can't make the certificate of the key {kid}: {cause}")]
    Certificate {
        /// The key.
        kid: String,
        /// Why not.
        cause: String,
    },
    /// AWS KMS refused, or could not be reached.
    #[error("can't {action} {key}: {cause}")]
    Kms {
        /// What was tried: `sign with`.
        action: &'static str,
        /// The key's ARN.
        key: String,
        /// The error code of KMS, when it answered.
        code: Option<String>,
        /// What it said, or why there was no answer.
        cause: String,
    },
    /// The command that prints the master key did not.
    #[error("the command of {setting}, {program}, gave no master key: {cause}")]
    MasterKeyCommand {
        /// `keys.master_key_command`
        setting: &'static str,
        /// The program, without its arguments.
        program: String,
        /// What happened. Never what the command printed on stdout.
        cause: String,
    },
    /// The database of sealed keys failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Work with keys ended before it was done.
    #[error("the work with keys was interrupted: {0}")]
    Interrupted(String),
    /// A key must not sign now.
    #[error(transparent)]
    NotReady(#[from] NotReady),
    /// A key that the store knows of is not in the key store.
    #[error("the {state} signing key {kid} is not in {place}, where the others are")]
    KeyMissing {
        /// The key.
        kid: Kid,
        /// Its state.
        state: KeyState,
        /// Where the keys lie.
        place: String,
    },
    /// No key of that kid, or it is removed.
    #[error("there is no signing key {0}")]
    KidUnknown(Kid),
    /// The set has as many keys as it may have.
    #[error("the key set {set} publishes {MAX_PUBLISHED} keys already, which is the most that it may")]
    Full {
        /// The set.
        set: KeySetId,
    },
    /// What was planned can't be done any more: another process changed the keys.
    #[error("the keys of the set {set} were changed by another process at the same time")]
    Changed {
        /// The set.
        set: KeySetId,
    },
    /// Running issuers do not publish a key yet.
    #[error("{count} of the running issuers do not publish the key {kid} yet: {replicas}")]
    Unpublished {
        /// The key.
        kid: Kid,
        /// How many.
        count: usize,
        /// Which, for people.
        replicas: String,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gave no random bytes")]
    Randomness,
}

/// Why this issuer must not sign now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotReady {
    /// The shared set has no active key.
    #[error("there is no active signing key")]
    NoActiveKey,
    /// The last refresh is too long ago: another issuer may have removed the key since.
    #[error("the signing keys were not refreshed for too long")]
    Stale,
    /// A key of the catalogue can't be opened or published here.
    #[error("the newest version of the signing keys can't be published here: {0}")]
    Unpublishable(String),
}

/// Why a sealed key can't be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealFault {
    /// It is no JWE of the form that this issuer writes.
    #[error("it is not a signing key as this issuer seals them")]
    Format,
    /// Authenticated decryption failed.
    #[error("the master key does not open it, or the file was changed")]
    WrongMasterKey,
    /// The header names another key than the one inside, or the file name does.
    #[error("its file name, its header and the key inside do not name the same key")]
    WrongKid,
    /// What is inside is no key that can sign.
    #[error("what is inside is not a usable signing key")]
    Key,
}

impl KeyringError {
    /// Whether this issuer has no key that it may sign with now: another one may, or this one a little later.
    pub fn stops_signing(&self) -> bool {
        matches!(
            self,
            Self::NoSigningKey { .. }
                | Self::NotReady(_)
                | Self::KeyMissing { .. }
                | Self::Sealed { .. }
                | Self::MasterKeyMissing { .. }
                | Self::MasterKeyCommand { .. }
        )
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::File { .. } => "Check the path, its owner and its mode, and keys.directory in the configuration.".into(),
            Self::Sealed { cause: SealFault::WrongMasterKey, .. } => {
                "Configure the master key that sealed it (keys.master_key_file, keys.master_key or keys.master_key_command; \
                 keys.previous_master_key_file while it is being changed), or restore the file \
                 from backup. Nothing was changed: a new key would shut out every account until it is published and seen."
                    .into()
            }
            Self::SealedSecret { .. } => {
                "Configure the master key that sealed it (keys.previous_master_key_file while it is being changed), or restore the \
                 store from backup."
                    .into()
            }
            Self::Sealed { .. } => "Restore the file from backup, or move it out of the key directory.".into(),
            Self::MasterKeyMissing { .. } => {
                "Restore the master key from backup, or configure it (keys.master_key_file or keys.master_key).".into()
            }
            Self::KeysGone { .. } => {
                "Mount or restore the key directory from backup. To give the old keys up: `driftwise-issuer serve --new-key` \
                 makes a new one, and tokens signed by an old key stop verifying."
                    .into()
            }
            Self::KeysPresent { .. } => "Start without --new-key.".into(),
            Self::MasterKeyInvalid { .. } => {
                "Give 32 random bytes as base64 or as 64 hexadecimal digits: `openssl rand -base64 32`.".into()
            }
            Self::Writable { path, is_directory, .. } => {
                format!("chmod {} {}", if *is_directory { "700" } else { "600" }, path.display())
            }
            Self::ForeignOwner { path, .. } => {
                format!("Run as that user, or give it to the user that the issuer runs as: chown USER {}", path.display())
            }
            Self::Kms { code: Some(code), .. } if code.contains("AccessDenied") => {
                "The issuer's AWS identity needs kms:Sign on its keys, and kms:CreateKey, kms:TagResource, kms:GetPublicKey and \
                 kms:ScheduleKeyDeletion to make and give up keys."
                    .into()
            }
            Self::Kms { .. } => {
                "Check the key's state in KMS, keys.kms.region and keys.kms.endpoint_url, and the AWS credentials of the issuer."
                    .into()
            }
            Self::MasterKeyCommand { .. } => {
                "Run it by hand as the issuer's user: it must print 32 bytes as base64 or 64 hexadecimal digits within 30 s.".into()
            }
            Self::NotReady(_) => {
                "The log says why the last refresh failed. Usual causes: the store is not reachable, or a key was restored or \
                 removed by hand."
                    .into()
            }
            Self::KeyMissing { kid, .. } => format!(
                "Restore it from backup. To give it up: `driftwise-issuer keys revoke {kid}`; tokens that it signed stop \
                 verifying."
            ),
            Self::KidUnknown(_) => "`driftwise-issuer keys list` shows the keys.".into(),
            Self::Full { .. } => "Wait until a retired key is removed (`driftwise-issuer keys list` says when), or revoke one \
                                  that no valid token was signed by: `driftwise-issuer keys revoke KID`."
                .into(),
            Self::Changed { .. } => "Look again (`driftwise-issuer keys list`) and repeat what is still to be done.".into(),
            Self::Unpublished { .. } => "They refresh every few seconds, and one that can't publish it is waited for until \
                                         its lease is over; try again. In an emergency `driftwise-issuer keys revoke KID \
                                         --force` waits for none."
                .into(),
            Self::Store(_)
            | Self::Generation(_)
            | Self::Certificate { .. }
            | Self::Sealing(_)
            | Self::Signing { .. }
            | Self::NoSigningKey { .. }
            | Self::Interrupted(_)
            | Self::Randomness => return None,
        })
    }
}
