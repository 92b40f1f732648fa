//! The forms that people deploy with: JSON, AWS CLI commands, a CloudFormation template, a Terraform module.
//!
//! All are made of one [`SetupPlan`], so that they say the same: a test sets an account up by each and compares what is there.
//! Words: a *form* is a way to deploy ([`As`]); a *part* is what of the plan is asked for ([`Selection`]); documents *by hand*
//! are those that have to be merged into something that is not ours (a bucket policy, a key policy) or that lie in another
//! account (an SCP).
//!
//! To add a form: a variant of [`As`], a module that renders a `Part`, a deployer in the tests.

mod bundle;
mod cli;
mod cloudformation;
mod hcl;
mod names;
mod shell;
mod terraform;

use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};

use driftwise_contract::policy::{PrincipalKind, Statement};
use driftwise_contract::{AccountId, Arn};

use super::plan::{InlinePolicy, ManagedPolicy, OidcProvider, Role, SetupPlan, User};
use super::{DocumentKind, SetupError};

pub use bundle::bundle;
pub use cloudformation::{BODY_MAX_BYTES, QuickCreate, TemplateUrl};
pub use hcl::HclString;
pub use shell::ShellString;

/// A way to deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum As {
    /// The policies alone.
    Json,
    /// Commands of the AWS CLI, as a bash script.
    Cli,
    /// A CloudFormation template.
    CloudFormation,
    /// A Terraform module, for the AWS provider 5 and 6.
    Terraform,
}

impl As {
    /// Every form, in the order of the page.
    pub const ALL: [Self; 4] = [Self::Json, Self::Cli, Self::CloudFormation, Self::Terraform];

    /// The word of the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Cli => "cli",
            Self::CloudFormation => "cloudformation",
            Self::Terraform => "terraform",
        }
    }

    /// What people call it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Cli => "AWS CLI",
            Self::CloudFormation => "CloudFormation",
            Self::Terraform => "Terraform",
        }
    }
}

impl fmt::Display for As {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for As {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|form| form.as_str() == text).ok_or_else(|| {
            format!("{text:?} is no form of deployment: expected one of {}", Self::ALL.map(Self::as_str).join(", "))
        })
    }
}

/// What of a plan is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Selection {
    /// All that the account needs.
    Everything,
    /// One kind of document.
    Only(DocumentKind),
}

/// The folder of what is merged by hand.
const BY_HAND: &str = "by-hand/";

/// One finished file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// Where it lies in the output directory: parts of letters, digits, dots, hyphens and underscores, separated by slashes.
    pub path: String,
    /// Its media type.
    pub media_type: &'static str,
    /// Its text, ending with a line break.
    pub text: String,
}

impl OutputFile {
    fn new(path: impl Into<String>, media_type: &'static str, text: String) -> Self {
        Self { path: path.into(), media_type, text }
    }

    fn json(path: String, text: &str) -> Self {
        Self::new(path, "application/json", format!("{text}\n"))
    }
}

/// The files of one form. The first is the one to look at.
///
/// Policies that belong to somebody else's bucket, key or organisation come as JSON beside every other form: no form can
/// merge them. A selection that a form has nothing to say of is [`SetupError::NotInThisForm`].
///
/// Roles of other accounts (a state reader beside its bucket) get files of their own, below `account-<id>/`.
pub fn render(plan: &SetupPlan, selection: Selection, form: As) -> Result<Vec<OutputFile>, SetupError> {
    if form == As::Json {
        return Ok(json_files(plan, selection));
    }
    let mut files = Vec::new();
    for part in by_account(plan) {
        let is_main = part.account == plan.account;
        for file in render_account(&part, selection, form)? {
            let path = if is_main { file.path } else { format!("account-{}/{}", part.account, file.path) };
            files.push(OutputFile { path, ..file });
        }
    }
    if selection == Selection::Everything {
        files.extend(by_hand_files(plan));
    }
    Ok(files)
}

/// The plan of each account, the main one first: a deployment reaches one account only.
fn by_account(plan: &SetupPlan) -> Vec<SetupPlan> {
    let mut accounts = vec![&plan.account];
    for role in &plan.roles {
        if !accounts.contains(&role.arn.account_id()) {
            accounts.push(role.arn.account_id());
        }
    }
    let of_account = |account: &AccountId| {
        let mut part = plan.clone();
        part.roles.retain(|role| role.arn.account_id() == account);
        if *account != plan.account {
            part.account = account.clone();
            part.users.clear();
            part.attach_by_hand.clear();
            // A role that trusts the issuer's tokens needs the provider in its own account.
            let trusts_tokens = part.roles.iter().any(trusts_tokens);
            part.provider = part.provider.filter(|_| trusts_tokens).map(|provider| OidcProvider {
                arn: format!("arn:{}:iam::{account}:oidc-provider/{}", plan.partition, provider.url.without_scheme()),
                ..provider
            });
        }
        part
    };
    accounts.into_iter().map(of_account).collect()
}

fn trusts_tokens(role: &Role) -> bool {
    role.trust
        .statements()
        .iter()
        .filter_map(Statement::principal)
        .any(|principal| !principal.listed().of_kind(PrincipalKind::Federated).is_empty())
}

fn render_account(plan: &SetupPlan, selection: Selection, form: As) -> Result<Vec<OutputFile>, SetupError> {
    let part = match selection {
        Selection::Everything => Part::everything(plan),
        Selection::Only(DocumentKind::TrustPolicy) => Part { has_permissions: false, ..Part::everything(plan) },
        Selection::Only(DocumentKind::PermissionPolicy) => Part { makes_roles: false, ..Part::everything(plan) },
        Selection::Only(kind) => return Err(SetupError::NotInThisForm { kind, form }),
    };
    Ok(match form {
        As::Json => Vec::new(),
        As::Cli => vec![OutputFile::new(cli::FILE, "text/x-shellscript", cli::script(&part)?)],
        As::CloudFormation => {
            vec![OutputFile::new(cloudformation::FILE, "application/json", cloudformation::template(&part))]
        }
        As::Terraform => terraform::files(&part)?,
    })
}

fn by_hand_files(plan: &SetupPlan) -> impl Iterator<Item = OutputFile> {
    plan.attach_by_hand.iter().map(|document| {
        OutputFile::json(format!("{BY_HAND}{}.json", document.file_stem), &document.policy.to_pretty_string())
    })
}

fn json_files(plan: &SetupPlan, selection: Selection) -> Vec<OutputFile> {
    let wants = |kind| matches!(selection, Selection::Everything) || selection == Selection::Only(kind);
    let mut files = Vec::new();
    for role in &plan.roles {
        if wants(DocumentKind::TrustPolicy) {
            let path = format!("{}.trust-policy.json", file_name(&role.name));
            files.push(OutputFile::json(path, &role.trust.to_pretty_string()));
        }
        if wants(DocumentKind::PermissionPolicy) {
            let managed = role.managed_policies.iter().map(|policy| (&policy.name, &policy.document));
            let inline = role.inline.iter().map(|policy| (&policy.name, &policy.document));
            for (name, document) in managed.chain(inline) {
                let path = format!("{}.{}.json", file_name(&role.name), file_name(name));
                files.push(OutputFile::json(path, &document.to_pretty_string()));
            }
        }
    }
    if wants(DocumentKind::PermissionPolicy) {
        for user in &plan.users {
            for policy in &user.inline {
                let path = format!("{}.{}.json", file_name(&user.name), file_name(&policy.name));
                files.push(OutputFile::json(path, &policy.document.to_pretty_string()));
            }
        }
    }
    files.extend(
        plan.attach_by_hand.iter().filter(|document| wants(document.kind)).map(|document| {
            OutputFile::json(format!("{}.json", document.file_stem), &document.policy.to_pretty_string())
        }),
    );
    files
}

/// A name as part of a file name: IAM's `+=,@` would need quoting in shells.
fn file_name(name: &str) -> String {
    name.chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || "._-".contains(letter) { letter } else { '-' })
        .collect()
}

/// What of a plan a form renders.
#[derive(Debug, Clone, Copy)]
struct Part<'a> {
    plan: &'a SetupPlan,
    /// Whether provider, users and roles are made; else the roles are there already, and get policies only.
    makes_roles: bool,
    /// Whether roles get permission policies.
    has_permissions: bool,
}

impl<'a> Part<'a> {
    fn everything(plan: &'a SetupPlan) -> Self {
        Self { plan, makes_roles: true, has_permissions: true }
    }

    fn provider(&self) -> Option<&'a OidcProvider> {
        self.plan.provider.as_ref().filter(|_| self.makes_roles)
    }

    fn users(&self) -> &'a [User] {
        if self.makes_roles { &self.plan.users } else { &[] }
    }

    fn managed(&self, role: &'a Role) -> &'a [ManagedPolicy] {
        if self.has_permissions { &role.managed_policies } else { &[] }
    }

    /// AWS's own managed policies.
    fn aws_managed(&self, role: &'a Role) -> &'a [Arn] {
        if self.has_permissions { &role.managed_policy_arns } else { &[] }
    }

    fn inline(&self, role: &'a Role) -> &'a [InlinePolicy] {
        if self.has_permissions { &role.inline } else { &[] }
    }
}

fn user_arn(plan: &SetupPlan, user: &User) -> String {
    format!("arn:{}:iam::{}:user{}{}", plan.partition, plan.account, user.path, user.name)
}

fn policy_arn(plan: &SetupPlan, policy: &ManagedPolicy) -> String {
    format!("arn:{}:iam::{}:policy{}{}", plan.partition, plan.account, policy.path, policy.name)
}

fn client_ids(provider: &OidcProvider) -> Vec<String> {
    provider.client_ids.iter().map(ToString::to_string).collect()
}

/// Tags as AWS's calls and CloudFormation take them.
fn tag_list(tags: &[(String, String)]) -> Value {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}
