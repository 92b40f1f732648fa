//! The key owner's half.

use askama::Template;
use driftwise_contract::{OrgId, RoleArn};

use super::reading::KeyView;
use crate::setup::document::{Document, DocumentKind, Note};
use crate::setup::request::{KmsKeyArn, SetupRequest};
use crate::setup::{SetupError, render};

#[derive(Template)]
#[template(path = "policies/key-policy.json")]
struct View<'a> {
    role_arn: &'a RoleArn,
    key: KeyView,
    /// The org whose tag a session must have.
    org_tag: Option<OrgId>,
}

/// One for each key.
pub(in crate::setup) fn key_policies(request: &SetupRequest) -> Result<Vec<Document>, SetupError> {
    let kind = DocumentKind::KeyPolicy;
    if request.kms_keys.is_empty() {
        return Err(SetupError::NotWanted { kind, fix: "name the KMS key of the state's bucket with --kms-key" });
    }
    if request.states.is_empty() {
        return Err(SetupError::NotWanted { kind, fix: "name the bucket of the state with --bucket" });
    }
    request.kms_keys.iter().map(|key| document(request, key)).collect()
}

fn document(request: &SetupRequest, key: &KmsKeyArn) -> Result<Document, SetupError> {
    const DECRYPT: &str = "DriftwiseDecryptTerraformState";
    let role = request.state_role();
    let policy = render(&View {
        role_arn: role,
        key: KeyView::of(request.partition(), &request.states, std::slice::from_ref(key)),
        org_tag: request.abac.then_some(request.org),
    })?;
    let id = key.as_str().rsplit('/').next().unwrap_or_default();
    let document = Document::new(DocumentKind::KeyPolicy, format!("Key policy of {id}"), policy);
    let document = match request.kms_keys.as_slice() {
        [_] => document,
        _ => document.named(format!("{}-{id}", DocumentKind::KeyPolicy)),
    };
    let document = document.explained(|reasons| {
        reasons
            .statement(DECRYPT, "Decrypts the states, and nothing else that lies under this key.")
            .member(DECRYPT, "Principal", "Exactly this role.")
            .member(DECRYPT, "Resource", "In a key policy, * is the key that it is attached to.")
            .condition(DECRYPT, "kms:ViaService", "Through S3 only: the role never calls KMS itself.")
            .condition(
                DECRYPT,
                "kms:EncryptionContext:aws:s3:arn",
                "For these objects only, or for the whole bucket where it has a bucket key.",
            )
            .condition(
                DECRYPT,
                "aws:PrincipalTag/dw_org_id",
                "Only sessions that began with this org's token: the tag came with it.",
            )
    });
    let document = document.with_note(Note::remark(
        "Add this statement to the key's policy; don't replace what stands there, or nobody may administer the key. AWS's own key aws/s3 admits no other account.",
    ));
    Ok(if role.account_id() == key.account() {
        document.with_note(Note::remark(
            "A key of the role's own account whose policy leaves access to IAM (AWS's default) needs none of it: there the role's permission policy is enough.",
        ))
    } else {
        document
    })
}
