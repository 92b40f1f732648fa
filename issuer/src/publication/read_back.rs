//! What the public URL really serves, compared with what this issuer publishes. One look serves two ends: the read-back,
//! which notes the keys that were seen, and the check, which tells the operator everything.

use std::collections::BTreeMap;

use driftwise_contract::{Kid, OrgId};
use futures::{StreamExt as _, stream};

use super::check::{IssuerReport, check_issuer};
use super::public_url::PublicUrl;
use crate::Error;
use crate::federation::{Publications, Settings, key_set_of};
use crate::keyring::KeySetId;

/// How many issuers are looked at at once: one org's slow proxy must not hold up the others.
const AT_ONCE: usize = 8;

/// What was seen of one key set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeenSet {
    /// The keys that every public URL of the set serves as they are published.
    pub seen: Vec<Kid>,
    /// The published keys that one of them does not serve, or serves changed.
    pub unseen: Vec<Kid>,
    /// The first thing that kept a URL of the set from being read; then nothing is known of the keys that are not in
    /// `unseen`.
    pub unread: Option<String>,
}

/// Looks at every issuer that has documents.
pub async fn look(
    public_url: &PublicUrl,
    settings: &Settings,
    publications: &Publications,
) -> Result<Vec<(KeySetId, IssuerReport)>, Error> {
    let mut issuers = Vec::new();
    for (org, documents) in publications.all() {
        let settings = org.map_or_else(|| Ok(settings.clone()), |org| settings.of_org(org))?;
        issuers.push((key_set(publications, org), settings, documents.clone()));
    }
    let looks = issuers.into_iter().map(|(set, settings, documents)| async move {
        let signing = publications.keys().signer(set).ok().map(|signer| signer.kid().clone());
        (set, check_issuer(public_url, &settings, &documents, signing.as_ref()).await)
    });
    Ok(stream::iter(looks).buffered(AT_ONCE).collect().await)
}

fn key_set(publications: &Publications, org: Option<OrgId>) -> KeySetId {
    let Some(org) = org else { return KeySetId::Shared };
    // Where the org has no issuer any more, what is left of its own keys.
    publications.issuers().get(&org).map_or(KeySetId::Org(org), |keys| key_set_of(org, *keys))
}

/// What is known of each key set after a look: several issuers may publish one set, and a key counts as seen only where all
/// of them serve it.
pub fn by_key_set(reports: &[(KeySetId, IssuerReport)], publications: &Publications) -> BTreeMap<KeySetId, SeenSet> {
    let mut sets: BTreeMap<KeySetId, SeenSet> = BTreeMap::new();
    for (set, _) in reports {
        let kids = publications.keys().published(*set).into_iter().flat_map(|jwks| &jwks.keys).map(|key| &key.kid);
        let of_set = || reports.iter().filter(|(other, _)| other == set).map(|(_, report)| report);
        let mut result = SeenSet::default();
        for kid in kids {
            if of_set().any(|report| report.is_read && !report.seen.contains(kid)) {
                result.unseen.push(kid.clone());
            } else if of_set().all(|report| report.seen.contains(kid)) {
                result.seen.push(kid.clone());
            }
        }
        let unread = of_set().find(|report| !report.is_read);
        result.unread = unread.map(|report| format!("{}: {}", report.issuer, report.first_fault()));
        sets.insert(*set, result);
    }
    sets
}
