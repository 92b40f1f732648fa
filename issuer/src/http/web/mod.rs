//! Pages for people: server-rendered, one style sheet, one small script. Every page works with nothing but HTML.

pub(super) mod assets;
mod layout;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, HeaderValue, VARY};
use axum::response::Response;
use driftwise_contract::IssuerUrl;
use driftwise_contract::wire::FederationInfo;

use self::layout::page;
use super::api::discovery::answer;
use super::problem::Problem;
use crate::app::App;

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

/// Browsers name `text/html`; programs say `*/*`, `application/json` or nothing.
fn wants_html(headers: &HeaderMap) -> bool {
    let ranges =
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    ranges
        .map(|range| range.split(';').next().unwrap_or_default().trim())
        .any(|range| range.eq_ignore_ascii_case("text/html"))
}
