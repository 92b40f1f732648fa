//! `driftwise-issuer admin …`: the people who sign in to the pages.

use clap::Subcommand;
use serde::Serialize;

use super::{Context, output};
use crate::Error;
use crate::accounts::admin::{AdminId, LinkPurpose, LockOut, SecretToken, SignInName, SubjectKey, link_url};
use crate::audit::{self, Chain, Event, Record};
use crate::clock::rfc3339;
use crate::config::{WebOrigin, base_path};
use crate::keyring::KeyVault;
use crate::secrets;
use crate::store::admin_links::Link;
use crate::store::admins::Admin;
use crate::store::{Tx, admin_links, admins, sign_in_failures, web_sessions};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a one-time link by which a person becomes an admin, and print it; it is shown once
    Invite {
        /// The name that they will sign in with: letters a-z, digits and . _ @ + -
        #[arg(long)]
        name: SignInName,
    },
    /// List the admins, and who is invited
    List,
    /// Make a one-time link by which an admin sets a new password, and print it. The old password counts until then
    Reset {
        /// The admin
        #[arg(long)]
        name: SignInName,
    },
    /// End every session of an admin now
    SignOut {
        /// The admin
        #[arg(long)]
        name: SignInName,
    },
    /// Let a name sign in again at once that failed sign-ins locked out. Needs the master key
    Unlock {
        /// The name
        #[arg(long)]
        name: SignInName,
    },
    /// Remove an admin, or take an invitation back. Their sessions end at once
    Remove {
        /// The admin
        #[arg(long)]
        name: SignInName,
    },
}

#[derive(Serialize)]
struct LinkView {
    link: String,
    name: String,
    expires_at: String,
}

#[derive(Serialize)]
struct AdminView {
    name: String,
    state: &'static str,
    admin_id: Option<String>,
    made_at: Option<String>,
    expires_at: Option<String>,
}

#[derive(Serialize)]
struct DoneView {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<u64>,
}

pub(super) async fn run(command: Command, context: Context<'_>) -> anyhow::Result<()> {
    match command {
        Command::Invite { name } => invite(name, context).await,
        Command::List => list(context).await,
        Command::Reset { name } => reset(name, context).await,
        Command::SignOut { name } => sign_out(name, context).await,
        Command::Unlock { name } => unlock(name, context).await,
        Command::Remove { name } => remove(name, context).await,
    }
}

fn time(at_ms: i64) -> String {
    rfc3339(at_ms.div_euclid(1000))
}

async fn require_admin(tx: &mut Tx, name: &SignInName) -> anyhow::Result<Admin> {
    Ok(admins::find_by_name(tx, name).await?.ok_or_else(|| Error::AdminUnknown(name.clone()))?)
}

/// Makes a link; its row in the audit log says what `event` makes of the link's short hash and its end.
async fn make_link(
    tx: &mut Tx,
    context: &Context<'_>,
    purpose: LinkPurpose,
    name: &SignInName,
    admin: Option<AdminId>,
    event: impl FnOnce(String, i64) -> Event,
) -> anyhow::Result<LinkView> {
    let (token, now_ms) = (SecretToken::generate().map_err(Error::from)?, context.clock.now_ms());
    let lifetime_ms = i64::try_from(context.config.web.link_lifetime.as_millis()).unwrap_or(i64::MAX);
    let expires_at_ms = now_ms.saturating_add(lifetime_ms);
    let link = Link { purpose, name: Some(name.clone()), admin, expires_at_ms };
    admin_links::insert(tx, &token.hash(), &link, now_ms).await?;
    let event = event(token.hash().short().to_owned(), expires_at_ms);
    audit::append(tx, Record::new(Chain::Platform, now_ms, context.actor(), event)).await?;
    let server = &context.config.server;
    let origin = context.config.web.origin.clone().unwrap_or_else(|| WebOrigin::of(&server.issuer_url));
    let base_path = base_path(&server.issuer_url).map_err(anyhow::Error::msg)?;
    if !context.config.web.sign_in {
        output::say("web.sign_in is off: the link opens nothing until it is on.");
    }
    let link = link_url(&origin, &base_path, &token);
    Ok(LinkView { link, name: name.to_string(), expires_at: time(expires_at_ms) })
}

async fn invite(name: SignInName, mut context: Context<'_>) -> anyhow::Result<()> {
    let store = context.store_or_new().await?;
    let mut tx = store.begin().await?;
    if admins::find_by_name(&mut tx, &name).await?.is_some() {
        return Err(Error::AdminNameTaken(name).into());
    }
    // An invitation takes the place of an earlier one.
    admin_links::delete_invitations(&mut tx, &name).await?;
    let invited = name.to_string();
    let event = |link, expires_at_ms| Event::AdminInvited { name: invited, link, expires_at_ms };
    let view = make_link(&mut tx, &context, LinkPurpose::Invite, &name, None, event).await?;
    tx.commit().await?;
    output::say(&format!(
        "Whoever opens this link first becomes the admin {name}, with the operator's rights to every org, until {}. It is \
         shown once.",
        view.expires_at
    ));
    context.output.value(&view, &view.link)
}

async fn reset(name: SignInName, mut context: Context<'_>) -> anyhow::Result<()> {
    let store = context.store().await?;
    let mut tx = store.begin().await?;
    let admin = require_admin(&mut tx, &name).await?;
    admin_links::delete_of_admin(&mut tx, admin.id).await?;
    let (id, admin_name) = (admin.id.to_string(), name.to_string());
    let event = |link, expires_at_ms| Event::AdminResetMade { admin: id, name: admin_name, link, expires_at_ms };
    let view = make_link(&mut tx, &context, LinkPurpose::Reset, &name, Some(admin.id), event).await?;
    tx.commit().await?;
    output::say(&format!(
        "Whoever opens this link first sets the password of {name}, until {}; every session of {name} ends then. It is \
         shown once.",
        view.expires_at
    ));
    context.output.value(&view, &view.link)
}

async fn list(mut context: Context<'_>) -> anyhow::Result<()> {
    let store = context.store().await?;
    let mut db = store.connection().await?;
    let mut views: Vec<AdminView> = admins::list(&mut db)
        .await?
        .into_iter()
        .map(|admin| AdminView {
            name: admin.name.to_string(),
            state: "admin",
            admin_id: Some(admin.id.to_string()),
            made_at: Some(time(admin.created_at_ms)),
            expires_at: None,
        })
        .collect();
    let links = admin_links::list(&mut db, context.clock.now_ms()).await?;
    views.extend(links.into_iter().filter_map(|link| {
        let state = match link.purpose {
            // Nobody in particular.
            LinkPurpose::First => return None,
            LinkPurpose::Invite => "invited",
            LinkPurpose::Reset => "new password",
        };
        Some(AdminView {
            name: link.name?.to_string(),
            state,
            admin_id: link.admin.map(|admin| admin.to_string()),
            made_at: None,
            expires_at: Some(time(link.expires_at_ms)),
        })
    }));
    context.output.rows(&["NAME", "STATE", "MADE", "LINK EXPIRES"], &views, |admin| {
        let shown = |time: &Option<String>| time.clone().unwrap_or_else(|| "-".into());
        vec![admin.name.clone(), admin.state.into(), shown(&admin.made_at), shown(&admin.expires_at)]
    })
}

async fn sign_out(name: SignInName, mut context: Context<'_>) -> anyhow::Result<()> {
    let store = context.store().await?;
    let mut tx = store.begin().await?;
    let admin = require_admin(&mut tx, &name).await?;
    let sessions = web_sessions::delete_of_admin(&mut tx, admin.id).await?;
    let event = Event::AdminSignedOut { admin: admin.id.to_string(), name: name.to_string(), sessions };
    audit::append(&mut tx, Record::new(Chain::Platform, context.clock.now_ms(), context.actor(), event)).await?;
    tx.commit().await?;
    let view = DoneView { name: name.to_string(), sessions: Some(sessions) };
    context.output.value(&view, &view.name)
}

async fn unlock(name: SignInName, mut context: Context<'_>) -> anyhow::Result<()> {
    let store = context.store().await?;
    let now_ms = context.clock.now_ms();
    let vault = KeyVault::new(&context.config.keys, &context.config.server.issuer_url, &store);
    // Names are counted under the pepper.
    let pepper = secrets::pepper(&store, &vault.master_keys().await.map_err(Error::from)?, now_ms).await?;
    let mut tx = store.begin().await?;
    sign_in_failures::delete(&mut tx, &LockOut::OF_NAME.subject(&SubjectKey::new(&pepper), name.as_str())).await?;
    let event = Event::AdminUnlocked { name: name.to_string() };
    audit::append(&mut tx, Record::new(Chain::Platform, now_ms, context.actor(), event)).await?;
    tx.commit().await?;
    let view = DoneView { name: name.to_string(), sessions: None };
    context.output.value(&view, &view.name)
}

async fn remove(name: SignInName, mut context: Context<'_>) -> anyhow::Result<()> {
    let store = context.store().await?;
    let mut tx = store.begin().await?;
    let invitations = admin_links::delete_invitations(&mut tx, &name).await?;
    let admin = admins::find_by_name(&mut tx, &name).await?;
    let mut is_last = false;
    let event = match admin {
        Some(admin) => {
            admins::delete(&mut tx, admin.id).await?;
            is_last = !admins::any(&mut tx).await?;
            Event::AdminRemoved { admin: admin.id.to_string(), name: name.to_string() }
        }
        None if invitations > 0 => Event::AdminInvitationRevoked { name: name.to_string() },
        None => return Err(Error::AdminUnknown(name).into()),
    };
    audit::append(&mut tx, Record::new(Chain::Platform, context.clock.now_ms(), context.actor(), event)).await?;
    tx.commit().await?;
    if is_last {
        output::say("There is no admin any more: the next start prints a link for the first one into its log.");
    }
    let view = DoneView { name: name.to_string(), sessions: None };
    context.output.value(&view, &view.name)
}
