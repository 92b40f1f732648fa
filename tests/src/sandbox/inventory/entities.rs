//! IAM's entities as resources, straight from the IAM state.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{GLOBAL, LiveResource};
use crate::sandbox::{
    Account,
    iam::{Grants, ManagedPolicy, OidcProvider, Role, User},
};

/// Every IAM entity of an account that Resource Explorer and Cloud Control know. IAM's tags are not indexed, so
/// [`LiveResource::tags`] is empty; Cloud Control's properties have them.
pub fn entities(account: &Account, now: OffsetDateTime) -> Vec<LiveResource> {
    let iam = &account.iam;
    let lag = account.inventory.iam_lag;
    let entity = |arn: &str, kind: &str, cfn_type: &str, identifier: &str, created, properties| LiveResource {
        arn: arn.to_owned(),
        region: GLOBAL.to_owned(),
        resource_type: format!("iam:{kind}"),
        service: "iam".to_owned(),
        cfn_type: Some(cfn_type.to_owned()),
        identifier: identifier.to_owned(),
        properties,
        tags: BTreeMap::new(),
        last_reported_at: now,
        listed: created + lag <= now,
        exists: true,
    };
    let mut all = Vec::new();
    for user in iam.users.values() {
        all.push(entity(&user.arn, "user", "AWS::IAM::User", &user.name, user.created, user_properties(user)));
    }
    for group in iam.groups.values() {
        let mut properties = object(json!({"GroupName": group.name, "Path": group.path, "Arn": group.arn}));
        add_grants(&mut properties, &group.grants);
        all.push(entity(&group.arn, "group", "AWS::IAM::Group", &group.name, group.created, properties));
    }
    for role in iam.roles.values() {
        all.push(entity(&role.arn, "role", "AWS::IAM::Role", &role.name, role.created, role_properties(role)));
    }
    for policy in iam.policies.values() {
        let properties = policy_properties(account, policy);
        all.push(entity(&policy.arn, "policy", "AWS::IAM::ManagedPolicy", &policy.arn, policy.created, properties));
    }
    for profile in iam.instance_profiles.values() {
        let properties = object(json!({
            "InstanceProfileName": profile.name, "Path": profile.path, "Arn": profile.arn,
            "Roles": profile.role.iter().collect::<Vec<_>>(),
        }));
        let cfn_type = "AWS::IAM::InstanceProfile";
        all.push(entity(&profile.arn, "instance-profile", cfn_type, &profile.name, profile.created, properties));
    }
    for provider in iam.providers.values() {
        let properties = provider_properties(provider);
        all.push(entity(
            &provider.arn,
            "oidc-provider",
            "AWS::IAM::OIDCProvider",
            &provider.arn,
            provider.created,
            properties,
        ));
    }
    all
}

fn user_properties(user: &User) -> Map<String, Value> {
    let mut properties = object(json!({"UserName": user.name, "Path": user.path, "Arn": user.arn}));
    if !user.groups.is_empty() {
        properties.insert("Groups".to_owned(), json!(user.groups));
    }
    add_grants(&mut properties, &user.grants);
    add_boundary(&mut properties, user.boundary.as_deref());
    add_tags(&mut properties, &user.tags);
    properties
}

fn role_properties(role: &Role) -> Map<String, Value> {
    let mut properties = object(json!({
        "RoleName": role.name, "RoleId": role.id, "Path": role.path, "Arn": role.arn,
        "MaxSessionDuration": role.max_session_s,
        "AssumeRolePolicyDocument": document(&role.trust_policy),
    }));
    if let Some(description) = &role.description {
        properties.insert("Description".to_owned(), json!(description));
    }
    add_grants(&mut properties, &role.grants);
    add_boundary(&mut properties, role.boundary.as_deref());
    add_tags(&mut properties, &role.tags);
    properties
}

fn policy_properties(account: &Account, policy: &ManagedPolicy) -> Map<String, Value> {
    let in_force = policy.versions.iter().find(|version| version.is_default);
    let used = account.iam.attached_to(&policy.arn);
    let has = |grants: &Grants| grants.attached.contains(&policy.arn);
    let users: Vec<&str> =
        account.iam.users.values().filter(|user| has(&user.grants)).map(|user| user.name.as_str()).collect();
    let groups: Vec<&str> =
        account.iam.groups.values().filter(|group| has(&group.grants)).map(|group| group.name.as_str()).collect();
    let roles: Vec<&str> =
        account.iam.roles.values().filter(|role| has(&role.grants)).map(|role| role.name.as_str()).collect();
    object(json!({
        "ManagedPolicyName": policy.name, "PolicyArn": policy.arn, "PolicyId": policy.id, "Path": policy.path,
        "Description": policy.description.as_deref().unwrap_or_default(),
        "PolicyDocument": in_force.map_or(Value::Null, |version| document(&version.document)),
        "DefaultVersionId": in_force.map(|version| &version.id),
        "AttachmentCount": used.principals, "PermissionsBoundaryUsageCount": used.boundaries, "IsAttachable": true,
        "CreateDate": rfc3339(policy.created), "UpdateDate": rfc3339(policy.updated),
        "Users": users, "Groups": groups, "Roles": roles,
    }))
}

fn provider_properties(provider: &OidcProvider) -> Map<String, Value> {
    let mut properties = object(json!({
        "Arn": provider.arn, "Url": provider.url, "ClientIdList": provider.client_ids,
        "ThumbprintList": provider.thumbprints,
    }));
    add_tags(&mut properties, &provider.tags);
    properties
}

fn add_grants(properties: &mut Map<String, Value>, grants: &Grants) {
    if !grants.attached.is_empty() {
        properties.insert("ManagedPolicyArns".to_owned(), json!(grants.attached));
    }
    if !grants.inline.is_empty() {
        let inline: Vec<Value> = (grants.inline.iter())
            .map(|(name, text)| json!({"PolicyName": name, "PolicyDocument": document(text)}))
            .collect();
        properties.insert("Policies".to_owned(), Value::from(inline));
    }
}

fn add_boundary(properties: &mut Map<String, Value>, boundary: Option<&str>) {
    if let Some(boundary) = boundary {
        properties.insert("PermissionsBoundary".to_owned(), json!(boundary));
    }
}

fn add_tags(properties: &mut Map<String, Value>, tags: &BTreeMap<String, String>) {
    if !tags.is_empty() {
        let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        properties.insert("Tags".to_owned(), Value::from(tags));
    }
}

/// Cloud Control gives documents as objects.
fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

fn rfc3339(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
