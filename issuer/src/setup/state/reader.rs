//! A role of its own for the states: in the account that owns bucket and key, assumed with the org's token like the scan's role,
//! and able to read the states and nothing else. Bucket and key policies then need no other account in them, and the scan's role
//! reads no object at all.

use super::policy::state_policy;
use crate::setup::document::{DocumentKind, Note};
use crate::setup::plan::{MAX_SESSION_S, ManagedPolicy, OWNER_TAG, OidcProvider, Role, SetupPlan};
use crate::setup::request::{SetupRequest, TrustChoice};
use crate::setup::{SetupError, trust};

/// The role, where the admin chose one.
pub(in crate::setup) fn reader_role(request: &SetupRequest) -> Result<Option<Role>, SetupError> {
    let Some(reader) = &request.state_reader else { return Ok(None) };
    if let TrustChoice::TwoLayer { .. } = request.trust {
        let fix = "choose another form, or no state reader: the user of the form two-layer may assume one role only";
        return Err(SetupError::NotWanted { kind: DocumentKind::TrustPolicy, fix });
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

/// What comes to be in the reader's account, where that is not the scan role's: a provider of its own, and the role.
pub(in crate::setup) fn reader_plan(request: &SetupRequest) -> Result<Option<SetupPlan>, SetupError> {
    let Some(role) = reader_role(request)? else { return Ok(None) };
    if role.arn.account_id() == request.account() {
        return Ok(None);
    }
    let account = role.arn.account_id().clone();
    let is_federated = matches!(request.trust, TrustChoice::Federated { .. });
    Ok(Some(SetupPlan {
        partition: request.partition(),
        provider: is_federated.then(|| OidcProvider {
            arn: request.issuer.provider_arn(request.partition(), &account),
            url: request.issuer.issuer.clone(),
            client_ids: vec![request.issuer.audience.clone()],
            thumbprints: request.issuer.thumbprints.clone(),
        }),
        account,
        region: request.region.clone(),
        roles: vec![role],
        users: Vec::new(),
        attach_by_hand: Vec::new(),
        notes: vec![Note::remark(
            "Register this role for the org as well: the issuer mints tokens for registered roles only.",
        )],
    }))
}
