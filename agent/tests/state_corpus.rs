//! Real states of other projects. `DRIFTWISE_CORPUS` names the folder; without it nothing is read, and said so.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use driftwise_agent::state::{self, State};
use driftwise_contract::resource::StateRef;
use serde_json::Value;

/// `sgrule-…`: driftctl splits a security group rule of several CIDR blocks or prefix lists into one rule each, and makes
/// up an id for each part. A state declares the rule as one, and so do we: its parts are compared with their group.
const SPLIT_RULES: &str = "aws_security_group_rule";

fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("DRIFTWISE_CORPUS").map(PathBuf::from);
    if folder.is_none() {
        say("SKIPPED: DRIFTWISE_CORPUS names no folder, so no real state was read");
    }
    folder
}

fn files(folder: &Path, fits: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(files(&path, fits));
        } else if path.is_file() && fits(&path) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn named(name: &'static str) -> impl Fn(&Path) -> bool {
    move |path| path.file_name().is_some_and(|file| file.to_string_lossy().ends_with(name))
}

fn read(path: &Path) -> Result<State, state::StateError> {
    let source = StateRef { uri: path.display().to_string(), version_id: None };
    state::read(source, File::open(path).unwrap())
}

#[test]
fn corpus_states_of_driftctl_parse_and_hold_every_golden_resource() {
    let Some(corpus) = corpus() else { return };
    let (mut states, mut golden_count, mut split) = (0, 0, 0);
    let mut faults = Vec::new();
    for path in files(&corpus.join("snyk_driftctl"), &named("terraform.tfstate")) {
        if !path.components().any(|part| part.as_os_str() == "test") {
            continue;
        }
        states += 1;
        let state = match read(&path) {
            Ok(state) => state,
            Err(error) => {
                faults.push(error.to_string());
                continue;
            }
        };
        let Ok(golden) = fs::read_to_string(path.with_file_name("results.golden.json")) else { continue };
        let golden: Option<Vec<Value>> = serde_json::from_str(&golden).unwrap();
        for expected in golden.unwrap_or_default() {
            golden_count += 1;
            let (terraform_type, id) = (expected["Type"].as_str().unwrap(), expected["Id"].as_str().unwrap());
            let found = state
                .resources
                .iter()
                .find(|resource| resource.terraform_type == terraform_type && resource.id.as_deref() == Some(id));
            if found.is_some() {
                continue;
            }
            let group = &expected["Attrs"]["security_group_id"];
            let parent = state.resources.iter().any(|resource| {
                resource.terraform_type == SPLIT_RULES && &resource.attributes["security_group_id"] == group
            });
            if terraform_type == SPLIT_RULES && parent {
                split += 1;
            } else {
                faults.push(format!("{}: no {terraform_type} {id}", path.display()));
            }
        }
    }
    say(&format!(
        "driftctl: {states} states, {golden_count} golden resources, {split} split rules by design, {} faults",
        faults.len()
    ));
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(states > 0, "no state below {}", corpus.display());
}

#[test]
fn corpus_states_of_every_kind_are_read_or_refused_with_a_reason() {
    let Some(corpus) = corpus() else { return };
    let (mut read_count, mut refused) = (0, BTreeMap::new());
    for path in files(&corpus, &|path| path.to_string_lossy().contains(".tfstate")) {
        match read(&path) {
            Ok(_) => read_count += 1,
            Err(error) => {
                assert!(!error.detail.is_empty() && error.to_string().contains(&error.uri), "{error}");
                *refused.entry(error.code.as_str()).or_insert(0) += 1;
            }
        }
    }
    say(&format!("all: {read_count} states read, refused: {refused:?}"));
}

/// What must survive an upgrade: address without the key of a deposed object, id, status, attributes.
type Objects = BTreeMap<String, Vec<(Option<String>, String, Value)>>;

/// The round trips are about providers that are not AWS's and would be skipped: renamed, their objects are read.
fn read_renamed(path: &Path) -> Result<State, String> {
    let mut text = String::new();
    File::open(path).unwrap().read_to_string(&mut text).unwrap();
    let mut document: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    rename(&mut document, "");
    let source = StateRef { uri: path.display().to_string(), version_id: None };
    state::read(source, document.to_string().as_bytes()).map_err(|error| error.to_string())
}

fn rename(value: &mut Value, key: &str) {
    match value {
        Value::Object(members) => {
            let renamed = std::mem::take(members).into_iter().map(|(name, mut value)| {
                rename(&mut value, &name);
                (if key == "resources" { aws_key(&name) } else { name }, value)
            });
            *members = renamed.collect();
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| rename(element, "")),
        Value::String(text) if key == "type" && text.contains('_') => *text = format!("aws_{text}"),
        Value::String(text) if key == "provider" => "provider.aws".clone_into(text),
        _ => {}
    }
}

fn aws_key(key: &str) -> String {
    key.strip_prefix("data.").map_or_else(|| format!("aws_{key}"), |rest| format!("data.aws_{rest}"))
}

fn objects(state: &State) -> Objects {
    let mut objects = Objects::new();
    for resource in &state.resources {
        let address = resource.address.split(" (deposed").next().unwrap_or_default().to_owned();
        let mut attributes = Value::Object(resource.attributes.clone());
        sort(&mut attributes);
        objects.entry(address).or_default().push((resource.id.clone(), format!("{:?}", resource.status), attributes));
    }
    for objects in objects.values_mut() {
        objects.sort_by_key(|object| format!("{object:?}"));
    }
    objects
}

fn sort(value: &mut Value) {
    if let Value::Object(members) = value {
        let mut sorted: Vec<(String, Value)> = std::mem::take(members).into_iter().collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        for (_, value) in &mut sorted {
            sort(value);
        }
        members.extend(sorted);
    } else if let Value::Array(elements) = value {
        elements.iter_mut().for_each(sort);
    }
}

#[test]
fn corpus_round_trips_of_opentofu_read_the_same_before_and_after_the_upgrade() {
    let Some(corpus) = corpus() else { return };
    let mut cases = 0;
    let mut faults = Vec::new();
    for before in files(&corpus.join("opentofu_v1.6.0"), &named(".in.tfstate")) {
        let after = PathBuf::from(before.to_string_lossy().replace(".in.tfstate", ".out.tfstate"));
        cases += 1;
        match (read_renamed(&before), read_renamed(&after)) {
            (Ok(before_state), Ok(after_state)) => {
                let (old, new) = (objects(&before_state), objects(&after_state));
                if old != new {
                    faults.push(format!("{}:\n{old:#?}\n{new:#?}", before.display()));
                }
                let data =
                    |state: &State| state.skipped.iter().map(|skipped| skipped.address.clone()).collect::<Vec<_>>();
                assert_eq!(data(&before_state).len(), data(&after_state).len(), "{}", before.display());
            }
            (before_state, after_state) => faults.push(format!("{:?} {:?}", before_state.err(), after_state.err())),
        }
    }
    say(&format!("opentofu: {cases} round trips, {} faults", faults.len()));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(cases > 0);
}

/// Says how much ran, past the test runner, which keeps back what the print macros write.
fn say(line: &str) {
    use std::io::Write as _;
    let mut stderr = std::io::stderr().lock();
    writeln!(stderr, "{line}").unwrap();
}
