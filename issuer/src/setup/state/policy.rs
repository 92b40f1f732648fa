//! The reader's own policy, as a document of its own.

use askama::Template;

use super::reading::{LIST_SID, ReadingView};
use crate::setup::document::{Document, DocumentKind, Note};
use crate::setup::explain_lines::Reasons;
use crate::setup::request::SetupRequest;
use crate::setup::{SetupError, render};

#[derive(Template)]
#[template(path = "policies/state-policy.json")]
struct View {
    reading: ReadingView,
}

/// What a role needs to read the states and nothing else: for the reader, or beside a permission policy without it.
pub(in crate::setup) fn state_policy(request: &SetupRequest) -> Result<Document, SetupError> {
    let kind = DocumentKind::StatePolicy;
    let reading = ReadingView::of(request.partition(), &request.states, &request.kms_keys)
        .ok_or(SetupError::NotWanted { kind, fix: "name the bucket of the state with --bucket" })?;
    let has_keys = reading.keys.is_some();
    let document = Document::new(kind, "State access", render(&View { reading })?);
    let document = document.explained(|said| reasons(said, request.states.len()));
    let document = if document.fits() {
        document
    } else {
        document.with_note(Note::warning("AWS takes 6,144 characters: name shorter prefixes, or whole buckets."))
    };
    Ok(if has_keys {
        document
    } else {
        document.with_note(Note::remark(
            "A bucket whose objects are under a KMS key needs that key named (--kms-key); objects under S3's own keys (SSE-S3) need none.",
        ))
    })
}

/// Why each statement of a reader's policy is there, in this document or within another.
pub(in crate::setup) fn reasons(reasons: Reasons, buckets: usize) -> Reasons {
    let mut reasons = reasons
        .statement("ReadTerraformState", "The states below the named prefixes, and those of their workspaces.")
        .action("ReadTerraformState", "s3:GetObject", "Reads the current state.")
        .action("ReadTerraformState", "s3:GetObjectVersion", "Reads an older version where a scan is told to.")
        .statement(
            "NeverReadStateLocks",
            "Locks are Terraform's own: who runs what is no part of a scan, and nothing here can take or break a lock.",
        )
        .statement("DecryptTerraformState", "The states lie encrypted: S3 asks KMS with the reader's own permission.")
        .condition("DecryptTerraformState", "kms:ViaService", "Through S3 only: the reader never calls KMS itself.")
        .condition(
            "DecryptTerraformState",
            "kms:EncryptionContext:aws:s3:arn",
            "For these objects only, or for the whole bucket where it has a bucket key.",
        );
    for index in 0..buckets {
        let sid = if index == 0 { LIST_SID.to_owned() } else { format!("{LIST_SID}{}", index + 1) };
        reasons = reasons
            .statement(&sid, "Finds the states below a prefix, and tells an absent state from a forbidden one.")
            .condition(
                &sid,
                "s3:prefix",
                "Names below the prefixes only (and the names of workspaces), not the whole bucket's.",
            );
    }
    reasons
}
