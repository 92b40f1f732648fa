//! The differences between a declaration and the live resource that it is.

use std::collections::{BTreeMap, BTreeSet};

use driftwise_contract::finding::Change;
use driftwise_contract::resource::{DeclaredResource, redacted_hash};
use serde_json::{Map, Value};

use super::compare::equal;
use crate::registry::{self, Absence, Transform};
use crate::state::redacted;

/// What the account shows of a resource, as far as it was read.
pub(super) struct Live<'a> {
    pub(super) cfn_type: Option<&'a str>,
    pub(super) properties: Option<&'a Map<String, Value>>,
    /// The tags of the index; unknown is not none.
    pub(super) tags: Option<&'a BTreeMap<String, String>>,
}

/// The differences, ordered by path; none when what can be compared says the same.
pub(super) fn changes(declared: &DeclaredResource, live: &Live<'_>) -> Vec<Change> {
    let mut found = tag_changes(declared, live);
    if let (Some(cfn_type), Some(properties)) = (live.cfn_type, live.properties) {
        attribute_changes(declared, cfn_type, properties, &mut found);
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn attribute_changes(
    declared: &DeclaredResource,
    cfn_type: &str,
    properties: &Map<String, Value>,
    found: &mut Vec<Change>,
) {
    for mapping in registry::attributes(cfn_type, &declared.terraform_type) {
        let Some(stated) = declared_value(&declared.attributes, mapping.attribute) else { continue };
        let actual = live_value(properties, mapping.property);
        let unread = mapping.absence == Absence::Unread && actual.is_null();
        if unread || equal(mapping, stated, actual) {
            continue;
        }
        let sensitive = redacted_hash(stated).is_some();
        let document = matches!(mapping.transform, Transform::Json | Transform::Policy);
        let shown = |value: &Value| match value {
            Value::String(text) if document => serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
            _ => value.clone(),
        };
        found.push(Change {
            path: mapping.attribute.to_owned(),
            property: mapping.property.to_owned(),
            declared: shown(stated),
            actual: if sensitive { redacted(actual) } else { shown(actual) },
        });
    }
}

static NULL: Value = Value::Null;

/// The value at a path of the state. A state that lacks the attribute altogether (an older provider) says nothing about
/// it and is not compared; a block that is not there states null.
fn declared_value<'a>(attributes: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut words = path.split('.');
    let mut value = attributes.get(words.next()?)?;
    for word in words {
        let inner = match value {
            Value::Array(elements) => word.parse::<usize>().ok().and_then(|index| elements.get(index)),
            Value::Object(members) => members.get(word),
            _ => None,
        };
        // A whole block may be redacted: its members can't be told.
        if redacted_hash(value).is_some() {
            return None;
        }
        let Some(inner) = inner else { return Some(&NULL) };
        value = inner;
    }
    Some(value)
}

fn live_value<'a>(properties: &'a Map<String, Value>, path: &str) -> &'a Value {
    let mut words = path.split('.');
    let first = words.next().and_then(|word| properties.get(word));
    words.try_fold(first.unwrap_or(&NULL), |value, word| value.get(word)).unwrap_or(&NULL)
}

/// Live tags against `tags_all`, which holds the provider's default tags too. Where neither side is known, nothing is
/// compared.
fn tag_changes(declared: &DeclaredResource, live: &Live<'_>) -> Vec<Change> {
    let Some(stated) = declared_tags(&declared.attributes) else { return Vec::new() };
    let Some(actual) = live_tags(live) else { return Vec::new() };
    let keys: BTreeSet<&str> = stated.keys().map(String::as_str).chain(actual.keys().map(String::as_str)).collect();
    let differs = |key: &&str| match (stated.get(*key), actual.get(*key)) {
        (Some(stated), Some(actual)) if redacted_hash(stated).is_some() => {
            *stated != redacted(&Value::from(actual.as_str()))
        }
        (Some(stated), Some(actual)) => stated.as_str() != Some(actual),
        (None, None) => false,
        _ => true,
    };
    let change = |key: &str| {
        let stated = stated.get(key).cloned().unwrap_or_default();
        let actual = actual.get(key).map(|text| Value::from(text.as_str())).unwrap_or_default();
        Change {
            path: format!("tags_all.{key}"),
            property: format!("Tags.{key}"),
            actual: if redacted_hash(&stated).is_some() { redacted(&actual) } else { actual },
            declared: stated,
        }
    };
    keys.into_iter().filter(differs).map(change).collect()
}

/// `tags_all`; `tags` in states of providers before 3.38, which had no default tags. `aws:*` tags are AWS's.
fn declared_tags(attributes: &Map<String, Value>) -> Option<BTreeMap<String, Value>> {
    match attributes.get("tags_all").or_else(|| attributes.get("tags"))? {
        Value::Null => Some(BTreeMap::new()),
        tags @ Value::Object(_) if redacted_hash(tags).is_some() => None,
        Value::Object(tags) => {
            let own = tags.iter().filter(|(key, value)| !key.starts_with("aws:") && !value.is_null());
            Some(own.map(|(key, value)| (key.clone(), value.clone())).collect())
        }
        _ => None,
    }
}

/// The tags that a direct read gave, which are fresher than the index; else those of the index.
fn live_tags(live: &Live<'_>) -> Option<BTreeMap<String, String>> {
    let property = live.cfn_type.and_then(registry::cfn_type).and_then(|cfn_type| cfn_type.tag_property);
    let read = property.zip(live.properties).and_then(|(property, properties)| properties.get(property));
    let mut tags = read.and_then(tags_of_property).or_else(|| live.tags.cloned())?;
    tags.retain(|key, _| !key.starts_with("aws:"));
    Some(tags)
}

/// `[{"Key": …, "Value": …}]`, or a map.
fn tags_of_property(property: &Value) -> Option<BTreeMap<String, String>> {
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    match property {
        Value::Array(tags) => {
            let pair =
                |tag: &Value| Some((text(tag.get("Key")?)?, tag.get("Value").and_then(text).unwrap_or_default()));
            tags.iter().map(pair).collect()
        }
        Value::Object(tags) => tags.iter().map(|(key, value)| Some((key.clone(), text(value)?))).collect(),
        _ => None,
    }
}
