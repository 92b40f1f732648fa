//! Cloud Control (JSON 1.0): `GetResource` and `ListResources`.
//!
//! It reads with the caller's own permissions: `cloudformation:GetResource` alone opens nothing, each action of the type's read
//! handler is asked for as well. A resource is read in its own region; global ones answer in every region.

mod handler;
mod identifier;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Answer, AwsError, Call, World,
    auth::Context,
    inventory::{self, GLOBAL, LiveResource, Registry, TypeInfo},
};

/// `MaxResults` is "Reserved". A page holds what Cloud Control likes.
const PAGE: usize = 25;

/// Answers one authenticated call.
#[expect(clippy::unused_async, reason = "every service has the same shape")]
pub async fn handle(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    match call.operation.as_str() {
        "GetResource" => read(world, call),
        "ListResources" => list(world, call),
        other => Err(AwsError::bad_request("UnknownOperationException", format!("the sandbox does not know {other}"))),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    type_name: String,
    identifier: Option<String>,
    next_token: Option<String>,
    resource_model: Option<String>,
}

impl Input {
    fn parse(call: &Call) -> Result<Self, AwsError> {
        serde_json::from_slice(&call.body).map_err(|error| validation(format!("1 validation error detected: {error}")))
    }
}

fn read(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    allow(world, call)?;
    let input = Input::parse(call)?;
    let info = known(&input.type_name)?;
    if !info.read {
        return Err(unsupported(&input.type_name, "READ"));
    }
    let given = input.identifier.as_deref().ok_or_else(|| {
        validation("1 validation error detected: Value null at 'identifier' failed to satisfy constraint: Member must not be null".to_owned())
    })?;
    let wanted = identifier::Wanted::parse(&input.type_name, info, given)?;
    let found = find(world, call, &input.type_name, info, &wanted);
    let arn = found.as_ref().map(|resource| resource.arn.as_str());
    handler::check(world, call, &input.type_name, info, arn)?;
    let resource = found.ok_or_else(|| handler::not_found(call, &input.type_name, given))?;
    Ok(Answer::json10(&json!({
        "TypeName": input.type_name, "ResourceDescription": describe(&resource, &info.readable(&resource.properties)),
    })))
}

fn list(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    allow(world, call)?;
    let input = Input::parse(call)?;
    let info = known(&input.type_name)?;
    if !info.list {
        return Err(unsupported(&input.type_name, "LIST"));
    }
    let model: Map<String, Value> = match &input.resource_model {
        None => Map::new(),
        Some(text) => {
            serde_json::from_str(text).map_err(|_| invalid_request("Invalid JSON for ResourceModel".to_owned()))?
        }
    };
    if let Some(missing) = info.list_needs.iter().find(|name| !model.contains_key(*name)) {
        let message = format!(
            "Missing or invalid ResourceModel property in {} list handler request input. Required property: (#: required key [{missing}] not found)",
            input.type_name
        );
        return Err(invalid_request(message));
    }
    handler::check(world, call, &input.type_name, info, None)?;
    let all: Vec<Value> = existing(world, call, |resource| {
        let is_here = resource.region == call.caller.region
            || resource.region == GLOBAL
            // aws-cli #6464: buckets are listed everywhere, and read in their own region only.
            || input.type_name == "AWS::S3::Bucket";
        let fits = model.iter().all(|(name, value)| resource.properties.get(name) == Some(value));
        (resource.cfn_type.as_ref() == Some(&input.type_name) && is_here && fits)
            .then(|| describe(resource, &identifier::only(info, &resource.properties)))
    });
    let start = start(input.next_token.as_deref(), &input.type_name)?;
    let total = all.len();
    let page: Vec<Value> = all.into_iter().skip(start).take(PAGE).collect();
    let end = start + page.len();
    let mut answer = json!({ "TypeName": input.type_name, "ResourceDescriptions": page });
    if end < total {
        answer["NextToken"] = URL_SAFE_NO_PAD.encode(format!("{}|{end}", input.type_name)).into();
    }
    Ok(Answer::json10(&answer))
}

fn start(token: Option<&str>, type_name: &str) -> Result<usize, AwsError> {
    let Some(token) = token else { return Ok(0) };
    let decoded = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded
        .as_deref()
        .and_then(|text| text.split_once('|'))
        .filter(|(of, _)| *of == type_name)
        .and_then(|(_, offset)| offset.parse().ok())
        .ok_or_else(|| invalid_request("Invalid NextToken".to_owned()))
}

/// The first existing resource that the caller's account has in this region under this identifier.
fn find(
    world: &World,
    call: &Call,
    type_name: &str,
    info: &TypeInfo,
    wanted: &identifier::Wanted,
) -> Option<LiveResource> {
    if let identifier::Wanted::Primary(primary) = wanted {
        let direct = world.account(&call.caller.account_id, |account| {
            account.inventory.find(type_name, &call.caller.region, primary).filter(|found| found.exists).cloned()
        });
        if let Some(found) = direct.flatten() {
            return Some(found);
        }
    }
    existing(world, call, |resource| {
        let is_here = resource.region == call.caller.region || resource.region == GLOBAL;
        (resource.cfn_type.as_deref() == Some(type_name) && is_here && wanted.names(info, resource))
            .then(|| resource.clone())
    })
    .into_iter()
    .next()
}

/// What `pick` picks of all that exists in the caller's account.
fn existing<T>(world: &World, call: &Call, pick: impl FnMut(&LiveResource) -> Option<T>) -> Vec<T> {
    let now = world.now();
    let picked = world.account(&call.caller.account_id, |account| {
        let entities = inventory::entities(account, now);
        let all = account.inventory.iter().chain(entities.iter());
        all.filter(|resource| resource.exists).filter_map(pick).collect()
    });
    picked.unwrap_or_default()
}

/// Properties travel as a JSON text inside the JSON.
fn describe(resource: &LiveResource, properties: &Map<String, Value>) -> Value {
    json!({ "Identifier": resource.identifier, "Properties": Value::from(properties.clone()).to_string() })
}

fn allow(world: &World, call: &Call) -> Result<(), AwsError> {
    world
        .authorize(&call.caller, &format!("cloudformation:{}", call.operation), "*", Context::new())
        .map_err(|error| AwsError::bad_request("AccessDeniedException", error.message))
}

fn known(type_name: &str) -> Result<&'static TypeInfo, AwsError> {
    let parts: Vec<&str> = type_name.split("::").collect();
    let is_name = parts.len() == 3
        && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if !is_name {
        let pattern = "[A-Za-z0-9]{2,64}::[A-Za-z0-9]{2,64}::[A-Za-z0-9]{2,64}(::MODULE){0,1}";
        return Err(validation(format!(
            "1 validation error detected: Value '{type_name}' at 'typeName' failed to satisfy constraint: Member must satisfy regular expression pattern: {pattern}"
        )));
    }
    Registry::shared().get(type_name).ok_or_else(|| {
        AwsError::bad_request("TypeNotFoundException", format!("The type '{type_name}' cannot be found."))
    })
}

fn unsupported(type_name: &str, action: &str) -> AwsError {
    AwsError::bad_request(
        "UnsupportedActionException",
        format!("Resource type {type_name} does not support {action} action"),
    )
}

fn invalid_request(message: String) -> AwsError {
    AwsError::bad_request("InvalidRequestException", message)
}

fn validation(message: String) -> AwsError {
    AwsError::bad_request("ValidationException", message)
}
