//! The files that pages load: the style sheet, the script, the icon. They are part of the program, so that a page and its
//! files are of one version; an `ETag` lets browsers keep them, and a new version of the program is taken up at once.

use std::fmt::Write as _;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, IF_NONE_MATCH};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

/// Where the style sheet lies.
pub(in crate::http) const STYLE_PATH: &str = "/assets/style.css";
/// Where the script lies. Pages work without it.
pub(in crate::http) const SCRIPT_PATH: &str = "/assets/page.js";
/// Where the icon lies.
pub(in crate::http) const ICON_PATH: &str = "/assets/icon.svg";

/// `GET /assets/style.css`
pub(in crate::http) async fn style(headers: HeaderMap) -> Response {
    asset("text/css; charset=utf-8", include_str!("../../../../templates/pages/assets/style.css"), &headers)
}

/// `GET /assets/page.js`
pub(in crate::http) async fn script(headers: HeaderMap) -> Response {
    asset("text/javascript; charset=utf-8", include_str!("../../../../templates/pages/assets/page.js"), &headers)
}

/// `GET /assets/icon.svg`
pub(in crate::http) async fn icon(headers: HeaderMap) -> Response {
    asset("image/svg+xml", include_str!("../../../../templates/pages/assets/icon.svg"), &headers)
}

/// The file, or 304 where the browser has it already (RFC 9110, section 13.1.2).
fn asset(media_type: &'static str, content: &'static str, headers: &HeaderMap) -> Response {
    let etag = etag(content);
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known.flat_map(|list| list.split(',')).any(|one| one.trim().trim_start_matches("W/") == etag);
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, media_type)], content).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Hex between quotes, so it always is a header's value.
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(ETAG, etag);
    }
    response
}

fn etag(content: &str) -> String {
    let digest = Sha256::digest(content.as_bytes());
    let mut etag = String::from("\"");
    for byte in digest.iter().take(12) {
        // Writing to a string can't fail.
        let _ = write!(etag, "{byte:02x}");
    }
    etag.push('"');
    etag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_browser_that_has_a_file_is_not_sent_it_again() {
        let first = style(HeaderMap::new()).await;
        assert_eq!(first.status(), StatusCode::OK);
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
        assert_eq!(style(headers.clone()).await.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(script(headers).await.status(), StatusCode::OK, "another file");
    }

    #[test]
    fn the_script_writes_no_markup_and_runs_no_text() {
        let script = include_str!("../../../../templates/pages/assets/page.js");
        for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", ".style."]
        {
            assert!(!script.contains(sink), "{sink}");
        }
    }
}
