//! What a call may name a resource by: the primary identifier as text (`a|b` in the registry's order) or as JSON, and
//! additional identifiers as JSON only.

use serde_json::{Map, Value};

use super::validation;
use crate::sandbox::{
    AwsError,
    inventory::{LiveResource, TypeInfo},
};

/// A parsed identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The primary identifier.
    Primary(String),
    /// Property names with values.
    Properties(Vec<(String, String)>),
}

impl Wanted {
    /// Parses an identifier of a type, and refuses one of another shape.
    pub(super) fn parse(type_name: &str, info: &TypeInfo, given: &str) -> Result<Self, AwsError> {
        let wrong = |detail: &str| {
            validation(format!(
                "Identifier {given} is not valid for identifier [{}]: {detail} (type {type_name})",
                info.id.iter().map(|name| format!("/properties/{name}")).collect::<Vec<_>>().join(", "),
            ))
        };
        if given.trim_start().starts_with('{') {
            let object: Map<String, Value> = serde_json::from_str(given).map_err(|_| wrong("it is not valid JSON"))?;
            let mut names: Vec<&String> = object.keys().collect();
            names.sort();
            let is = |identifier: &Vec<String>| {
                let mut own: Vec<&String> = identifier.iter().collect();
                own.sort();
                own == names
            };
            if !is(&info.id) && !info.also.iter().any(is) {
                return Err(wrong("its properties are no identifier of the type"));
            }
            let pairs = object.iter().map(|(name, value)| value.as_str().map(|value| (name.clone(), value.to_owned())));
            let pairs: Option<Vec<_>> = pairs.collect();
            return pairs.map(Self::Properties).ok_or_else(|| wrong("its values must be strings"));
        }
        let parts = given.split('|').count();
        // A single identifier may hold a bar itself.
        if given.is_empty() || (info.id.len() > 1 && parts != info.id.len()) {
            return Err(wrong(&format!("it has {parts} parts where {} are needed", info.id.len())));
        }
        Ok(Self::Primary(given.to_owned()))
    }

    /// Whether it names this resource.
    pub(super) fn names(&self, info: &TypeInfo, resource: &LiveResource) -> bool {
        match self {
            Self::Primary(primary) => resource.identifier == *primary || has_same_parts(&resource.identifier, primary),
            Self::Properties(pairs) => pairs.iter().all(|(name, value)| {
                let own = resource.properties.get(name).and_then(Value::as_str);
                own.or_else(|| part(info, resource, name)) == Some(value)
            }),
        }
    }
}

/// Whether two composites name the same: handlers pass each part on to their service, which takes the name at the end of an
/// ARN (`…:cluster/shop`) for the ARN.
fn has_same_parts(own: &str, given: &str) -> bool {
    let (own, given): (Vec<&str>, Vec<&str>) = (own.split('|').collect(), given.split('|').collect());
    own.len() > 1
        && own.len() == given.len()
        && own.iter().zip(given).all(|(own, given)| {
            *own == given || (own.starts_with("arn:") && own.rsplit_once('/').is_some_and(|(_, name)| name == given))
        })
}

/// The part of a primary identifier that stands for a property.
fn part<'a>(info: &TypeInfo, resource: &'a LiveResource, name: &str) -> Option<&'a str> {
    let place = info.id.iter().position(|own| own == name)?;
    if info.id.len() == 1 { Some(&resource.identifier) } else { resource.identifier.split('|').nth(place) }
}

/// The properties of the primary identifier: all that `ListResources` is sure to give.
pub(super) fn only(info: &TypeInfo, properties: &Map<String, Value>) -> Map<String, Value> {
    properties
        .iter()
        .filter(|(name, _)| info.id.contains(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
