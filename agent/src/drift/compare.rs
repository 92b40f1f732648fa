//! Whether a declared and a live value say the same.

use std::collections::BTreeSet;

use driftwise_contract::policy;
use driftwise_contract::resource::redacted_hash;
use serde_json::Value;

use crate::registry::{AttributeMapping, Transform};
use crate::state::redacted;

/// Whether a declared and a live value say the same. Null, `""`, `[]` and `{}` say nothing, and then the default is
/// meant; a redacted declaration is compared by its hash.
pub fn equal(mapping: &AttributeMapping, declared: &Value, live: &Value) -> bool {
    let meant = |value| effective(mapping, value);
    let (declared, live) = (meant(declared), meant(live));
    match (declared, live) {
        (Value::Null, Value::Null) => return true,
        (Value::Null, _) | (_, Value::Null) => return false,
        _ => {}
    }
    if redacted_hash(declared).is_some() {
        return *declared == redacted(live);
    }
    match &mapping.transform {
        Transform::Plain | Transform::ZeroIsAbsent => same_scalar(declared, live),
        Transform::IgnoreCase => text(declared).to_lowercase() == text(live).to_lowercase(),
        Transform::Set => texts(declared) == texts(live),
        Transform::Json => same_json(&document(declared), &document(live)),
        // What is no JSON is compared as text.
        Transform::Policy => policy::are_equivalent(&text(declared), &text(live))
            .unwrap_or_else(|_| same_json(&document(declared), &document(live))),
        Transform::NameOrArn => {
            let (declared, live) = (text(declared), text(live));
            // Which key an alias means can't be told from here.
            let unlike = is_key_alias(&declared) != is_key_alias(&live);
            unlike || declared == live || is_end_of(&declared, &live) || is_end_of(&live, &declared)
        }
        Transform::Words(words) => {
            let declared = text(declared);
            let translated = words.iter().find(|(from, _)| *from == declared).map_or(declared.as_str(), |(_, to)| to);
            translated == text(live)
        }
    }
}

static NULL: Value = Value::Null;

/// The value that is meant: what says nothing stands for the default, or for nothing.
fn effective<'a>(mapping: &'a AttributeMapping, value: &'a Value) -> &'a Value {
    let says_nothing = match value {
        Value::Null => true,
        Value::String(text) => text.is_empty() || (mapping.transform == Transform::ZeroIsAbsent && text == "0"),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Number(number) => mapping.transform == Transform::ZeroIsAbsent && number.as_f64() == Some(0.0),
        Value::Bool(_) => false,
    };
    if says_nothing { mapping.default.as_ref().unwrap_or(&NULL) } else { value }
}

/// Scalars by what they say: a number and its text, a boolean and its word. Two texts are equal to the letter (`"1.10"`
/// is not `"1.1"`).
fn same_scalar(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(_), _) | (_, Value::Number(_)) => match (number(a), number(b)) {
            (Some(a), Some(b)) => (a - b).abs() <= f64::EPSILON * a.abs().max(b.abs()),
            _ => false,
        },
        (Value::Bool(value), other) | (other, Value::Bool(value)) => boolean(other) == Some(*value),
        _ => same_json(a, b),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// Old states write booleans as `"1"` and `"0"`, or as words.
fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) if text.eq_ignore_ascii_case("true") || text == "1" => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") || text == "0" => Some(false),
        _ => None,
    }
}

/// Documents: members in any order, scalars by what they say, elements in order.
fn same_json(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same_json(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_json(a, b)),
        (Value::String(a), Value::String(b)) => a == b,
        (Value::Null, Value::Null) => true,
        (Value::Object(_) | Value::Array(_) | Value::Null, _)
        | (_, Value::Object(_) | Value::Array(_) | Value::Null) => false,
        _ => same_scalar(a, b),
    }
}

/// A document that is given as text, as a value.
fn document(value: &Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
        _ => value.clone(),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        _ => value.to_string(),
    }
}

fn texts(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Array(elements) => elements.iter().map(text).collect(),
        _ => BTreeSet::from([text(value)]),
    }
}

fn is_end_of(name: &str, arn: &str) -> bool {
    arn.starts_with("arn:") && arn.strip_suffix(name).is_some_and(|before| before.ends_with(['/', ':']))
}

/// `alias/name`, or its ARN: <https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id>
fn is_key_alias(key: &str) -> bool {
    key.starts_with("alias/") || (key.starts_with("arn:") && key.contains(":alias/"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::registry::Absence;

    fn mapping(transform: Transform, default: Option<Value>) -> AttributeMapping {
        AttributeMapping { attribute: "a", property: "A", transform, default, absence: Absence::Nothing }
    }

    #[test]
    fn values_are_compared_by_what_they_say() {
        let words = || Transform::Words(vec![("true", "internal"), ("false", "internet-facing")]);
        for (transform, default, declared, live, expected) in [
            (Transform::Plain, None, json!(30), json!("30"), true),
            (Transform::Plain, None, json!("30"), json!(30), true),
            (Transform::Plain, None, json!(30), json!(31), false),
            (Transform::Plain, None, json!(0.1), json!(0.1), true),
            (Transform::Plain, None, json!("1.10"), json!("1.1"), false),
            (Transform::Plain, None, json!("true"), json!(true), true),
            (Transform::Plain, None, json!("0"), json!(false), true),
            (Transform::Plain, None, json!(""), json!(null), true),
            (Transform::Plain, None, json!(null), json!("text"), false),
            (Transform::Plain, None, json!("text"), json!(null), false),
            (Transform::Plain, Some(json!(30)), json!(30), json!(null), true),
            (Transform::Plain, Some(json!(30)), json!(null), json!("30"), true),
            (Transform::Plain, Some(json!(30)), json!(31), json!(null), false),
            (Transform::ZeroIsAbsent, None, json!(0), json!(null), true),
            (Transform::ZeroIsAbsent, None, json!("0"), json!(null), true),
            (Transform::ZeroIsAbsent, None, json!(0), json!(14), false),
            (Transform::IgnoreCase, None, json!("mon:00:00"), json!("Mon:00:00"), true),
            (Transform::Set, None, json!(["a", "b"]), json!(["b", "a", "a"]), true),
            (Transform::Set, None, json!([]), json!(null), true),
            (Transform::Set, None, json!(["a"]), json!(["b"]), false),
            (Transform::Json, None, json!(r#"{"a":1,"b":[1,2]}"#), json!({ "b": [1, 2], "a": "1" }), true),
            (Transform::Json, None, json!(r#"{"a":1}"#), json!({ "a": 2 }), false),
            (
                Transform::NameOrArn,
                None,
                json!("web:3"),
                json!("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:3"),
                true,
            ),
            (
                Transform::NameOrArn,
                None,
                json!("eb:3"),
                json!("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:3"),
                false,
            ),
            (
                Transform::NameOrArn,
                None,
                json!("alias/aws/secretsmanager"),
                json!("arn:aws:kms:us-east-1:111111111111:key/0a1b2c3d"),
                true,
            ),
            (Transform::NameOrArn, None, json!("alias/a"), json!("arn:aws:kms:us-east-1:111111111111:alias/b"), false),
            (words(), None, json!(true), json!("internal"), true),
            (words(), None, json!(false), json!("internal"), false),
        ] {
            let mapping = mapping(transform, default);
            assert_eq!(equal(&mapping, &declared, &live), expected, "{mapping:?}: {declared} and {live}");
        }
    }

    #[test]
    fn policy_documents_are_compared_by_what_they_mean() {
        let mapping = mapping(Transform::Policy, None);
        let declared = json!(
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:GetObject"],"Resource":"*"}}"#
        );
        let same = json!({ "Statement": [{ "Action": "s3:GetObject", "Resource": ["*"], "Effect": "Allow" }], "Version": "2012-10-17" });
        let other = json!({ "Statement": [{ "Action": "s3:*", "Resource": ["*"], "Effect": "Allow" }], "Version": "2012-10-17" });
        assert!(equal(&mapping, &declared, &same));
        assert!(!equal(&mapping, &declared, &other));
    }

    #[test]
    fn a_sensitive_declaration_is_compared_by_its_hash() {
        let mapping = mapping(Transform::Plain, None);
        assert!(equal(&mapping, &redacted(&json!("s3cret")), &json!("s3cret")));
        assert!(!equal(&mapping, &redacted(&json!("s3cret")), &json!("other")));
        assert!(!equal(&mapping, &redacted(&json!("s3cret")), &Value::Null));
    }
}
