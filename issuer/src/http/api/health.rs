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
/// publishes. What the store said holds for a second.
pub(in crate::http) async fn ready(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Problem> {
    if !app.readiness().is_ready(&app).await {
        return Err(Problem::not_ready());
    }
    Ok(([(CACHE_CONTROL, "no-store")], "ready\n"))
}
