//! What surrounds every handler: the log span, the Date header by the issuer's clock, security headers, and the body of an
//! error, which needs the request id.

use std::any::Any;
use std::sync::Arc;

use axum::body::HttpBody as _;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE, DATE, HeaderName, HeaderValue};
use axum::http::{Extensions, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tower_http::request_id::RequestId;

use super::client_address::ClientAddress;
use super::date;
use super::problem::Problem;
use super::routes::ROUTES;
use crate::app::App;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Neither query nor headers: they may hold secrets.
pub(super) fn span<B>(request: &Request<B>) -> tracing::Span {
    let request_id = request_id(request.extensions());
    let client = request.extensions().get::<ClientAddress>().map(ToString::to_string).unwrap_or_default();
    tracing::info_span!(
        "request", method = %request.method(), path = request.uri().path(), request.id = request_id,
        client.address = client
    )
}

fn request_id(extensions: &Extensions) -> String {
    let id = extensions.get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
    // There always is one: the caller's or a made one, and both are plain.
    id.unwrap_or("none").to_owned()
}

/// A caller may bring one request id of its own. What is no plain word is dropped, so that one is made: log, body and
/// header then name the same.
pub(super) async fn drop_strange_request_id(mut request: Request, next: Next) -> Response {
    let mut ids = request.headers().get_all(REQUEST_ID).iter();
    let keep = match (ids.next(), ids.next()) {
        (Some(id), None) => is_plain(id.as_bytes()),
        _ => false,
    };
    if !keep {
        request.headers_mut().remove(REQUEST_ID);
    }
    next.run(request).await
}

fn is_plain(id: &[u8]) -> bool {
    (1..=64).contains(&id.len()) && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// Refuses a body that announces that it is too large before it is sent. One that doesn't is cut off by axum's own limit.
pub(super) async fn refuse_large_body(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if request.body().size_hint().lower() > app.limits().body_bytes as u64 {
        return Problem::too_large().into_response();
    }
    next.run(request).await
}

/// Completes every answer.
pub(super) async fn finish(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let request_id = request_id(request.extensions());
    let (route, method, began) = (route(&app, &request), method(&request), app.clock().uptime());
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let allow = response.headers_mut().remove(ALLOW);
        response = problem.with_request_id(&request_id);
        // RFC 9110, section 15.5.6: a 405 says what would be allowed.
        if let Some(allow) = allow {
            response.headers_mut().insert(ALLOW, allow);
        }
    } else if response.status().is_server_error() && !response.headers().contains_key(CONTENT_TYPE) {
        // The time-out layer answers with an empty body.
        response = Problem::timeout().with_request_id(&request_id);
    }
    let took = app.clock().uptime().saturating_sub(began);
    app.metrics().http.answered(route, method, response.status().as_u16(), took);
    let headers = response.headers_mut();
    // By the issuer's clock, against which assertions are checked: a caller can tell how far its own is off.
    if let Some(date) = date::header(app.clock().now_s()) {
        headers.insert(DATE, date);
    }
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    headers.insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"));
    response
}

/// The route as the table writes it; `none` for a path that is not served.
fn route(app: &App, request: &Request) -> &'static str {
    let matched = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let below_base = matched.strip_prefix(app.base_path()).unwrap_or(matched);
    let found = ROUTES.iter().find(|route| route.path == matched || route.path == below_base);
    found.map_or("none", |route| route.path)
}

/// The method, where it is one that is served: a caller can make up others without end.
fn method(request: &Request) -> &'static str {
    match *request.method() {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// A panic is a fault of ours: the caller learns the request id only.
#[expect(clippy::needless_pass_by_value, reason = "the signature is tower-http's")]
pub(super) fn after_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message");
    tracing::error!(message, "a handler panicked");
    Problem::internal().into_response()
}
