//! The output of `terraform show -json` (`tofu show -json`): how a state looks that its owner decrypted or filtered.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::normal::{Collector, Life, Object};
use super::provider::Provider;

/// The member `values`.
#[derive(Deserialize)]
pub(super) struct Values {
    #[serde(default)]
    root_module: Option<Module>,
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    address: String,
    #[serde(default)]
    resources: Vec<Resource>,
    #[serde(default)]
    child_modules: Vec<Self>,
}

#[derive(Deserialize)]
struct Resource {
    mode: String,
    #[serde(rename = "type")]
    terraform_type: String,
    name: String,
    #[serde(default)]
    index: Option<Value>,
    #[serde(default)]
    provider_name: String,
    #[serde(default)]
    values: Option<Map<String, Value>>,
    /// Mirrors `values`, with `true` where a value is sensitive.
    #[serde(default)]
    sensitive_values: Value,
    #[serde(default)]
    deposed_key: Option<String>,
    #[serde(default)]
    tainted: bool,
}

impl Values {
    pub(super) fn collect(self, into: &mut Collector) {
        if let Some(module) = self.root_module {
            module.collect(into);
        }
    }
}

impl Module {
    fn collect(self, into: &mut Collector) {
        for resource in self.resources {
            resource.collect(&self.address, into);
        }
        for child in self.child_modules {
            child.collect(into);
        }
    }
}

impl Resource {
    fn collect(self, module: &str, into: &mut Collector) {
        let mut sensitive = Vec::new();
        marks(&self.sensitive_values, &mut Vec::new(), &mut sensitive);
        let life = match self.deposed_key {
            Some(key) => Life::Deposed(key),
            None if self.tainted => Life::Tainted,
            None => Life::Current,
        };
        // Here the provider stands by its source alone.
        let configuration = format!("provider[\"{}\"]", self.provider_name);
        let configuration = if self.provider_name.is_empty() { "" } else { &configuration };
        into.add(Object {
            module: module.to_owned(),
            data_source: self.mode == "data",
            provider: Provider::parse(configuration, &self.terraform_type),
            terraform_type: self.terraform_type,
            name: self.name,
            key: self.index,
            life,
            attributes: self.values.unwrap_or_default(),
            sensitive,
        });
    }
}

/// The paths of every `true`, in the form in which states hold them.
fn marks(mirror: &Value, path: &mut Vec<Value>, found: &mut Vec<Value>) {
    match mirror {
        Value::Bool(true) => found.push(Value::Array(path.clone())),
        Value::Object(members) => {
            for (name, value) in members {
                path.push(Value::from(name.as_str()));
                marks(value, path, found);
                path.pop();
            }
        }
        Value::Array(elements) => {
            for (index, value) in elements.iter().enumerate() {
                path.push(Value::from(index));
                marks(value, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}
