//! `/account`: who is signed in, another password, and the end of all sessions.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::super::client_address::ClientAddress;
use super::super::problem::Problem;
use super::csrf::{CsrfForm, CsrfToken};
use super::layout::private_page;
use super::next::NextPath;
use super::see_other;
use super::session::SignedIn;
use super::sign_in::{Checked, NoFields, begin_session, check, with_session, without_session};
use crate::Error;
use crate::accounts::admin::{NewPassword, PASSWORD_CHARACTERS_MIN, TypedPassword};
use crate::app::App;
use crate::audit::{self, Chain, Event, Record};
use crate::clock::rfc3339;
use crate::store::{admin_links, admins, web_sessions};

#[derive(Template)]
#[template(path = "pages/sign-in/account.html")]
struct AccountPage<'a> {
    base_path: &'a str,
    csrf: CsrfToken,
    name: &'a str,
    since: String,
    sessions: i64,
    characters_min: usize,
    faults: Faults,
}

#[derive(Debug, Default)]
struct Faults {
    current: Option<String>,
    password: Option<String>,
    again: Option<String>,
}

/// The fields of the form, none of which is part of `Debug`.
#[derive(Deserialize)]
pub(in crate::http) struct Change {
    #[serde(default)]
    current: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    again: String,
}

impl std::fmt::Debug for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Change(…)")
    }
}

/// `GET /account`
pub(in crate::http) async fn show(State(app): State<Arc<App>>, signed_in: SignedIn) -> Result<Response, Problem> {
    page(&app, &signed_in, Faults::default()).await
}

async fn page(app: &App, signed_in: &SignedIn, faults: Faults) -> Result<Response, Problem> {
    let (begun_ms, seen_ms) = app.web().ended_ms(app.clock().now_ms());
    let mut db = app.store().connection().await.map_err(Error::from)?;
    let sessions =
        web_sessions::count_of_admin(&mut db, signed_in.admin(), begun_ms, seen_ms).await.map_err(Error::from)?;
    drop(db);
    let is_faulty = faults.current.is_some() || faults.password.is_some() || faults.again.is_some();
    let mut response = private_page(&AccountPage {
        base_path: app.base_path(),
        csrf: signed_in.csrf()?,
        name: signed_in.name().as_str(),
        since: rfc3339(signed_in.since_ms().div_euclid(1000)),
        sessions,
        characters_min: PASSWORD_CHARACTERS_MIN,
        faults,
    })?;
    if is_faulty {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

/// `POST /account/password`: another password. Every other session ends, and this one gets a new token.
pub(in crate::http) async fn change_password(
    State(app): State<Arc<App>>,
    address: ClientAddress,
    headers: HeaderMap,
    signed_in: SignedIn,
    CsrfForm(change): CsrfForm<Change>,
) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let fault = |text: &str| Some(text.to_owned());
    if change.password != change.again {
        faults.again = fault("this is not the password above; type both once more");
    }
    let new = match TypedPassword::new(&change.password).map(|typed| NewPassword::new(typed, signed_in.name())) {
        Some(Ok(new)) => Some(new),
        Some(Err(cause)) => {
            faults.password = Some(cause.to_string());
            None
        }
        None => {
            faults.password = fault("it is longer than 1,024 bytes");
            None
        }
    };
    let (Some(new), None) = (new, &faults.again) else { return page(&app, &signed_in, faults).await };
    // Counted like a sign-in: who found an open browser must not guess on.
    let current = match check(&app, address, signed_in.name().as_str(), &change.current).await? {
        Checked::Fits(current) if current.0.id == signed_in.admin() => current,
        Checked::Fits(_) | Checked::Wrong => {
            faults.current = fault("this is not your password");
            return page(&app, &signed_in, faults).await;
        }
        Checked::Locked(wait) => return Err(Error::TooOften { wait }.into()),
    };
    let hash = app.web().passwords().hash(&new).await?;
    let (now_ms, admin) = (app.clock().now_ms(), current.0.clone());
    let mut tx = app.store().begin().await.map_err(Error::from)?;
    let still = admins::find_local(&mut tx, admin.name.as_str()).await.map_err(Error::from)?;
    if still != Some(current) {
        faults.current = fault("it was changed a moment ago");
        return page(&app, &signed_in, faults).await;
    }
    admins::set_password(&mut tx, admin.id, &hash, now_ms).await.map_err(Error::from)?;
    admin_links::delete_of_admin(&mut tx, admin.id).await.map_err(Error::from)?;
    web_sessions::delete_of_admin(&mut tx, admin.id).await.map_err(Error::from)?;
    let event = Event::AdminPasswordSet { admin: admin.id.to_string(), name: admin.name.to_string() };
    let record = Record::new(Chain::Platform, now_ms, signed_in.actor(), event).from(Some(address.ip()));
    audit::append(&mut tx, record).await.map_err(Error::from)?;
    let session = begin_session(&app, &mut tx, &headers, &admin, Some(address.ip())).await?;
    tx.commit().await.map_err(Error::from)?;
    tracing::info!(admin.name = %admin.name, "changed a password");
    Ok(with_session(&app, see_other(&app, &NextPath::home()), &session))
}

/// `POST /sign-out/everywhere`: the end of every session of who is signed in.
pub(in crate::http) async fn sign_out_everywhere(
    State(app): State<Arc<App>>,
    address: ClientAddress,
    signed_in: SignedIn,
    CsrfForm(NoFields {}): CsrfForm<NoFields>,
) -> Result<Response, Problem> {
    let now_ms = app.clock().now_ms();
    let mut tx = app.store().begin().await.map_err(Error::from)?;
    let sessions = web_sessions::delete_of_admin(&mut tx, signed_in.admin()).await.map_err(Error::from)?;
    let (admin, name) = (signed_in.admin().to_string(), signed_in.name().to_string());
    let event = Event::AdminSignedOut { admin, name, sessions };
    let record = Record::new(Chain::Platform, now_ms, signed_in.actor(), event).from(Some(address.ip()));
    audit::append(&mut tx, record).await.map_err(Error::from)?;
    tx.commit().await.map_err(Error::from)?;
    tracing::info!(admin.name = %signed_in.name(), sessions, "signed out everywhere");
    Ok(without_session(&app))
}
