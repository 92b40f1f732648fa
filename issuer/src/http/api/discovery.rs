//! Discovery, JWKS and federation-info: bytes made at start.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

use crate::app::App;
use crate::federation::Document;

/// `GET /.well-known/openid-configuration`
pub(in crate::http) async fn openid_configuration(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    answer(&app.documents().discovery, "application/json", "public, max-age=3600", &headers)
}

/// `GET /.well-known/jwks.json`
pub(in crate::http) async fn jwks(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    // RFC 7517, section 8.5.
    answer(
        &app.documents().jwks,
        "application/jwk-set+json",
        "public, max-age=300, stale-while-revalidate=3600",
        &headers,
    )
}

/// `GET /api/v2/federation-info`
pub(in crate::http) async fn federation_info(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    answer(&app.documents().federation_info, "application/json", "public, max-age=300", &headers)
}

/// The document, or 304 where the caller has it (RFC 9110, section 13.1.2).
pub(in crate::http) fn answer(
    document: &Document,
    media_type: &'static str,
    caching: &'static str,
    request: &HeaderMap,
) -> Response {
    let validators = [(ETAG, document.etag.clone()), (CACHE_CONTROL, caching.to_owned())];
    let known =
        request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    let is_known = known.map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == document.etag);
    if is_known {
        (StatusCode::NOT_MODIFIED, validators).into_response()
    } else {
        (validators, [(CONTENT_TYPE, media_type)], document.body.clone()).into_response()
    }
}
