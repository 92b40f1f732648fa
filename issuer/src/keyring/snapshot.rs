//! What the keyring holds at one moment: per key set, which key signs and which are published. A snapshot never changes; a
//! rotation makes the next one.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use driftwise_contract::{Kid, OrgId};

use super::{KeyringError, PublishedJwks, Signer};

/// Whose keys: those of the issuer itself, or those of an org with an issuer and keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeySetId {
    /// The issuer's own keys, which sign for every org that has none of its own.
    Shared,
    /// The keys of one org.
    Org(OrgId),
}

/// The keys of one set.
#[derive(Debug, Clone)]
pub struct KeySet {
    /// The active key; none before the first is made.
    pub signer: Option<Arc<dyn Signer>>,
    /// What the set's JWKS holds.
    pub published: PublishedJwks,
}

/// Every key set at one moment.
#[derive(Debug, Clone, Default)]
pub struct KeySnapshot {
    version: i64,
    sets: BTreeMap<KeySetId, KeySet>,
}

impl fmt::Display for KeySetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared => f.write_str("shared"),
            Self::Org(org) => org.fmt(f),
        }
    }
}

impl FromStr for KeySetId {
    type Err = <OrgId as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "shared" { Ok(Self::Shared) } else { text.parse().map(Self::Org) }
    }
}

impl KeySnapshot {
    /// A snapshot of these sets, of no version of the catalogue.
    pub fn new(sets: BTreeMap<KeySetId, KeySet>) -> Self {
        Self { version: 0, sets }
    }

    /// The same, as that version of the catalogue has them.
    #[must_use]
    pub fn of_version(self, version: i64) -> Self {
        Self { version, ..self }
    }

    /// The same without the keys that `keeps` says no to: neither published nor signing.
    #[must_use]
    pub(super) fn only(&self, keeps: impl Fn(&Kid) -> bool) -> Self {
        let mut kept = self.clone();
        for set in kept.sets.values_mut() {
            set.published.keys.retain(|key| keeps(&key.kid));
            set.signer.take_if(|signer| !keeps(signer.kid()));
        }
        kept
    }

    /// The version of the catalogue that it was read at; 0 where it was made otherwise.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The key that signs for a set. A set without one is an error: another set's key never stands in.
    pub fn signer(&self, set: KeySetId) -> Result<&Arc<dyn Signer>, KeyringError> {
        self.sets.get(&set).and_then(|keys| keys.signer.as_ref()).ok_or(KeyringError::NoSigningKey { set })
    }

    /// What a set publishes, if there is such a set.
    pub fn published(&self, set: KeySetId) -> Option<&PublishedJwks> {
        self.sets.get(&set).map(|keys| &keys.published)
    }

    /// Every set.
    pub fn sets(&self) -> impl Iterator<Item = (KeySetId, &KeySet)> {
        self.sets.iter().map(|(id, keys)| (*id, keys))
    }
}
