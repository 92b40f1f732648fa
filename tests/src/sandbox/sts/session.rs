//! Opening a session: who gets which temporary credentials, and how they are written into the answer.

use std::collections::BTreeMap;

use time::Duration;

use super::parameters::Wanted;
use crate::sandbox::{
    AwsError, World,
    auth::{AccessKey, Session},
    iam::{Role, RoleUse},
    log::lock,
    query::{Xml, iso8601},
};

/// The length of a session that asks for none.
const DEFAULT_DURATION_S: i64 = 3_600;

/// What a way to assume a role adds to the session.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// Session tags, those passed on by a chained session included.
    pub(super) tags: BTreeMap<String, String>,
    /// The keys of the tags that pass on.
    pub(super) transitive_tag_keys: Vec<String>,
    /// The source identity.
    pub(super) source_identity: Option<String>,
    /// The identity provider's ARN.
    pub(super) federated_provider: Option<String>,
    /// The region that the role is then last used in.
    pub(super) region: String,
}

/// A session that was opened, and what the answer says of it.
#[derive(Debug)]
pub(super) struct Opened {
    session: Session,
    packed_percent: usize,
}

/// Opens a session of `role`, unless it is to last too long or to carry too much.
pub(super) fn open(world: &World, role: &Role, wanted: &Wanted, carried: Carried) -> Result<Opened, AwsError> {
    let duration_s = wanted.duration_s.unwrap_or(DEFAULT_DURATION_S);
    if duration_s > role.max_session_s {
        return Err(AwsError::validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    let packed_percent = packed_percent(wanted, &carried);
    if packed_percent > 100 {
        return Err(AwsError::bad_request(
            "PackedPolicyTooLarge",
            format!("Packed size of session tags and policies consumes {packed_percent}% of allotted space."),
        ));
    }
    let now = world.now();
    let mut tags = role.tags.clone();
    // "Session tags take precedence over the role's tags with the same key", whatever their case.
    tags.retain(|key, _| !carried.tags.keys().any(|session_key| session_key.eq_ignore_ascii_case(key)));
    tags.extend(carried.tags);
    let session = Session {
        key: AccessKey::generate("ASIA"),
        token: Session::fresh_token(),
        account_id: wanted.role_arn.account_id().as_str().to_owned(),
        role_name: role.name.clone(),
        role_arn: role.arn.clone(),
        role_id: role.id.clone(),
        session_name: wanted.session_name.clone(),
        tags,
        transitive_tag_keys: carried.transitive_tag_keys,
        policies: wanted.policies.clone(),
        source_identity: carried.source_identity,
        federated_provider: carried.federated_provider,
        issued_at: now,
        expires_at: now + Duration::seconds(duration_s),
    };
    world.account_mut(&session.account_id, |account| {
        if let Some(role) = account.iam.roles.get_mut(&role.name) {
            role.last_used = Some(RoleUse { at: now, region: carried.region });
        }
    });
    lock(&world.sessions).insert(session.key.id.clone(), session.clone());
    Ok(Opened { session, packed_percent })
}

/// AWS compresses policies and tags into a binary form of unpublished size. This estimate starts at the 25 % recorded for a
/// bare web identity and lets a full inline policy of 2,048 characters pass.
fn packed_percent(wanted: &Wanted, carried: &Carried) -> usize {
    const BASE_PERCENT: usize = 25;
    const FULL_CHARACTERS: usize = 4_096;
    let tags: usize = carried.tags.iter().map(|(key, value)| key.len() + value.len()).sum();
    let source = carried.source_identity.as_ref().map_or(0, String::len);
    BASE_PERCENT + (wanted.policy_characters + tags + source) * 100 / FULL_CHARACTERS
}

impl Opened {
    /// Writes the members that the answers of both ways share.
    pub(super) fn write(&self, xml: &mut Xml) {
        let session = &self.session;
        xml.within("Credentials", |xml| {
            xml.text("AccessKeyId", &session.key.id);
            xml.text("SecretAccessKey", &session.key.secret);
            xml.text("SessionToken", &session.token);
            xml.text("Expiration", iso8601(session.expires_at));
        });
        xml.within("AssumedRoleUser", |xml| {
            xml.text("AssumedRoleId", session.user_id());
            xml.text("Arn", session.arn());
        });
        // The newer member replaces the older one, which older SDKs still read.
        xml.text("PackedPolicySize", self.packed_percent.to_string());
        xml.text("SessionTokenUtilization", self.packed_percent.to_string());
        xml.optional("SourceIdentity", session.source_identity.as_ref());
    }
}
