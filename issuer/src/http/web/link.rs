//! `/sign-in/link`: where one-time links lead. The first admin and who was invited choose a password and are signed in; an admin
//! gets a new password.
//!
//! Looking at the page uses nothing up; sending its form does, in the transaction that makes what the link is for.

use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::super::client_address::ClientAddress;
use super::super::problem::Problem;
use super::csrf::{CsrfToken, VisitForm};
use super::layout::private_page;
use super::next::NextPath;
use super::see_other;
use super::session::Visit;
use super::sign_in::{begin_session, require_on, with_session};
use crate::Error;
use crate::accounts::admin::{
    AdminId, IdentityProvider, LINK_PATH, LinkPurpose, LockOut, NewPassword, PASSWORD_CHARACTERS_MIN, SecretToken,
    SignInName, TypedPassword,
};
use crate::app::App;
use crate::audit::{self, Actor, Chain, Event, Record};
use crate::store::admin_links::{self, Link};
use crate::store::admins::{self, Admin};
use crate::store::{Tx, sign_in_failures, web_sessions};

#[derive(Template)]
#[template(path = "pages/sign-in/link.html")]
struct LinkPage<'a> {
    base_path: &'a str,
    path: &'a str,
    csrf: CsrfToken,
    token: String,
    title: &'a str,
    /// Whom it is for, where that is decided already.
    fixed_name: Option<&'a str>,
    /// As it was typed.
    name: &'a str,
    characters_min: usize,
    faults: Faults,
}

/// What is wrong with the form, each at its field.
#[derive(Debug, Default)]
struct Faults {
    name: Option<String>,
    password: Option<String>,
    again: Option<String>,
}

#[derive(Deserialize)]
pub(in crate::http) struct TokenQuery {
    #[serde(default)]
    token: String,
}

/// The fields of the form, none of which is part of `Debug`.
#[derive(Deserialize)]
pub(in crate::http) struct Chosen {
    #[serde(default)]
    token: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    again: String,
}

impl std::fmt::Debug for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Chosen(…)")
    }
}

/// `GET /sign-in/link`
pub(in crate::http) async fn show(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    query: Result<Query<TokenQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let text = query.map(|Query(query)| query.token).unwrap_or_default();
    let (token, link) = find(&app, &text).await?;
    form(&app, &headers, &token, &link, "", Faults::default())
}

/// The link of a token, which is not used up by that.
async fn find(app: &App, token: &str) -> Result<(SecretToken, Link), Problem> {
    require_on(app)?;
    let token = SecretToken::parse(token).ok_or_else(Problem::link_invalid)?;
    let mut db = app.store().connection().await.map_err(Error::from)?;
    let found = admin_links::find(&mut db, &token.hash(), app.clock().now_ms()).await.map_err(Error::from)?;
    let link = found.ok_or_else(Problem::link_invalid)?;
    if link.purpose == LinkPurpose::First && admins::any(&mut db).await.map_err(Error::from)? {
        return Err(Problem::link_invalid());
    }
    Ok((token, link))
}

fn form(
    app: &App,
    headers: &HeaderMap,
    token: &SecretToken,
    link: &Link,
    name: &str,
    faults: Faults,
) -> Result<Response, Problem> {
    let visit = Visit::read_or_begin(app, headers)?;
    let is_faulty = faults.name.is_some() || faults.password.is_some() || faults.again.is_some();
    let page = LinkPage {
        base_path: app.base_path(),
        path: LINK_PATH,
        csrf: visit.csrf()?,
        token: token.reveal(),
        title: match link.purpose {
            LinkPurpose::First => "The first admin",
            LinkPurpose::Invite => "Become an admin",
            LinkPurpose::Reset => "A new password",
        },
        fixed_name: link.name.as_ref().map(SignInName::as_str),
        name,
        characters_min: PASSWORD_CHARACTERS_MIN,
        faults,
    };
    let mut response = private_page(&page)?;
    if is_faulty {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    visit.put_into(app, &mut response);
    Ok(response)
}

/// A name and a password that may become an admin's, or what is wrong with them.
fn choose(link: &Link, chosen: &Chosen) -> Result<(SignInName, NewPassword), Faults> {
    let mut faults = Faults::default();
    let name = match &link.name {
        Some(name) => Some(name.clone()),
        None => chosen.name.parse().map_err(|cause| faults.name = Some(cause)).ok(),
    };
    if chosen.password != chosen.again {
        faults.again = Some("this is not the password above; type both once more".into());
    }
    // Held to the policy under any name, so that all faults are told at once.
    let nobody = || "nobody".parse::<SignInName>().ok();
    let password =
        if let (Some(typed), Some(name)) = (TypedPassword::new(&chosen.password), name.clone().or_else(nobody)) {
            NewPassword::new(typed, &name).map_err(|fault| faults.password = Some(fault.to_string())).ok()
        } else {
            faults.password = Some("it is longer than 1,024 bytes".into());
            None
        };
    match (name, password) {
        (Some(name), Some(password)) if faults.again.is_none() => Ok((name, password)),
        _ => Err(faults),
    }
}

/// `POST /sign-in/link`
pub(in crate::http) async fn redeem(
    State(app): State<Arc<App>>,
    address: ClientAddress,
    headers: HeaderMap,
    VisitForm(chosen): VisitForm<Chosen>,
) -> Result<Response, Problem> {
    let (token, link) = find(&app, &chosen.token).await?;
    let shown: String = chosen.name.chars().take(64).collect();
    let (name, password) = match choose(&link, &chosen) {
        Ok(chosen) => chosen,
        Err(faults) => return form(&app, &headers, &token, &link, &shown, faults),
    };
    let hash = app.web().passwords().hash(&password).await?;
    let now_ms = app.clock().now_ms();
    let mut tx = app.store().begin().await.map_err(Error::from)?;
    // Of two who send it at once, one gets it.
    let link = admin_links::redeem(&mut tx, &token.hash(), now_ms)
        .await
        .map_err(Error::from)?
        .ok_or_else(Problem::link_invalid)?;
    let admin = match link.admin {
        Some(id) => existing(&mut tx, id).await?,
        None => {
            if let Some(admin) = new(&app, &mut tx, &link, &name, &token, address).await? {
                admin
            } else {
                // Rolled back: the link is still good for another name.
                drop(tx);
                let fault = "another admin has this name; take another one".to_owned();
                let faults = Faults { name: Some(fault), ..Faults::default() };
                return form(&app, &headers, &token, &link, &shown, faults);
            }
        }
    };
    admins::set_password(&mut tx, admin.id, &hash, now_ms).await.map_err(Error::from)?;
    if link.purpose == LinkPurpose::Reset {
        admin_links::delete_of_admin(&mut tx, admin.id).await.map_err(Error::from)?;
        web_sessions::delete_of_admin(&mut tx, admin.id).await.map_err(Error::from)?;
        let actor = Actor::Admin { id: admin.id.to_string(), name: admin.name.to_string() };
        let event = Event::AdminPasswordSet { admin: admin.id.to_string(), name: admin.name.to_string() };
        let record = Record::new(Chain::Platform, now_ms, actor, event).from(Some(address.ip()));
        audit::append(&mut tx, record).await.map_err(Error::from)?;
    }
    let subject = LockOut::OF_NAME.subject(app.web().subject_key(), admin.name.as_str());
    sign_in_failures::delete(&mut tx, &subject).await.map_err(Error::from)?;
    let session = begin_session(&app, &mut tx, &headers, &admin, Some(address.ip())).await?;
    tx.commit().await.map_err(Error::from)?;
    tracing::info!(admin.name = %admin.name, purpose = link.purpose.as_str(), "a one-time link was used");
    Ok(with_session(&app, see_other(&app, &NextPath::home()), &session))
}

async fn existing(tx: &mut Tx, id: AdminId) -> Result<Admin, Problem> {
    let all = admins::list(tx).await.map_err(Error::from)?;
    // A removed admin's links go with the admin.
    all.into_iter().find(|admin| admin.id == id).ok_or_else(Problem::link_invalid)
}

/// A new admin. None where another one has the name.
async fn new(
    app: &App,
    tx: &mut Tx,
    link: &Link,
    name: &SignInName,
    token: &SecretToken,
    address: ClientAddress,
) -> Result<Option<Admin>, Problem> {
    let now_ms = app.clock().now_ms();
    if link.purpose == LinkPurpose::First && admins::any(tx).await.map_err(Error::from)? {
        return Err(Problem::link_invalid());
    }
    let admin = Admin { id: AdminId::from_uuid(app.clock().new_uuid()), name: name.clone(), created_at_ms: now_ms };
    if !admins::insert(tx, admin.id, name, now_ms).await.map_err(Error::from)? {
        return Ok(None);
    }
    let local = IdentityProvider::Local;
    admins::insert_identity(tx, admin.id, local, name.as_str(), now_ms).await.map_err(Error::from)?;
    // From now on there is an admin: other links for the first one are worth nothing.
    admin_links::delete_all(tx, LinkPurpose::First).await.map_err(Error::from)?;
    admin_links::delete_invitations(tx, name).await.map_err(Error::from)?;
    let event = Event::AdminCreated {
        admin: admin.id.to_string(),
        name: name.to_string(),
        by: link.purpose.as_str().into(),
        link: token.hash().short().to_owned(),
    };
    let record = Record::new(Chain::Platform, now_ms, Actor::CodeHolder, event).from(Some(address.ip()));
    audit::append(tx, record).await.map_err(Error::from)?;
    Ok(Some(admin))
}
