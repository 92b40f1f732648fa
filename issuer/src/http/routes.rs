//! The table of contents: every route, who may call it, and what surrounds them all.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, post};
use driftwise_contract::wire::paths;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use super::problem::Problem;
use super::{api, frame, web};
use crate::app::App;

/// A form with an assertion takes about 2 KiB.
const BODY_SIZE_MAX_BYTES: usize = 64 * 1024;

/// Method, path and caller of every route; a test holds [`router`] and a table of wrong callers to it.
///
/// | route | caller |
/// |---|---|
/// | `GET /` | anyone |
/// | `GET /assets/style.css` | anyone |
/// | `GET /.well-known/openid-configuration` | anyone |
/// | `GET /.well-known/jwks.json` | anyone |
/// | `GET /federation-info` | anyone |
/// | `GET /api/v2/federation-info` | anyone |
/// | `POST /oauth2/token` | an agent, by client assertion |
/// | `POST /api/v2/agents/enrol` | the holder of an enrolment code |
/// | `GET /api/v2/agent` | an agent, by client assertion as bearer token |
/// | `GET /healthz` | anyone |
/// | `GET /readyz` | anyone |
fn table() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(web::index))
        .route(web::STYLE_PATH, get(web::style))
        .route(paths::DISCOVERY, get(api::discovery::openid_configuration))
        .route(paths::JWKS, get(api::discovery::jwks))
        .route(paths::FEDERATION_INFO, get(web::federation_info))
        .route(paths::FEDERATION_INFO_V2, get(api::discovery::federation_info))
        .route(paths::TOKEN, post(api::token::issue))
        .route(paths::ENROL, post(api::agents::enrol))
        .route(paths::AGENT, get(api::agents::show))
        .route("/healthz", get(api::health::alive))
        .route("/readyz", get(api::health::ready))
}

/// The routes at the root, and below the issuer URL's path where it has one: a proxy may pass the path on or take it away.
pub(super) fn router(app: Arc<App>) -> Router {
    let mut router = table();
    let base_path = app.base_path();
    if !base_path.is_empty() {
        router = router.nest(base_path, table());
    }
    router
        .fallback(|| async { Problem::not_found() })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(DefaultBodyLimit::max(BODY_SIZE_MAX_BYTES))
        .layer(CatchPanicLayer::custom(frame::after_panic))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, frame::REQUEST_TIMEOUT))
        .layer(axum::middleware::from_fn_with_state(app.clone(), frame::finish))
        .layer(TraceLayer::new_for_http().make_span_with(frame::span))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .with_state(app)
}
