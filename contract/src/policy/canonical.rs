//! The canonical form: one spelling for all documents that mean the same.
//!
//! There is one definition, on JSON values, so that documents which the strict reader refuses can still be compared. A
//! part of no known shape stands for itself, members sorted.
//!
//! Same: a scalar and a list of one; any order of statements, principals, actions, resources, values; repeated ones
//! and one; `Effect`, action names, condition keys and operators in any case; an account id and its root ARN (of any
//! partition: an account lies in one); booleans and numbers and their text; an empty `Sid` or `Id` and none; a single
//! statement outside a list; `Version` 2008-10-17 and none, which is what AWS then assumes; an empty list of actions,
//! resources or principals and none; an empty document and no text.
//!
//! Not the same: `"Principal": "*"` and `{"AWS": "*"}` (STS admits web identities by the first only), other `Sid`s, a
//! pattern and what it spans, a condition with an empty list of values and none.
//!
//! A JSON number stands for its shortest decimal; one of more than 15 digits may lose the last, which its text doesn't.

use super::compare::number;
use super::principal::whole_account;
use super::{Comparison, Effect, Operator, PolicyDocument, PolicyError, PrincipalKind, Version};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Whether two policy texts mean the same. Either may be percent-encoded as IAM hands documents out, and either may be
/// what AWS would refuse, as long as it is JSON or blank.
pub fn are_equivalent(first: &str, second: &str) -> Result<bool, PolicyError> {
    Ok(canonical_text(first)? == canonical_text(second)?)
}

impl PolicyDocument {
    /// The document in canonical form.
    #[must_use]
    pub fn canonicalize(&self) -> Self {
        // The canonical form of a document that was read is readable: no element is emptied, no two names collide.
        Self::from_value(&document(&self.to_json())).unwrap_or_else(|_| self.clone())
    }

    /// Whether both documents mean the same.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        document(&self.to_json()) == document(&other.to_json())
    }
}

fn canonical_text(text: &str) -> Result<Value, PolicyError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    // No JSON text starts with a percent sign.
    let value: Value = if text.starts_with('%') {
        let json = percent_decode_str(text).decode_utf8().map_err(PolicyError::encoding)?;
        serde_json::from_str(&json)?
    } else {
        serde_json::from_str(text)?
    };
    Ok(document(&value))
}

fn document(value: &Value) -> Value {
    match value {
        Value::Null => Value::Object(Map::new()),
        Value::String(text) if text.trim().is_empty() => Value::Object(Map::new()),
        Value::Array(documents) => {
            let documents = documents.iter().map(document).filter(|d| !is_empty(d));
            match sorted(documents.collect()).as_mut_slice() {
                [] => Value::Object(Map::new()),
                [one] => one.take(),
                many => many.iter_mut().map(Value::take).collect(),
            }
        }
        Value::Object(members) => object(members, |name, value| match (name, value) {
            ("Version", Value::String(version)) if version == Version::V2008.as_str() => None,
            ("Id", Value::String(id)) if id.is_empty() => None,
            ("Statement", value) => statements(value),
            (_, value) => Some(as_it_is(value)),
        }),
        other => other.clone(),
    }
}

fn statements(value: &Value) -> Option<Value> {
    let statements = match value {
        Value::Array(statements) => statements.as_slice(),
        one => std::slice::from_ref(one),
    };
    let statements = statements.iter().map(|value| match value {
        Value::Object(members) => object(members, statement_member),
        other => as_it_is(other),
    });
    filled(sorted(statements.filter(|s| !is_empty(s)).collect()))
}

fn statement_member(name: &str, value: &Value) -> Option<Value> {
    match (name, value) {
        ("Sid", Value::String(sid)) if sid.is_empty() => None,
        ("Effect", Value::String(effect)) => {
            let known = [Effect::Allow, Effect::Deny].map(Effect::as_str);
            let known = known.into_iter().find(|k| k.eq_ignore_ascii_case(effect));
            Some(known.unwrap_or(effect).into())
        }
        ("Principal" | "NotPrincipal", value) => principals(value),
        ("Action" | "NotAction", value) => filled(list(value, str::to_lowercase)),
        ("Resource" | "NotResource", value) => filled(list(value, str::to_owned)),
        ("Condition", Value::Object(operators)) => Some(conditions(operators)).filter(|c| !is_empty(c)),
        (_, value) => Some(as_it_is(value)),
    }
}

fn principals(value: &Value) -> Option<Value> {
    let account = |name: &str| whole_account(name).unwrap_or(name).to_owned();
    match value {
        Value::Object(kinds) => Some(object(kinds, |kind, names| {
            filled(if kind == PrincipalKind::Aws.as_str() { list(names, account) } else { list(names, str::to_owned) })
        }))
        .filter(|kinds| !is_empty(kinds)),
        names => {
            let mut names = list(names, account);
            match names.as_mut_slice() {
                [one] => Some(one.take()),
                _ => filled(names),
            }
        }
    }
}

fn conditions(operators: &Map<String, Value>) -> Value {
    let operators = renamed(operators, |name| {
        name.parse::<Operator>().map_or_else(|_| name.to_owned(), |operator| operator.to_string())
    });
    let operators = operators.into_iter().filter_map(|(name, keys)| {
        let comparison = name.parse::<Operator>().ok().map(|o| o.comparison);
        let keys = match keys {
            Value::Object(keys) => renamed(keys, str::to_lowercase)
                .into_iter()
                // An empty list of values is kept: no value satisfies it.
                .map(|(key, values)| {
                    let values = list(values, |text| condition_value(comparison, text));
                    (key, Value::Array(values))
                })
                .collect(),
            other => as_it_is(other),
        };
        (!is_empty(&keys)).then_some((name, keys))
    });
    operators.collect()
}

fn condition_value(comparison: Option<Comparison>, text: &str) -> String {
    match comparison {
        Some(c) if c.is_truth() => text.to_ascii_lowercase(),
        Some(c) if c.is_numeric() => number(text).map_or_else(|| text.to_owned(), |number| number.to_string()),
        _ => text.to_owned(),
    }
}

/// The members under their canonical names, sorted. Where two members would share one, they keep their own names.
fn renamed(members: &Map<String, Value>, rename: impl Fn(&str) -> String) -> BTreeMap<String, &Value> {
    let mut uses = BTreeMap::<String, usize>::new();
    for name in members.keys() {
        *uses.entry(rename(name)).or_default() += 1;
    }
    members
        .iter()
        .map(|(name, value)| {
            let canonical = rename(name);
            let name = if uses[&canonical] == 1 { canonical } else { name.clone() };
            (name, value)
        })
        .collect()
}

/// An object with sorted members; those that `member` gives up and those that are null are gone.
fn object(members: &Map<String, Value>, member: impl Fn(&str, &Value) -> Option<Value>) -> Value {
    let members: BTreeMap<&String, Value> = members
        .iter()
        .filter(|(_, value)| !value.is_null())
        .filter_map(|(name, value)| Some((name, member(name, value)?)))
        .collect();
    members.into_iter().map(|(name, value)| (name.clone(), value)).collect()
}

/// A list of texts as a sorted set; a scalar is a list of one.
fn list(value: &Value, spell: impl Fn(&str) -> String) -> Vec<Value> {
    let items = match value {
        Value::Null => &[],
        Value::Array(items) => items.as_slice(),
        scalar => std::slice::from_ref(scalar),
    };
    let items = items.iter().map(|item| match item {
        Value::String(text) => spell(text).into(),
        Value::Bool(value) => spell(&value.to_string()).into(),
        Value::Number(value) => spell(&value.to_string()).into(),
        other => as_it_is(other),
    });
    sorted(items.collect())
}

/// A part of unknown shape: only its members are sorted.
fn as_it_is(value: &Value) -> Value {
    match value {
        Value::Object(members) => object(members, |_, value| Some(as_it_is(value))),
        Value::Array(items) => items.iter().map(as_it_is).collect(),
        scalar => scalar.clone(),
    }
}

fn sorted(mut items: Vec<Value>) -> Vec<Value> {
    items.sort_by_cached_key(Value::to_string);
    items.dedup();
    items
}

fn filled(items: Vec<Value>) -> Option<Value> {
    (!items.is_empty()).then_some(Value::Array(items))
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}
