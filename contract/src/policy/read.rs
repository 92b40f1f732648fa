//! The strict reader. It works on the JSON stream rather than on a parsed value, because only the stream knows
//! positions and repeated members.

use super::{Condition, Effect, Matching, Operator, PolicyDocument, PrincipalKind, Principals, Statement, Version};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

impl<'de> Deserialize<'de> for PolicyDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DocumentVisitor)
    }
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = PolicyDocument;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a policy document (an object with a Statement)")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PolicyDocument, A::Error> {
        let mut version = None;
        let mut id = None;
        let mut statements = None;
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "Version" => member(&mut map, &name, &mut version)?,
                "Id" => member(&mut map, &name, &mut id)?,
                "Statement" => member(&mut map, &name, &mut statements)?,
                _ => return Err(unknown(&name, "a document", "Version, Id and Statement")),
            }
        }
        let Statements(statements) =
            statements.ok_or_else(|| A::Error::custom("Statement is missing; write at least one statement"))?;
        Ok(PolicyDocument { version, id, statements })
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "2008-10-17" => Ok(Self::V2008),
            "2012-10-17" => Ok(Self::V2012),
            other => Err(D::Error::custom(format!("{other:?} is no policy version; write \"2012-10-17\""))),
        }
    }
}

struct Statements(Vec<Statement>);

impl<'de> Deserialize<'de> for Statements {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StatementsVisitor)
    }
}

struct StatementsVisitor;

impl<'de> Visitor<'de> for StatementsVisitor {
    type Value = Statements;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a statement or a list of statements")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Statements, A::Error> {
        Statement::deserialize(MapAccessDeserializer::new(map)).map(|statement| Statements(vec![statement]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Statements, A::Error> {
        let mut statements = Vec::new();
        let mut sids = BTreeSet::new();
        while let Some(statement) = seq
            .next_element::<Statement>()
            .map_err(|error| A::Error::custom(format!("[{}]: {error}", statements.len())))?
        {
            // "the Sid value must be unique within a JSON policy" (IAM user guide, Sid).
            if let Some(sid) = &statement.sid
                && !sids.insert(sid.clone())
            {
                return Err(A::Error::custom(format!(
                    "[{}]: the Sid {sid:?} is taken by an earlier statement",
                    statements.len()
                )));
            }
            statements.push(statement);
        }
        if statements.is_empty() {
            return Err(A::Error::custom("the list is empty; write at least one statement"));
        }
        Ok(Statements(statements))
    }
}

impl<'de> Deserialize<'de> for Statement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(StatementVisitor)
    }
}

struct StatementVisitor;

impl<'de> Visitor<'de> for StatementVisitor {
    type Value = Statement;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a statement (an object with Effect and Action)")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Statement, A::Error> {
        let mut sid: Option<String> = None;
        let mut effect = None;
        let (mut principal, mut not_principal) = (None, None);
        let (mut action, mut not_action) = (None, None);
        let (mut resource, mut not_resource) = (None, None);
        let mut conditions = None;
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "Sid" => member(&mut map, &name, &mut sid)?,
                "Effect" => member(&mut map, &name, &mut effect)?,
                "Principal" => member(&mut map, &name, &mut principal)?,
                "NotPrincipal" => member(&mut map, &name, &mut not_principal)?,
                "Action" => member(&mut map, &name, &mut action)?,
                "NotAction" => member(&mut map, &name, &mut not_action)?,
                "Resource" => member(&mut map, &name, &mut resource)?,
                "NotResource" => member(&mut map, &name, &mut not_resource)?,
                "Condition" => member(&mut map, &name, &mut conditions)?,
                _ => {
                    return Err(unknown(
                        &name,
                        "a statement",
                        "Sid, Effect, Principal, NotPrincipal, Action, NotAction, Resource, NotResource and Condition",
                    ));
                }
            }
        }
        let effect = effect.ok_or_else(|| A::Error::custom("Effect is missing; write \"Allow\" or \"Deny\""))?;
        let action = one_of("Action", filled("Action", action)?, filled("NotAction", not_action)?)?
            .ok_or_else(|| A::Error::custom("Action is missing; write Action or NotAction"))?;
        for name in action.listed() {
            check_action(name)?;
        }
        let Conditions(conditions) = conditions.unwrap_or_default();
        Ok(Statement {
            sid: sid.filter(|sid| !sid.is_empty()),
            effect,
            principal: one_of("Principal", principal, not_principal)?,
            action,
            resource: one_of("Resource", filled("Resource", resource)?, filled("NotResource", not_resource)?)?,
            conditions,
        })
    }
}

impl<'de> Deserialize<'de> for Effect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        [Self::Allow, Self::Deny]
            .into_iter()
            .find(|effect| effect.as_str().eq_ignore_ascii_case(&text))
            .ok_or_else(|| D::Error::custom(format!("{text:?} is no effect; write \"Allow\" or \"Deny\"")))
    }
}

impl<'de> Deserialize<'de> for Principals {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PrincipalsVisitor)
    }
}

struct PrincipalsVisitor;

impl<'de> Visitor<'de> for PrincipalsVisitor {
    type Value = Principals;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"*\" or an object of AWS, Federated, Service and CanonicalUser")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Principals, E> {
        match text {
            "*" => Ok(Principals::Everyone),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Principals, A::Error> {
        let mut listed = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            let kind = PrincipalKind::ALL
                .into_iter()
                .find(|kind| kind.as_str() == name)
                .ok_or_else(|| unknown(&name, "Principal", "AWS, Federated, Service and CanonicalUser"))?;
            let mut names = None;
            member(&mut map, &name, &mut names)?;
            let Some(names) = filled(&name, names)? else {
                continue;
            };
            if listed.insert(kind, names).is_some() {
                return Err(repeated(&name));
            }
        }
        if listed.is_empty() {
            return Err(A::Error::custom("no principal is listed; name one or leave the element out"));
        }
        Ok(Principals::Listed(listed))
    }
}

#[derive(Default)]
struct Conditions(Vec<Condition>);

impl<'de> Deserialize<'de> for Conditions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ConditionsVisitor)
    }
}

struct ConditionsVisitor;

impl<'de> Visitor<'de> for ConditionsVisitor {
    type Value = Conditions;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of condition operators")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Conditions, A::Error> {
        let mut conditions = Vec::new();
        let mut operators = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            let operator: Operator = name.parse().map_err(A::Error::custom)?;
            if !operators.insert(operator) {
                return Err(repeated(&name));
            }
            let mut keys = None;
            member(&mut map, &name, &mut keys)?;
            let Keys(keys) = keys.unwrap_or_default();
            conditions.extend(keys.into_iter().map(|(key, values)| Condition { operator, key, values }));
        }
        conditions.sort_by(|a: &Condition, b| (a.operator, &a.key).cmp(&(b.operator, &b.key)));
        Ok(Conditions(conditions))
    }
}

#[derive(Default)]
struct Keys(Vec<(String, Vec<String>)>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of condition keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut keys = Vec::new();
        let mut seen = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            // "Condition key names are not case-sensitive" (IAM user guide, Condition): two spellings are one key.
            if !seen.insert(name.to_lowercase()) {
                return Err(repeated(&name));
            }
            let mut values = None;
            member(&mut map, &name, &mut values)?;
            let List::<true>(values) = values.unwrap_or_default();
            keys.push((name, values));
        }
        Ok(Keys(keys))
    }
}

/// A list of strings, or one string for a list of one. With `ANY_SCALAR`, booleans and numbers count as their text.
#[derive(Default)]
struct List<const ANY_SCALAR: bool>(Vec<String>);

impl<'de, const ANY_SCALAR: bool> Deserialize<'de> for List<ANY_SCALAR> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor::<ANY_SCALAR> { nested: false })
    }
}

/// An item of a [`List`]: a scalar only.
struct Item<const ANY_SCALAR: bool>(Vec<String>);

impl<'de, const ANY_SCALAR: bool> Deserialize<'de> for Item<ANY_SCALAR> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let List(item) = deserializer.deserialize_any(ListVisitor::<ANY_SCALAR> { nested: true })?;
        Ok(Self(item))
    }
}

struct ListVisitor<const ANY_SCALAR: bool> {
    nested: bool,
}

impl<const ANY_SCALAR: bool> ListVisitor<ANY_SCALAR> {
    fn scalar<E: Error>(&self, found: Unexpected<'_>, text: String) -> Result<List<ANY_SCALAR>, E> {
        if ANY_SCALAR { Ok(List(vec![text])) } else { Err(E::invalid_type(found, self)) }
    }
}

impl<'de, const ANY_SCALAR: bool> Visitor<'de> for ListVisitor<ANY_SCALAR> {
    type Value = List<ANY_SCALAR>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (ANY_SCALAR, self.nested) {
            (true, false) => "a string, boolean or number, or a list of them",
            (true, true) => "a string, boolean or number",
            (false, false) => "a string or a list of strings",
            (false, true) => "a string",
        })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(List(vec![text.to_owned()]))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        self.scalar(Unexpected::Bool(value), value.to_string())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        self.scalar(Unexpected::Signed(value), value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        self.scalar(Unexpected::Unsigned(value), value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        // JSON's own spelling, as the canonical form writes it (`100.0`, not Rust's `100`).
        let text = serde_json::Number::from_f64(value).map(|number| number.to_string());
        self.scalar(Unexpected::Float(value), text.unwrap_or_default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        if self.nested {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        }
        let mut list = Vec::new();
        while let Some(Item::<ANY_SCALAR>(item)) = seq.next_element()? {
            list.extend(item);
        }
        Ok(List(list))
    }
}

/// Reads one member's value, once; a mistake inside it is named by it.
fn member<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
    map: &mut A,
    name: &str,
    slot: &mut Option<T>,
) -> Result<(), A::Error> {
    if slot.is_some() {
        return Err(repeated(name));
    }
    let value = map.next_value().map_err(|error| {
        // An index follows its list directly: `Statement[0]: Effect: …`.
        let text = error.to_string();
        let joint = if text.starts_with('[') { "" } else { ": " };
        A::Error::custom(format!("{name}{joint}{text}"))
    })?;
    *slot = Some(value);
    Ok(())
}

fn filled<E: Error>(name: &str, list: Option<List<false>>) -> Result<Option<Vec<String>>, E> {
    match list {
        Some(List(list)) if list.is_empty() => Err(E::custom(format!("{name} is an empty list"))),
        list => Ok(list.map(|List(list)| list)),
    }
}

fn one_of<T, E: Error>(name: &str, only: Option<T>, all_but: Option<T>) -> Result<Option<Matching<T>>, E> {
    match (only, all_but) {
        (Some(_), Some(_)) => Err(E::custom(format!("both {name} and Not{name} are given; keep one"))),
        (Some(listed), None) => Ok(Some(Matching::Only(listed))),
        (None, Some(listed)) => Ok(Some(Matching::AllBut(listed))),
        (None, None) => Ok(None),
    }
}

/// "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc." (IAM's `MalformedPolicyDocument`).
fn check_action<E: Error>(name: &str) -> Result<(), E> {
    let is_prefixed = name.split_once(':').is_some_and(|(vendor, action)| !vendor.is_empty() && !action.is_empty());
    if name == "*" || is_prefixed {
        Ok(())
    } else {
        Err(E::custom(format!("the action {name:?} has no service prefix; write \"service:Name\" or \"*\"")))
    }
}

fn repeated<E: Error>(name: &str) -> E {
    E::custom(format!("{name} is given twice; keep one"))
}

fn unknown<E: Error>(name: &str, place: &str, known: &str) -> E {
    E::custom(format!("{place} has no member {name:?}; it knows {known}"))
}
