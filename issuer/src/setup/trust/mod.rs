//! Who may assume the role: the trust policy of each form.
//!
//! - *federated* ([`TrustPolicy`]): a token of the issuer, in three forms; no key is stored anywhere.
//! - *External ID*: the AWS credentials that the agent runs with elsewhere.
//! - *two layers*: an access key of a user that may do nothing but assume the role.
//!
//! To add a form: a variant of [`TrustChoice`], its fields in [`RawRequest`](super::RawRequest), a template, a function that
//! renders it with a reason for every statement and condition, an arm in [`trust_policy`].

mod federated;
mod principal;

use driftwise_contract::RoleArn;
use driftwise_contract::policy::PolicyDocument;

use super::SetupError;
use super::document::{Document, Note};
use super::request::{SetupRequest, TrustChoice};
use crate::federation::Settings;

pub use federated::{TrustPolicy, warning};

/// The trust policy of the role that the agent assumes.
pub(super) fn trust_policy(request: &SetupRequest) -> Result<Document, SetupError> {
    trust_policy_of(request, &request.role)
}

/// The trust policy of a role for the same org: the role itself, or the reader of its states. The OIDC provider and the user
/// that it names lie in that role's account and in the account of the request, respectively.
pub(super) fn trust_policy_of(request: &SetupRequest, role: &RoleArn) -> Result<Document, SetupError> {
    let mut document = match &request.trust {
        TrustChoice::Federated { form, role_authorized_by_idp } => {
            let settings =
                Settings { issuer: request.issuer.issuer.clone(), audience: request.issuer.audience.clone() };
            TrustPolicy {
                settings: &settings,
                org: request.org,
                role,
                form: *form,
                role_authorized_by_idp: *role_authorized_by_idp,
            }
            .explained()?
        }
        TrustChoice::ExternalId { principal, external_id } => principal::external_id_form(principal, external_id)?,
        TrustChoice::TwoLayer { user, external_id } => principal::two_layer_form(user, external_id)?,
    };
    document.title = format!("Trust policy of {}", role.role_name());
    if !document.fits() {
        let note = format!(
            "This trust policy has {} characters; AWS takes {} unless the account's quota \"Role trust policy length\" is raised \
             (to 4,096 at most). A shorter issuer URL or the form subject is shorter.",
            document.size(),
            document.limit.characters
        );
        document = document.with_note(Note::warning(note));
    }
    Ok(document)
}

/// What the user of the two-layer form may do.
pub(super) fn user_policy(role: &RoleArn) -> Result<PolicyDocument, SetupError> {
    principal::user_policy(role)
}
