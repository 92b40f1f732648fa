//! Trust in a principal of AWS that states an External ID: another account's role or the whole account, or (two layers) a user
//! of the same account that may do nothing else.
//!
//! The key `sts:ExternalId` is what the caller states in `AssumeRole`; it exists nowhere else (STS API, `AssumeRole`).

use askama::Template;
use driftwise_contract::RoleArn;
use driftwise_contract::policy::PolicyDocument;

use crate::setup::request::{ExternalId, TrustedPrincipal, UserArn};
use crate::setup::{Document, DocumentKind, Note, SetupError, render};

const EXTERNAL_ID: &str = "DriftwiseExternalId";
const TWO_LAYER: &str = "DriftwiseTwoLayer";

#[derive(Template)]
#[template(path = "policies/trust-principal.json")]
struct View<'a> {
    sid: &'a str,
    principal: String,
    external_id: &'a ExternalId,
}

#[derive(Template)]
#[template(path = "policies/user-assume-role.json")]
struct UserView<'a> {
    role_arn: &'a RoleArn,
}

fn document(sid: &'static str, principal: String, external_id: &ExternalId) -> Result<Document, SetupError> {
    let policy = render(&View { sid, principal, external_id })?;
    Ok(Document::new(DocumentKind::TrustPolicy, "Trust policy", policy).explained(|reasons| {
        reasons
            .member(sid, "Action", "The call of callers that have AWS credentials of their own.")
            .condition(
                sid,
                "sts:ExternalId",
                "The caller must state this id. It is this connection's own: a principal that serves many customers can't be led \
                 to this role in another's name (the confused deputy).",
            )
    }))
}

/// Lets a principal of another account in.
pub(super) fn external_id_form(principal: &TrustedPrincipal, external_id: &ExternalId) -> Result<Document, SetupError> {
    let document = document(EXTERNAL_ID, principal.to_string(), external_id)?.explained(|reasons| {
        reasons
            .statement(EXTERNAL_ID, "Lets the agent in by the AWS credentials it runs with, and by nothing else.")
            .member(EXTERNAL_ID, "Principal", "Whom the role trusts; never everyone.")
    });
    Ok(match principal {
        TrustedPrincipal::Account(_, account) => document.with_note(Note::remark(format!(
            "Every principal of the account {account} that may call sts:AssumeRole gets in with the External ID. Naming the \
             agent's role instead is narrower."
        ))),
        TrustedPrincipal::Role(role) => document.with_note(Note::remark(format!(
            "{role} must exist before this policy is applied. AWS keeps its unique id: when it is deleted and made again, apply \
             the policy again."
        ))),
    })
}

/// Lets the user of the same account in.
pub(super) fn two_layer_form(user: &UserArn, external_id: &ExternalId) -> Result<Document, SetupError> {
    Ok(document(TWO_LAYER, user.to_string(), external_id)?
        .explained(|reasons| {
            reasons
                .statement(TWO_LAYER, "Lets one user in, whose access key opens nothing but this role.")
                .member(TWO_LAYER, "Principal", "The user; it must exist before the role.")
        })
        .with_note(Note::warning(
            "The user's access key is a secret that lives until it is taken away: keep it in a secret store, and replace it at \
             least every 90 days. The federated forms need none.",
        )))
}

/// What the user of the two-layer form may do: assume the role, and nothing else, whatever other policies and groups allow.
pub(super) fn user_policy(role: &RoleArn) -> Result<PolicyDocument, SetupError> {
    render(&UserView { role_arn: role })
}
