//! A role of its own for the states: in the account that owns bucket and key, assumed with the org's token like the scan's role,
//! and able to read the states and nothing else. Bucket and key policies then need no other account in them, and the scan's role
//! reads no object at all.

use super::policy::state_policy;
use crate::setup::plan::{MAX_SESSION_S, ManagedPolicy, OWNER_TAG, Role};
use crate::setup::request::SetupRequest;
use crate::setup::{SetupError, trust};

/// The role, where the admin chose one and named states for it to read.
pub(in crate::setup) fn reader_role(request: &SetupRequest) -> Result<Option<Role>, SetupError> {
    let Some(reader) = &request.state_reader else { return Ok(None) };
    if request.states.is_empty() {
        return Ok(None);
    }
    let states = state_policy(request)?;
    Ok(Some(Role {
        arn: reader.clone(),
        name: reader.role_name().to_owned(),
        path: reader.path().to_owned(),
        description: "Terraform state reader of driftwise".to_owned(),
        max_session_s: MAX_SESSION_S,
        trust: trust::trust_policy_of(request, reader)?.policy,
        managed_policy_arns: Vec::new(),
        managed_policies: vec![ManagedPolicy {
            name: format!("{}-{}", reader.role_name(), states.file_stem),
            path: reader.path().to_owned(),
            description: states.title,
            document: states.policy,
        }],
        inline: Vec::new(),
        tags: vec![(OWNER_TAG.to_owned(), request.org.to_string())],
    }))
}
