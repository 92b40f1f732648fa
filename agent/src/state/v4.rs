//! Format 4: Terraform since 0.12, and `OpenTofu`.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::SkipReason;
use super::address::address;
use super::flatmap::unflatten;
use super::normal::{Collector, Life, Object};
use super::provider::Provider;

/// An element of `resources`.
#[derive(Deserialize)]
pub(super) struct Resource {
    #[serde(default)]
    module: Option<String>,
    mode: String,
    #[serde(rename = "type")]
    terraform_type: String,
    name: String,
    #[serde(default)]
    provider: Option<String>,
    #[serde(default)]
    instances: Option<Vec<Instance>>,
}

#[derive(Deserialize)]
struct Instance {
    #[serde(default)]
    index_key: Option<Value>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    deposed: Option<String>,
    #[serde(default)]
    attributes: Option<Map<String, Value>>,
    #[serde(default)]
    attributes_flat: Option<Map<String, Value>>,
    #[serde(default)]
    sensitive_attributes: Option<Vec<Value>>,
    /// `OpenTofu` since 1.9 names the provider of each instance where they differ.
    #[serde(default)]
    provider: Option<String>,
}

impl Resource {
    pub(super) fn collect(self, into: &mut Collector) {
        let module = self.module.unwrap_or_default();
        let data_source = self.mode == "data";
        let instances = self.instances.unwrap_or_default();
        if instances.is_empty() {
            let address = address(&module, data_source, &self.terraform_type, &self.name, None);
            return into.skip(address, self.terraform_type, SkipReason::NoObject);
        }
        for instance in instances {
            let provider = instance.provider.as_deref().or(self.provider.as_deref()).unwrap_or_default();
            let life = match (instance.deposed, instance.status.as_deref()) {
                (Some(key), _) if !key.is_empty() => Life::Deposed(key),
                (_, Some("tainted")) => Life::Tainted,
                _ => Life::Current,
            };
            let attributes = match (instance.attributes, instance.attributes_flat) {
                (Some(attributes), _) => attributes,
                (None, Some(flat)) => unflatten(&flat),
                (None, None) => Map::new(),
            };
            into.add(Object {
                provider: Provider::parse(provider, &self.terraform_type),
                module: module.clone(),
                data_source,
                terraform_type: self.terraform_type.clone(),
                name: self.name.clone(),
                key: instance.index_key,
                life,
                attributes,
                sensitive: instance.sensitive_attributes.unwrap_or_default(),
            });
        }
    }
}
