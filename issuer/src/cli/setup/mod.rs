//! `driftwise-issuer setup …`: documents on stdout, what to know about them on stderr.
//!
//! A refused field or file of types is wrong usage (exit code 2) and names its option; what can't be made of good fields is a refusal (1).

mod choices;
mod deploy;
mod documents;
pub(super) mod explain;
mod files;
pub(super) mod lint;
mod permissions;

use clap::Subcommand;

use super::Context;
use crate::setup::DocumentKind;
use crate::setup::request::ExternalId;

pub(super) use choices::RefusedFields;
pub(super) use permissions::RefusedFiles;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// The trust policy of the role: who may assume it
    TrustPolicy(documents::Arguments),
    /// The permission policy of the role: what it may read
    PermissionPolicy(documents::Arguments),
    /// The policy of the state's bucket: lets exactly the role read it
    BucketPolicy(documents::Arguments),
    /// The policy of the state's KMS key: lets exactly the role decrypt with it
    KeyPolicy(documents::Arguments),
    /// The reading of Terraform states, as a policy of its own
    StatePolicy(documents::Arguments),
    /// What one scan's session is narrowed to
    SessionPolicy(documents::Arguments),
    /// The service control policy that lets only the IaC role change IAM
    ServiceControlPolicy(documents::Arguments),
    /// The resource control policy that admits only this org's tokens
    ResourceControlPolicy(documents::Arguments),
    /// All that the account needs, in every form, with a README
    Bundle(deploy::Arguments),
    /// Make a random External ID: one for each connection
    ExternalId,
    /// Check any policy document: what is wrong, where, why, and the fix
    Lint(lint::Arguments),
    /// Who gets in by a trust policy, and which condition decides
    Explain(explain::Arguments),
}

pub(super) async fn run(command: Command, mut context: Context<'_>) -> anyhow::Result<()> {
    let (kind, arguments) = match command {
        Command::TrustPolicy(arguments) => (DocumentKind::TrustPolicy, arguments),
        Command::PermissionPolicy(arguments) => (DocumentKind::PermissionPolicy, arguments),
        Command::BucketPolicy(arguments) => (DocumentKind::BucketPolicy, arguments),
        Command::KeyPolicy(arguments) => (DocumentKind::KeyPolicy, arguments),
        Command::StatePolicy(arguments) => (DocumentKind::StatePolicy, arguments),
        Command::SessionPolicy(arguments) => (DocumentKind::SessionPolicy, arguments),
        Command::ServiceControlPolicy(arguments) => (DocumentKind::ServiceControlPolicy, arguments),
        Command::ResourceControlPolicy(arguments) => (DocumentKind::ResourceControlPolicy, arguments),
        // They need no configuration: the caller runs them before it reads one.
        Command::Lint(_) | Command::Explain(_) => return Ok(()),
        Command::Bundle(arguments) => return deploy::run(&arguments, context).await,
        Command::ExternalId => {
            let id = ExternalId::generate()?;
            return context.output.value(&id.as_str(), id.as_str());
        }
    };
    documents::run(kind, &arguments, context).await
}
