//! One running issuer: what its handlers share (`App`), its start and its stop. Tests and the demo start it in-process, with a
//! clock and a socket of their own.

mod first_admin;
mod running;
mod start;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use driftwise_contract::Partition;

use crate::accounts::{IssuerKeys, Pepper};
use crate::audit::{Ledger, SealKey, Sealer};
use crate::clock::{Clock, rfc3339};
use crate::config::Limits;
use crate::federation::{
    Authority, Minter, OrgIssuers, Publications, RecentAssertions, Settings, SigningPool, key_set_of,
};
use crate::http::rate_limit::{CallerLimits, Limiter};
use crate::http::readiness::Readiness;
use crate::http::server::tls::{Certificate, Reload, TlsError};
use crate::http::web::WebSettings;
use crate::keyring::{KeySetId, Keyring};
use crate::publication::Publishing;
use crate::setup::forms::TemplateUrl;
use crate::store::{Store, StoreError, orgs};
use crate::telemetry::metrics::Metrics;

pub use crate::keyring::LostKeys;
pub use running::RunningIssuer;
pub use start::Issuer;

/// What every handler shares. Keys and publications are swapped while the issuer runs, each as a whole.
#[derive(Debug)]
pub(crate) struct App {
    clock: Arc<dyn Clock>,
    store: Store,
    ledger: Ledger,
    authority: Authority,
    signing: SigningPool,
    recent_assertions: RecentAssertions,
    keyring: Keyring,
    pepper: Pepper,
    sealer: Sealer,
    settings: Settings,
    publications: ArcSwap<Publications>,
    publishing: Publishing,
    /// Held while publications are made and swapped.
    swap: Mutex<()>,
    base_path: String,
    mints_canaries: bool,
    web: WebSettings,
    limits: Limits,
    client_limiter: Option<Limiter>,
    caller_limits: CallerLimits,
    readiness: Readiness,
    certificate: Option<Arc<Certificate>>,
    /// Where a trust policy demands a token that is pinned to its role, unless an admin says otherwise.
    roles_authorized_by_idp: Vec<Partition>,
    /// Below which address templates lie for quick-create links.
    template_url: Option<TemplateUrl>,
    metrics: Arc<Metrics>,
}

impl App {
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The issuer's numbers.
    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The one way to an audit row for a token.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The buckets of the rate limit, where there is one.
    pub(crate) fn client_limiter(&self) -> Option<&Limiter> {
        self.client_limiter.as_ref()
    }

    /// What callers may that proved who they are.
    pub(crate) fn caller_limits(&self) -> &CallerLimits {
        &self.caller_limits
    }

    /// Whether agents get canary tokens.
    pub(crate) fn mints_canaries(&self) -> bool {
        self.mints_canaries
    }

    /// What `/readyz` found last.
    pub(crate) fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// Reads the TLS certificate again, where the issuer serves with one. What can't be used changes nothing, and is told in
    /// the log, once.
    pub(crate) fn reload_certificate(&self) -> Result<Reload, TlsError> {
        let Some(certificate) = &self.certificate else { return Ok(Reload::Unchanged) };
        let reloaded = certificate.reload(self.clock.now_s());
        match &reloaded {
            Ok(Reload::Unchanged) => {}
            Ok(Reload::Loaded) => {
                self.metrics.connections.reloaded(true);
                tracing::info!(expires_at = rfc3339(certificate.expires_at_s()), "serving with a new TLS certificate");
                certificate.warn(self.clock.now_s());
            }
            Err(error) => {
                self.metrics.connections.reloaded(false);
                tracing::error!(error = %error, "can't use the new TLS certificate; serving with the old one");
            }
        }
        self.metrics.connections.certificate_expiry.set(certificate.expires_at_s());
        reloaded
    }

    /// Look-ups of who may have which token, kept in memory.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// What makes tokens.
    pub(crate) fn minter(&self) -> Minter<'_> {
        Minter {
            clock: &*self.clock,
            settings: &self.settings,
            keyring: &self.keyring,
            authority: &self.authority,
            recent: &self.recent_assertions,
            signing: &self.signing,
            ledger: &self.ledger,
        }
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// What API keys are hashed with.
    pub(crate) fn pepper(&self) -> &Pepper {
        &self.pepper
    }

    /// What the audit log's seals are checked with.
    pub(crate) fn seal_key(&self) -> &SealKey {
        self.sealer.key()
    }

    /// Seals the ends of the audit log's chains. A chain that does not continue what was sealed is told in the log, loudly,
    /// and not sealed.
    pub(crate) async fn seal_audit_log(&self) -> Result<(), StoreError> {
        let mut db = self.store.connection().await?;
        for (chain, fault) in self.sealer.seal(&mut db, self.clock.now_ms()).await? {
            // Whatever name somebody wrote into the store.
            let chain = chain.escape_debug();
            tracing::error!(audit.chain = %chain, error = %fault, "the audit log was tampered with: not sealing this chain");
        }
        Ok(())
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The partitions in which a trust policy demands a pinned token unless an admin says otherwise.
    pub(crate) fn roles_authorized_by_idp(&self) -> &[Partition] {
        &self.roles_authorized_by_idp
    }

    /// The address in S3 below which templates lie for quick-create links, where there is one.
    pub(crate) fn template_url(&self) -> Option<&TemplateUrl> {
        self.template_url.as_ref()
    }

    /// What is published now. Take it once per request: two takes may differ.
    pub(crate) fn publications(&self) -> Arc<Publications> {
        self.publications.load_full()
    }

    /// Publishes the keys as they are now and the orgs' issuers as the store has them, where they changed.
    pub(crate) async fn republish(&self) -> Result<(), crate::Error> {
        let issuers = orgs::issuers(&mut *self.store.connection().await?).await?;
        let mut made = Ok(());
        for (&org, &keys) in &issuers {
            let set = key_set_of(org, keys);
            if self.keyring.snapshot().signer(set).is_err() {
                // An org's first key. What fails here is tried again in seconds; until then the org's issuer answers 503, and
                // the other orgs' issuers are published all the same.
                made = made.and(self.keyring.ensure_set(set).await);
            }
        }
        let keys = self.keyring.snapshot();
        for (set, _) in keys.sets().filter(|(_, keys)| keys.signer.is_some()) {
            if let KeySetId::Org(org) = set
                && issuers.get(&org) != Some(&IssuerKeys::Own)
                && self.keyring.catalogue().retire_unowned(org).await?
            {
                self.keyring.refresh().await?;
            }
        }
        self.publish(issuers)?;
        Ok(made?)
    }

    /// Publishes the newest keys, and the issuers of these orgs.
    fn publish(&self, issuers: OrgIssuers) -> Result<(), crate::Error> {
        let _one_at_a_time = self.swap.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock: older keys never take the place of newer ones.
        let keys = self.keyring.snapshot();
        if !self.publications().is_of(&keys, &issuers) {
            self.publications.store(Arc::new(Publications::new(&self.settings, keys, issuers)?));
            self.publishing.notify_documents_changed();
        }
        Ok(())
    }

    /// `[web]` as the pages need it.
    pub(crate) fn web(&self) -> &WebSettings {
        &self.web
    }

    /// Targets, and the look at the public URL.
    pub(crate) fn publishing(&self) -> &Publishing {
        &self.publishing
    }

    /// The issuer URL's path: empty, or `/path` without a trailing slash.
    pub(crate) fn base_path(&self) -> &str {
        &self.base_path
    }
}
