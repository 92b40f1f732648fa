//! HTTP: the only place that knows of requests and statuses.
//!
//! `routes` is the table of contents. Handlers authorise, parse, ask the domain and answer; an error becomes a status in
//! `problem` and, for the token endpoint, in `oauth_error`, and nowhere else.

mod api;
pub(crate) mod client_address;
mod date;
mod frame;
mod oauth_error;
mod problem;
mod public_documents;
mod routes;
mod web;

use std::future::Future;

pub(crate) use routes::router;
pub use routes::{Caller, ROUTES, Route};

/// Serves until `stop` is done, then lets running requests end.
pub(crate) async fn serve(
    router: axum::Router,
    listener: tokio::net::TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = router.layer(axum::middleware::map_request(client_address::of_peer));
    let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop).await
}
