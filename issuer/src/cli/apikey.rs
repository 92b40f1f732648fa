//! `driftwise-issuer apikey …`

use clap::{Args, Subcommand};
use driftwise_contract::OrgId;
use secrecy::ExposeSecret as _;
use serde::Serialize;

use super::{Context, lifetime, output, require_org};
use crate::Error;
use crate::accounts::{ApiKey, ApiKeyId, ApiKeyScope, ApiKeyScopes, DisplayName};
use crate::audit::{self, Chain, Event, Record};
use crate::clock::rfc3339;
use crate::keyring::KeyVault;
use crate::secrets;
use crate::store::api_keys::{self, ApiKeyRecord, NewApiKey};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make an API key and print it; it is shown once. Needs the master key
    Create(Create),
    /// List the API keys of an org
    List {
        /// The org
        #[arg(long)]
        org: OrgId,
    },
    /// Revoke an API key for good: its next call is refused
    Revoke {
        /// The org
        #[arg(long)]
        org: OrgId,
        /// The key's id, as `apikey list` shows it
        #[arg(long, value_name = "ID")]
        key: ApiKeyId,
    },
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The org
    #[arg(long)]
    org: OrgId,
    /// A name for people: which program uses it
    #[arg(long)]
    name: DisplayName,
    /// What it may do: federation-token:create, audit:read; several parted by commas
    #[arg(long, value_name = "SCOPE", required = true, value_delimiter = ',')]
    scope: Vec<ApiKeyScope>,
    /// How long the key is valid: a number with s, m, h or d; at most 730d
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = lifetime::of_api_key_s)]
    expires_in: i64,
}

#[derive(Serialize)]
struct CreatedView {
    api_key: String,
    api_key_id: String,
    org_id: OrgId,
    scopes: Vec<&'static str>,
    expires_at: String,
}

#[derive(Serialize)]
struct KeyView {
    api_key_id: String,
    name: String,
    scopes: Vec<&'static str>,
    state: &'static str,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
    revoked_at: Option<String>,
}

#[derive(Serialize)]
struct RevokedView {
    api_key_id: String,
    org_id: OrgId,
}

pub(super) async fn run(command: Command, context: Context<'_>) -> anyhow::Result<()> {
    match command {
        Command::Create(arguments) => create(arguments, context).await,
        Command::List { org } => list(org, context).await,
        Command::Revoke { org, key } => revoke(org, key, context).await,
    }
}

async fn create(arguments: Create, mut context: Context<'_>) -> anyhow::Result<()> {
    let Create { org, name, scope, expires_in } = arguments;
    let store = context.store().await?;
    let org = require_org(&mut *store.connection().await?, org).await?;
    let now_ms = context.clock.now_ms();
    let vault = KeyVault::new(&context.config.keys, &context.config.server.issuer_url, &store);
    let pepper = secrets::pepper(&store, &vault.master_keys().await.map_err(Error::from)?, now_ms).await?;
    let key = ApiKey::generate(ApiKeyId::from_uuid(context.clock.new_uuid())).map_err(Error::from)?;
    let scopes = ApiKeyScopes::new(scope).ok_or_else(|| anyhow::anyhow!("an API key has at least one scope"))?;
    let expires_at_ms = now_ms.saturating_add(expires_in.saturating_mul(1000));
    let new = NewApiKey {
        id: key.id(),
        name: &name,
        hash: &key.hash(&pepper),
        scopes: &scopes,
        expires_at_ms: Some(expires_at_ms),
    };
    let mut tx = store.begin().await?;
    api_keys::insert(&mut tx, org.scope(), &new, now_ms).await?;
    let event = Event::ApiKeyCreated {
        id: key.id().to_string(),
        name: name.to_string(),
        scopes: scopes.iter().map(|scope| scope.to_string()).collect(),
        expires_at_ms: Some(expires_at_ms),
    };
    audit::append(&mut tx, Record::new(Chain::Org(org.id), now_ms, context.actor(), event)).await?;
    tx.commit().await?;
    let expires_at = rfc3339(expires_at_ms.div_euclid(1000));
    output::say(&format!(
        "This key acts for {} until {expires_at}; it is shown once. Send it as bearer token; the issuer keeps a hash only.",
        org.name
    ));
    let view = CreatedView {
        api_key: key.reveal().expose_secret().to_owned(),
        api_key_id: key.id().to_string(),
        org_id: org.id,
        scopes: words(&scopes),
        expires_at,
    };
    context.output.value(&view, &view.api_key)
}

async fn list(org: OrgId, mut context: Context<'_>) -> anyhow::Result<()> {
    let store = context.store().await?;
    let mut db = store.connection().await?;
    let org = require_org(&mut db, org).await?;
    let now_ms = context.clock.now_ms();
    let keys = api_keys::list(&mut db, org.scope()).await?;
    let views: Vec<KeyView> = keys.iter().map(|key| view(key, now_ms)).collect();
    context.output.rows(&["KEY", "NAME", "SCOPES", "STATE", "EXPIRES", "LAST USED"], &views, |key| {
        let shown = |time: &Option<String>| time.clone().unwrap_or_else(|| "-".into());
        vec![
            key.api_key_id.clone(),
            key.name.clone(),
            key.scopes.join(" "),
            key.state.into(),
            shown(&key.expires_at),
            shown(&key.last_used_at),
        ]
    })
}

async fn revoke(org: OrgId, key: ApiKeyId, mut context: Context<'_>) -> anyhow::Result<()> {
    let store = context.store().await?;
    let mut tx = store.begin().await?;
    let org = require_org(&mut tx, org).await?;
    let now_ms = context.clock.now_ms();
    if !api_keys::revoke(&mut tx, org.scope(), key, now_ms).await? {
        return Err(Error::ApiKeyNotRevocable { org: org.id, key }.into());
    }
    let event = Event::ApiKeyRevoked { id: key.to_string() };
    audit::append(&mut tx, Record::new(Chain::Org(org.id), now_ms, context.actor(), event)).await?;
    tx.commit().await?;
    let view = RevokedView { api_key_id: key.to_string(), org_id: org.id };
    context.output.value(&view, &view.api_key_id)
}

fn words(scopes: &ApiKeyScopes) -> Vec<&'static str> {
    scopes.iter().map(ApiKeyScope::as_str).collect()
}

fn view(key: &ApiKeyRecord, now_ms: i64) -> KeyView {
    let shown = |at_ms: i64| rfc3339(at_ms.div_euclid(1000));
    let state = if key.revoked_at_ms.is_some() {
        "revoked"
    } else if key.is_live(now_ms) {
        "live"
    } else {
        "expired"
    };
    KeyView {
        api_key_id: key.id.to_string(),
        name: key.name.to_string(),
        scopes: words(&key.scopes),
        state,
        created_at: shown(key.created_at_ms),
        expires_at: key.expires_at_ms.map(shown),
        last_used_at: key.last_used_at_ms.map(shown),
        revoked_at: key.revoked_at_ms.map(shown),
    }
}
