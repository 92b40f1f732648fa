//! The listener: sockets, TLS, and how much of both anybody may take. Requests go to a router; what they mean is not known here.
//!
//! | against | what |
//! |---|---|
//! | headers that never end (slowloris) | a connection must finish its first request's headers, TLS handshake included, in `header_timeout` |
//! | idle connections, slow headers of a later request | from the end of an answer to the end of the next request's headers, and while nothing moves, `idle_timeout` |
//! | bodies that never end | `request_timeout`, in the router; then the connection ends with the answer |
//! | many connections | a count of all and one per client; what is beyond is closed at once |
//! | connections for ever | `connection_age`: no new requests after it |
//! | many requests on one connection | HTTP/2 streams are counted; resets are too (hyper's default, CVE-2023-44487) |
//! | large headers | bytes and count |
//!
//! Stop: no new connections, idle ones end, running requests end by themselves; who waits for that sets the limit.

mod connection;
mod idle;
mod slots;
pub(crate) mod tls;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::client_address::{ClientAddress, TrustedProxies};
use crate::config::Limits;
use crate::telemetry::metrics::Metrics;
use connection::Connections;
use slots::Slots;
use tls::Certificate;

/// The pause after a failed accept: most likely file descriptors ran out, and come back as connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Answers to some requests before they are routed; none for all others.
pub(crate) type AtOnce = Arc<dyn Fn(&hyper::Request<Incoming>) -> Option<Response> + Send + Sync>;

/// A listener that is ready to serve.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    connections: Connections,
    slots: Arc<Slots>,
}

impl Server {
    /// `certificate`: none is plain HTTP.
    pub(crate) fn new(
        listener: TcpListener,
        router: Router,
        limits: &Limits,
        proxies: TrustedProxies,
        certificate: Option<&Arc<Certificate>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            listener,
            slots: Slots::new(limits.connections, limits.connections_per_client),
            connections: Connections::new(router, limits, proxies, certificate, metrics),
        }
    }

    /// With answers that are given before a request is routed.
    pub(crate) fn answering(mut self, at_once: AtOnce) -> Self {
        self.connections.answer(at_once);
        self
    }

    /// Serves until `stopped` turns true, then until the open connections have ended. Dropping it ends them.
    pub(crate) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let connections = Arc::new(self.connections);
        let mut tasks = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                Some(_) = tasks.join_next() => continue,
                // An error means that the issuer is gone.
                _ = stopped.wait_for(|stopped| *stopped) => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let peer = ClientAddress::new(peer.ip());
                    admit(&connections, &self.slots, stream, peer, &mut tasks, &stopped);
                }
                // The connection's own fault; it is gone.
                Err(error) if is_of_connection(&error) => {}
                Err(error) => {
                    tracing::error!(error = %error, "can't accept connections; trying again");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        // Nobody listens any more while the last requests end.
        drop(self.listener);
        while tasks.join_next().await.is_some() {}
    }
}

fn admit(
    connections: &Arc<Connections>,
    slots: &Arc<Slots>,
    stream: TcpStream,
    peer: ClientAddress,
    tasks: &mut JoinSet<()>,
    stopped: &watch::Receiver<bool>,
) {
    // Behind a trusted proxy are many clients.
    let client = (!connections.proxies().contains(peer)).then(|| peer.network());
    match Slots::take(slots, client) {
        Ok(slot) => {
            let (connections, stopped) = (connections.clone(), stopped.clone());
            tasks.spawn(async move {
                connections.serve(stream, peer, stopped).await;
                drop(slot);
            });
        }
        Err(reason) => {
            tracing::debug!(client.address = %peer, reason = ?reason, "closed a connection: there are too many");
            connections.metrics().connections.ended(reason);
        }
    }
}

fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
