//! Why each line of the policy beside `ReadOnlyAccess` is there, and what to know about both.

use super::document::{Document, Note};
use super::explain_lines::Reasons;
use super::{StateReading, state};

/// The document with reasons and notes, for a role that reads the states or does not.
pub(super) fn explained(document: Document, reading: StateReading<'_>) -> Document {
    let buckets = match reading {
        StateReading::Role(states, _) => states.len(),
        StateReading::Unsaid | StateReading::Reader => 0,
    };
    let document = document.explained(|said| state::reading_reasons(reasons(said), buckets)).with_note(Note::remark(
        "attach AWS's managed policy ReadOnlyAccess beside this one: Cloud Control reads each resource with the role's own \
         permissions. This policy denies what ReadOnlyAccess would read beyond descriptions: items, messages, logs.",
    ));
    if !matches!(reading, StateReading::Unsaid) {
        return document;
    }
    document.with_note(Note::remark(
        "no state bucket is named: objects of all buckets stay readable through ReadOnlyAccess. Name the state's bucket to deny all \
         others.",
    ))
}

fn reasons(reasons: Reasons) -> Reasons {
    reasons
        .statement("DiscoverResources", "Finds what exists: Resource Explorer's index of the account.")
        .statement("ReadResources", "Reads one resource after another through Cloud Control.")
        .statement("ReadIamGrants", "Reads every grant at once: users, groups, roles and their policies.")
        .statement(
            "NeverReadData",
            "A scan needs descriptions, never data: this takes away what ReadOnlyAccess reads beyond them.",
        )
        .statement(
            "NeverReadDataDirectly",
            "Code and parameter values: only Cloud Control may touch them, which needs to for a description.",
        )
        .condition(
            "NeverReadDataDirectly",
            "aws:ViaAWSService",
            "False when the role itself calls: then it is denied. AWS's services, calling for it, are not.",
        )
        .statement("NeverReadOtherObjects", "No object but the states, although ReadOnlyAccess would read every one.")
        .statement(
            "NeverReadObjects",
            "No object: a role of its own reads the states, and ReadOnlyAccess would read every object.",
        )
}
