//! Chains: which there are, and how a row hangs on the one before it.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use driftwise_contract::OrgId;
use sha2::{Digest as _, Sha256};

/// What every hash begins with: the name of the form that is hashed. Another form gets another name.
pub const FORM: &str = "driftwise.audit/1";

/// A chain of rows. Each org has its own, so that an org can be given all of its rows, and no other org's, with proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chain {
    /// What concerns the issuer as a whole: its keys, its orgs, callers that proved to be nobody.
    Platform,
    /// What concerns one org.
    Org(OrgId),
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => f.write_str("platform"),
            Self::Org(org) => org.fmt(f),
        }
    }
}

impl FromStr for Chain {
    type Err = driftwise_contract::ids::ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "platform" { Ok(Self::Platform) } else { text.parse().map(Self::Org) }
    }
}

/// The hash of a row: SHA-256, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowHash([u8; 32]);

impl RowHash {
    /// What stands in for the hash before a chain's first row.
    pub const NONE: Self = Self([0; 32]);

    /// Its bytes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for RowHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 0x0f)];
        }
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for RowHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RowHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let fault = || "a hash is 64 lower-case hexadecimal digits".to_owned();
        if text.len() != 64 {
            return Err(fault());
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = (digit(pair[0]).ok_or_else(fault)? << 4) | digit(pair[1]).ok_or_else(fault)?;
        }
        Ok(Self(hash))
    }
}

impl serde::Serialize for RowHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// 64 lower-case hexadecimal digits of 32 bytes; fewer of fewer.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The number of the last row; 0 before the first.
    pub seq: i64,
    /// Its hash.
    pub hash: RowHash,
}

impl Head {
    /// Before the first row.
    pub const EMPTY: Self = Self { seq: 0, hash: RowHash::NONE };

    /// The head once a row with this content was added.
    ///
    /// The hash is SHA-256 over [`FORM`], a line feed, and the row as canonical JSON. Written here by hand: the names are in
    /// order, `event` is canonical already, and nothing else needs an escape.
    #[must_use]
    pub fn advanced(&self, chain: Chain, at_ms: i64, event: &str) -> Self {
        let seq = self.seq + 1;
        let mut row = String::with_capacity(event.len() + 256);
        // Writing to a String can't fail.
        let _ = write!(
            row,
            "{FORM}\n{{\"at_ms\":{at_ms},\"chain\":\"{chain}\",\"event\":{event},\"prev_hash\":\"{}\",\"seq\":{seq}}}",
            self.hash
        );
        Self { seq, hash: RowHash(Sha256::digest(row.as_bytes()).into()) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::canonical::canonical;
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_form_and_the_canonical_row() {
        let org: OrgId = "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21".parse().unwrap();
        let event = canonical(&json!({"type": "org_created", "name": "Acme \"&\" Söhne"})).unwrap();
        let head = Head::EMPTY.advanced(Chain::Org(org), 1_800_000_000_000, &event);
        let event: serde_json::Value = serde_json::from_str(&event).unwrap();
        let row = json!({
            "seq": 1, "chain": org, "event": event, "at_ms": 1_800_000_000_000_i64, "prev_hash": "0".repeat(64),
        });
        let expected = Sha256::digest(format!("driftwise.audit/1\n{}", canonical(&row).unwrap()));
        assert_eq!((head.seq, head.hash), (1, RowHash(expected.into())));
    }

    #[test]
    fn every_part_of_a_row_counts() {
        let org = Chain::Org("0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21".parse().unwrap());
        let first = Head::EMPTY.advanced(org, 5, "{}");
        for other in [
            Head::EMPTY.advanced(Chain::Platform, 5, "{}"),
            Head::EMPTY.advanced(org, 6, "{}"),
            Head::EMPTY.advanced(org, 5, "[]"),
            Head { seq: 1, ..Head::EMPTY }.advanced(org, 5, "{}"),
            Head { hash: first.hash, ..Head::EMPTY }.advanced(org, 5, "{}"),
        ] {
            assert_ne!(other.hash, first.hash);
        }
    }

    #[test]
    fn hashes_and_chains_parse_back_and_no_other_spelling_does() {
        let hash = Head::EMPTY.advanced(Chain::Platform, 5, "{}").hash;
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for text in [hash.to_string().to_uppercase(), "0".repeat(63), "0".repeat(65), "g".repeat(64), "é".repeat(32)] {
            assert!(text.parse::<RowHash>().is_err(), "{text}");
        }
        assert_eq!("platform".parse::<Chain>(), Ok(Chain::Platform));
        assert!("Platform".parse::<Chain>().is_err());
    }
}
