//! The algorithms of signing keys. AWS takes RS256, RS384, RS512 and the ES ones; these are the ones worth having.

use std::fmt;
use std::str::FromStr;

/// What a signing key is and how it signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum KeyAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 and a key of 2,048 bits: every STS takes it.
    #[default]
    Rs256,
    /// The same with 3,072 bits: three times the work per signature, for those whose rules ask for it.
    Rs256Bits3072,
    /// ECDSA on P-256 with SHA-256: a twelfth of the work of RSA-2048. AWS takes it; `docs/compatibility.md` says who else does.
    Es256,
}

impl KeyAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Rs256Bits3072, Self::Es256];

    /// The `alg` of tokens and of the published key (RFC 7518, section 3.1).
    pub fn jws(self) -> &'static str {
        match self {
            Self::Rs256 | Self::Rs256Bits3072 => "RS256",
            Self::Es256 => "ES256",
        }
    }

    /// The name in configuration, listings and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs256Bits3072 => "RS256-3072",
            Self::Es256 => "ES256",
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no algorithm of signing keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no algorithm of signing keys; known are RS256 (2,048 bits), RS256-3072 and ES256")]
pub struct UnknownAlgorithm {
    text: String,
}

impl FromStr for KeyAlgorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or_else(|| UnknownAlgorithm { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_algorithm_parses_back_from_its_display() {
        for algorithm in KeyAlgorithm::ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
        }
        for text in ["", "rs256", "RS384", "EdDSA", "none", "HS256"] {
            assert!(text.parse::<KeyAlgorithm>().unwrap_err().to_string().contains("RS256-3072"));
        }
    }
}
