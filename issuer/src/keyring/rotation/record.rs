//! One signing key as the catalogue knows it.

use std::fmt;
use std::str::FromStr;

use driftwise_contract::Kid;

use crate::keyring::{KeyAlgorithm, KeySetId};

/// Where a key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// Noted by a version that knew no states. Published, like every key was then.
    Unplaced,
    /// Published, does not sign yet.
    Staged,
    /// Signs.
    Active,
    /// Published, signs no more.
    Retired,
    /// Not published, and destroyed.
    Removed,
}

impl KeyState {
    /// The word of the store and of the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unplaced => "unplaced",
            Self::Staged => "staged",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Removed => "removed",
        }
    }

    /// Whether a key in this state stands in the JWKS.
    pub const fn is_published(self) -> bool {
        !matches!(self, Self::Removed)
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Unplaced, Self::Staged, Self::Active, Self::Retired, Self::Removed]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("{text:?} is no state of a key"))
    }
}

/// A row of the catalogue. Times in `…_at_ms` are epoch milliseconds of the host that did it, for people; times in
/// `…_steady_ms` are steady time, and none until the first tick after the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The thumbprint.
    pub kid: Kid,
    /// Whose key it is.
    pub set: KeySetId,
    /// How it signs.
    pub algorithm: KeyAlgorithm,
    /// Where it is in its life.
    pub state: KeyState,
    /// When it was made.
    pub created_at_ms: i64,
    /// When it was published first.
    pub staged_at_ms: Option<i64>,
    /// Since when it is seen at the public address.
    pub seen_at_ms: Option<i64>,
    /// When it began to sign.
    pub activated_at_ms: Option<i64>,
    /// When it ceased to sign.
    pub retired_at_ms: Option<i64>,
    /// When it ceased to be published.
    pub removed_at_ms: Option<i64>,
    /// When it was published first.
    pub staged_steady_ms: Option<i64>,
    /// Since when it is seen at the public address.
    pub seen_steady_ms: Option<i64>,
    /// When it began to sign.
    pub activated_steady_ms: Option<i64>,
    /// When it ceased to sign.
    pub retired_steady_ms: Option<i64>,
    /// It signs no token that is dated later, epoch milliseconds.
    pub signs_until_ms: Option<i64>,
    /// The version of the catalogue that published it first.
    pub published_version: i64,
}

impl KeyRecord {
    /// A key that was just made and is to be published.
    pub fn staged(kid: Kid, set: KeySetId, algorithm: KeyAlgorithm, created_at_ms: i64, now_ms: i64) -> Self {
        Self {
            kid,
            set,
            algorithm,
            state: KeyState::Staged,
            created_at_ms,
            staged_at_ms: Some(now_ms),
            seen_at_ms: None,
            activated_at_ms: None,
            retired_at_ms: None,
            removed_at_ms: None,
            staged_steady_ms: None,
            seen_steady_ms: None,
            activated_steady_ms: None,
            retired_steady_ms: None,
            signs_until_ms: None,
            published_version: 0,
        }
    }
}
