//! Formats 1 to 3: Terraform before 0.12. They differ in nothing that is read here but the list of tainted objects of
//! format 1.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::SkipReason;
use super::address::{address, module_address};
use super::flatmap::unflatten;
use super::normal::{Collector, Life, Object};
use super::provider::Provider;

/// An element of `modules`.
#[derive(Deserialize)]
pub(super) struct Module {
    #[serde(default)]
    path: Vec<String>,
    #[serde(default)]
    /// In the order of their keys, so that the order does not depend on how a map is read.
    resources: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(rename = "type", default)]
    terraform_type: String,
    #[serde(default)]
    provider: Option<String>,
    #[serde(default)]
    primary: Option<Instance>,
    #[serde(default)]
    deposed: Option<Vec<Instance>>,
    /// Format 1 only; since format 2 an instance says itself that it is tainted.
    #[serde(default)]
    tainted: Option<Vec<Instance>>,
}

#[derive(Deserialize)]
struct Instance {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    attributes: Option<Map<String, Value>>,
    #[serde(default)]
    tainted: bool,
}

impl Module {
    pub(super) fn collect(self, into: &mut Collector) -> Result<(), serde_json::Error> {
        let module = module_address(&self.path);
        for (key, resource) in self.resources.unwrap_or_default() {
            Resource::deserialize(resource)?.collect(&module, &key, into);
        }
        Ok(())
    }
}

impl Resource {
    fn collect(self, module: &str, key: &str, into: &mut Collector) {
        let name = ResourceKey::parse(key);
        let terraform_type = if self.terraform_type.is_empty() { name.terraform_type } else { self.terraform_type };
        let mut objects = Vec::new();
        if let Some(instance) = self.primary {
            let life = if instance.tainted { Life::Tainted } else { Life::Current };
            objects.push((life, instance));
        }
        objects.extend(self.tainted.into_iter().flatten().map(|instance| (Life::Tainted, instance)));
        let deposed = self.deposed.into_iter().flatten().enumerate();
        // These formats give a deposed object no key; its place serves as one.
        objects.extend(deposed.map(|(place, instance)| (Life::Deposed(format!("{place:08x}")), instance)));
        if objects.is_empty() {
            let address = address(module, name.data_source, &terraform_type, &name.name, name.index.as_ref());
            into.skip(address, terraform_type, SkipReason::NoObject);
            return;
        }
        for (life, instance) in objects {
            let mut attributes = unflatten(&instance.attributes.unwrap_or_default());
            if let Some(id) = instance.id {
                attributes.entry("id").or_insert(Value::String(id));
            }
            into.add(Object {
                provider: Provider::parse(self.provider.as_deref().unwrap_or_default(), &terraform_type),
                module: module.to_owned(),
                data_source: name.data_source,
                terraform_type: terraform_type.clone(),
                name: name.name.clone(),
                key: name.index.clone(),
                life,
                attributes,
                sensitive: Vec::new(),
            });
        }
    }
}

/// `data.type.name.0`: type and name hold no dots.
struct ResourceKey {
    data_source: bool,
    terraform_type: String,
    name: String,
    index: Option<Value>,
}

impl ResourceKey {
    fn parse(key: &str) -> Self {
        let data = key.strip_prefix("data.");
        let mut words = data.unwrap_or(key).splitn(3, '.');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (terraform_type, name, index) = (word(), word(), word());
        let index = index.parse::<u64>().ok().map(Value::from);
        Self { data_source: data.is_some(), terraform_type, name, index }
    }
}
