//! `/sign-in` and `/sign-out`: from a name and a password to a session, and back.
//!
//! The order matters: first it is looked whether name or network are locked out, then the failure is counted, then the password
//! is hashed, and only where it fits is the failure taken back ([`LockOut`]). An unknown name takes the same statements and the
//! same hash as a wrong password, and is answered in the same words.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::super::client_address::ClientAddress;
use super::super::problem::{Problem, retry_after_s};
use super::cookie::{self, Kind};
use super::csrf::{CsrfForm, CsrfToken, VisitForm};
use super::layout::private_page;
use super::next::NextPath;
use super::see_other;
use super::session::{SignedIn, Visit};
use crate::Error;
use crate::accounts::admin::{IdentityProvider, LockOut, PasswordHash, SecretToken, SignInName, TypedPassword};
use crate::app::App;
use crate::audit::{self, Actor, Chain, Event, Record, RefusalReason};
use crate::store::admins::{self, Admin};
use crate::store::sign_in_failures::Failures;
use crate::store::{Tx, sign_in_failures, web_sessions};

#[derive(Template)]
#[template(path = "pages/sign-in/sign-in.html")]
struct SignInPage<'a> {
    base_path: &'a str,
    csrf: CsrfToken,
    next: &'a str,
    /// As it was typed.
    name: &'a str,
    /// Why nobody was signed in.
    fault: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(in crate::http) struct NextQuery {
    #[serde(default)]
    next: String,
}

/// The fields of the form. A password is never shown again, nor part of `Debug`.
#[derive(Deserialize)]
pub(in crate::http) struct Credentials {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// A form with a button and nothing else.
#[derive(Debug, Deserialize)]
pub(in crate::http) struct NoFields {}

/// `GET /sign-in`
pub(in crate::http) async fn show(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    query: Result<Query<NextQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    require_on(&app)?;
    let next = query.map(|Query(query)| query.next).unwrap_or_default();
    if SignedIn::find(&app, &headers).await?.is_some() {
        return Ok(see_other(&app, &next.parse().unwrap_or_else(|_| NextPath::home())));
    }
    form(&app, &headers, "", &next, None)
}

fn form(app: &App, headers: &HeaderMap, name: &str, next: &str, fault: Option<String>) -> Result<Response, Problem> {
    let visit = Visit::read_or_begin(app, headers)?;
    // Where it leads is checked again when it counts; what is no path of ours is not even carried along.
    let next = next.parse::<NextPath>().map(|next| next.as_str().to_owned()).unwrap_or_default();
    let csrf = visit.csrf()?;
    let mut response = private_page(&SignInPage { base_path: app.base_path(), csrf, next: &next, name, fault })?;
    visit.put_into(app, &mut response);
    Ok(response)
}

/// `POST /sign-in`
pub(in crate::http) async fn sign_in(
    State(app): State<Arc<App>>,
    address: ClientAddress,
    headers: HeaderMap,
    VisitForm(credentials): VisitForm<Credentials>,
) -> Result<Response, Problem> {
    require_on(&app)?;
    let shown: String = credentials.name.chars().take(64).collect();
    let again = |status: StatusCode, fault: String| {
        form(&app, &headers, &shown, &credentials.next, Some(fault)).map(|mut response| {
            *response.status_mut() = status;
            response
        })
    };
    let admin = match check(&app, address, &credentials.name, &credentials.password).await? {
        Checked::Fits(admin) => admin,
        Checked::Wrong => {
            // One text for every cause (OWASP Authentication Cheat Sheet, "Authentication and Error Messages").
            return again(StatusCode::FORBIDDEN, "Name or password are wrong.".into());
        }
        Checked::Locked(wait) => {
            let minutes = wait.as_secs().div_ceil(60);
            let unit = if minutes == 1 { "minute" } else { "minutes" };
            let fault = format!("Too many attempts failed. Try again in {minutes} {unit}.");
            let mut response = again(StatusCode::TOO_MANY_REQUESTS, fault)?;
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_s(wait)));
            return Ok(response);
        }
    };
    let mut tx = app.store().begin().await.map_err(Error::from)?;
    // Removed, or given another password, since it was checked.
    let still = admins::find_local(&mut tx, admin.0.name.as_str()).await.map_err(Error::from)?;
    if still.as_ref() != Some(&admin) {
        return again(StatusCode::FORBIDDEN, "Name or password are wrong.".into());
    }
    let session = begin_session(&app, &mut tx, &headers, &admin.0, Some(address.ip())).await?;
    tx.commit().await.map_err(Error::from)?;
    tracing::info!(admin.name = %admin.0.name, client.address = %address, "signed in");
    let next = credentials.next.parse().unwrap_or_else(|_| NextPath::home());
    Ok(with_session(&app, see_other(&app, &next), &session))
}

/// What became of a name and a password.
pub(super) enum Checked {
    /// They are this admin's.
    Fits((Admin, PasswordHash)),
    /// They are nobody's.
    Wrong,
    /// It was not looked: so long nobody can sign in with that name, or from that network.
    Locked(Duration),
}

/// One side of the lock-out, as it was before this attempt and with it.
struct Counted {
    rule: LockOut,
    subject: String,
    before: Failures,
    with: Failures,
}

impl Counted {
    async fn read(tx: &mut Tx, rule: LockOut, subject: String, now_ms: i64) -> Result<Self, Error> {
        let before = sign_in_failures::find(tx, &subject).await?;
        Ok(Self { rule, subject, before, with: rule.after_failure(before, now_ms) })
    }

    /// The attempt was none.
    async fn take_back(&self, tx: &mut Tx) -> Result<(), Error> {
        let known = sign_in_failures::find(tx, &self.subject).await?;
        Ok(sign_in_failures::set(tx, &self.subject, LockOut::without(known, self.with, self.before)).await?)
    }
}

/// Checks a name and a password, and counts the failure.
pub(super) async fn check(app: &App, address: ClientAddress, name: &str, password: &str) -> Result<Checked, Problem> {
    let name: Option<SignInName> = name.parse().ok();
    let password = TypedPassword::new(password);
    let now_ms = app.clock().now_ms();
    let key = app.web().subject_key();
    // What is no name is one name that nobody has: it must not be a way around the lock-out, nor fill the store.
    let named = LockOut::OF_NAME.subject(key, name.as_ref().map_or("", SignInName::as_str));
    let from = LockOut::OF_NETWORK.subject(key, &address.network().to_string());

    let mut tx = app.store().begin().await.map_err(Error::from)?;
    let of_name = Counted::read(&mut tx, LockOut::OF_NAME, named, now_ms).await?;
    let of_network = Counted::read(&mut tx, LockOut::OF_NETWORK, from, now_ms).await?;
    let both = [&of_name, &of_network];
    if let Some(wait) = both.iter().filter_map(|one| one.rule.wait(one.before, now_ms)).max() {
        drop(tx);
        tracing::info!(client.address = %address, wait_s = wait.as_secs(), "refused a sign-in while locked out");
        return Ok(Checked::Locked(wait));
    }
    for one in both {
        sign_in_failures::set(&mut tx, &one.subject, one.with).await.map_err(Error::from)?;
    }
    let found = admins::find_local(&mut tx, name.as_ref().map_or("", SignInName::as_str)).await.map_err(Error::from)?;
    tx.commit().await.map_err(Error::from)?;

    // Too long for a password: an empty one, which nobody has, takes the same work.
    let empty = || TypedPassword::new("").ok_or_else(Problem::internal);
    let is_too_long = password.is_none();
    let typed = password.map_or_else(empty, Ok)?;
    let fits = app.web().passwords().fits(&typed, found.as_ref().map(|(_, hash)| hash)).await;
    let fits = fits.map(|fits| fits && !is_too_long);
    if matches!(fits, Ok(false)) {
        refused(app, address, &of_name, &of_network, found.map(|(admin, _)| admin.name));
        return Ok(Checked::Wrong);
    }
    let mut tx = app.store().begin().await.map_err(Error::from)?;
    of_network.take_back(&mut tx).await?;
    if fits.is_ok() {
        sign_in_failures::delete(&mut tx, &of_name.subject).await.map_err(Error::from)?;
    } else {
        of_name.take_back(&mut tx).await?;
    }
    tx.commit().await.map_err(Error::from)?;
    // Too many at once: nothing was looked at.
    fits?;
    let Some((admin, hash)) = found else { return Ok(Checked::Wrong) };
    let hash = renewed(app, &admin, hash, &typed).await?;
    Ok(Checked::Fits((admin, hash)))
}

/// A hash of older parameters becomes one of today's: this is the moment at which the password is known.
async fn renewed(app: &App, admin: &Admin, hash: PasswordHash, typed: &TypedPassword) -> Result<PasswordHash, Problem> {
    if hash.is_current() {
        return Ok(hash);
    }
    let new = app.web().passwords().hash_typed(typed).await?;
    let mut db = app.store().connection().await.map_err(Error::from)?;
    admins::replace_hash(&mut db, admin.id, &hash, &new).await.map_err(Error::from)?;
    Ok(new)
}

/// The rows of a failure. Returns at once, for a known name as for an unknown one.
fn refused(app: &App, address: ClientAddress, of_name: &Counted, of_network: &Counted, name: Option<SignInName>) {
    let admin = name.map(|name| name.to_string());
    tracing::info!(client.address = %address, admin.is_known = admin.is_some(), "refused a sign-in");
    let ip: Option<IpAddr> = Some(address.ip());
    let ledger = app.ledger();
    ledger.sign_in_refused(ip, RefusalReason::SignInFailed, Event::SignInFailed { admin: admin.clone() });
    for (what, one, admin) in [("name", of_name, admin), ("network", of_network, None)] {
        if one.with.locked_until_ms > 0 {
            let until_ms = one.with.locked_until_ms;
            tracing::warn!(client.address = %address, what, "locked out after failed sign-ins");
            let event = Event::SignInLocked { what: what.into(), admin, until_ms };
            ledger.sign_in_refused(ip, RefusalReason::SignInLocked, event);
        }
    }
}

/// Begins a session under a token that nobody had before (session fixation, CWE-384), and ends the one that the browser had.
pub(super) async fn begin_session(
    app: &App,
    tx: &mut Tx,
    headers: &HeaderMap,
    admin: &Admin,
    address: Option<IpAddr>,
) -> Result<SecretToken, Error> {
    if let Some(old) = cookie::read(Kind::Session, app.web().origin(), headers) {
        web_sessions::delete(tx, &old.hash()).await?;
    }
    let (token, now_ms) = (SecretToken::generate()?, app.clock().now_ms());
    web_sessions::insert(tx, &token.hash(), admin.id, now_ms).await?;
    let (id, name) = (admin.id.to_string(), admin.name.to_string());
    let actor = Actor::Admin { id: id.clone(), name: name.clone() };
    let event = Event::SignedIn {
        admin: id,
        name,
        provider: IdentityProvider::Local.as_str().into(),
        session: token.hash().short().to_owned(),
    };
    audit::append(tx, Record::new(Chain::Platform, now_ms, actor, event).from(address)).await?;
    Ok(token)
}

/// The answer that gives the browser its session; the visit is over.
pub(super) fn with_session(app: &App, mut response: Response, session: &SecretToken) -> Response {
    let origin = app.web().origin();
    let cookies = [cookie::set(Kind::Session, origin, session), cookie::take_away(Kind::Visit, origin)];
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(axum::http::header::SET_COOKIE, cookie);
    }
    response
}

/// `POST /sign-out`
pub(in crate::http) async fn sign_out(
    State(app): State<Arc<App>>,
    address: ClientAddress,
    signed_in: SignedIn,
    CsrfForm(NoFields {}): CsrfForm<NoFields>,
) -> Result<Response, Problem> {
    let token = signed_in.secret().hash();
    let mut tx = app.store().begin().await.map_err(Error::from)?;
    if web_sessions::delete(&mut tx, &token).await.map_err(Error::from)? {
        let event = Event::SignedOut { session: token.short().to_owned() };
        let record = Record::new(Chain::Platform, app.clock().now_ms(), signed_in.actor(), event);
        audit::append(&mut tx, record.from(Some(address.ip()))).await.map_err(Error::from)?;
    }
    tx.commit().await.map_err(Error::from)?;
    tracing::info!(admin.name = %signed_in.name(), "signed out");
    Ok(without_session(&app))
}

/// To the sign-in page, without a session.
pub(super) fn without_session(app: &App) -> Response {
    let mut response = see_other(app, &NextPath::sign_in(None));
    if let Some(cookie) = cookie::take_away(Kind::Session, app.web().origin()) {
        response.headers_mut().append(axum::http::header::SET_COOKIE, cookie);
    }
    response
}

/// Where nobody can sign in, there is nothing.
pub(super) fn require_on(app: &App) -> Result<(), Problem> {
    if app.web().is_on() { Ok(()) } else { Err(Problem::not_found()) }
}
