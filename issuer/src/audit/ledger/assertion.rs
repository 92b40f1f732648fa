//! What is kept of a client assertion that was taken, so that each counts once.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::AgentId;
use sha2::{Digest as _, Sha256};

/// A client assertion that counts once: whose it is and its `jti`, as a digest, and its end. The end is derived from `exp`,
/// which is signed: who uses an assertion again comes with the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UsedAssertion {
    /// Of the agent's id and the `jti`.
    pub digest: AssertionDigest,
    /// When it can't be valid any more, milliseconds since the epoch.
    pub keep_until_ms: i64,
}

impl UsedAssertion {
    /// The assertion of that agent with that `jti`.
    pub fn new(agent: AgentId, jti: &str, keep_until_ms: i64) -> Self {
        let mut hash = Sha256::new();
        // Of a fixed length, so that no agent's id runs into its jti.
        hash.update(agent.as_uuid().as_bytes());
        hash.update(jti);
        let mut digest = [0; AssertionDigest::BYTES];
        digest.copy_from_slice(&hash.finalize()[..AssertionDigest::BYTES]);
        Self { digest: AssertionDigest(digest), keep_until_ms }
    }
}

/// The first half of a SHA-256 hash. To have another's assertion refused, one would have to meet its 128 bits without knowing
/// its `jti`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AssertionDigest([u8; Self::BYTES]);

impl AssertionDigest {
    const BYTES: usize = 16;
}

/// As base64url without padding.
impl fmt::Display for AssertionDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl FromStr for AssertionDigest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|error| error.to_string())?;
        bytes
            .try_into()
            .map(Self)
            .map_err(|bytes: Vec<u8>| format!("it has {} bytes, not {}", bytes.len(), Self::BYTES))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn agent_and_jti_make_the_digest_and_it_parses_back() {
        let agent = |number| AgentId::from_uuid(Uuid::from_u128(number));
        let digests =
            [(1, "a"), (2, "a"), (1, "b"), (1, "")].map(|(id, jti)| UsedAssertion::new(agent(id), jti, 5).digest);
        for (place, digest) in digests.iter().enumerate() {
            assert_eq!(digest.to_string().parse(), Ok(*digest));
            assert!(!digests[place + 1..].contains(digest));
        }
        assert_eq!(digests[0], UsedAssertion::new(agent(1), "a", 6).digest, "its end is beside it");
        assert!("AAAA".parse::<AssertionDigest>().unwrap_err().contains("3 bytes"));
    }
}
