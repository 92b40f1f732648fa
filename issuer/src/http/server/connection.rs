//! One connection, from its socket to its end.

use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures::future::{Either, ready};
use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Sleep, sleep};
use tokio_rustls::TlsAcceptor;

use super::AtOnce;
use super::idle::IdleGuard;
use super::tls::Certificate;
use crate::config::Limits;
use crate::http::client_address::{ClientAddress, TrustedProxies};
use crate::telemetry::metrics::{ConnectionEnd, Metrics};

/// What every connection of a listener is served with.
pub(super) struct Connections {
    router: TowerToHyperService<Router>,
    at_once: AtOnce,
    builder: Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    proxies: TrustedProxies,
    header_timeout: Duration,
    request_timeout: Duration,
    idle_timeout: Duration,
    age_max: Duration,
    metrics: Arc<Metrics>,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("proxies", &self.proxies).finish_non_exhaustive()
    }
}

impl Connections {
    pub(super) fn new(
        router: Router,
        limits: &Limits,
        proxies: TrustedProxies,
        certificate: Option<&Arc<Certificate>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            // hyper waits this long for each request's headers, the idle time before them included.
            .header_read_timeout(limits.idle_timeout)
            .max_buf_size(limits.header_bytes as usize)
            .max_headers(limits.headers)
            // The Date header is by the issuer's clock.
            .auto_date_header(false);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(limits.header_bytes)
            .max_concurrent_streams(limits.streams_per_connection)
            .auto_date_header(false);
        Self {
            router: TowerToHyperService::new(router),
            at_once: Arc::new(|_| None),
            builder,
            tls: certificate.map(|certificate| TlsAcceptor::from(certificate.server_config())),
            proxies,
            header_timeout: limits.header_timeout,
            request_timeout: limits.request_timeout,
            idle_timeout: limits.idle_timeout,
            age_max: limits.connection_age,
            metrics,
        }
    }

    pub(super) fn answer(&mut self, at_once: AtOnce) {
        self.at_once = at_once;
    }

    pub(super) fn proxies(&self) -> &TrustedProxies {
        &self.proxies
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Serves a connection to its end.
    pub(super) async fn serve(&self, stream: TcpStream, peer: ClientAddress, stopped: watch::Receiver<bool>) {
        self.metrics.connections.open.inc();
        let _open = Open(&self.metrics);
        // Answers are small and written at once: waiting for more would only delay them. It fails on sockets that are gone.
        let _ = stream.set_nodelay(true);
        let stream = IdleGuard::new(stream, self.idle_timeout, self.metrics.clone());
        // One timer for the handshake and the first headers together.
        let mut first = pin!(sleep(self.header_timeout));
        let Some(tls) = &self.tls else { return self.requests(stream, peer, first, stopped).await };
        let shaken = tokio::select! {
            shaken = tls.accept(stream) => shaken,
            () = &mut first => return self.metrics.connections.ended(ConnectionEnd::NoRequest),
        };
        match shaken {
            Ok(stream) => self.requests(stream, peer, first, stopped).await,
            Err(error) => {
                tracing::debug!(client.address = %peer, error = %error, "a TLS handshake failed");
                self.metrics.connections.ended(ConnectionEnd::Handshake);
            }
        }
    }

    /// `first`: ends when the headers of the first request must have come.
    async fn requests<S>(
        &self,
        stream: S,
        peer: ClientAddress,
        mut first: Pin<&mut Sleep>,
        mut stopped: watch::Receiver<bool>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let has_asked = Arc::new(AtomicBool::new(false));
        let service = service_fn(|mut request: hyper::Request<Incoming>| {
            has_asked.store(true, Ordering::Relaxed);
            if let Some(response) = (self.at_once)(&request) {
                return Either::Left(ready(Ok(response)));
            }
            let client = self.proxies.client(peer, request.headers());
            request.extensions_mut().insert(client);
            Either::Right(self.router.call(request.map(Body::new)))
        });
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(stream), service));
        let mut end = pin!(sleep(self.age_max));
        let (mut is_waiting, mut is_ending) = (true, false);
        loop {
            let is_stopped = tokio::select! {
                done = connection.as_mut() => {
                    if let Err(error) = done {
                        tracing::debug!(client.address = %peer, error = %error, "a connection ended early");
                    }
                    return;
                }
                () = &mut first, if is_waiting => {
                    if !has_asked.load(Ordering::Relaxed) {
                        self.metrics.connections.ended(ConnectionEnd::NoRequest);
                        return;
                    }
                    is_waiting = false;
                    continue;
                }
                () = &mut end => false,
                // An error means that the issuer is gone.
                _ = stopped.wait_for(|stopped| *stopped), if !is_ending => true,
            };
            if is_ending && !is_stopped {
                return;
            }
            // No new requests. The running ones may end in the time that one may take.
            is_ending = true;
            connection.as_mut().graceful_shutdown();
            end.set(sleep(self.request_timeout));
        }
    }
}

/// Counts a connection until it ends, however it does.
struct Open<'a>(&'a Metrics);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.connections.open.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_handshake_leaves_the_first_headers_what_is_left_of_the_time() {
        // A limit that this test does not live to see: what ends the connection is the deadline that it began with.
        let limits = Limits {
            header_timeout: Duration::from_hours(1),
            idle_timeout: Duration::from_hours(2),
            ..Limits::default()
        };
        let metrics = Arc::new(Metrics::default());
        let connections = Connections::new(Router::new(), &limits, TrustedProxies::default(), None, metrics);
        let (stream, _silent) = tokio::io::duplex(64);
        let (_stop, stopped) = watch::channel(false);
        let peer = ClientAddress::new([192, 0, 2, 1].into());
        let over = pin!(sleep(Duration::ZERO));
        let served = connections.requests(stream, peer, over, stopped);
        tokio::time::timeout(Duration::from_mins(1), served).await.expect("it ends at the deadline");
    }
}
