//! What surrounds every handler: the log span, limits of time and size, the Date header by the issuer's clock, security
//! headers, and the body of an error, which needs the request id.
//!
//! It is one piece, not a stack of layers: each layer of a router costs several allocations per request, and eight of them cost
//! as much as verifying a quarter of a signature.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::body::HttpBody as _;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::header::{ALLOW, CONNECTION, DATE, HeaderName, HeaderValue};
use axum::http::{Method, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;
use tracing::Instrument as _;
use uuid::Uuid;

use super::body_watch::BodyWatch;
use super::client_address::ClientAddress;
use super::date;
use super::problem::Problem;
use super::routes::{READY, ROUTES};
use super::web;
use crate::app::App;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Surrounds a request.
pub(super) async fn surround(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let request_id = request_id(&request);
    let span = span(&request, &request_id);
    DefaultBodyLimit::max(app.limits().body_bytes).apply(&mut request);
    let (route, method, began) = (route(&app, &request), method(&request), app.clock().uptime());
    let took = || app.clock().uptime().saturating_sub(began);
    let answered = async {
        let wants_page = web::wants_page(request.uri().path(), request.headers(), app.base_path());
        let response = complete(&app, answer(&app, request, next).await, &request_id, wants_page);
        log_answer(&response, route, took());
        response
    };
    let mut response = answered.instrument(span).await;
    app.metrics().http.answered(route, method, response.status().as_u16(), took());
    // Plain, so it always is a header's value.
    if let Ok(request_id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, request_id);
    }
    response
}

/// The handler's answer, or what is said in its place: the body announces that it is too large, the handler panics or takes too
/// long.
async fn answer(app: &App, request: Request, next: Next) -> Response {
    // One that doesn't announce it is cut off by axum's own limit.
    if request.body().size_hint().lower() > app.limits().body_bytes as u64 {
        return Problem::too_large().into_response();
    }
    let is_http_1 = request.version() <= Version::HTTP_11;
    let (body, request) = BodyWatch::of(request);
    let handled = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(app.limits().request_timeout, handled).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => after_panic(&*panic),
        // What may still come of the body is not read. HTTP/2 ends the stream alone.
        Err(_) if body.is_awaited() && is_http_1 => {
            ([(CONNECTION, HeaderValue::from_static("close"))], Problem::body_timeout()).into_response()
        }
        Err(_) if body.is_awaited() => Problem::body_timeout().into_response(),
        Err(_) => Problem::timeout().into_response(),
    }
}

/// Neither query nor headers: they may hold secrets.
fn span(request: &Request, request_id: &str) -> tracing::Span {
    let client = request.extensions().get::<ClientAddress>().copied();
    tracing::info_span!(
        "request", method = %request.method(), path = request.uri().path(), request.id = request_id,
        client.address = client.map(tracing::field::display)
    )
}

/// A caller may bring one request id of its own. What is no plain word is dropped and one is made: log, body and header then
/// name the same.
fn request_id(request: &Request) -> String {
    let mut ids = request.headers().get_all(REQUEST_ID).iter();
    match (ids.next().and_then(|id| id.to_str().ok()), ids.next()) {
        (Some(id), None) if is_plain(id.as_bytes()) => id.to_owned(),
        _ => Uuid::new_v4().to_string(),
    }
}

fn is_plain(id: &[u8]) -> bool {
    (1..=64).contains(&id.len()) && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// Completes every answer.
fn complete(app: &App, mut response: Response, request_id: &str, wants_page: bool) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        // RFC 9110, sections 15.5.6 and 15.5.9: a 405 says what would be allowed, a 408 that the connection ends.
        let kept = [ALLOW, CONNECTION].map(|name| (response.headers_mut().remove(&name), name));
        response =
            if wants_page { problem.page(app.base_path(), request_id) } else { problem.with_request_id(request_id) };
        for (value, name) in kept {
            if let Some(value) = value {
                response.headers_mut().insert(name, value);
            }
        }
    }
    let headers = response.headers_mut();
    // By the issuer's clock, against which assertions are checked: a caller can tell how far its own is off.
    if let Some(date) = date::header(app.clock().now_s()) {
        headers.insert(DATE, date);
    }
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    // Pages say another one: with this, browsers hide the origin of a form.
    let referrer = HeaderName::from_static("referrer-policy");
    headers.entry(referrer).or_insert(HeaderValue::from_static("no-referrer"));
    response
}

/// What went wrong stands in lines of its own; this one says which answer the caller was given.
fn log_answer(response: &Response, route: &str, took: Duration) {
    let status = response.status();
    // Who asks for readiness asks again and again: there the log has the changes.
    if status.is_server_error() && route != READY {
        tracing::error!(status = status.as_u16(), took_ms = took.as_millis(), "the request failed");
    } else {
        tracing::debug!(status = status.as_u16(), took_ms = took.as_millis(), "answered");
    }
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
fn after_panic(panic: &(dyn Any + Send)) -> Response {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message");
    tracing::error!(message, "a handler panicked");
    Problem::internal().into_response()
}
