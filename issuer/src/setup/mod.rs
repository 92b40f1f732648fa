//! Documents for an org's AWS account.
//!
//! - [`request`]: what an admin chose, as texts ([`RawRequest`]) and parsed ([`SetupRequest`]); a refused text is a
//!   [`FieldFault`].
//! - [`document`]: one finished policy with its reasons, notes and limit ([`Document`]).
//! - [`explain`]: who gets in by a trust policy, and which condition decides.
//! - [`lint`]: what is wrong with a document, wherever it came from.
//! - [`plan`]: what comes to be in the account, as facts that every form says alike ([`SetupPlan`]).
//! - [`forms`]: the plan as JSON, AWS CLI script, CloudFormation template and Terraform module.
//!
//! Policies are rendered from `templates/policies/`. Every interpolated value goes through the JSON escaper of those
//! templates, and every rendered document is parsed into contract's [`PolicyDocument`] before it leaves: what is printed is
//! what was parsed. To add a document: a template, a struct with its values, a function from a [`SetupRequest`] to
//! [`Document`]s with a reason for every statement and condition, an arm in [`SetupRequest::document`], a snapshot.

pub mod document;
pub mod explain;
pub mod explain_lines;
mod field;
pub mod forms;
pub mod json;
pub mod lint;
mod lockdown;
pub mod permission;
pub mod plan;
mod read_only;
pub mod region;
pub mod request;
mod session;
mod state;
mod trust;

use askama::Template;
use driftwise_contract::policy::{PolicyDocument, PolicyError};

pub use document::{Document, DocumentKind, LineReason, Note};
pub use field::{Field, FieldFault};
pub use permission::{StateReading, permission_policy, permission_policy_for};
pub use plan::SetupPlan;
pub use request::{IssuerFacts, RawRequest, SetupRequest};
pub use state::{BucketName, KeyPrefix, StateLocation, bucket_policy};
pub use trust::{TrustPolicy, warning};

/// A document that could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The template failed.
    #[error("the policy template failed: {0}")]
    Template(#[from] askama::Error),
    /// What was rendered is no policy.
    #[error("the rendered document is no policy: {0}")]
    Policy(#[from] PolicyError),
    /// No least-privilege policy.
    #[error(transparent)]
    LeastPrivilege(#[from] permission::LeastPrivilegeError),
    /// A value that IAM would read as something else than text.
    #[error("{what} {value:?} holds ${{, which IAM takes for a policy variable: choose one without it")]
    PolicyVariable {
        /// What the value is.
        what: &'static str,
        /// The value.
        value: String,
    },
    /// The choices leave nothing to say in such a document.
    #[error("the choices leave nothing for a {kind}: {fix}")]
    NotWanted {
        /// The document.
        kind: DocumentKind,
        /// Which choice would.
        fix: &'static str,
    },
    /// A document that a form can't deploy.
    #[error(
        "a {kind} does not come as {form}: it is merged by hand into what stands there, or goes with a call; take --as json"
    )]
    NotInThisForm {
        /// The document.
        kind: DocumentKind,
        /// The form.
        form: forms::As,
    },
}

fn render(template: &impl Template) -> Result<PolicyDocument, SetupError> {
    Ok(PolicyDocument::parse(&template.render()?)?)
}

fn without_variables<'a>(what: &'static str, value: &'a str) -> Result<&'a str, SetupError> {
    if value.contains("${") { Err(SetupError::PolicyVariable { what, value: value.to_owned() }) } else { Ok(value) }
}
