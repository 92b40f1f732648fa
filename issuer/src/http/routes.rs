//! The table of contents: every route, who may call it, and what surrounds them all.

use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::routing::{MethodRouter, get, post};
use driftwise_contract::wire::paths;

use super::problem::Problem;
use super::{api, frame, public_documents, rate_limit, web};
use crate::accounts::ApiKeyScope;
use crate::accounts::admin::LINK_PATH;
use crate::app::App;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caller {
    /// Anyone: what it answers is public.
    Anyone,
    /// Anyone, as often as the rate limit allows: what it answers is made for them.
    AnyoneLimited,
    /// An agent, by client assertion.
    Agent,
    /// The holder of an enrolment code.
    CodeHolder,
    /// Somebody at a form before anybody is signed in: the form carries a token of the browser's visit.
    Visitor,
    /// The holder of a one-time link, which makes an admin or sets a password.
    LinkHolder,
    /// An admin who is signed in, by the session's cookie; what changes something, by a form of our own pages.
    Admin,
    /// The holder of an API key of the org in the path, with that scope.
    ApiKey(ApiKeyScope),
}

/// One route.
#[derive(Debug)]
pub struct Route {
    /// The method; a `GET` route answers `HEAD` too.
    pub method: Method,
    /// The path below the issuer URL.
    pub path: &'static str,
    /// Who may call it.
    pub caller: Caller,
    handler: fn() -> MethodRouter<Arc<App>>,
}

/// Whether the issuer can work.
pub(super) const READY: &str = "/readyz";

/// Every route. The router is made from this table, and a test holds each row to every wrong caller.
pub const ROUTES: &[Route] = &[
    public("/", || get(web::index)),
    public(web::assets::STYLE_PATH, || get(web::assets::style)),
    public(web::assets::SCRIPT_PATH, || get(web::assets::script)),
    public(web::assets::ICON_PATH, || get(web::assets::icon)),
    public(paths::DISCOVERY, || get(api::discovery::openid_configuration)),
    public(paths::JWKS, || get(api::discovery::jwks)),
    public(paths::FEDERATION_INFO, || get(web::federation_info)),
    public(paths::FEDERATION_INFO_V2, || get(api::discovery::federation_info)),
    public(paths::ORG_DISCOVERY, || get(api::discovery::openid_configuration_of_org)),
    public(paths::ORG_JWKS, || get(api::discovery::jwks_of_org)),
    public(paths::ORG_FEDERATION_INFO, || get(api::discovery::federation_info_of_org)),
    public("/healthz", || get(api::health::alive)),
    public(READY, || get(api::health::ready)),
    visitors(web::setup::PUBLIC_PATH, || get(web::setup::public)),
    visitors(web::setup::PUBLIC_DOWNLOAD_PATH, || get(web::setup::public_download)),
    visitors(web::setup::PUBLIC_BUNDLE_PATH, || get(web::setup::public_bundle)),
    visitors(web::setup::PUBLIC_LINT_PATH, || get(web::setup::public_lint_form)),
    Route {
        method: Method::POST,
        path: web::setup::PUBLIC_LINT_PATH,
        caller: Caller::AnyoneLimited,
        handler: || post(web::setup::public_lint),
    },
    Route { method: Method::POST, path: paths::TOKEN, caller: Caller::Agent, handler: || post(api::token::issue) },
    Route {
        method: Method::POST,
        path: paths::ENROL,
        caller: Caller::CodeHolder,
        handler: || post(api::agents::enrol),
    },
    Route { method: Method::GET, path: paths::AGENT, caller: Caller::Agent, handler: || get(api::agents::show) },
    Route {
        method: Method::POST,
        path: paths::AGENT_KEY,
        caller: Caller::Agent,
        handler: || post(api::agents::rotate_key),
    },
    Route {
        method: Method::POST,
        path: paths::CANARY_TOKEN,
        caller: Caller::Agent,
        handler: || post(api::proving::canary_token),
    },
    Route { method: Method::POST, path: paths::PROOF, caller: Caller::Agent, handler: || post(api::proving::report) },
    Route {
        method: Method::POST,
        path: paths::FEDERATION_TOKEN,
        caller: Caller::ApiKey(ApiKeyScope::CreateFederationToken),
        handler: || post(api::federation_token::create),
    },
    Route {
        method: Method::GET,
        path: paths::AUDIT_LOG,
        caller: Caller::ApiKey(ApiKeyScope::ReadAudit),
        handler: || get(api::audit::list),
    },
    Route {
        method: Method::GET,
        path: paths::AUDIT_LOG_VERIFY,
        caller: Caller::ApiKey(ApiKeyScope::ReadAudit),
        handler: || get(api::audit::check),
    },
    admins("/orgs", || get(web::setup::org::list)),
    admins("/orgs/{org_id}/setup", || get(web::setup::org::show)),
    admins("/orgs/{org_id}/setup/download", || get(web::setup::org::download_one)),
    admins("/orgs/{org_id}/setup/bundle", || get(web::setup::org::bundle)),
    admins("/orgs/{org_id}/setup/lint", || get(web::setup::org::lint_form)),
    Route {
        method: Method::POST,
        path: "/orgs/{org_id}/setup/lint",
        caller: Caller::Admin,
        handler: || post(web::setup::org::lint),
    },
    public(web::SIGN_IN_PATH, || get(web::sign_in::show)),
    Route {
        method: Method::POST,
        path: web::SIGN_IN_PATH,
        caller: Caller::Visitor,
        handler: || post(web::sign_in::sign_in),
    },
    Route { method: Method::GET, path: LINK_PATH, caller: Caller::LinkHolder, handler: || get(web::link::show) },
    Route { method: Method::POST, path: LINK_PATH, caller: Caller::LinkHolder, handler: || post(web::link::redeem) },
    Route { method: Method::GET, path: "/account", caller: Caller::Admin, handler: || get(web::account::show) },
    Route {
        method: Method::POST,
        path: "/account/password",
        caller: Caller::Admin,
        handler: || post(web::account::change_password),
    },
    Route { method: Method::POST, path: "/sign-out", caller: Caller::Admin, handler: || post(web::sign_in::sign_out) },
    Route {
        method: Method::POST,
        path: "/sign-out/everywhere",
        caller: Caller::Admin,
        handler: || post(web::account::sign_out_everywhere),
    },
];

const fn admins(path: &'static str, handler: fn() -> MethodRouter<Arc<App>>) -> Route {
    Route { method: Method::GET, path, caller: Caller::Admin, handler }
}

const fn public(path: &'static str, handler: fn() -> MethodRouter<Arc<App>>) -> Route {
    Route { method: Method::GET, path, caller: Caller::Anyone, handler }
}

const fn visitors(path: &'static str, handler: fn() -> MethodRouter<Arc<App>>) -> Route {
    Route { method: Method::GET, path, caller: Caller::AnyoneLimited, handler }
}

impl Route {
    pub(super) fn handler(&self) -> MethodRouter<Arc<App>> {
        (self.handler)()
    }
}

/// Every route but the public documents.
fn table(app: &Arc<App>) -> Router<Arc<App>> {
    let routes = ROUTES.iter().filter(|route| !public_documents::contains(route.path));
    routes.fold(Router::new(), |router, route| {
        let handler = match route.caller {
            // What is public is never refused: it is cheap.
            Caller::Anyone => route.handler(),
            _ => route.handler().layer(axum::middleware::from_fn_with_state(app.clone(), rate_limit::enforce)),
        };
        router.route(route.path, handler)
    })
}

/// The routes at the root, and below the issuer URL's path where it has one: a proxy may pass the path on or take it away.
pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = table(&app);
    let base_path = app.base_path();
    if !base_path.is_empty() {
        // The table's `/` becomes the path alone; with a slash it is the same page, which the pages link to.
        router = router.nest(base_path, table(&app)).route(&format!("{base_path}/"), get(web::index));
    }
    let router = router
        .fallback(|| async { Problem::not_found() })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() });
    surround(router, &app).merge(public_documents::router(&app, |refused| surround(refused, &app))).with_state(app)
}

/// What surrounds every route but the public documents.
fn surround(router: Router<Arc<App>>, app: &Arc<App>) -> Router<Arc<App>> {
    router.layer(axum::middleware::from_fn_with_state(app.clone(), frame::surround))
}
