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
use std::sync::Arc;

pub use routes::{Caller, ROUTES, Route};

use crate::app::App;

/// Serves until `stop` is done, then lets running requests end.
pub(crate) async fn serve(
    app: Arc<App>,
    listener: tokio::net::TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, routes::router(app)).with_graceful_shutdown(stop).await
}
