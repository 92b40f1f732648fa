//! What every page has around it: the headers that keep foreign content out, and the way from a template to an answer.
//!
//! To add a page: a template below `templates/pages/` that extends `pages/base.html`, a struct with values ready to be shown, and
//! [`page`]. A page has no inline script or style: the policy forbids both.

use askama::Template;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue};
use axum::response::{Html, IntoResponse as _, Response};

use crate::http::problem::Problem;

/// Everything of a page is the issuer's own. Scripts may write no markup (Trusted Types), nobody frames a page, and a form
/// goes to the issuer only.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// A page that anybody may see and that shows nothing of anybody.
pub(in crate::http) fn page(template: &impl Template) -> Result<Response, Problem> {
    render(template, "no-cache")
}

/// A page for one person: no cache keeps it, and the back button after signing out shows nothing.
pub(in crate::http) fn private_page(template: &impl Template) -> Result<Response, Problem> {
    render(template, "no-store")
}

fn render(template: &impl Template, cache: &'static str) -> Result<Response, Problem> {
    let html = template.render().map_err(|error| {
        tracing::error!(error = %error, "a page failed to render");
        Problem::internal()
    })?;
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, cache),
        // `no-referrer` would make browsers send a form with `Origin: null` (Fetch standard, "append a request Origin header").
        (HeaderName::from_static("referrer-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let mut response = Html(html).into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}
