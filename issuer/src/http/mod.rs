//! HTTP: the only place that knows of requests and statuses.
//!
//! `routes` is the table of contents. Handlers authorise, parse, ask the domain and answer; an error becomes a status in
//! `problem` and, for the token endpoint, in `oauth_error`, and nowhere else.

mod api;
mod frame;
mod oauth_error;
mod problem;
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
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}
