//! The start: what can fail without making anything comes first, then store, keys, and everything that serves.

use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::running::{AbortOnDropHandle, RunningIssuer};
use super::{App, LostKeys, first_admin};
use crate::accounts::Pepper;
use crate::audit::{Ledger, SealKey, Sealer};
use crate::clock::Clock;
use crate::config::{Config, WebOrigin};
use crate::federation::{Authority, Publications, RecentAssertions, SigningPool};
use crate::http;
use crate::http::client_address::TrustedProxies;
use crate::http::rate_limit::{CallerLimits, Limiter};
use crate::http::readiness::Readiness;
use crate::http::server::Server;
use crate::http::server::tls::Certificate;
use crate::http::web::WebSettings;
use crate::jobs::{self, Runner};
use crate::keyring::{KeySetId, KeyVault, Keyring};
use crate::publication::Publishing;
use crate::secrets;
use crate::store::{Store, orgs};
use crate::telemetry::metrics::Metrics;

/// The issuer, not yet running.
#[derive(Debug)]
pub struct Issuer;

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
        KeyVault::check_master_key(&config.keys).await.map_err(crate::Error::from)?;
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
        let web = WebSettings::new(config.web, WebOrigin::of(&config.server.issuer_url), &pepper)?;
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
            roles_authorized_by_idp: config.federation.roles_authorized_by_idp,
            template_url: config.setup.template_url,
            mints_canaries: config.federation.canary,
            web,
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
        let server = Server::new(listener, router, &app.limits, proxies, certificate, metrics.clone())
            .answering(http::public_documents_at_once(app.clone()));
        first_admin::invite(&app).await?;
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
