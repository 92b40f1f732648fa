//! The session policy of a scan: what a session may do at most, whatever its role may.
//!
//! AWS takes session policies from whoever assumes a role; a session may do what both they and the role allow. The agent sends its
//! own with each scan (`scan.narrow_session`), the managed `ReadOnlyAccess` beside an inline document of at most 2,048
//! characters. This is that inline document, to read, to review and to use with other tools; a test holds both to one meaning.

use askama::Template;
use driftwise_contract::Partition;

use super::document::{Document, DocumentKind, Note};
use super::request::SetupRequest;
use super::{SetupError, render};

#[derive(Template)]
#[template(path = "policies/session-policy.json")]
struct View {
    object_arns: Vec<String>,
}

/// The inline session policy of a scan of these states.
pub(super) fn session_policy(request: &SetupRequest) -> Result<Document, SetupError> {
    const ALLOW: &str = "Scan";
    const DATA: &str = "NeverReadData";
    const DIRECTLY: &str = "NeverReadDataDirectly";
    const OBJECTS: &str = "NeverReadOtherObjects";
    // A reader's session is another one: this one then reads no object.
    let states = if request.state_reader.is_some() { &[][..] } else { &request.states };
    let object_arns: Vec<String> =
        states.iter().map(|state| format!("arn:{}:s3:::{}/*", request.partition(), state.bucket)).collect();
    let policy = render(&View { object_arns })?;
    let document = Document::new(DocumentKind::SessionPolicy, "Session policy of a scan", policy)
        .explained(|reasons| {
            reasons
                .statement(ALLOW, "What a scan calls and ReadOnlyAccess may lack. It widens nothing: the role must allow it as well.")
                .action(ALLOW, "kms:Decrypt", "States lie encrypted; role and key say with which key.")
                .action(ALLOW, "s3:GetObject", "The states; the last statement keeps other buckets out.")
                .statement(DATA, "Items, messages, logs, secrets: a scan reads descriptions only.")
                .statement(DIRECTLY, "Cloud Control reads these to describe functions and parameters; the session itself does not.")
                .condition(DIRECTLY, "aws:ViaAWSService", "False for the session's own calls, true for a service that acts for it.")
                .statement(OBJECTS, "No object but those of the state buckets, whatever the role may read.")
        })
        .with_note(Note::remark(format!(
            "Pass it as Policy of AssumeRoleWithWebIdentity, with {} as PolicyArns beside it. The agent does so by itself (scan.narrow_session).",
            read_only_arn(request.partition())
        )));
    if document.fits() {
        return Ok(document);
    }
    Ok(document.with_note(Note::warning(
        "AWS takes 2,048 characters. The agent then names buckets by what their names have in common (acme-tf-*).",
    )))
}

fn read_only_arn(partition: Partition) -> String {
    format!("arn:{partition}:iam::aws:policy/ReadOnlyAccess")
}
