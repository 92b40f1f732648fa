//! The flat attributes of old states: `tags.%`, `ingress.#`, `ingress.2541437006.from_port`, all of them texts.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Nests flat attributes. Without the provider's schema texts stay texts, and sets are lists in the order of their hash.
/// `list.#` says that an empty list was there; `map.%` that a map is one although its keys are numbers.
pub(super) fn unflatten(flat: &Map<String, Value>) -> Map<String, Value> {
    let mut root = Node::default();
    // The markers first: whatever the order of the members, a map is known before its keys.
    let (markers, values): (Vec<_>, Vec<_>) =
        flat.iter().partition(|(path, _)| path.ends_with(".%") || path.ends_with(".#"));
    for (path, value) in markers.into_iter().chain(values) {
        root.insert(path, value);
    }
    match root.into_value() {
        Value::Object(attributes) => attributes,
        _ => Map::new(),
    }
}

#[derive(Default)]
struct Node {
    value: Option<Value>,
    children: BTreeMap<Key, Self>,
    is_list: bool,
    is_map: bool,
}

/// Numbers before texts, numbers by value.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(u64),
    Text(String),
}

impl Node {
    /// A key of a map may hold dots (`tags.kubernetes.io/role`): once `%` was seen the rest of the path is one key.
    fn insert(&mut self, path: &str, value: &Value) {
        match path {
            "#" => self.is_list = true,
            "%" => self.is_map = true,
            _ if self.is_map => self.child(path).value = Some(value.clone()),
            _ => match path.split_once('.') {
                Some((first, rest)) => self.child(first).insert(rest, value),
                None => self.child(path).value = Some(value.clone()),
            },
        }
    }

    fn child(&mut self, key: &str) -> &mut Self {
        let key = key.parse().map_or_else(|_| Key::Text(key.to_owned()), Key::Number);
        self.children.entry(key).or_default()
    }

    fn into_value(self) -> Value {
        // Format 1 counted maps with `#` too: what has a key that is no number is a map.
        let numbered = self.children.keys().all(|key| matches!(key, Key::Number(_)));
        if self.is_list && !self.is_map && numbered {
            return Value::Array(self.children.into_values().map(Self::into_value).collect());
        }
        if self.children.is_empty() && !self.is_map {
            return self.value.unwrap_or_else(|| Value::Object(Map::new()));
        }
        let members = self.children.into_iter().map(|(key, child)| {
            let key = match key {
                Key::Number(number) => number.to_string(),
                Key::Text(text) => text,
            };
            (key, child.into_value())
        });
        Value::Object(members.collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_maps_and_sets_are_nested() {
        let flat = json!({
            "id": "sg-1", "tags.%": "2", "tags.Name": "web", "tags.kubernetes.io/role": "x", "empty.#": "0", "none.%": "0",
            "ingress.#": "1", "ingress.2541437006.from_port": "22", "ingress.2541437006.cidr_blocks.#": "2",
            "ingress.2541437006.cidr_blocks.0": "10.0.0.0/8", "ingress.2541437006.cidr_blocks.1": "10.1.0.0/16",
        });
        let expected = json!({
            "empty": [], "id": "sg-1",
            "ingress": [{ "cidr_blocks": ["10.0.0.0/8", "10.1.0.0/16"], "from_port": "22" }],
            "none": {}, "tags": { "Name": "web", "kubernetes.io/role": "x" },
        });
        assert_eq!(Value::Object(unflatten(flat.as_object().unwrap())), expected);
    }

    #[test]
    fn a_map_that_was_counted_like_a_list_is_a_map() {
        let flat = json!({ "triggers.#": "1", "triggers.what": "0" });
        assert_eq!(Value::Object(unflatten(flat.as_object().unwrap())), json!({ "triggers": { "what": "0" } }));
    }

    #[test]
    fn a_list_of_more_than_ten_keeps_its_order() {
        let mut flat = Map::from_iter([("list.#".to_owned(), json!("12"))]);
        flat.extend((0..12).map(|index| (format!("list.{index}"), json!(format!("v{index}")))));
        let expected: Vec<Value> = (0..12).map(|index| json!(format!("v{index}"))).collect();
        assert_eq!(unflatten(&flat)["list"], Value::Array(expected));
    }
}
