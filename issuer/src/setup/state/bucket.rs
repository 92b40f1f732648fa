//! The bucket owner's half.

use askama::Template;
use driftwise_contract::policy::PolicyDocument;
use driftwise_contract::{OrgId, RoleArn};

use super::location::{StateLocation, StateView};
use crate::setup::document::{Document, DocumentKind, Note};
use crate::setup::request::SetupRequest;
use crate::setup::{SetupError, render};

#[derive(Template)]
#[template(path = "policies/bucket-policy.json")]
struct View<'a> {
    role_arn: &'a RoleArn,
    state: StateView,
    /// The org whose tag a session must have.
    org_tag: Option<OrgId>,
}

/// Lets exactly that role read the state, for a bucket in another account than the role's.
pub fn bucket_policy(role: &RoleArn, state: &StateLocation) -> Result<PolicyDocument, SetupError> {
    render(&View { role_arn: role, state: state.view(role.partition()), org_tag: None })
}

/// One for each bucket.
pub(in crate::setup) fn bucket_policies(request: &SetupRequest) -> Result<Vec<Document>, SetupError> {
    let kind = DocumentKind::BucketPolicy;
    if request.states.is_empty() {
        return Err(SetupError::NotWanted { kind, fix: "name the bucket of the state with --bucket" });
    }
    request.states.iter().map(|state| document(request, state)).collect()
}

fn document(request: &SetupRequest, state: &StateLocation) -> Result<Document, SetupError> {
    const READ: &str = "DriftwiseReadTerraformState";
    const LIST: &str = "DriftwiseListTerraformState";
    const ONLY: &str = "DriftwiseOnlyTheOrgsSessions";
    const TAG: &str = "aws:PrincipalTag/dw_org_id";
    let role = request.state_role();
    let org_tag = request.abac.then_some(request.org);
    let policy = render(&View { role_arn: role, state: state.view(role.partition()), org_tag })?;
    let document = Document::new(DocumentKind::BucketPolicy, format!("Bucket policy of {}", state.bucket), policy);
    let document = match request.states.as_slice() {
        [_] => document,
        _ => document.named(format!("{}-{}", DocumentKind::BucketPolicy, state.bucket)),
    };
    let document = document.explained(|reasons| {
        reasons
            .statement(READ, "The states below the named prefixes, and those of their workspaces; no lock, no write.")
            .member(
                READ,
                "Principal",
                "Exactly this role: not its account, and no role that is made later under the name.",
            )
            .condition(READ, TAG, "Only sessions that began with this org's token: the tag came with it.")
            .statement(LIST, "Finds the states below a prefix.")
            .condition(
                LIST,
                "s3:prefix",
                "Names below the prefixes only (and the names of workspaces), not the whole bucket's.",
            )
            .condition(LIST, TAG, "Only sessions that began with this org's token: the tag came with it.")
            .statement(ONLY, "Whatever else allows it: a session of the role without the org's tag reads no state.")
            .condition(ONLY, TAG, "Another org's tag, or none: an absent tag is another tag, too.")
    });
    let document = document.with_note(Note::remark(
        "Add these statements to the bucket's policy; don't replace what stands there. The role must exist before: S3 refuses a principal that does not.",
    ));
    let same_account = role.account_id() == request.state_account();
    Ok(match (same_account, request.abac) {
        (false, _) => document,
        (true, false) => document.with_note(Note::remark(
            "A bucket in the role's own account needs none of it: there the role's permission policy is enough.",
        )),
        (true, true) => document.with_note(Note::remark(
            "In the role's own account only the denial counts: what it allows, the role's permission policy allows already.",
        )),
    })
}
