//! Writing a document back as JSON, in the order in which AWS's own examples write it. A list of one is written as a
//! scalar.

use super::{Condition, Matching, PolicyDocument, Principals, Statement};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::fmt;

impl PolicyDocument {
    /// The document as a JSON value.
    pub fn to_json(&self) -> Value {
        let mut members = Map::new();
        if let Some(version) = self.version {
            members.insert("Version".into(), version.as_str().into());
        }
        if let Some(id) = &self.id {
            members.insert("Id".into(), id.as_str().into());
        }
        let statements = self.statements.iter().map(statement).collect();
        members.insert("Statement".into(), Value::Array(statements));
        Value::Object(members)
    }

    /// The document as indented JSON text.
    pub fn to_pretty_string(&self) -> String {
        format!("{:#}", self.to_json())
    }
}

/// Compact JSON: what counts against AWS's length limits.
impl fmt::Display for PolicyDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_json())
    }
}

impl Serialize for PolicyDocument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

fn statement(statement: &Statement) -> Value {
    let mut members = Map::new();
    if let Some(sid) = &statement.sid {
        members.insert("Sid".into(), sid.as_str().into());
    }
    members.insert("Effect".into(), statement.effect.as_str().into());
    if let Some(principal) = &statement.principal {
        insert(&mut members, "Principal", principal, principals);
    }
    insert(&mut members, "Action", &statement.action, |list| strings(list));
    if let Some(resource) = &statement.resource {
        insert(&mut members, "Resource", resource, |list| strings(list));
    }
    if !statement.conditions.is_empty() {
        members.insert("Condition".into(), conditions(&statement.conditions));
    }
    Value::Object(members)
}

fn insert<T>(members: &mut Map<String, Value>, name: &str, element: &Matching<T>, write: impl Fn(&T) -> Value) {
    let negation = if element.is_negated() { "Not" } else { "" };
    members.insert(format!("{negation}{name}"), write(element.listed()));
}

fn principals(principals: &Principals) -> Value {
    match principals {
        Principals::Everyone => "*".into(),
        Principals::Listed(kinds) => {
            kinds.iter().map(|(kind, names)| (kind.as_str().to_owned(), strings(names))).collect()
        }
    }
}

fn conditions(conditions: &[Condition]) -> Value {
    let mut operators = Map::new();
    for condition in conditions {
        let keys = operators.entry(condition.operator.to_string()).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(keys) = keys {
            keys.insert(condition.key.clone(), strings(&condition.values));
        }
    }
    Value::Object(operators)
}

fn strings(list: &[String]) -> Value {
    match list {
        [one] => one.as_str().into(),
        many => many.into(),
    }
}
