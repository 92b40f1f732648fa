//! Whether the process lives, and whether it can work.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;

use super::super::problem::Problem;
use crate::app::App;

/// `GET /healthz`: the process answers.
pub(in crate::http) async fn alive() -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], "ok\n")
}

/// `GET /readyz`: the store answers too. A signing key there is always: without one the issuer does not start.
pub(in crate::http) async fn ready(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Problem> {
    app.store().check().await.map_err(|error| {
        tracing::error!(error = %error, "not ready");
        Problem::not_ready()
    })?;
    Ok(([(CACHE_CONTROL, "no-store")], "ready\n"))
}
