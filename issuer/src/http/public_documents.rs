//! The public documents, outside of what surrounds every other route: they are asked for most, they are bytes that lie
//! ready, and there is nothing in their requests that could go wrong, take long or be worth a line in the log. A plain `GET` is
//! answered before there is any routing, for less than a handler costs that answers a constant.
//!
//! A method that they don't take is answered within the common frame like any other mistake.

use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use driftwise_contract::wire::paths;

use super::api::discovery;
use super::problem::Problem;
use super::routes;
use super::server::AtOnce;
use crate::app::App;

/// The routes that are served here; rows of the route table.
const PATHS: [&str; 3] = [paths::DISCOVERY, paths::JWKS, paths::FEDERATION_INFO_V2];

/// Whether a route is one of the public documents.
pub(super) fn contains(path: &str) -> bool {
    PATHS.contains(&path)
}

/// The answers to plain `GET`s of the public documents.
pub(crate) fn at_once(app: Arc<App>) -> AtOnce {
    Arc::new(move |request| {
        if request.method() != Method::GET {
            return None;
        }
        let path = request.uri().path();
        let path = path.strip_prefix(app.base_path()).filter(|path| contains(path)).unwrap_or(path);
        let publications = app.publications();
        let documents = publications.shared();
        let document = match path {
            paths::JWKS => &documents.jwks,
            paths::DISCOVERY => &documents.discovery,
            paths::FEDERATION_INFO_V2 => &documents.federation_info,
            _ => return None,
        };
        Some(discovery::answer(&app, document, request.headers()))
    })
}

/// The documents at the root, and below the issuer URL's path where it has one. `surround` is what every other route is in.
pub(super) fn router(app: &Arc<App>, surround: impl FnOnce(Router<Arc<App>>) -> Router<Arc<App>>) -> Router<Arc<App>> {
    let refused = Router::new().fallback(|| async { Problem::method_not_allowed() });
    let refused = surround(refused).with_state(app.clone());
    let mut router = Router::new();
    for route in routes::ROUTES.iter().filter(|route| contains(route.path)) {
        let documents = || route.handler().fallback_service(refused.clone());
        router = router.route(route.path, documents());
        if !app.base_path().is_empty() {
            router = router.route(&format!("{}{}", app.base_path(), route.path), documents());
        }
    }
    router
}
