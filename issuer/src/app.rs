//! One running issuer: what its handlers share, its start and its stop. Tests and the demo start it in-process, with a
//! clock and a socket of their own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::audit::Ledger;
use crate::clock::Clock;
use crate::config::Config;
use crate::federation::{Publications, Settings};
use crate::http;
use crate::jobs::{self, Runner};
use crate::keyring::{KeyDirectory, Keyring, KeyringError};
use crate::store::{Store, StoreError, orgs, signing_keys};
use crate::telemetry::metrics::Metrics;

/// How long running requests may take to end after a stop: well below the 30 s after which container platforms kill.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// How long the store may take to close. Folding the write-ahead log in takes milliseconds.
const STORE_CLOSE_GRACE: Duration = Duration::from_secs(2);

/// What every handler shares. Keys and publications are swapped while the issuer runs, each as a whole.
#[derive(Debug)]
pub(crate) struct App {
    clock: Arc<dyn Clock>,
    store: Store,
    ledger: Ledger,
    keyring: Keyring,
    settings: Settings,
    publications: ArcSwap<Publications>,
    base_path: String,
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

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.keyring
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
        let keys = self.keyring.snapshot();
        if !self.publications().is_of(&keys, &issuers) {
            self.publications.store(Arc::new(Publications::new(&self.settings, keys, issuers)?));
        }
        Ok(())
    }

    /// The issuer URL's path: empty, or `/path` without a trailing slash.
    pub(crate) fn base_path(&self) -> &str {
        &self.base_path
    }
}

/// What a start does when the store knows of signing keys and the key directory holds none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LostKeys {
    /// Refuse to start: most likely a volume is not mounted.
    #[default]
    Refuse,
    /// Make a new key. Tokens signed by the old ones stop verifying. Refused while the directory does hold keys.
    GiveUp,
}

/// The issuer, not yet running.
#[derive(Debug)]
pub struct Issuer;

/// A running issuer. Dropping it ends it hard; [`RunningIssuer::shutdown`] lets requests end.
#[derive(Debug)]
pub struct RunningIssuer {
    address: SocketAddr,
    app: Arc<App>,
    store: Store,
    ledger: Ledger,
    stop: watch::Sender<bool>,
    server: JoinHandle<std::io::Result<()>>,
    jobs: Runner,
}

impl Issuer {
    /// Opens store and keys and serves on `listener`. The first start makes both, which takes a second or two.
    ///
    /// `config.server.listen` is not used: the listener is what is listened on.
    pub async fn start(config: Config, clock: Arc<dyn Clock>, listener: TcpListener) -> anyhow::Result<RunningIssuer> {
        Self::start_with(config, clock, listener, LostKeys::Refuse).await
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
        let store = open_store(&config.store.path).await?;
        let keyring = open_keys(&config.keys, &store, &clock, lost_keys).await?;
        let ledger = Ledger::start(&store, clock.clone()).await.map_err(crate::Error::from)?;
        let settings = config.settings();
        let issuers = orgs::issuers(&mut *store.connection().await.map_err(crate::Error::from)?)
            .await
            .map_err(crate::Error::from)?;
        let publications = ArcSwap::from_pointee(Publications::new(&settings, keyring.snapshot(), issuers)?);
        let metrics = Arc::new(Metrics::default());
        let app = Arc::new(App {
            clock: clock.clone(),
            store: store.clone(),
            ledger: ledger.clone(),
            keyring,
            settings,
            publications,
            base_path,
            metrics: metrics.clone(),
        });
        let router = http::router(app.clone());
        tracing::info!(issuer = %app.settings.issuer, address = %address, key.kid = %app.keyring.signing_kid(), "serving");

        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(http::serve(router, listener, until_stopped(stopped.clone())));
        let jobs = Runner::start(jobs::all(&app), &stopped, &metrics, &clock);
        Ok(RunningIssuer { address, app, store, ledger, stop, server, jobs })
    }
}

impl RunningIssuer {
    /// The address that it serves on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes up at once what another process changed in the store, which otherwise takes a few seconds.
    pub async fn refresh(&self) -> Result<(), crate::Error> {
        self.app.republish().await
    }

    /// Stops accepting, lets running requests end for [`SHUTDOWN_GRACE`], closes the store.
    pub async fn shutdown(self) -> anyhow::Result<()> {
        self.shutdown_within(SHUTDOWN_GRACE).await
    }

    /// [`RunningIssuer::shutdown`] with another patience. Connections that are still open then are left to their end: an
    /// idle one would otherwise keep the issuer alive.
    pub async fn shutdown_within(mut self, grace: Duration) -> anyhow::Result<()> {
        // Nobody listens any more only when the tasks have ended already.
        let _ = self.stop.send(true);
        if tokio::time::timeout(grace, self.jobs.ended()).await.is_err() {
            tracing::warn!("a job still runs; breaking it off");
        }
        let served = if let Ok(served) = tokio::time::timeout(grace, &mut self.server).await {
            served.context("the server failed")?
        } else {
            self.server.abort();
            tracing::warn!(grace_s = grace.as_secs(), "connections are still open; ending without them");
            Ok(())
        };
        // What waits for its row still gets it; a token without one does not leave.
        if tokio::time::timeout(STORE_CLOSE_GRACE, self.ledger.shutdown()).await.is_err() {
            tracing::warn!("the audit log's writer is still busy; ending without it");
        }
        // A request that still runs may hold a connection of the store; what it committed is durable without the close.
        if tokio::time::timeout(STORE_CLOSE_GRACE, self.store.close()).await.is_err() {
            tracing::warn!("the store is still in use; ending without closing it");
        }
        served.context("serving failed")
    }

    /// Returns when the server ends by itself, which it does on failure only.
    pub(crate) async fn failed(&mut self) -> anyhow::Error {
        match (&mut self.server).await {
            Ok(Ok(())) => anyhow::anyhow!("the server ended by itself"),
            Ok(Err(error)) => anyhow::Error::new(error).context("serving failed"),
            Err(error) => anyhow::Error::new(error).context("the server failed"),
        }
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

/// Opens or makes the keys, and notes in the store which they are.
async fn open_keys(
    keys: &crate::config::Keys,
    store: &Store,
    clock: &Arc<dyn Clock>,
    lost_keys: LostKeys,
) -> anyhow::Result<Keyring> {
    let known = signing_keys::list(&mut *store.connection().await.map_err(crate::Error::from)?)
        .await
        .map_err(crate::Error::from)?;
    let (directory, source, clock) = (KeyDirectory::new(&keys.directory), keys.master_key.clone(), clock.clone());
    let keyring = tokio::task::spawn_blocking(move || {
        let found = Keyring::open(&directory, &source)?;
        match (found, lost_keys) {
            (Some(_), LostKeys::GiveUp) => Err(KeyringError::KeysPresent { directory: directory.path().to_owned() }),
            (Some(keyring), LostKeys::Refuse) => Ok(keyring),
            (None, LostKeys::Refuse) if !known.is_empty() => Err(KeyringError::KeysGone {
                directory: std::path::absolute(directory.path()).unwrap_or_else(|_| directory.path().to_owned()),
                count: if known.len() == 1 { "1 was".into() } else { format!("{} were", known.len()) },
            }),
            (None, _) => {
                let keyring = Keyring::open_or_create(&directory, &source, &*clock)?;
                if !known.is_empty() {
                    tracing::warn!(
                        key.kid = %keyring.signing_kid(),
                        "the old signing keys were given up: tokens signed by them stop verifying, and new ones are taken \
                         once AWS has read the new key set"
                    );
                }
                Ok(keyring)
            }
        }
    })
    .await
    .context("opening the keys was interrupted")?
    .map_err(crate::Error::from)?;
    record(store, &keyring).await.map_err(crate::Error::from)?;
    Ok(keyring)
}

async fn record(store: &Store, keyring: &Keyring) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    for key in keyring.keys() {
        signing_keys::record(&mut tx, key.kid(), key.created_at_s().saturating_mul(1000)).await?;
    }
    tx.commit().await
}

/// jsonwebtoken has no default where several back ends are linked; ours is aws-lc.
fn install_crypto() {
    // An error means that it is installed already.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}

async fn until_stopped(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone: the issuer was dropped.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
