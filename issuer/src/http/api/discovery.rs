//! Discovery, JWKS and federation-info of the shared issuer and of the orgs' own: bytes made before anyone asks.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, DATE, ETAG, HeaderValue, IF_NONE_MATCH,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use driftwise_contract::OrgId;

use super::super::date;
use super::super::problem::Problem;
use super::path_word::PathWord;
use crate::Error;
use crate::app::App;
use crate::federation::{Document, Documents};

// The request is taken whole where only its headers are needed: taken alone, they would be copied.

/// `GET /.well-known/openid-configuration`
pub(in crate::http) async fn openid_configuration(State(app): State<Arc<App>>, request: Request) -> Response {
    answer(&app, &app.publications().shared().discovery, request.headers())
}

/// `GET /.well-known/jwks.json`
pub(in crate::http) async fn jwks(State(app): State<Arc<App>>, request: Request) -> Response {
    answer(&app, &app.publications().shared().jwks, request.headers())
}

/// `GET /api/v2/federation-info`
pub(in crate::http) async fn federation_info(State(app): State<Arc<App>>, request: Request) -> Response {
    answer(&app, &app.publications().shared().federation_info, request.headers())
}

/// `GET /orgs/{org_id}/.well-known/openid-configuration`
pub(in crate::http) async fn openid_configuration_of_org(
    State(app): State<Arc<App>>,
    PathWord(org): PathWord,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    answer_of_org(&app, &org, &headers, |documents| &documents.discovery)
}

/// `GET /orgs/{org_id}/.well-known/jwks.json`
pub(in crate::http) async fn jwks_of_org(
    State(app): State<Arc<App>>,
    PathWord(org): PathWord,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    answer_of_org(&app, &org, &headers, |documents| &documents.jwks)
}

/// `GET /orgs/{org_id}/federation-info`
pub(in crate::http) async fn federation_info_of_org(
    State(app): State<Arc<App>>,
    PathWord(org): PathWord,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    answer_of_org(&app, &org, &headers, |documents| &documents.federation_info)
}

/// An org without an issuer of its own is not told from one that does not exist: both are nothing that is served.
fn answer_of_org(
    app: &App,
    org: &str,
    headers: &HeaderMap,
    document: fn(&Documents) -> &Document,
) -> Result<Response, Problem> {
    let publications = app.publications();
    // AWS compares issuers to the letter: an org is served under the one spelling of its id.
    let org = org.parse::<OrgId>().ok().filter(|id| id.to_string() == org);
    match org.and_then(|org| publications.org(org)) {
        None => Err(Problem::not_found()),
        Some(Err(error)) => Err(Error::from(error).into()),
        Some(Ok(documents)) => Ok(answer(app, document(documents), headers)),
    }
}

/// How many headers an answer has: room is made for them at once.
const HEADERS: usize = 6;

/// The document, or 304 where the caller has it (RFC 9110, section 13.1.2). Anyone may read it, scripts of any page too.
pub(in crate::http) fn answer(app: &App, document: &Document, request: &HeaderMap) -> Response {
    let mut response = if is_known(document, request) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        // Shares the bytes: nothing is copied.
        let mut response = Response::new(Body::from(document.body.clone()));
        response.headers_mut().reserve(HEADERS);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(document.media_type));
        response
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(document.cache_control));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(date) = date::header(app.clock().now_s()) {
        headers.insert(DATE, date);
    }
    // Hexadecimal digits in quotes are always a header's value.
    if let Ok(etag) = HeaderValue::from_str(&document.etag) {
        headers.insert(ETAG, etag);
    }
    response
}

fn is_known(document: &Document, request: &HeaderMap) -> bool {
    let known =
        request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    known.map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == document.etag)
}
