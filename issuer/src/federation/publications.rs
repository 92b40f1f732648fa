//! Everything that the issuer publishes at one moment: the documents of the shared issuer and of each org's own. They are
//! made from one key snapshot and swapped as a whole, so that no reader sees half a rotation.
//!
//! An org's issuer whose keys can't be published yet has no documents: it is an error to ask for them, and the shared
//! issuer's never stand in.
//!
//! Where an org gave up keys of its own, the retired ones stay in its documents until their window is over: behind the
//! shared keys where its issuer has these now, alone where it has no issuer any more.

use std::collections::BTreeMap;
use std::sync::Arc;

use driftwise_contract::OrgId;

use super::documents::{Documents, Names};
use super::{Settings, key_set_of};
use crate::Error;
use crate::accounts::IssuerKeys;
use crate::keyring::{KeySetId, KeySnapshot, KeyringError, PublishedJwks};

/// The orgs that have an issuer of their own, and its keys.
pub type OrgIssuers = BTreeMap<OrgId, IssuerKeys>;

/// The documents of every issuer.
#[derive(Debug)]
pub struct Publications {
    keys: Arc<KeySnapshot>,
    issuers: OrgIssuers,
    shared: Documents,
    /// None: the keys of the org's issuer are not there.
    orgs: BTreeMap<OrgId, Option<Documents>>,
}

impl Publications {
    /// Makes every document. Fails when the shared issuer has no signing key, or the issuer URL leaves no room for orgs.
    pub fn new(settings: &Settings, keys: Arc<KeySnapshot>, issuers: OrgIssuers) -> Result<Self, Error> {
        // Publishing an empty key set would tell verifiers to forget the keys that they know.
        keys.signer(KeySetId::Shared)?;
        let token_endpoint = settings.token_endpoint();
        let published = |set| keys.published(set).ok_or(KeyringError::NoSigningKey { set });
        let names = Names { settings, token_endpoint: &token_endpoint, org: None };
        let shared = Documents::new(&names, published(KeySetId::Shared)?)?;
        let mut orgs = BTreeMap::new();
        let documents = |org: OrgId, keys: &PublishedJwks| -> Result<Documents, Error> {
            let own = settings.of_org(org)?;
            let names = Names { settings: &own, token_endpoint: &token_endpoint, org: Some(org) };
            Ok(Documents::new(&names, keys)?)
        };
        for (&org, &choice) in &issuers {
            let Some(mut jwks) = keys.published(key_set_of(org, choice)).cloned() else {
                orgs.insert(org, None);
                continue;
            };
            if let (IssuerKeys::Shared, Some(retired)) = (choice, keys.published(KeySetId::Org(org))) {
                jwks.keys.extend(retired.keys.iter().cloned());
            }
            orgs.insert(org, Some(documents(org, &jwks)?));
        }
        for (set, retired) in keys.sets() {
            if let KeySetId::Org(org) = set
                && !issuers.contains_key(&org)
            {
                orgs.insert(org, Some(documents(org, &retired.published)?));
            }
        }
        Ok(Self { keys, issuers, shared, orgs })
    }

    /// The documents of the shared issuer.
    pub fn shared(&self) -> &Documents {
        &self.shared
    }

    /// The documents of an org's own issuer. None where the org has no issuer of its own, and no keys of one that it had; an
    /// error while the keys of its issuer are missing.
    pub fn org(&self, org: OrgId) -> Option<Result<&Documents, KeyringError>> {
        let documents = self.orgs.get(&org)?;
        Some(documents.as_ref().ok_or(KeyringError::NoSigningKey { set: KeySetId::Org(org) }))
    }

    /// Every issuer that has documents: none for the shared one, which comes first.
    pub fn all(&self) -> impl Iterator<Item = (Option<OrgId>, &Documents)> {
        let orgs = self.orgs.iter().filter_map(|(org, documents)| Some((Some(*org), documents.as_ref()?)));
        std::iter::once((None, &self.shared)).chain(orgs)
    }

    /// The keys that the documents were made from: whatever signs by this snapshot is published here.
    pub fn keys(&self) -> &Arc<KeySnapshot> {
        &self.keys
    }

    /// The orgs with an issuer of their own.
    pub fn issuers(&self) -> &OrgIssuers {
        &self.issuers
    }

    /// Whether the documents say what these would.
    pub fn is_of(&self, keys: &Arc<KeySnapshot>, issuers: &OrgIssuers) -> bool {
        Arc::ptr_eq(&self.keys, keys) && self.issuers == *issuers
    }
}
