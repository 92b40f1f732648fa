//! Pages for people: server-rendered, one style sheet, one small script. Every page works with nothing but HTML.

pub(super) mod account;
pub(super) mod assets;
mod cookie;
mod csrf;
mod layout;
pub(super) mod link;
mod next;
mod session;
pub(super) mod setup;
pub(super) mod sign_in;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::header::{ACCEPT, CACHE_CONTROL, HeaderValue, LOCATION, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use driftwise_contract::IssuerUrl;
use driftwise_contract::wire::FederationInfo;

use self::layout::page;
use self::next::NextPath;
use super::api::discovery::answer;
use super::problem::Problem;
use crate::app::App;

pub(super) use self::layout::private_page;
pub(crate) use self::session::WebSettings;

/// Where people sign in.
pub(super) const SIGN_IN_PATH: &str = "/sign-in";
/// Where they go after that, unless a page sent them.
const HOME_PATH: &str = "/orgs";

#[derive(Template)]
#[template(path = "pages/index.html")]
struct IndexPage<'a> {
    base_path: &'a str,
    issuer: &'a IssuerUrl,
}

#[derive(Template)]
#[template(path = "pages/federation-info.html")]
struct FederationInfoPage<'a> {
    base_path: &'a str,
    info: &'a FederationInfo,
}

/// `GET /`
pub(super) async fn index(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    page(&IndexPage { base_path: app.base_path(), issuer: &app.settings().issuer })
}

/// `GET /federation-info`: a page for browsers, JSON for programs.
pub(super) async fn federation_info(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    let mut response = if wants_html(&headers) {
        page(&FederationInfoPage { base_path: app.base_path(), info: &app.publications().shared().info })?
    } else {
        answer(&app, &app.publications().shared().federation_info, &headers)
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// Sends the browser to a page of ours, which it asks for with `GET` (RFC 9110, section 15.4.4).
fn see_other(app: &App, to: &NextPath) -> Response {
    let location = HeaderValue::from_str(&format!("{}{to}", app.base_path()));
    // Both parts are plain ASCII.
    location.map_or_else(
        |_| Problem::internal().into_response(),
        |location| {
            let headers = [(LOCATION, location), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
            (StatusCode::SEE_OTHER, headers).into_response()
        },
    )
}

/// Whether an error is told as a page: to browsers, but not below the paths of programs.
pub(super) fn wants_page(path: &str, headers: &HeaderMap, base_path: &str) -> bool {
    let path = path.strip_prefix(base_path).unwrap_or(path);
    let is_for_programs = ["/api/", "/oauth2/", "/.well-known/"].iter().any(|prefix| path.starts_with(prefix));
    !is_for_programs && wants_html(headers)
}

/// Browsers name `text/html`; programs say `*/*`, `application/json` or nothing.
fn wants_html(headers: &HeaderMap) -> bool {
    let ranges =
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    ranges
        .map(|range| range.split(';').next().unwrap_or_default().trim())
        .any(|range| range.eq_ignore_ascii_case("text/html"))
}
