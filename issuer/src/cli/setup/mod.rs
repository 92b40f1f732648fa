//! `driftwise-issuer setup …`: documents on stdout, what to know about them on stderr.

use clap::{Args, Subcommand};
use driftwise_contract::claims::TrustForm;
use driftwise_contract::policy::PolicyDocument;
use driftwise_contract::{AccountId, OrgId};

use super::{Context, output, require_org};
use crate::Error;
use crate::accounts::AwsAccount;
use crate::federation::issuer_of;
use crate::setup::{BucketName, KeyPrefix, StateLocation, TrustPolicy, bucket_policy, permission_policy, warning};
use crate::store::accounts;

#[derive(Debug, Subcommand)]
#[expect(clippy::enum_variant_names, reason = "the variants are the words of the command line")]
pub(super) enum Command {
    /// The trust policy of the role: who may assume it
    TrustPolicy {
        #[command(flatten)]
        target: Target,
        /// Another form than the registered one: session-tag, subject or custom-claim
        #[arg(long)]
        form: Option<TrustForm>,
    },
    /// The permission policy of the role: what the agent itself calls
    PermissionPolicy {
        #[command(flatten)]
        target: Target,
        /// The bucket that holds the Terraform state
        #[arg(long)]
        bucket: Option<BucketName>,
        /// The beginning of the state's keys; may be given several times [default: the whole bucket]
        #[arg(long, value_name = "PREFIX", requires = "bucket")]
        key_prefix: Vec<KeyPrefix>,
    },
    /// The policy of the state's bucket: lets exactly the role read it
    BucketPolicy {
        #[command(flatten)]
        target: Target,
        /// The bucket that holds the Terraform state
        #[arg(long)]
        bucket: BucketName,
        /// The beginning of the state's keys; may be given several times [default: the whole bucket]
        #[arg(long, value_name = "PREFIX")]
        key_prefix: Vec<KeyPrefix>,
    },
}

#[derive(Debug, Args)]
pub(super) struct Target {
    /// The org
    #[arg(long)]
    org: OrgId,
    /// The registered account, 12 digits
    #[arg(long, value_name = "ID")]
    account: AccountId,
}

pub(super) async fn run(command: Command, mut context: Context<'_>) -> anyhow::Result<()> {
    let document = match command {
        Command::TrustPolicy { target, form } => {
            let account = find_account(&context, &target).await?;
            let form = form.unwrap_or(account.trust_form());
            if let Some(warning) = warning(form) {
                output::say(&format!("warning: {warning}"));
            }
            if form.tags_the_session() != account.trust_form().tags_the_session() {
                output::say(&format!(
                    "warning: the account is registered with the form {}: its tokens do not fit this policy until it is \
                     registered again with --form {form}",
                    account.trust_form()
                ));
            }
            let issuer = issuer_of(&context.config.settings(), target.org, &account)?;
            let document = TrustPolicy {
                settings: &issuer.settings,
                org: target.org,
                role: account.role_arn(),
                form,
                role_authorized_by_idp: context
                    .config
                    .federation
                    .roles_authorized_by_idp
                    .contains(&account.role_arn().partition()),
            }
            .document()?;
            warn_of_length(&document);
            document
        }
        Command::PermissionPolicy { target, bucket, key_prefix } => {
            let account = find_account(&context, &target).await?;
            output::say(
                "note: attach AWS's managed policy ReadOnlyAccess beside this one: Cloud Control reads each resource with the \
                 role's own permissions. This policy denies what ReadOnlyAccess would read beyond descriptions: items, messages, \
                 logs.",
            );
            if bucket.is_none() {
                output::say(
                    "note: without --bucket, objects of all buckets stay readable through ReadOnlyAccess; name the state's bucket \
                     to deny all others.",
                );
            }
            let state = bucket.map(|bucket| StateLocation { bucket, key_prefixes: key_prefix });
            permission_policy(account.role_arn().partition(), state.as_ref())?
        }
        Command::BucketPolicy { target, bucket, key_prefix } => {
            let account = find_account(&context, &target).await?;
            output::say(
                "note: add these statements to the bucket's policy. A bucket in the role's own account needs none: there the \
                 role's permission policy is enough.",
            );
            bucket_policy(account.role_arn(), &StateLocation { bucket, key_prefixes: key_prefix })?
        }
    };
    print(&document, &mut context)
}

/// AWS's default limit of a trust policy, in characters; a quota request raises it to 4,096.
const TRUST_POLICY_MAX: usize = 2_048;

fn warn_of_length(document: &PolicyDocument) {
    let length = document.to_string().len();
    if length > TRUST_POLICY_MAX {
        output::say(&format!(
            "warning: this trust policy has {length} characters; AWS takes {TRUST_POLICY_MAX} unless the account's quota \"Role \
             trust policy length\" is raised (to 4,096 at most). A shorter issuer URL or --form subject is shorter."
        ));
    }
}

fn print(document: &PolicyDocument, context: &mut Context<'_>) -> anyhow::Result<()> {
    context.output.value(document, &document.to_pretty_string())
}

async fn find_account(context: &Context<'_>, target: &Target) -> anyhow::Result<AwsAccount> {
    let store = context.store().await?;
    let mut db = store.connection().await?;
    let org = require_org(&mut db, target.org).await?;
    let account = accounts::find(&mut db, org.scope(), &target.account).await?;
    Ok(account.ok_or_else(|| Error::AccountUnknown { org: target.org, account: target.account.clone() })?)
}
