//! Who may assume the role: the trust policy of each form.

mod federated;

use super::SetupError;
use super::document::{Document, DocumentKind, Note};
use super::request::{SetupRequest, TrustChoice};
use crate::federation::Settings;

pub use federated::{TrustPolicy, warning};

/// The trust policy of the role.
pub(super) fn trust_policy(request: &SetupRequest) -> Result<Document, SetupError> {
    let TrustChoice::Federated { form, role_authorized_by_idp } = &request.trust else {
        return Err(SetupError::NotWanted { kind: DocumentKind::TrustPolicy, fix: "choose a federated form" });
    };
    let settings = Settings { issuer: request.issuer.issuer.clone(), audience: request.issuer.audience.clone() };
    let policy = TrustPolicy {
        settings: &settings,
        org: request.org,
        role: &request.role,
        form: *form,
        role_authorized_by_idp: *role_authorized_by_idp,
    }
    .document()?;
    let document = Document::new(DocumentKind::TrustPolicy, "Trust policy", policy);
    Ok(match warning(*form) {
        Some(text) => document.with_note(Note::warning(text)),
        None => document,
    })
}
