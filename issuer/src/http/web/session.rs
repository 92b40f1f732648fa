//! Who is signed in, as extractors: [`SignedIn`] for pages of an admin, [`Visit`] for forms before that.
//!
//! A session ends when it was not used for [`crate::config::Web::session_idle`], when it is older than
//! [`crate::config::Web::session_lifetime`], at signing out, when its admin is removed, gets a new password or is signed out by the
//! command line. Each is looked up in the store at every request, so that an end is an end on every replica at once.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use driftwise_contract::OrgId;

use super::super::problem::Problem;
use super::cookie::{self, Kind};
use super::csrf::CsrfToken;
use super::next::NextPath;
use super::see_other;
use crate::Error;
use crate::accounts::Pepper;
use crate::accounts::admin::{AdminId, Passwords, SecretToken, SignInName, SubjectKey};
use crate::app::App;
use crate::audit::Actor;
use crate::config::{Web, WebOrigin};
use crate::store::web_sessions::{self, LAST_SEEN_PERIOD_MS, WebSession};
use crate::store::{Connection, orgs};

/// An admin who is signed in. Who is not is sent to sign in, and comes back to the page afterwards.
#[derive(Debug, Clone)]
pub(in crate::http) struct SignedIn(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    session: WebSession,
    secret: SecretToken,
}

impl SignedIn {
    /// Who it is.
    pub(in crate::http) fn admin(&self) -> AdminId {
        self.0.session.admin
    }

    /// Their name.
    pub(in crate::http) fn name(&self) -> &SignInName {
        &self.0.session.name
    }

    /// Since when, epoch milliseconds.
    pub(in crate::http) fn since_ms(&self) -> i64 {
        self.0.session.created_at_ms
    }

    /// The hidden field `csrf` of a form on the page.
    pub(in crate::http) fn csrf(&self) -> Result<CsrfToken, Problem> {
        Ok(CsrfToken::of(&self.0.secret)?)
    }

    /// Who does what the request does, for the audit log.
    pub(in crate::http) fn actor(&self) -> Actor {
        Actor::Admin { id: self.admin().to_string(), name: self.name().to_string() }
    }

    /// The org that the path names, with the right to touch its rows: admins have the operator's rights, and see every org.
    pub(in crate::http) async fn org(&self, db: &mut Connection, org_in_path: &str) -> Result<orgs::Org, Problem> {
        let id = org_in_path.parse::<OrgId>().map_err(|_| Problem::not_found())?;
        orgs::find(db, id).await.map_err(Error::from)?.ok_or_else(Problem::not_found)
    }

    /// The secret in the session's cookie.
    pub(super) fn secret(&self) -> &SecretToken {
        &self.0.secret
    }

    /// The session of a request, where it has a live one.
    pub(super) async fn find(app: &App, headers: &HeaderMap) -> Result<Option<Self>, Error> {
        if !app.web().is_on() {
            return Ok(None);
        }
        let Some(secret) = cookie::read(Kind::Session, app.web().origin(), headers) else { return Ok(None) };
        let token = secret.hash();
        let mut db = app.store().connection().await?;
        let Some(session) = web_sessions::find(&mut db, &token).await? else { return Ok(None) };
        let now_ms = app.clock().now_ms();
        if !app.web().is_live(&session, now_ms) {
            return Ok(None);
        }
        if session.last_seen_at_ms <= now_ms - LAST_SEEN_PERIOD_MS {
            web_sessions::note_use(&mut db, &token, now_ms).await?;
        }
        Ok(Some(Self(Arc::new(Inner { session, secret }))))
    }
}

impl FromRequestParts<Arc<App>> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        // Looked up once per request, by whichever extractor comes first.
        if let Some(found) = parts.extensions.get::<Self>() {
            return Ok(found.clone());
        }
        if !app.web().is_on() {
            return Err(Problem::not_found().into_response());
        }
        match Self::find(app, &parts.headers).await {
            Ok(Some(found)) => {
                parts.extensions.insert(found.clone());
                Ok(found)
            }
            Ok(None) => {
                // What a form held is lost with the session; only a page can be come back to.
                let is_page = parts.method == Method::GET || parts.method == Method::HEAD;
                let next = NextPath::of(&parts.uri).filter(|_| is_page);
                Err(see_other(app, &NextPath::sign_in(next.as_ref())))
            }
            Err(error) => Err(Problem::from(error).into_response()),
        }
    }
}

/// A browser at a form before anybody is signed in, known by a cookie of its own that admits to nothing.
#[derive(Debug)]
pub(super) struct Visit {
    secret: SecretToken,
    /// Whether the browser has the cookie already.
    is_known: bool,
}

impl Visit {
    /// The visit whose cookie came with the request.
    pub(super) fn read(app: &App, headers: &HeaderMap) -> Option<Self> {
        let secret = cookie::read(Kind::Visit, app.web().origin(), headers)?;
        Some(Self { secret, is_known: true })
    }

    /// The same, or a new one.
    pub(super) fn read_or_begin(app: &App, headers: &HeaderMap) -> Result<Self, Error> {
        match Self::read(app, headers) {
            Some(visit) => Ok(visit),
            None => Ok(Self { secret: SecretToken::generate()?, is_known: false }),
        }
    }

    pub(super) fn secret(&self) -> &SecretToken {
        &self.secret
    }

    /// The hidden field `csrf` of a form on the page.
    pub(super) fn csrf(&self) -> Result<CsrfToken, Problem> {
        Ok(CsrfToken::of(&self.secret)?)
    }

    /// Gives the browser the cookie, where it does not have it.
    pub(super) fn put_into(&self, app: &App, response: &mut Response) {
        if !self.is_known
            && let Some(cookie) = cookie::set(Kind::Visit, app.web().origin(), &self.secret)
        {
            response.headers_mut().append(axum::http::header::SET_COOKIE, cookie);
        }
    }
}

/// `[web]` as the pages need it.
#[derive(Debug)]
pub(crate) struct WebSettings {
    settings: Web,
    origin: WebOrigin,
    passwords: Passwords,
    subject_key: SubjectKey,
}

impl WebSettings {
    /// Of the configuration; `default_origin` is the issuer URL's.
    pub(crate) fn new(settings: Web, default_origin: WebOrigin, pepper: &Pepper) -> Result<Self, Error> {
        let origin = settings.origin.clone().unwrap_or(default_origin);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let passwords = Passwords::new(pepper, cores)?;
        Ok(Self { settings, origin, passwords, subject_key: SubjectKey::new(pepper) })
    }

    /// Where passwords are hashed.
    pub(super) fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    /// What names and networks are counted by.
    pub(super) fn subject_key(&self) -> &SubjectKey {
        &self.subject_key
    }

    /// Whether anybody can sign in.
    pub(crate) fn is_on(&self) -> bool {
        self.settings.sign_in
    }

    /// Where browsers find the pages.
    pub(crate) fn origin(&self) -> &WebOrigin {
        &self.origin
    }

    /// How long one-time links are valid.
    pub(crate) fn link_lifetime(&self) -> Duration {
        self.settings.link_lifetime
    }

    /// Sessions that began, or were last used, at or before these moments have ended.
    pub(crate) fn ended_ms(&self, now_ms: i64) -> (i64, i64) {
        let ago = |time: Duration| now_ms.saturating_sub(i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
        (ago(self.settings.session_lifetime), ago(self.settings.session_idle))
    }

    fn is_live(&self, session: &WebSession, now_ms: i64) -> bool {
        let (begun_ms, seen_ms) = self.ended_ms(now_ms);
        session.created_at_ms > begun_ms && session.last_seen_at_ms > seen_ms
    }
}
