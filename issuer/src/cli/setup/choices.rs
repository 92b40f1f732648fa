//! What an admin chooses on the command line, as the fields of a request. What is not given comes from the registered account.

use clap::Args;
use driftwise_contract::claims::TrustForm;
use driftwise_contract::{AccountId, OrgId};

use super::super::output::say;
use super::super::{Context, require_org};
use super::permissions::Permissions;
use crate::Error;
use crate::accounts::{AccountIssuer, AwsAccount};
use crate::federation::{Settings, issuer_of, key_set_of};
use crate::keyring::KeySetId;
use crate::setup::request::{AccessLevel, TrustChoice};
use crate::setup::{BucketName, FieldFault, IssuerFacts, KeyPrefix, RawRequest, SetupRequest};
use crate::store::accounts;

/// The fields of a request.
#[derive(Debug, Args)]
pub(in crate::cli) struct Choices {
    /// The org
    #[arg(long)]
    org: OrgId,
    /// The account, 12 digits
    #[arg(long, value_name = "ID")]
    account: AccountId,
    /// Another role than the registered one: name, path/name or ARN
    #[arg(long)]
    role: Option<String>,
    /// Another region than the registered one
    #[arg(long)]
    region: Option<String>,
    /// Another form of trust than the registered one: session-tag, subject, custom-claim, external-id or two-layer
    #[arg(long, value_parser = form_of_trust, help_heading = "Trust")]
    form: Option<String>,
    /// Whether the trust policy demands a token pinned to the role: on or off [default: on in the partitions of
    /// `federation.roles_authorized_by_idp`]
    #[arg(long, value_name = "ON|OFF", help_heading = "Trust")]
    role_authorized_by_idp: Option<String>,
    /// Whom the form external-id trusts: an account id, or the ARN of a role
    #[arg(long, help_heading = "Trust")]
    principal: Option<String>,
    /// The External ID of the forms external-id and two-layer; `setup external-id` makes one
    #[arg(long, value_name = "ID", help_heading = "Trust")]
    external_id: Option<String>,
    /// The user of the form two-layer: name or path/name [default: driftwise-agent]
    #[arg(long, help_heading = "Trust")]
    user: Option<String>,
    #[command(flatten)]
    permissions: Permissions,
    /// A bucket that holds Terraform state: its name, or `s3://bucket/prefix`; may be given several times
    #[arg(long, value_parser = state_address, help_heading = "Terraform state")]
    bucket: Vec<String>,
    /// The beginning of the state's keys in each --bucket; may be given several times [default: the whole bucket]
    #[arg(long, value_name = "PREFIX", requires = "bucket", help_heading = "Terraform state")]
    key_prefix: Vec<KeyPrefix>,
    /// The account that owns the buckets, where it is not the role's
    #[arg(long, value_name = "ID", help_heading = "Terraform state")]
    state_account: Option<AccountId>,
    /// The ARN of a KMS key that seals the states; may be given several times
    #[arg(long, value_name = "ARN", help_heading = "Terraform state")]
    kms_key: Vec<String>,
    /// Let bucket and key policies demand the org's session tag
    #[arg(long, help_heading = "Terraform state")]
    abac: bool,
    /// A role of its own that reads the states: name, path/name or ARN
    #[arg(long, value_name = "ROLE", help_heading = "Terraform state")]
    state_reader: Option<String>,
    /// A role that may change IAM under lock-down: name, path/name or ARN; may be given several times
    #[arg(long, value_name = "ROLE", help_heading = "Lock-down")]
    iac_role: Vec<String>,
    /// A role that lock-down spares, for emergencies; may be given several times
    #[arg(long, value_name = "ROLE", help_heading = "Lock-down")]
    break_glass_role: Vec<String>,
}

/// Fields that were refused. Wrong usage: the program exits with 2.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(FieldFault::to_string).collect::<Vec<_>>().join("\n"))]
pub(in crate::cli) struct RefusedFields(pub(in crate::cli) Vec<FieldFault>);

impl Choices {
    /// The request: what was given, and what is registered.
    pub(super) async fn request(&self, context: &Context<'_>) -> anyhow::Result<SetupRequest> {
        let account = self.registered(context).await?;
        let settings = context.config.settings();
        let (settings, key_set) = match &account {
            Some(account) => {
                let issuer = issuer_of(&settings, self.org, account)?;
                (issuer.settings, key_set(self.org, account))
            }
            None => (settings, KeySetId::Shared),
        };
        let facts = issuer_facts(context, settings, key_set).await?;
        let types = self.permissions.types_of_files()?;
        let parsed = self.raw(account.as_ref()).parse_with_types(&facts, &types);
        let mut request = match (parsed, self.permissions.unused_types()) {
            (Ok(request), None) => request,
            (parsed, unused) => {
                return Err(
                    RefusedFields(unused.into_iter().chain(parsed.err().into_iter().flatten()).collect()).into()
                );
            }
        };
        if let AccessLevel::LeastPrivilege(choice) = &mut request.access {
            choice.policies_max = self.permissions.policies_max();
        }
        if let Some(account) = &account {
            warn_of_registration(&request, account);
        }
        Ok(request)
    }

    /// The account as registered; none where role and region are given instead.
    async fn registered(&self, context: &Context<'_>) -> anyhow::Result<Option<AwsAccount>> {
        let store = context.store().await?;
        let mut db = store.connection().await?;
        let org = require_org(&mut db, self.org).await?;
        let found = accounts::find(&mut db, org.scope(), &self.account).await?;
        if found.is_none() && (self.role.is_none() || self.region.is_none()) {
            return Err(Error::AccountUnknown { org: self.org, account: self.account.clone() }.into());
        }
        if found.is_none() {
            say(
                "note: the account is not registered: agents get no token for it until `driftwise-issuer account register` has it \
                 with this role and form.",
            );
        }
        Ok(found)
    }

    fn raw(&self, account: Option<&AwsAccount>) -> RawRequest {
        let given = |text: &Option<String>| text.clone().unwrap_or_default();
        let switch = |on: bool| if on { "on".to_owned() } else { String::new() };
        RawRequest {
            org: self.org.to_string(),
            account: self.account.to_string(),
            role: self.role.clone().or_else(|| Some(account?.role_arn().to_string())).unwrap_or_default(),
            region: self.region.clone().or_else(|| Some(account?.region().to_string())).unwrap_or_default(),
            trust: self.form.clone().or_else(|| Some(account?.trust_form().to_string())).unwrap_or_default(),
            role_authorized_by_idp: given(&self.role_authorized_by_idp),
            principal: given(&self.principal),
            external_id: given(&self.external_id),
            user: given(&self.user),
            access: self.permissions.access(),
            types: self.permissions.named_types(),
            allow_actions: self.permissions.include_surprising.join("\n"),
            compact: switch(self.permissions.compact),
            state: self.state(),
            state_account: self.state_account.as_ref().map(AccountId::to_string).unwrap_or_default(),
            kms_keys: self.kms_key.join("\n"),
            abac: switch(self.abac),
            state_reader: given(&self.state_reader),
            iac_roles: self.iac_role.join("\n"),
            break_glass_roles: self.break_glass_role.join("\n"),
        }
    }

    /// Every bucket with every prefix, by lines.
    fn state(&self) -> String {
        let with_prefixes = |bucket: &String| {
            if self.key_prefix.is_empty() || bucket.contains('/') {
                return vec![bucket.clone()];
            }
            self.key_prefix.iter().map(|prefix| format!("{bucket}/{prefix}")).collect::<Vec<_>>()
        };
        self.bucket.iter().flat_map(with_prefixes).collect::<Vec<_>>().join("\n")
    }
}

fn key_set(org: OrgId, account: &AwsAccount) -> KeySetId {
    match account.issuer() {
        AccountIssuer::Shared => KeySetId::Shared,
        AccountIssuer::Org(keys) => key_set_of(org, keys),
    }
}

/// What documents say of the issuer. Thumbprints are those of the published certificates, where there are any.
async fn issuer_facts(context: &Context<'_>, settings: Settings, key_set: KeySetId) -> anyhow::Result<IssuerFacts> {
    let federation = &context.config.federation;
    let mut thumbprints = Vec::new();
    if federation.x5c {
        let store = context.store().await?;
        let catalogue = context.config.catalogue(&store, std::sync::Arc::new(crate::clock::SystemClock));
        let mut records = catalogue.records().await.map_err(Error::from)?;
        records.retain(|key| key.set == key_set && key.state.is_published());
        let sealed = catalogue.vault().sealed().await.map_err(Error::from)?;
        let wanted = sealed.into_iter().filter(|key| records.iter().any(|record| &record.kid == key.kid())).collect();
        let open = catalogue.vault().open(wanted).await.map_err(Error::from)?;
        thumbprints = open.iter().filter_map(|key| key.published(true).certificate_sha1()).collect();
    }
    Ok(IssuerFacts {
        issuer: settings.issuer,
        audience: settings.audience,
        thumbprints,
        roles_authorized_by_idp: federation.roles_authorized_by_idp.clone(),
    })
}

/// Says where the documents and what is registered do not fit each other.
fn warn_of_registration(request: &SetupRequest, account: &AwsAccount) {
    if request.role != *account.role_arn() {
        say(&format!(
            "warning: the account is registered with the role {}: its tokens open that one only, until it is registered again with \
             --role-arn {}",
            account.role_arn(),
            request.role
        ));
    }
    if let TrustChoice::Federated { form, .. } = &request.trust
        && form.tags_the_session() != account.trust_form().tags_the_session()
    {
        say(&format!(
            "warning: the account is registered with the form {}: its tokens do not fit this policy until it is registered again \
             with --form {form}",
            account.trust_form()
        ));
    }
}

fn form_of_trust(text: &str) -> Result<String, String> {
    match text.parse::<TrustForm>() {
        Ok(form) => Ok(form.to_string()),
        Err(_) if TrustChoice::WORDS.contains(&text) => Ok(text.to_owned()),
        Err(_) => Err(format!("{text:?} is no form of trust: expected one of {}", TrustChoice::WORDS.join(", "))),
    }
}

/// The bucket is judged at once, the prefix with all other fields.
fn state_address(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("s3://").unwrap_or(text);
    let bucket = rest.split_once('/').map_or(rest, |(bucket, _)| bucket);
    bucket.parse::<BucketName>()?;
    Ok(rest.to_owned())
}
