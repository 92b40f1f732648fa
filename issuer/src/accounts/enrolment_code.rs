//! One-time enrolment codes: four groups of five characters, 100 random bits. The store has their SHA-256 only; with so
//! much randomness an unsalted hash can't be searched.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};

use crate::keyring::KeyringError;

/// Base32 without the characters that people mix up (Crockford's alphabet: no I, L, O, U).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 20;
/// Of hexadecimal digits: 48 bits tell the codes of an org apart.
const ID_LENGTH: usize = 12;

/// A code as the operator hands it over. Its Debug shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolmentCode(String);

/// What the store knows of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentCodeHash(String);

/// How lists and commands name a code: the first 12 digits of its hash, from which the code can't be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentCodeId(String);

impl EnrolmentCode {
    /// A new code from the operating system's randomness.
    pub fn generate() -> Result<Self, KeyringError> {
        let mut bytes = [0u8; LENGTH];
        SystemRandom::new().fill(&mut bytes).map_err(|_| KeyringError::Randomness)?;
        // 256 is a multiple of 32: every character is equally likely.
        Ok(Self(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()))
    }

    /// Reads a code as people type it: any case, with or without hyphens and blanks, O for 0 and I or L for 1.
    /// None when it can't be a code.
    pub fn parse(text: &str) -> Option<Self> {
        let significant = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
        let code: String = significant
            .map(|c| match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            })
            .collect();
        let is_code = code.len() == LENGTH && code.bytes().all(|byte| ALPHABET.contains(&byte));
        is_code.then_some(Self(code))
    }

    /// The code for people: `7K2QD-…`. The one place where it is shown.
    pub fn reveal(&self) -> String {
        let mut shown = String::with_capacity(LENGTH + 3);
        for (place, character) in self.0.chars().enumerate() {
            if place > 0 && place % 5 == 0 {
                shown.push('-');
            }
            shown.push(character);
        }
        shown
    }

    /// What the store keeps.
    pub fn hash(&self) -> EnrolmentCodeHash {
        EnrolmentCodeHash(Sha256::digest(self.0.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
            // Writing to a String can't fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
    }
}

impl fmt::Debug for EnrolmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnrolmentCode(…)")
    }
}

impl EnrolmentCodeHash {
    /// The first 12 digits: enough to tell codes apart in the audit log, useless to find one.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }

    /// The hash in hexadecimal.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What lists call the code.
    pub fn id(&self) -> EnrolmentCodeId {
        EnrolmentCodeId(self.0.chars().take(ID_LENGTH).collect())
    }
}

impl FromStr for EnrolmentCodeHash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_lower_hex(text, 64) { Ok(Self(text.to_owned())) } else { Err("it is not 64 hexadecimal digits") }
    }
}

impl EnrolmentCodeId {
    /// The id in hexadecimal.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnrolmentCodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EnrolmentCodeId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_lower_hex(text, ID_LENGTH) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "expected the {ID_LENGTH} hexadecimal digits that `enrolment-code list` shows, not the code itself"
            ))
        }
    }
}

fn is_lower_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_reads_back_as_people_type_it() {
        let code = EnrolmentCode::generate().unwrap();
        let shown = code.reveal();
        assert_eq!(shown.len(), 23);
        for typed in
            [shown.clone(), shown.to_lowercase(), shown.replace('-', " "), shown.replace('0', "o").replace('1', "l")]
        {
            assert_eq!(EnrolmentCode::parse(&typed), Some(code.clone()), "{typed}");
            assert_eq!(EnrolmentCode::parse(&typed).unwrap().hash(), code.hash());
        }
        assert_ne!(EnrolmentCode::generate().unwrap(), code);
        assert!(!format!("{code:?}").contains(&shown[..5]));
    }

    #[test]
    fn the_id_of_a_code_reads_back_and_the_code_is_none() {
        let code = EnrolmentCode::generate().unwrap();
        let id = code.hash().id();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(code.reveal().parse::<EnrolmentCodeId>().is_err());
        assert_eq!(code.hash().as_str().parse(), Ok(code.hash()));
    }

    #[test]
    fn what_is_no_code_is_none() {
        for text in ["", "7K2QD", "7K2QD-7K2QD-7K2QD-7K2Q!", "7K2QD-7K2QD-7K2QD-7K2QDX", "💥7K2QD-7K2QD-7K2QD-7K2Q"] {
            assert_eq!(EnrolmentCode::parse(text), None, "{text}");
        }
    }
}
