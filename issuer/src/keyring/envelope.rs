//! Secrets at rest: a JWE (RFC 7516, compact), A256KW and A256GCM under the master key. The protected header is
//! authenticated and binds two things: the *purpose* (`typ`), so that one kind of secret is never taken for another, and the
//! *name* (`kid`), so that one secret's place can't be given to another.
//!
//! Signing keys are sealed like this, and so is every other secret that the store keeps. What is sealed here is re-sealed by
//! `keys reseal` when the master key changes (see [`super::reseal`]): a new kind of secret must be handed to it.

use std::fmt;

use josekit::jwe::{self, A256KW, JweHeader};
use secrecy::{ExposeSecret as _, SecretSlice};

use super::error::SealFault;
use super::{KeyringError, MasterKey, MasterKeys};

/// 16 bytes, the only tag length of RFC 7518 (section 5.3), in base64url. A shorter tag would be easier to forge.
const TAG_LENGTH: usize = 22;

/// What came out of an opened envelope.
pub(super) struct Opened {
    pub(super) secret: SecretSlice<u8>,
    pub(super) header: JweHeader,
    /// Whether the current master key opened it, rather than the previous one.
    pub(super) is_current: bool,
}

/// Seals a secret for one purpose under one name.
pub fn seal_secret(purpose: &str, name: &str, secret: &[u8], master_key: &MasterKey) -> Result<String, KeyringError> {
    seal(purpose, name, "octet-stream", secret, master_key)
}

/// Opens what [`seal_secret`] sealed for that purpose and under that name. Tries the current master key, then the previous.
pub fn open_secret(
    purpose: &str,
    name: &str,
    jwe: &str,
    master_keys: &MasterKeys,
) -> Result<SecretSlice<u8>, SealFault> {
    let opened = open(jwe, master_keys)?;
    if opened.header.token_type() != Some(purpose) {
        return Err(SealFault::Format);
    }
    if opened.header.key_id() != Some(name) {
        return Err(SealFault::WrongKid);
    }
    Ok(opened.secret)
}

pub(super) fn seal(
    purpose: &str,
    name: &str,
    content_type: &str,
    secret: &[u8],
    master_key: &MasterKey,
) -> Result<String, KeyringError> {
    let mut header = JweHeader::new();
    header.set_content_encryption("A256GCM");
    header.set_token_type(purpose);
    header.set_content_type(content_type);
    header.set_key_id(name);
    encrypt(&header, secret, master_key)
}

/// The same secret with the same header under another master key; none when it is sealed under that one already.
pub(super) fn reseal(jwe: &str, from: &MasterKeys, to: &MasterKey) -> Result<Option<String>, ResealFault> {
    if decrypt(jwe, to).is_ok() {
        return Ok(None);
    }
    let opened = open(jwe, from)?;
    let mut header = JweHeader::new();
    header.set_content_encryption("A256GCM");
    header.set_token_type(opened.header.token_type().ok_or(SealFault::Format)?);
    header.set_content_type(opened.header.content_type().ok_or(SealFault::Format)?);
    header.set_key_id(opened.header.key_id().ok_or(SealFault::Format)?);
    let sealed = encrypt(&header, opened.secret.expose_secret(), to)?;
    // What can't be read back must not replace what can.
    decrypt(&sealed, to)?;
    Ok(Some(sealed))
}

/// Why a secret could not be sealed anew.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResealFault {
    #[error(transparent)]
    Open(#[from] SealFault),
    #[error(transparent)]
    Seal(#[from] KeyringError),
}

pub(super) fn open(jwe: &str, master_keys: &MasterKeys) -> Result<Opened, SealFault> {
    let mut fault = SealFault::WrongMasterKey;
    for (place, master_key) in master_keys.iter().enumerate() {
        match decrypt(jwe, master_key) {
            Ok((secret, header)) => return Ok(Opened { secret, header, is_current: place == 0 }),
            Err(error) => fault = error,
        }
    }
    Err(fault)
}

fn encrypt(header: &JweHeader, secret: &[u8], master_key: &MasterKey) -> Result<String, KeyringError> {
    let fault = |error: &dyn fmt::Display| KeyringError::Sealing(error.to_string());
    let encrypter = A256KW.encrypter_from_bytes(master_key.expose_secret()).map_err(|error| fault(&error))?;
    jwe::serialize_compact(secret, header, &encrypter).map_err(|error| fault(&error))
}

fn decrypt(jwe: &str, master_key: &MasterKey) -> Result<(SecretSlice<u8>, JweHeader), SealFault> {
    let parts: Vec<&str> = jwe.split('.').collect();
    if parts.len() != 5 || parts[4].len() != TAG_LENGTH {
        return Err(SealFault::Format);
    }
    let decrypter = A256KW.decrypter_from_bytes(master_key.expose_secret()).map_err(|_| SealFault::WrongMasterKey)?;
    let (secret, header) = jwe::deserialize_compact(jwe, &decrypter).map_err(|_| SealFault::WrongMasterKey)?;
    if header.content_encryption() != Some("A256GCM") {
        return Err(SealFault::Format);
    }
    Ok((secret.into(), header))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_for_its_purpose_and_name_alone_and_with_either_master_key() {
        let (old, new) = (MasterKey::generate().unwrap(), MasterKey::generate().unwrap());
        let jwe = seal_secret("driftwise test", "one", b"secret", &old).unwrap();
        let keys = MasterKeys::new(new, Some(old));
        assert_eq!(open_secret("driftwise test", "one", &jwe, &keys).unwrap().expose_secret(), b"secret");
        assert_eq!(open_secret("driftwise other", "one", &jwe, &keys).unwrap_err(), SealFault::Format);
        assert_eq!(open_secret("driftwise test", "two", &jwe, &keys).unwrap_err(), SealFault::WrongKid);
        let stranger = MasterKeys::new(MasterKey::generate().unwrap(), None);
        assert_eq!(open_secret("driftwise test", "one", &jwe, &stranger).unwrap_err(), SealFault::WrongMasterKey);
    }

    #[test]
    fn resealing_keeps_purpose_name_and_content_and_happens_once() {
        let (old, new) = (MasterKey::generate().unwrap(), MasterKey::generate().unwrap());
        let jwe = seal("driftwise test", "one", "jwk+json", b"secret", &old).unwrap();
        let sealed = reseal(&jwe, &MasterKeys::new(old, None), &new).unwrap().unwrap();
        let stranger = MasterKeys::new(MasterKey::generate().unwrap(), None);
        assert!(reseal(&sealed, &stranger, &new).unwrap().is_none(), "it is sealed under the new key already");
        let opened = open(&sealed, &MasterKeys::new(new, None)).unwrap();
        assert_eq!(opened.secret.expose_secret(), b"secret");
        assert!(opened.is_current);
        assert_eq!(
            (opened.header.token_type(), opened.header.key_id(), opened.header.content_type()),
            (Some("driftwise test"), Some("one"), Some("jwk+json"))
        );
        assert!(reseal(&jwe, &stranger, &MasterKey::generate().unwrap()).is_err());
    }
}
