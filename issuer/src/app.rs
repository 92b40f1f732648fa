//! One running issuer: what its handlers share, its start and its stop. Tests and the demo start it in-process, with a
//! clock and a socket of their own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::accounts::{IssuerKeys, Pepper};
use crate::audit::{Ledger, SealKey, Sealer};
use crate::clock::{Clock, rfc3339};
use crate::config::{Config, Limits};
use crate::federation::{
    Authority, Minter, OrgIssuers, Publications, RecentAssertions, Settings, SigningPool, key_set_of,
};
use crate::http;
use crate::http::client_address::TrustedProxies;
use crate::http::rate_limit::{CallerLimits, Limiter};
use crate::http::readiness::Readiness;
use crate::http::server::Server;
use crate::http::server::tls::{Certificate, Reload, TlsError};
use crate::jobs::{self, Runner};
use crate::keyring::{KeySetId, KeyVault, Keyring};
use crate::publication::Publishing;
use crate::secrets;
use crate::store::{Store, StoreError, orgs};
use crate::telemetry::metrics::Metrics;

pub use crate::keyring::LostKeys;

/// How long the store may take to close. Folding the write-ahead log in takes milliseconds.
const STORE_CLOSE_GRACE: Duration = Duration::from_secs(2);

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
    limits: Limits,
    client_limiter: Option<Limiter>,
    caller_limits: CallerLimits,
    readiness: Readiness,
    certificate: Option<Arc<Certificate>>,
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
            tracing::error!(audit.chain = %chain, error = %fault, "the audit log was tampered with: not sealing this chain");
        }
        Ok(())
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
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

    /// Targets, and the look at the public URL.
    pub(crate) fn publishing(&self) -> &Publishing {
        &self.publishing
    }

    /// The issuer URL's path: empty, or `/path` without a trailing slash.
    pub(crate) fn base_path(&self) -> &str {
        &self.base_path
    }
}

/// The issuer, not yet running.
#[derive(Debug)]
pub struct Issuer;

/// A running issuer. Dropping it ends it hard; [`RunningIssuer::shutdown`] lets requests end.
#[derive(Debug)]
pub struct RunningIssuer {
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    app: Arc<App>,
    ledger: Ledger,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    _metrics_server: Option<AbortOnDropHandle>,
    jobs: Runner,
    grace: Duration,
}

impl Issuer {
    /// Opens store and keys and serves on `listener`. The first start makes both, which takes a second or two.
    ///
    /// `config.server.listen` is not used: the listener is what is listened on.
    pub async fn start(config: Config, clock: Arc<dyn Clock>, listener: TcpListener) -> anyhow::Result<RunningIssuer> {
        // Boxed here: what a start holds at once is large, and callers hold this.
        Box::pin(Self::start_with(config, clock, listener, LostKeys::Refuse)).await
    }

    /// [`Issuer::start`], with a say in what happens when the signing keys are gone.
    pub async fn start_with(
        config: Config,
        clock: Arc<dyn Clock>,
        listener: TcpListener,
        lost_keys: LostKeys,
    ) -> anyhow::Result<RunningIssuer> {
        install_crypto();
        let address = listener.local_addr().context("the listener has no address")?;
        let base_path = crate::config::base_path(&config.server.issuer_url).map_err(anyhow::Error::msg)?;
        // What can fail without making anything comes first: a start that fails leaves no store and no key behind.
        let metrics_listener =
            match config.metrics.listen {
                None => None,
                Some(listen) => Some(TcpListener::bind(listen).await.with_context(|| {
                    format!("can't listen on {listen} (metrics.listen): is another process there?")
                })?),
            };
        let certificate = match config.server.tls.clone() {
            Some(files) => {
                let host = config.server.certificate_host();
                let certificate = Certificate::load(files, host).context("can't serve TLS")?;
                certificate.warn(clock.now_s());
                Some(certificate)
            }
            None => None,
        };
        let publishing = Publishing::open(&config.publication, &clock).await.map_err(crate::Error::from)?;
        let store = open_store(&config.store.path).await?;
        let keyring = open_keys(&config, &store, &clock, lost_keys).await?;
        let pepper = open_pepper(&config, &store, &*clock, lost_keys).await?;
        let ledger = Ledger::start(&store, clock.clone()).await.map_err(crate::Error::from)?;
        let settings = config.settings();
        let issuers = orgs::issuers(&mut *store.connection().await.map_err(crate::Error::from)?)
            .await
            .map_err(crate::Error::from)?;
        let signing_kid = keyring.snapshot().signer(KeySetId::Shared).map_err(crate::Error::from)?.kid().clone();
        let publications = ArcSwap::from_pointee(Publications::new(&settings, keyring.snapshot(), issuers)?);
        let metrics = Arc::new(Metrics::default());
        ledger.report_to(&metrics);
        let app = Arc::new(App {
            clock: clock.clone(),
            store: store.clone(),
            ledger: ledger.clone(),
            authority: Authority::new(store.clone()),
            signing: SigningPool::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get)),
            recent_assertions: RecentAssertions::default(),
            keyring,
            sealer: Sealer::new(SealKey::of(&pepper)),
            pepper,
            settings,
            publications,
            publishing,
            swap: Mutex::new(()),
            base_path,
            client_limiter: Limiter::new(config.limits.rate, clock.clone()),
            caller_limits: CallerLimits::new(&config.limits, &clock),
            limits: config.limits,
            readiness: Readiness::default(),
            certificate,
            metrics: metrics.clone(),
        });
        let published = Arc::downgrade(&app);
        app.keyring.publish_with(Box::new(move || match published.upgrade() {
            Some(app) => app.publish(app.publications().issuers().clone()).map_err(|error| error.to_string()),
            None => Ok(()),
        }));
        let proxies = TrustedProxies::new(config.server.trusted_proxies, config.server.forwarded_header);
        let router = http::router(app.clone());
        let certificate = app.certificate.as_ref();
        let server = Server::new(listener, router, &app.limits, proxies, certificate, metrics.clone());
        tracing::info!(issuer = %app.settings.issuer, address = %address, key.kid = %signing_kid, "serving");

        let (stop, stopped) = watch::channel(false);
        let jobs = Runner::start(jobs::all(&app), &stopped, &metrics, &clock);
        let server = tokio::spawn(server.run(stopped.clone()));
        let (metrics_address, metrics_server) = match metrics_listener {
            None => (None, None),
            Some(listener) => {
                let address = listener.local_addr().context("the metrics listener has no address")?;
                let router = http::metrics_router(metrics.clone());
                // Its connections are counted apart from the public's.
                let apart = Arc::default();
                let server = Server::new(listener, router, &app.limits, TrustedProxies::default(), None, apart);
                (Some(address), Some(AbortOnDropHandle(tokio::spawn(server.run(stopped)))))
            }
        };
        Ok(RunningIssuer {
            address,
            metrics_address,
            app,
            ledger,
            stop,
            server,
            _metrics_server: metrics_server,
            jobs,
            grace: config.server.shutdown_grace,
        })
    }
}

impl RunningIssuer {
    /// The address that it serves on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes up at once what another process changed in the store, which otherwise takes a few seconds.
    pub async fn refresh(&self) -> Result<(), crate::Error> {
        self.app.keyring.refresh().await?;
        self.app.republish().await
    }

    /// Reads the documents back from the public URL at once, which otherwise happens every `publication.interval`.
    pub async fn read_back(&self) -> anyhow::Result<()> {
        jobs::read_back(&self.app).await
    }

    /// Does at once what rotation plans, which otherwise happens every minute.
    pub async fn rotate(&self) -> Result<(), crate::Error> {
        self.app.keyring.rotate().await?;
        Ok(())
    }

    /// The address of `GET /metrics`, where there is one.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Reads the TLS certificate again, as SIGHUP does. Whether a new one is served; what can't be used changes nothing.
    pub fn reload_certificate(&self) -> anyhow::Result<bool> {
        Ok(self.app.reload_certificate()? == Reload::Loaded)
    }

    /// Stops accepting, lets running requests end for `server.shutdown_grace`, closes the store.
    pub async fn shutdown(self) -> anyhow::Result<()> {
        let grace = self.grace;
        self.shutdown_within(grace).await
    }

    /// [`RunningIssuer::shutdown`] with another patience. Connections that are still open then are cut off: one that does not
    /// end would otherwise keep the issuer alive.
    pub async fn shutdown_within(mut self, grace: Duration) -> anyhow::Result<()> {
        // Nobody listens any more only when the tasks have ended already.
        let _ = self.stop.send(true);
        let ended = async { tokio::join!(&mut self.server, self.jobs.ended()).0 };
        let served = if let Ok(served) = tokio::time::timeout(grace, ended).await {
            served.context("the server failed")
        } else {
            self.server.abort();
            tracing::warn!(grace_s = grace.as_secs(), "connections or jobs are still busy; ending without them");
            Ok(())
        };
        // The others need not wait for this issuer any more.
        match tokio::time::timeout(STORE_CLOSE_GRACE, self.app.keyring.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = %error, "can't tell the other issuers of the stop"),
            Err(_) => tracing::warn!("can't tell the other issuers of the stop in time"),
        }
        // What waits for its row still gets it; a token without one does not leave.
        if tokio::time::timeout(STORE_CLOSE_GRACE, self.ledger.shutdown()).await.is_err() {
            tracing::warn!("the audit log's writer is still busy; ending without it");
        }
        match tokio::time::timeout(STORE_CLOSE_GRACE, self.app.seal_audit_log()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = %error, "can't seal the end of the audit log"),
            Err(_) => tracing::warn!("can't seal the end of the audit log in time"),
        }
        // A request that still runs may hold a connection of the store; what it committed is durable without the close.
        if tokio::time::timeout(STORE_CLOSE_GRACE, self.app.store.close()).await.is_err() {
            tracing::warn!("the store is still in use; ending without closing it");
        }
        served
    }

    /// Returns when the server ends by itself, which it does on failure only.
    pub(crate) async fn failed(&mut self) -> anyhow::Error {
        match (&mut self.server).await {
            Ok(()) => anyhow::anyhow!("the server ended by itself"),
            Err(error) => anyhow::Error::new(error).context("the server failed"),
        }
    }
}

/// A task that ends with whoever holds this.
#[derive(Debug)]
struct AbortOnDropHandle(JoinHandle<()>);

impl Drop for AbortOnDropHandle {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn open_store(path: &Path) -> Result<Store, crate::Error> {
    let is_new = !path.exists();
    let store = Store::open(path).await?;
    if is_new {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        tracing::warn!(path = %path.display(), "made a new store");
    }
    Ok(store)
}

/// Opens or makes the keys.
async fn open_keys(
    config: &Config,
    store: &Store,
    clock: &Arc<dyn Clock>,
    lost_keys: LostKeys,
) -> Result<Keyring, crate::Error> {
    Ok(Keyring::open(config.catalogue(store, clock.clone()), lost_keys).await?)
}

/// Opens the pepper of the API keys, which the first start makes. Where the old keys were given up, the master key of the old
/// pepper may be gone with them.
async fn open_pepper(
    config: &Config,
    store: &Store,
    clock: &dyn Clock,
    lost_keys: LostKeys,
) -> Result<Pepper, crate::Error> {
    let vault = KeyVault::new(&config.keys, &config.server.issuer_url, store);
    let master_keys = vault.master_keys().await?;
    match secrets::pepper(store, &master_keys, clock.now_ms()).await {
        Err(crate::Error::Keyring(error)) if lost_keys == LostKeys::GiveUp => {
            tracing::warn!(error = %error, "the API keys made so far are given up too: make new ones");
            secrets::replace_pepper(store, &master_keys).await
        }
        opened => opened,
    }
}

/// jsonwebtoken has no default where several back ends are linked; ours is aws-lc.
fn install_crypto() {
    // An error means that it is installed already.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::clock::SystemClock;
    use crate::keyring::KeyAlgorithm;

    /// Stands still until it is turned.
    #[derive(Debug)]
    struct Turned(AtomicI64);

    impl Clock for Turned {
        fn now_ms(&self) -> i64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    async fn started(directory: &tempfile::TempDir) -> (String, RunningIssuer) {
        started_at(directory, Arc::new(SystemClock)).await
    }

    async fn started_at(directory: &tempfile::TempDir, clock: Arc<dyn Clock>) -> (String, RunningIssuer) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut config = Config::new(url.parse().unwrap());
        config.store.path = directory.path().join("issuer.db");
        config.keys.directory = directory.path().join("keys");
        config.keys.algorithm = KeyAlgorithm::Es256;
        config.publication.read_back = false;
        (url, Issuer::start(config, clock, listener).await.unwrap())
    }

    #[tokio::test]
    async fn a_token_outlasts_a_burst_of_changes() {
        let directory = tempfile::TempDir::new().unwrap();
        let (_, running) = started(&directory).await;
        let app = &running.app;
        let id = driftwise_contract::OrgId::from_uuid(app.clock.new_uuid());
        let role: driftwise_contract::RoleArn = "arn:aws:iam::123456789012:role/scan".parse().unwrap();
        let mut db = app.store.connection().await.unwrap();
        orgs::insert(&mut db, id, &"Acme".parse().unwrap(), 1).await.unwrap();
        let scope = orgs::find(&mut db, id).await.unwrap().unwrap().scope();
        let account = crate::accounts::AwsAccount::new(
            "123456789012".parse().unwrap(),
            role.clone(),
            "eu-central-1".parse().unwrap(),
            driftwise_contract::claims::TrustForm::Subject,
        )
        .unwrap();
        crate::store::accounts::upsert(&mut db, scope, &account, 1).await.unwrap();
        drop(db);
        let changes = AtomicI64::new(8);
        let decide = async || -> Result<crate::federation::Minting, crate::Error> {
            let mut db = app.store.connection().await?;
            let version = crate::store::authority::version(&mut db).await?;
            // As if something had changed right after the caller was looked up.
            let is_old = changes.fetch_sub(1, Ordering::SeqCst) > 0;
            Ok(crate::federation::Minting {
                actor: crate::audit::Actor::ApiKey { id: "test".into() },
                scope,
                authority: version - i64::from(is_old),
                assertion: None,
                address: None,
                role: role.clone(),
                session: driftwise_contract::SessionScope::default(),
            })
        };
        let minted: Result<_, crate::Error> = app.minter().mint_for(decide).await;
        assert!(minted.is_ok(), "{:?}", minted.err());
        running.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn readiness_asks_the_store_once_a_second() {
        let clock = Arc::new(Turned(AtomicI64::new(SystemClock.now_ms())));
        let directory = tempfile::TempDir::new().unwrap();
        let (url, running) = started_at(&directory, clock.clone()).await;
        let ready = async || reqwest::get(format!("{url}/readyz")).await.unwrap().status().as_u16();
        assert_eq!(ready().await, 200);
        running.app.store.close().await;
        clock.0.fetch_add(999, Ordering::Relaxed);
        assert_eq!(ready().await, 200, "the store was asked within the second");
        clock.0.fetch_add(1, Ordering::Relaxed);
        assert_eq!(ready().await, 503);
    }

    #[tokio::test]
    async fn an_issuer_whose_ledger_has_ended_is_not_ready() {
        let directory = tempfile::TempDir::new().unwrap();
        let (url, running) = started(&directory).await;
        let ready = async || reqwest::get(format!("{url}/readyz")).await.unwrap().status().as_u16();
        assert_eq!(ready().await, 200);
        running.ledger.shutdown().await;
        assert_eq!(ready().await, 503);
        running.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn a_start_that_fails_makes_neither_store_nor_key() {
        let directory = tempfile::TempDir::new().unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fails = async |change: &dyn Fn(&mut Config)| {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut config = Config::new(format!("http://{}", listener.local_addr().unwrap()).parse().unwrap());
            config.store.path = directory.path().join("issuer.db");
            config.keys.directory = directory.path().join("keys");
            change(&mut config);
            let error = Issuer::start(config, Arc::new(SystemClock), listener).await.unwrap_err();
            assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "{error:#}");
            format!("{error:#}")
        };
        let metrics = fails(&|config| config.metrics.listen = Some(taken.local_addr().unwrap())).await;
        assert!(metrics.contains("metrics.listen"), "{metrics}");
        let ca_file = fails(&|config| config.publication.ca_file = Some(directory.path().join("no-ca.pem"))).await;
        assert!(ca_file.contains("publication.ca_file"), "{ca_file}");
    }
}
