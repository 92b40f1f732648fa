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

/// `GET /readyz`: the store answers, the audit log takes rows, and there is an active key that this issuer may sign with and
/// publishes.
pub(in crate::http) async fn ready(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Problem> {
    app.keyring().readiness().map_err(|reason| {
        tracing::warn!(reason = %reason, "not ready: the signing keys");
        Problem::not_ready()
    })?;
    app.store().check().await.map_err(|error| {
        tracing::error!(error = %error, "not ready: the store");
        Problem::not_ready()
    })?;
    if !app.ledger().is_writing() {
        tracing::error!("not ready: the last audit rows could not be written; the error of that commit says why");
        return Err(Problem::not_ready());
    }
    if !app.ledger().is_running() {
        tracing::error!("not ready: the audit log's writer has ended, so no token can leave; start the issuer anew");
        return Err(Problem::not_ready());
    }
    Ok(([(CACHE_CONTROL, "no-store")], "ready\n"))
}
