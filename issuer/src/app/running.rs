//! A running issuer: what may be asked of it from outside, and its stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::App;
use crate::audit::Ledger;
use crate::http::server::tls::Reload;
use crate::jobs::{self, Runner};

/// How long the store may take to close. Folding the write-ahead log in takes milliseconds.
const STORE_CLOSE_GRACE: Duration = Duration::from_secs(2);

/// A running issuer. Dropping it ends it hard; [`RunningIssuer::shutdown`] lets requests end.
#[derive(Debug)]
pub struct RunningIssuer {
    pub(super) address: SocketAddr,
    pub(super) metrics_address: Option<SocketAddr>,
    pub(super) app: Arc<App>,
    pub(super) ledger: Ledger,
    pub(super) stop: watch::Sender<bool>,
    pub(super) server: JoinHandle<()>,
    pub(super) _metrics_server: Option<AbortOnDropHandle>,
    pub(super) jobs: Runner,
    pub(super) grace: Duration,
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
pub(super) struct AbortOnDropHandle(pub(super) JoinHandle<()>);

impl Drop for AbortOnDropHandle {
    fn drop(&mut self) {
        self.0.abort();
    }
}
