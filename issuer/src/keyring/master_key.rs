//! The master key: 32 bytes that open the sealed keys. From the configuration by value, from a file, from a command's output,
//! or, where none of them is configured, from `master.key` in the key directory, which the first start makes.

use std::path::{Path, PathBuf};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretBox, SecretString};

use super::{KeyDirectory, KeyringError, MasterKeyCommand, permissions};

/// The key itself. Its memory is wiped on drop, its Debug shows nothing.
#[derive(Debug)]
pub struct MasterKey(SecretBox<[u8; 32]>);

/// What opens sealed secrets. Sealing is done with the current key; while the master key is being changed, the previous one
/// opens too.
#[derive(Debug)]
pub struct MasterKeys {
    current: MasterKey,
    previous: Option<MasterKey>,
}

impl MasterKeys {
    /// The key that seals and opens, and one that opens only.
    pub fn new(current: MasterKey, previous: Option<MasterKey>) -> Self {
        Self { current, previous }
    }

    /// The key that seals.
    pub fn current(&self) -> &MasterKey {
        &self.current
    }

    /// Those that open, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

/// Where the master key comes from.
#[derive(Debug, Clone)]
pub enum MasterKeySource {
    /// By value, in the configuration or the environment.
    Value(SecretString),
    /// A file that holds it.
    File(PathBuf),
    /// A command that prints it.
    Command(MasterKeyCommand),
    /// `master.key` in the key directory; made on the first start.
    KeyDirectory,
}

const PADDING_OPTIONAL: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PADDING_OPTIONAL);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PADDING_OPTIONAL);

impl MasterKey {
    /// Reads base64 (either alphabet, padded or not) or 64 hexadecimal digits; blanks around it don't count.
    pub fn parse(text: &str, origin: impl Into<String>) -> Result<Self, KeyringError> {
        let text = text.trim();
        let fault = |cause| KeyringError::MasterKeyInvalid { origin: origin.into(), cause };
        let bytes = if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            (0..64).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16)).collect::<Result<Vec<u8>, _>>().ok()
        } else {
            BASE64.decode(text).or_else(|_| BASE64_URL.decode(text)).ok()
        };
        let Some(bytes) = bytes else { return Err(fault("it is neither base64 nor 64 hexadecimal digits")) };
        let bytes = SecretBox::new(Box::new(bytes));
        let Ok(key) = <[u8; 32]>::try_from(bytes.expose_secret().as_slice()) else {
            return Err(fault("it decodes to another length"));
        };
        if key.iter().all(|byte| *byte == key[0]) {
            return Err(fault("all its bytes are the same, so it is not random"));
        }
        Ok(Self(SecretBox::new(Box::new(key))))
    }

    /// A new random key.
    pub fn generate() -> Result<Self, KeyringError> {
        let mut key = Box::new([0u8; 32]);
        SystemRandom::new().fill(key.as_mut_slice()).map_err(|_| KeyringError::Randomness)?;
        Ok(Self(SecretBox::new(key)))
    }

    fn to_text(&self) -> SecretString {
        STANDARD.encode(self.0.expose_secret()).into()
    }
}

impl ExposeSecret<[u8; 32]> for MasterKey {
    fn expose_secret(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }
}

impl MasterKeySource {
    /// Loads the key; a missing one is an error. For a directory that holds sealed keys already.
    pub fn load(&self, directory: &KeyDirectory) -> Result<MasterKey, KeyringError> {
        match self {
            Self::Value(text) => MasterKey::parse(text.expose_secret(), "keys.master_key"),
            Self::File(path) => read(path),
            Self::Command(command) => command.run(),
            Self::KeyDirectory => {
                let path = directory.master_key_path();
                if !path.exists() {
                    return Err(KeyringError::MasterKeyMissing {
                        directory: directory.path().to_owned(),
                        expected: path,
                    });
                }
                read(&path)
            }
        }
    }

    /// Loads the key; where none is configured and none was made yet, makes one. For an empty directory only.
    pub fn load_or_create(&self, directory: &KeyDirectory) -> Result<MasterKey, KeyringError> {
        let path = directory.master_key_path();
        if !matches!(self, Self::KeyDirectory) || path.exists() {
            return self.load(directory);
        }
        let key = MasterKey::generate()?;
        directory.write_secret(&path, key.to_text().expose_secret())?;
        tracing::warn!(
            path = %path.display(),
            "made a master key beside the signing keys that it seals: fine for a trial; in production keep it elsewhere \
             (keys.master_key_file) and back it up, because without it the signing keys are lost"
        );
        Ok(key)
    }
}

fn read(path: &Path) -> Result<MasterKey, KeyringError> {
    let fault = |source| KeyringError::File { action: "read the master key", path: path.to_owned(), source };
    // Container platforms mount secrets like this, so it is no reason to stop.
    if let Some(mode) = permissions::check(path)?.filter(|mode| mode & 0o044 != 0) {
        tracing::warn!(path = %path.display(), mode = %format_args!("{mode:o}"), "other users can read the master key");
    }
    let text = SecretString::from(std::fs::read_to_string(path).map_err(fault)?);
    MasterKey::parse(text.expose_secret(), path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_key_reads_back_in_every_spelling() {
        let key = MasterKey::generate().unwrap();
        let text = key.to_text().expose_secret().to_owned();
        let hex = key.expose_secret().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let url = text.replace('+', "-").replace('/', "_").replace('=', "");
        for spelled in [text.clone(), format!(" {text}\n"), hex.clone(), hex.to_uppercase(), url] {
            assert_eq!(MasterKey::parse(&spelled, "test").unwrap().expose_secret(), key.expose_secret());
        }
        assert!(!format!("{key:?}").contains(&text));
    }

    #[test]
    fn short_long_and_unrandom_keys_are_refused_without_showing_them() {
        for text in ["", "changeme", "AAAA", &"00".repeat(32), &"ab".repeat(33), "not base64 at all!", &"é".repeat(32)]
        {
            let error = MasterKey::parse(text, "keys.master_key").unwrap_err();
            let shown = error.to_string();
            assert!(shown.contains("keys.master_key") && (text.is_empty() || !shown.contains(text)), "{shown}");
            assert!(error.hint().unwrap().contains("openssl rand"));
        }
    }
}
