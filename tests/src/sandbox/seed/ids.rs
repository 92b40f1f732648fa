//! Identifiers as AWS assigns them, but the same in every run: each is a hash of what it stands for.

use sha2::{Digest, Sha256};

/// Lower-case hexadecimal digits, at most 32.
pub(super) fn hex(of: &str, length: usize) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(of)[..16]);
    let mut text = format!("{:032x}", u128::from_be_bytes(bytes));
    text.truncate(length);
    text
}

/// `subnet-0f3c…`: a prefix, `0` and 16 hexadecimal digits.
pub(super) fn resource(prefix: &str, of: &str) -> String {
    format!("{prefix}-0{}", hex(&format!("{prefix}/{of}"), 16))
}

/// A UUID.
pub(super) fn uuid(of: &str) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(of)[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// Upper-case letters and digits behind a prefix, as IAM and Route 53 make them.
pub(super) fn unique(prefix: &str, of: &str, length: usize) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digest = Sha256::digest(format!("{prefix}/{of}"));
    let letters = digest.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    prefix.chars().chain(letters).take(length).collect()
}

/// A small number, below `limit`.
pub(super) fn number(of: &str, limit: u32) -> u32 {
    let digest = Sha256::digest(of);
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) % limit
}
