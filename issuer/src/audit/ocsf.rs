//! Rows in the Open Cybersecurity Schema Framework, version [`VERSION`], one JSON object per row: the form in which SIEMs and
//! Security Lake take them.
//!
//! | events | class |
//! |---|---|
//! | a token or canary token minted, refused to a caller who is not proven, refusals counted | Authentication (3002), Logon |
//! | a token refused to a proven caller | API Activity (6003), Create, failed |
//! | an admin signed in, failed to, was locked out, signed out | Authentication (3002), Logon and Logoff |
//! | everything else: a thing of ours made, changed or taken away | Entity Management (3004) |
//!
//! What the schema has no place for stands under `unmapped`, with the row's chain, number and hash in `metadata`.

use driftwise_contract::proof::ProofOutcome;
use serde_json::{Value, json};

use super::{Actor, Body, Chain, Event, RefusalReason};
use crate::store::{StoreError, audit::StoredRow};

/// The version of the schema.
pub const VERSION: &str = "1.3.0";

const CREATE: i64 = 1;
const UPDATE: i64 = 3;
const DELETE: i64 = 4;
/// Activities of Authentication.
const LOGON: i64 = 1;
const LOGOFF: i64 = 2;

/// `severity_id`: 1 informational, 2 low, 3 medium, 4 high.
struct Mapped {
    class_uid: i64,
    activity: i64,
    activity_name: &'static str,
    severity: i64,
    succeeded: bool,
    members: Value,
}

/// The event of a row.
pub fn event(chain: Chain, row: &StoredRow) -> Result<Value, StoreError> {
    let corrupt = |cause: String| StoreError::Corrupt { column: "audit_log.event", cause };
    let body: Body = serde_json::from_str(&row.event).map_err(|error| corrupt(error.to_string()))?;
    let raw: Value = serde_json::from_str(&row.event).map_err(|error| corrupt(error.to_string()))?;
    let mapped = map(&body);
    let class_name = match mapped.class_uid {
        3002 => "Authentication",
        6003 => "API Activity",
        _ => "Entity Management",
    };
    let (category_uid, category_name) =
        if mapped.class_uid == 6003 { (6, "Application Activity") } else { (3, "Identity & Access Management") };
    let mut event = json!({
        "activity_id": mapped.activity,
        "activity_name": mapped.activity_name,
        "category_uid": category_uid,
        "category_name": category_name,
        "class_uid": mapped.class_uid,
        "class_name": class_name,
        "type_uid": mapped.class_uid * 100 + mapped.activity,
        "type_name": format!("{class_name}: {}", mapped.activity_name),
        "severity_id": mapped.severity,
        "status_id": if mapped.succeeded { 1 } else { 2 },
        "status": if mapped.succeeded { "Success" } else { "Failure" },
        "time": row.at_ms,
        "message": body.event.name().replace('_', " "),
        "metadata": {
            "version": VERSION,
            "product": {"name": "driftwise-issuer", "vendor_name": "driftwise", "version": env!("CARGO_PKG_VERSION")},
            "uid": row.hash,
            "sequence": row.seq,
            "log_name": chain.to_string(),
            "event_code": body.event.name(),
        },
        "actor": actor(&body.actor),
        "unmapped": raw,
    });
    let source = match body.address {
        Some(address) => json!({"ip": address.to_string()}),
        // API Activity needs a source; at the command line it is the issuer's own machine.
        None => json!({"name": "issuer"}),
    };
    event["src_endpoint"] = source;
    if let (Value::Object(event), Value::Object(members)) = (&mut event, mapped.members) {
        event.extend(members);
    }
    Ok(event)
}

fn map(body: &Body) -> Mapped {
    match &body.event {
        Event::TokenMinted(token) | Event::CanaryTokenMinted(token) => authentication(
            true,
            if matches!(body.event, Event::CanaryTokenMinted(_)) { 2 } else { 1 },
            &json!({
                "user": {"uid": token.sub.to_string(), "type": "System", "type_id": 3, "org": {"uid": token.sub.org().to_string()}},
                "service": {"name": token.iss.to_string()},
                "session": {"uid": token.jti, "issuer": token.iss.to_string(), "expiration_time": token.exp_s * 1000},
            }),
        ),
        Event::TokenRefused(refused) if body.actor == Actor::Unknown => {
            let user = refused.claimed_agent.map_or_else(|| "unknown".to_owned(), |agent| agent.to_string());
            authentication(
                false,
                severity(refused.reason),
                &json!({
                    "user": {"uid": user}, "service": {"name": "driftwise-issuer"}, "status_code": word(refused.reason),
                }),
            )
        }
        Event::TokenRefused(refused) => Mapped {
            class_uid: 6003,
            activity: CREATE,
            activity_name: "Create",
            severity: severity(refused.reason),
            succeeded: false,
            members: json!({
                "api": {"operation": "token", "service": {"name": "driftwise-issuer"}},
                "status_code": word(refused.reason),
                "resources": refused.role.iter().map(|role| json!({"uid": role.as_str(), "type": "AWS IAM role"})).collect::<Vec<_>>(),
            }),
        },
        Event::RefusalsCounted { reasons, since_ms } => authentication(
            false,
            3,
            &json!({
                "user": {"uid": "unknown"}, "service": {"name": "driftwise-issuer"},
                "count": reasons.values().sum::<u64>(), "start_time": since_ms,
            }),
        ),
        Event::KeyStaged(key) => entity(CREATE, 1, "signing key", key.kid.as_str()),
        Event::KeyActivated(key) | Event::KeyRetired(key) => entity(UPDATE, 1, "signing key", key.kid.as_str()),
        Event::KeyRemoved(key) => entity(DELETE, 1, "signing key", key.kid.as_str()),
        Event::KeyRevoked(key) => entity(DELETE, 4, "signing key", key.kid.as_str()),
        Event::KeysResealed { .. } => entity(UPDATE, 2, "master key", "master key"),
        Event::OrgCreated { org, .. } => entity(CREATE, 1, "org", &org.to_string()),
        Event::OrgIssuerSet { keys } => entity(UPDATE, 2, "org issuer", keys),
        Event::AccountRegistered { account, .. } => entity(CREATE, 1, "AWS account", account.as_str()),
        Event::ProofReported { account, outcome, .. } => {
            let severity = match outcome {
                ProofOutcome::Proven => 1,
                ProofOutcome::ForeignOrgAdmitted => 4,
                ProofOutcome::OwnOrgRefused | ProofOutcome::Inconclusive => 2,
            };
            entity(UPDATE, severity, "AWS account", account.as_str())
        }
        Event::AccountRemoved { account, .. } => entity(DELETE, 1, "AWS account", account.as_str()),
        Event::EnrolmentCodeMade { code, .. } => entity(CREATE, 1, "enrolment code", code),
        Event::EnrolmentCodeRevoked { code } => entity(DELETE, 1, "enrolment code", code),
        Event::AgentEnrolled { agent, .. } => entity(CREATE, 1, "agent", &agent.to_string()),
        Event::AgentRevoked { agent } => entity(DELETE, 2, "agent", &agent.to_string()),
        Event::AgentKeyRotated { agent, .. } => entity(UPDATE, 1, "agent", &agent.to_string()),
        Event::ApiKeyCreated { id, .. } => entity(CREATE, 2, "API key", id),
        Event::ApiKeyRevoked { id } => entity(DELETE, 2, "API key", id),
        Event::AdminInvited { name, .. } => entity(CREATE, 2, "invitation of an admin", name),
        Event::AdminInvitationRevoked { name } => entity(DELETE, 1, "invitation of an admin", name),
        Event::AdminCreated { name, .. } => entity(CREATE, 3, "admin", name),
        Event::AdminResetMade { name, .. } => entity(CREATE, 2, "link for a new password", name),
        Event::AdminPasswordSet { name, .. } => entity(UPDATE, 2, "admin", name),
        Event::AdminRemoved { name, .. } => entity(DELETE, 2, "admin", name),
        Event::AdminUnlocked { name } => entity(UPDATE, 1, "admin", name),
        Event::AdminSignedOut { admin, name, .. } => {
            sign_in(LOGOFF, true, 1, &json!({"user": {"uid": admin, "name": name, "type": "Admin", "type_id": 2}}))
        }
        Event::SignedIn { admin, name, session, .. } => sign_in(
            LOGON,
            true,
            1,
            &json!({"user": {"uid": admin, "name": name, "type": "Admin", "type_id": 2}, "session": {"uid": session}}),
        ),
        Event::SignedOut { session } => {
            let user = actor(&body.actor)["user"].clone();
            sign_in(LOGOFF, true, 1, &json!({"user": user, "session": {"uid": session}}))
        }
        Event::SignInFailed { admin } => {
            sign_in(LOGON, false, 2, &json!({"user": failed_user(admin.as_ref()), "status_code": "sign_in_failed"}))
        }
        Event::SignInLocked { admin, .. } => {
            sign_in(LOGON, false, 3, &json!({"user": failed_user(admin.as_ref()), "status_code": "sign_in_locked"}))
        }
    }
}

fn authentication(succeeded: bool, severity: i64, members: &Value) -> Mapped {
    let mut members = members.clone();
    members["auth_protocol_id"] = json!(6);
    members["auth_protocol"] = json!("OAUTH 2.0");
    members["is_remote"] = json!(true);
    Mapped { class_uid: 3002, activity: 1, activity_name: "Logon", severity, succeeded, members }
}

/// Of a person, at the pages.
fn sign_in(activity: i64, succeeded: bool, severity: i64, members: &Value) -> Mapped {
    let mut members = members.clone();
    members["service"] = json!({"name": "driftwise-issuer pages"});
    members["is_remote"] = json!(true);
    let activity_name = if activity == LOGON { "Logon" } else { "Logoff" };
    Mapped { class_uid: 3002, activity, activity_name, severity, succeeded, members }
}

fn failed_user(name: Option<&String>) -> Value {
    let name = name.map_or("unknown", String::as_str);
    json!({"name": name, "type": "Admin", "type_id": 2})
}

fn entity(activity: i64, severity: i64, kind: &str, uid: &str) -> Mapped {
    let activity_name = match activity {
        CREATE => "Create",
        UPDATE => "Update",
        _ => "Delete",
    };
    let members = json!({"entity": {"type": kind, "uid": uid, "name": uid}});
    Mapped { class_uid: 3004, activity, activity_name, severity, succeeded: true, members }
}

/// What an honest agent does by mistake is low; what only an attacker does is higher.
fn severity(reason: RefusalReason) -> i64 {
    match reason {
        RefusalReason::SignatureInvalid | RefusalReason::Replayed | RefusalReason::ApiKeyInvalid => 3,
        _ => 2,
    }
}

fn word(reason: RefusalReason) -> Value {
    json!(reason)
}

fn actor(actor: &Actor) -> Value {
    match actor {
        Actor::Operator { user, sudo_user } => {
            let name = sudo_user.as_ref().or(user.as_ref()).map_or("unknown", String::as_str);
            json!({"user": {"name": name, "type": "Admin", "type_id": 2}})
        }
        Actor::Agent { id, .. } => json!({"user": {"uid": id.to_string(), "type": "System", "type_id": 3}}),
        Actor::ApiKey { id } => json!({"user": {"uid": id, "type": "System", "type_id": 3}}),
        Actor::Admin { id, name } => json!({"user": {"uid": id, "name": name, "type": "Admin", "type_id": 2}}),
        Actor::CodeHolder => json!({"user": {"name": "holder of an enrolment code", "type_id": 0}}),
        Actor::Unknown => json!({"user": {"name": "unknown", "type_id": 0}}),
        Actor::Issuer => json!({"app_name": "driftwise-issuer"}),
    }
}

#[cfg(test)]
mod tests {
    use driftwise_contract::{AgentId, OrgId};

    use super::*;
    use crate::audit::{Record, TokenMinted, TokenRefused};

    fn org() -> OrgId {
        "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21".parse().unwrap()
    }

    fn of(actor: Actor, event: Event) -> Value {
        let record = Record::new(Chain::Org(org()), 1_800_000_000_000, actor, event);
        let event = record.from(Some("203.0.113.7".parse().unwrap())).body().unwrap();
        let row =
            StoredRow { seq: 7, at_ms: 1_800_000_000_000, event, prev_hash: "0".repeat(64), hash: "a".repeat(64) };
        super::event(Chain::Org(org()), &row).unwrap()
    }

    #[test]
    fn a_minted_token_is_a_successful_logon_whose_session_is_the_jti() {
        let agent: AgentId = "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c22".parse().unwrap();
        let minted = TokenMinted {
            jti: "0198c5e2-0000-7000-8000-000000000000".into(),
            iss: "https://id.example.com".parse().unwrap(),
            sub: driftwise_contract::Subject::of_org(org()),
            aud: driftwise_contract::Audience::sts(),
            role: "arn:aws:iam::123456789012:role/scan".parse().unwrap(),
            kid: "k".repeat(43).parse().unwrap(),
            exp_s: 1_800_000_300,
            scope: None,
        };
        insta::with_settings!({sort_maps => true}, {
            insta::assert_json_snapshot!(of(Actor::Agent { id: agent, kid: None }, Event::TokenMinted(minted)));
        });
    }

    #[test]
    fn every_event_has_what_its_class_requires() {
        let kid = "k".repeat(43).parse().unwrap();
        let refused = TokenRefused { reason: RefusalReason::Replayed, claimed_agent: None, role: None };
        let role_refused = TokenRefused {
            reason: RefusalReason::RoleNotRegistered,
            claimed_agent: None,
            role: Some("arn:aws:iam::123456789012:role/x".parse().unwrap()),
        };
        let key = crate::audit::KeyEvent { kid, key_set: "shared".into(), algorithm: None };
        for (actor, event, type_uid) in [
            (Actor::Unknown, Event::TokenRefused(refused), 300_201),
            (Actor::ApiKey { id: "a".into() }, Event::TokenRefused(role_refused), 600_301),
            (
                Actor::Issuer,
                Event::RefusalsCounted { reasons: [(RefusalReason::Replayed, 3)].into(), since_ms: 1 },
                300_201,
            ),
            (Actor::Issuer, Event::KeyStaged(key.clone()), 300_401),
            (Actor::Issuer, Event::KeyActivated(key.clone()), 300_403),
            (
                Actor::Operator { user: Some("root".into()), sudo_user: Some("ann".into()) },
                Event::KeyRevoked(key),
                300_404,
            ),
            (
                Actor::Operator { user: None, sudo_user: None },
                Event::OrgCreated { org: org(), name: "A".into() },
                300_401,
            ),
        ] {
            let event = of(actor, event);
            assert_eq!(event["type_uid"], type_uid, "{event}");
            let required: &[&str] = match type_uid / 100 {
                3002 => &["user", "service", "auth_protocol_id"],
                6003 => &["actor", "api", "src_endpoint"],
                _ => &["entity"],
            };
            let base = ["activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"];
            for member in required.iter().chain(&base) {
                assert!(!event[member].is_null(), "{member} in {event}");
            }
            assert_eq!(event["metadata"]["version"], VERSION);
        }
    }
}
