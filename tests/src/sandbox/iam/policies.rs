//! Managed policies: the account's own, and reading AWS's.

use super::{
    IamRequest, IamState, ManagedPolicy, PolicyVersion, managed,
    paging::Page,
    state::{delete_conflict, no_such_entity},
    validate::{self, MANAGED_POLICY_MAX, check_identity_policy},
    write,
};
use crate::sandbox::{
    Answer, AwsError,
    auth::unique_id,
    query::{Xml, iso8601},
};

const VERSIONS_MAX: usize = 5;

pub(super) fn create(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let params = &request.params;
    let name = validate::name(params, "PolicyName", 128)?;
    let path = validate::path(params)?;
    let document = checked_document(request)?;
    let arn = request.arn("policy", &path, name);
    if iam.policies.values().any(|policy| policy.name == name) {
        return Err(AwsError::new(
            409,
            "EntityAlreadyExists",
            format!("A policy called {name} already exists. Duplicate names are not allowed."),
        ));
    }
    let policy = ManagedPolicy {
        name: name.to_owned(),
        id: unique_id("ANPA", 21),
        arn: arn.clone(),
        path,
        description: params.optional("Description").map(str::to_owned),
        created: request.now,
        updated: request.now,
        versions: vec![PolicyVersion { id: "v1".to_owned(), document, is_default: true, created: request.now }],
        tags: params.tags("Tags")?.into_iter().collect(),
    };
    iam.policies.insert(arn.clone(), policy);
    Ok(request.reply(|xml| {
        xml.within("Policy", |xml| write::policy(xml, &iam.policies[&arn], iam));
    }))
}

fn checked_document(request: &IamRequest<'_>) -> Result<String, AwsError> {
    let document = request.params.required("PolicyDocument")?;
    check_identity_policy(document)?;
    if document.chars().filter(|letter| !letter.is_whitespace()).count() > MANAGED_POLICY_MAX {
        return Err(AwsError::new(
            409,
            "LimitExceeded",
            format!("Cannot exceed quota for PolicySize: {MANAGED_POLICY_MAX}"),
        ));
    }
    Ok(document.to_owned())
}

pub(super) fn create_version(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let arn = request.params.required("PolicyArn")?;
    let document = checked_document(request)?;
    let is_default = request.params.optional("SetAsDefault") == Some("true");
    let policy = iam.policies.get_mut(arn).ok_or_else(|| missing(arn))?;
    if policy.versions.len() >= VERSIONS_MAX {
        return Err(AwsError::new(
            409,
            "LimitExceeded",
            "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
        ));
    }
    if is_default {
        for version in &mut policy.versions {
            version.is_default = false;
        }
    }
    // Above every number that is left, whatever was deleted in between.
    let last = policy.versions.last().and_then(|version| version.id.strip_prefix('v')?.parse::<usize>().ok());
    let id = format!("v{}", last.unwrap_or_default() + 1);
    let version = PolicyVersion { id, document, is_default, created: request.now };
    let answer = request.reply(|xml| xml.within("PolicyVersion", |xml| write_version(xml, &version)));
    policy.versions.push(version);
    policy.updated = request.now;
    Ok(answer)
}

/// One version, without its document.
pub(super) fn write_version(xml: &mut Xml, version: &PolicyVersion) {
    xml.text("VersionId", &version.id);
    xml.text("IsDefaultVersion", version.is_default.to_string());
    xml.text("CreateDate", iso8601(version.created));
}

/// The policy with this ARN, be it the account's or AWS's.
fn find(iam: &IamState, arn: &str) -> Result<ManagedPolicy, AwsError> {
    iam.policies.get(arn).cloned().or_else(|| managed::policy(arn)).ok_or_else(|| missing(arn))
}

pub(super) fn read(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let policy = find(iam, request.params.required("PolicyArn")?)?;
    Ok(request.reply(|xml| {
        xml.within("Policy", |xml| {
            write::policy(xml, &policy, iam);
            xml.optional("Description", policy.description.as_ref());
            write::tags(xml, &policy.tags);
        });
    }))
}

pub(super) fn read_version(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let arn = request.params.required("PolicyArn")?;
    let wanted = request.params.required("VersionId")?;
    let policy = find(iam, arn)?;
    let version =
        policy.versions.iter().find(|version| version.id == wanted).ok_or_else(|| {
            no_such_entity(format!("Policy {arn} version {wanted} does not exist or is not attachable."))
        })?;
    Ok(request.reply(|xml| {
        xml.within("PolicyVersion", |xml| {
            xml.text("Document", write::encoded(&version.document));
            write_version(xml, version);
        });
    }))
}

pub(super) fn list_versions(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let policy = find(iam, request.params.required("PolicyArn")?)?;
    // The newest first, as AWS lists them.
    let page = Page::cut(policy.versions.iter().rev().collect(), &request.params)?;
    Ok(request.reply(|xml| {
        xml.list("Versions", page.items, write_version);
        Page::<PolicyVersion>::write_end(page.marker.as_deref(), xml);
    }))
}

pub(super) fn delete_version(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let arn = request.params.required("PolicyArn")?;
    let unwanted = request.params.required("VersionId")?;
    let policy = iam.policies.get_mut(arn).ok_or_else(|| missing(arn))?;
    let Some(place) = policy.versions.iter().position(|version| version.id == unwanted) else {
        return Err(no_such_entity(format!("Policy {arn} version {unwanted} does not exist or is not attachable.")));
    };
    if policy.versions[place].is_default {
        return Err(delete_conflict("Cannot delete the default version of a policy."));
    }
    policy.versions.remove(place);
    Ok(request.acknowledge())
}

pub(super) fn delete(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let arn = request.params.required("PolicyArn")?;
    if !iam.policies.contains_key(arn) {
        return Err(missing(arn));
    }
    let uses = iam.attached_to(arn);
    if uses.principals + uses.boundaries > 0 {
        return Err(delete_conflict("Cannot delete a policy attached to entities."));
    }
    iam.policies.remove(arn);
    Ok(request.acknowledge())
}

pub(super) fn list(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let params = &request.params;
    let scope = params.optional("Scope").unwrap_or("All");
    let prefix = params.optional("PathPrefix").unwrap_or("/");
    let only_attached = params.optional("OnlyAttached") == Some("true");
    let own = iam.policies.values().filter(|_| scope != "AWS").cloned();
    let aws = managed::all().filter(|_| scope != "Local");
    let policies: Vec<_> = own
        .chain(aws)
        .filter(|policy| policy.path.starts_with(prefix))
        .filter(|policy| !only_attached || iam.attached_to(&policy.arn).principals > 0)
        .collect();
    let page = Page::cut(policies, params)?;
    Ok(request.reply(|xml| {
        xml.list("Policies", &page.items, |xml, policy| write::policy(xml, policy, iam));
        Page::<ManagedPolicy>::write_end(page.marker.as_deref(), xml);
    }))
}

fn missing(arn: &str) -> AwsError {
    no_such_entity(format!("Policy {arn} was not found."))
}
