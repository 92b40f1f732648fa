//! Sensitive values become hashes before anything leaves the reader.

use driftwise_contract::resource::{REDACTED_KEY, redacted_hash};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::registry;

/// The form that stands in for a sensitive value: SHA-256 over the text of a scalar, or over the JSON of a structure with
/// sorted members. Null and `""` stay: they hold nothing, and say that nothing is declared.
pub fn redacted(value: &Value) -> Value {
    let text = match value {
        Value::Null => return Value::Null,
        Value::String(text) if text.is_empty() => return value.clone(),
        Value::String(text) => text.clone(),
        _ if redacted_hash(value).is_some() => return value.clone(),
        Value::Object(_) | Value::Array(_) => sorted(value).to_string(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    };
    let digest = Sha256::digest(text.as_bytes());
    Value::Object(Map::from_iter([(REDACTED_KEY.to_owned(), Value::String(format!("{digest:x}")))]))
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(elements) => Value::Array(elements.iter().map(sorted).collect()),
        _ => value.clone(),
    }
}

/// Redacts what the state itself marks (`sensitive_attributes`, a list of paths) and what the provider's schema does.
pub(super) fn redact(attributes: &mut Map<String, Value>, terraform_type: &str, marked: &[Value]) {
    for path in marked {
        let steps: Vec<Step> =
            path.as_array().map(|steps| steps.iter().filter_map(Step::parse).collect()).unwrap_or_default();
        redact_at(attributes, &steps);
    }
    let known = registry::terraform_type(terraform_type).map(|known| known.sensitive.as_slice()).unwrap_or_default();
    for path in known {
        let mut words = path.split('.');
        if let Some(value) = words.next().and_then(|first| attributes.get_mut(first)) {
            redact_below(value, words);
        }
    }
    if terraform_type.starts_with("awscc_") {
        let cfn_type = registry::cfn_of_terraform(terraform_type).and_then(registry::cfn_type);
        for path in cfn_type.map(|known| known.write_only.as_slice()).unwrap_or_default() {
            let words: Vec<String> = path.split('/').map(plain_name).collect();
            redact_property(attributes, &words);
        }
    }
}

/// Redacts a property of a `CloudFormation` schema: passwords and the like stand among those that no read returns.
/// `*` in a path is every element of a list, or every member of a map.
fn redact_property(members: &mut Map<String, Value>, words: &[String]) {
    let Some((first, rest)) = words.split_first() else { return };
    for (name, value) in members.iter_mut() {
        if plain_name(name) == *first || first == "*" {
            redact_property_below(value, rest);
        }
    }
}

fn redact_property_below(value: &mut Value, words: &[String]) {
    match value {
        _ if words.is_empty() => *value = redacted(value),
        Value::Array(elements) => {
            let words = if words[0] == "*" { &words[1..] } else { words };
            for element in elements {
                redact_property_below(element, words);
            }
        }
        Value::Object(members) => redact_property(members, words),
        _ => {}
    }
}

/// A name without regard to its spelling: the provider makes `master_user_password` of `MasterUserPassword`, and where it
/// parts digits and abbreviations does not matter.
fn plain_name(name: &str) -> String {
    name.chars().filter(|letter| *letter != '_').map(|letter| letter.to_ascii_lowercase()).collect()
}

/// A step of a marked path.
enum Step {
    Member(String),
    Element(usize),
}

impl Step {
    /// `{"type": "get_attr", "value": "password"}`, `{"type": "index", "value": {"value": 0, "type": "number"}}`; a bare
    /// text or number in its place is understood too.
    fn parse(step: &Value) -> Option<Self> {
        let mut value = step;
        while let Some(inner) = value.as_object().and_then(|members| members.get("value")) {
            value = inner;
        }
        match value {
            Value::String(name) => Some(Self::Member(name.clone())),
            _ => value.as_u64().and_then(|index| usize::try_from(index).ok()).map(Self::Element),
        }
    }
}

fn redact_at(attributes: &mut Map<String, Value>, steps: &[Step]) {
    if steps.is_empty() {
        // The whole object is marked. What names it stays, or nothing could be said of it.
        let others = attributes.iter_mut().filter(|(name, _)| !matches!(name.as_str(), "id" | "arn" | "region"));
        others.for_each(|(_, value)| *value = redacted(value));
        return;
    }
    let Some((Step::Member(first), rest)) = steps.split_first() else { return };
    let Some(mut value) = attributes.get_mut(first) else { return };
    for step in rest {
        // A path into an element of a set can't be followed: the whole value above it is redacted instead.
        let found = match step {
            Step::Member(name) => value.as_object().is_some_and(|members| members.contains_key(name)),
            Step::Element(index) => value.as_array().is_some_and(|elements| *index < elements.len()),
        };
        if !found {
            break;
        }
        value = match step {
            Step::Member(name) => &mut value[name.as_str()],
            Step::Element(index) => &mut value[*index],
        };
    }
    *value = redacted(value);
}

/// Follows a path of the schema through every element of the lists on its way.
fn redact_below<'a>(value: &mut Value, mut words: impl Iterator<Item = &'a str> + Clone) {
    if let Value::Array(elements) = value {
        // The last word of a path may hold a list: that is redacted as one value.
        if words.clone().next().is_some() {
            for element in elements {
                redact_below(element, words.clone());
            }
            return;
        }
    }
    match words.next() {
        None => *value = redacted(value),
        Some(word) => {
            if let Some(member) = value.as_object_mut().and_then(|members| members.get_mut(word)) {
                redact_below(member, words);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redact_json(value: Value, terraform_type: &str, marked: &Value) -> Value {
        let Value::Object(mut attributes) = value else { panic!("an object") };
        redact(&mut attributes, terraform_type, marked.as_array().unwrap());
        Value::Object(attributes)
    }

    #[test]
    fn marked_paths_are_hashed() {
        let marked = json!([
            [{ "type": "get_attr", "value": "a" }],
            [{ "type": "get_attr", "value": "b" }, { "type": "index", "value": { "value": 1, "type": "number" } },
             { "type": "get_attr", "value": "c" }],
            [{ "type": "get_attr", "value": "absent" }],
        ]);
        let redacted =
            redact_json(json!({ "a": "secret", "b": [{ "c": 1 }, { "c": "secret", "d": 2 }] }), "x_y", &marked);
        assert!(redacted_hash(&redacted["a"]).is_some());
        assert_eq!(redacted["a"], redacted["b"][1]["c"]);
        assert_eq!((&redacted["b"][0]["c"], &redacted["b"][1]["d"]), (&json!(1), &json!(2)));
        assert!(!redacted.to_string().contains("secret\""));
    }

    #[test]
    fn a_path_that_can_not_be_followed_hides_the_value_above() {
        let marked = json!([[{ "type": "get_attr", "value": "set" }, { "type": "index", "value": { "type": "object", "value": { "k": "v" } } }]]);
        let redacted = redact_json(json!({ "set": [{ "k": "hidden" }] }), "x_y", &marked);
        assert!(!redacted.to_string().contains("hidden"), "{redacted}");
    }

    #[test]
    fn a_mark_on_the_whole_object_leaves_only_its_name() {
        let redacted = redact_json(json!({ "id": "x-1", "a": "hidden", "b": { "c": "hidden" } }), "x_y", &json!([[]]));
        assert_eq!(redacted["id"], "x-1");
        assert!(!redacted.to_string().contains("hidden"), "{redacted}");
    }

    #[test]
    fn what_the_provider_calls_sensitive_is_hashed_without_a_mark() {
        let listener =
            json!({ "default_action": [{ "authenticate_oidc": [{ "client_secret": "hush", "issuer": "i" }] }] });
        let redacted = redact_json(listener, "aws_lb_listener", &json!([]));
        assert!(!redacted.to_string().contains("hush"));
        assert!(redacted.to_string().contains("\"issuer\":\"i\""));
        let database = redact_json(json!({ "password": "hush", "username": "admin" }), "aws_db_instance", &json!([]));
        assert!(!database.to_string().contains("hush") && database["username"] == "admin");
    }

    #[test]
    fn a_property_is_found_below_lists_and_maps_whatever_its_spelling() {
        for (path, value) in [
            ("Options/*/Secret", json!({ "options": [{ "secret": "hush", "other": 1 }] })),
            ("Options/Secret", json!({ "options": [{ "secret": "hush", "other": 1 }] })),
            ("Options/*/Secret", json!({ "options": { "any": { "secret": "hush", "other": 1 } } })),
            ("Options/*", json!({ "options": ["hush"], "other": 1 })),
            ("OAuth2Token", json!({ "o_auth_2_token": "hush", "other": 1 })),
        ] {
            let Value::Object(mut attributes) = value else { panic!("an object") };
            let words: Vec<String> = path.split('/').map(plain_name).collect();
            redact_property(&mut attributes, &words);
            let whole = Value::Object(attributes).to_string();
            assert!(!whole.contains("hush") && whole.contains("\"other\":1"), "{path}: {whole}");
        }
    }

    #[test]
    fn equal_values_have_equal_hashes_whatever_their_spelling() {
        assert_eq!(redacted(&json!(true)), redacted(&json!("true")));
        assert_eq!(redacted(&json!({ "a": 1, "b": 2 })), redacted(&json!({ "b": 2, "a": 1 })));
        assert_eq!(redacted(&redacted(&json!("x"))), redacted(&json!("x")));
        assert_eq!(redacted(&Value::Null), Value::Null);
        assert_ne!(redacted(&json!("x")), redacted(&json!("y")));
    }
}
