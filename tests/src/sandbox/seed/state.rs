//! Writes Terraform states (format version 4) from declarations.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    ids,
    plan::{Declaration, Key, Life, State},
    twin::TerraformType,
};

/// The state that these declarations make up, as Terraform writes it.
pub(super) fn render(state: State, serial: u64, declared: &[&Declaration]) -> String {
    let mut resources: BTreeMap<(&str, &str, &str, &str, &str), Vec<&Declaration>> = BTreeMap::new();
    for declaration in declared.iter().filter(|declaration| declaration.state == state) {
        let mode = if declaration.is_data { "data" } else { "managed" };
        let of = (
            declaration.module.as_str(),
            mode,
            declaration.terraform_type.as_str(),
            declaration.name.as_str(),
            declaration.provider.as_str(),
        );
        resources.entry(of).or_default().push(declaration);
    }
    let resources: Vec<Value> = resources
        .into_iter()
        .map(|((module, mode, kind, name, provider), instances)| {
            let mut resource = Map::new();
            if !module.is_empty() {
                resource.insert("module".to_owned(), module.into());
            }
            let rest = json!({"mode": mode, "type": kind, "name": name, "provider": provider, "instances": instances.into_iter().map(instance).collect::<Vec<_>>()});
            resource.extend(super::twin::object(rest));
            Value::Object(resource)
        })
        .collect();
    let document = json!({
        "version": 4, "terraform_version": "1.12.2", "serial": serial, "lineage": ids::uuid(state.key()),
        "outputs": outputs(state), "resources": resources, "check_results": null,
    });
    // Terraform indents by two blanks and ends with a line feed. A value made here always serialises.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

/// What Terraform leaves beside a state while it works on it.
pub(super) fn lock(state: State) -> String {
    let lock = json!({
        "ID": ids::uuid(&format!("{}/lock", state.key())), "Operation": "OperationTypeApply", "Info": "",
        "Who": "runner@ci-7f4d", "Version": "1.12.2",
        "Created": "2026-11-20T07:41:09.183Z", "Path": format!("{}/{}", super::STATE_BUCKET, state.key()),
    });
    lock.to_string()
}

fn instance(declaration: &Declaration) -> Value {
    let schema = TerraformType::of(&declaration.terraform_type);
    let mut instance = Map::new();
    match &declaration.key {
        Key::None => {}
        Key::Count(index) => {
            instance.insert("index_key".to_owned(), json!(index));
        }
        Key::Each(key) => {
            instance.insert("index_key".to_owned(), json!(key));
        }
    }
    match declaration.life {
        Life::Current => {}
        Life::Tainted => {
            instance.insert("status".to_owned(), "tainted".into());
        }
        Life::Deposed(key) => {
            instance.insert("deposed".to_owned(), key.into());
        }
    }
    let given: Vec<&String> = schema.sensitive.iter().chain(&declaration.sensitive).collect();
    let sensitive: Vec<Value> = (given.into_iter())
        .filter(|name| declaration.attributes.get(*name).is_some_and(|value| !value.is_null()))
        .map(|name| json!([{"type": "get_attr", "value": name}]))
        .collect();
    instance.insert("schema_version".to_owned(), json!(schema.version));
    instance.insert("attributes".to_owned(), Value::Object(schema.complete(&declaration.attributes)));
    instance.insert("sensitive_attributes".to_owned(), Value::Array(sensitive));
    if !declaration.is_data {
        instance.insert("private".to_owned(), "bnVsbA==".into());
    }
    Value::Object(instance)
}

fn outputs(state: State) -> Value {
    match state {
        State::Network => json!({"zone_name": {"value": "acme.example", "type": "string"}}),
        State::App => json!({
            "shop_url": {"value": "https://shop.acme.example", "type": "string"},
            "customers_pool_secret": {"value": "5gk2b7fq0t1m9s8v", "type": "string", "sensitive": true},
        }),
    }
}
