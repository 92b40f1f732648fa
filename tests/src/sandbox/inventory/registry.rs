//! The `CloudFormation` registry, as far as the sandbox knows it (`data/registry.json`).

use std::{collections::BTreeMap, sync::OnceLock};

use serde::Deserialize;
use serde_json::{Map, Value};

/// The types that the sandbox knows.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Registry {
    types: BTreeMap<String, TypeInfo>,
}

/// What the registry says of a type.
#[derive(Debug, Deserialize)]
pub struct TypeInfo {
    /// The properties of the primary identifier, in order.
    pub id: Vec<String>,
    /// Other identifiers, which Cloud Control takes as JSON only.
    pub also: Vec<Vec<String>>,
    /// Whether it can be read.
    pub read: bool,
    /// Whether it can be listed.
    pub list: bool,
    /// The properties that a list call must name.
    pub list_needs: Vec<String>,
    /// The IAM actions of the read handler.
    pub read_permissions: Vec<String>,
    /// Paths of properties that are never given back; `*` stands for each element of an array.
    pub write_only: Vec<String>,
    /// All top-level properties.
    pub properties: Vec<String>,
    /// The property that holds tags; empty for none.
    pub tags: String,
}

impl Registry {
    /// The registry.
    ///
    /// # Panics
    /// When the table compiled into the program is not what this module reads, which the tests would show.
    pub fn shared() -> &'static Self {
        static REGISTRY: OnceLock<Registry> = OnceLock::new();
        REGISTRY.get_or_init(|| {
            #[expect(clippy::expect_used, reason = "the table is part of the program, and read in a test")]
            serde_json::from_str(include_str!("../data/registry.json")).expect("data/registry.json is a registry table")
        })
    }

    /// A type by its name.
    pub fn get(&self, name: &str) -> Option<&TypeInfo> {
        self.types.get(name)
    }
}

impl TypeInfo {
    /// A resource's properties without those that are write-only.
    pub fn readable(&self, properties: &Map<String, Value>) -> Map<String, Value> {
        let mut readable = properties.clone();
        for path in &self.write_only {
            let path: Vec<&str> = path.split('/').collect();
            remove(&mut readable, &path);
        }
        readable
    }
}

fn remove(object: &mut Map<String, Value>, path: &[&str]) {
    match path {
        [] => {}
        [name] => {
            object.shift_remove(*name);
        }
        [name, rest @ ..] => match (object.get_mut(*name), rest) {
            (Some(Value::Object(inner)), _) => remove(inner, rest),
            (Some(Value::Array(items)), ["*", rest @ ..]) => {
                items.iter_mut().filter_map(Value::as_object_mut).for_each(|item| remove(item, rest));
            }
            _ => {}
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_table_is_readable_and_every_readable_type_has_an_identifier() {
        for (name, info) in &Registry::shared().types {
            assert!(!info.id.is_empty(), "{name}");
            assert!(!info.read || !info.read_permissions.is_empty(), "{name}");
        }
        assert!(!Registry::shared().get("AWS::Route53::RecordSet").expect("is in the table").read);
    }

    #[test]
    fn write_only_properties_are_taken_out_at_any_depth() {
        let info = Registry::shared().get("AWS::Lambda::Function").expect("is in the table");
        let given =
            json!({"FunctionName": "f", "Code": {"S3Key": "k", "ImageUri": "i"}, "SnapStart": {"ApplyOn": "None"}});
        let readable = info.readable(given.as_object().expect("an object"));
        assert_eq!(Value::from(readable), json!({"FunctionName": "f", "Code": {}}));
        let instance = Registry::shared().get("AWS::EC2::Instance").expect("is in the table");
        let given = json!({"BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "NoDevice": {}}]});
        let readable = instance.readable(given.as_object().expect("an object"));
        assert_eq!(Value::from(readable), json!({"BlockDeviceMappings": [{"DeviceName": "/dev/xvda"}]}));
    }
}
