//! Policy pairs and account exports that others recorded, read from the folder that `DRIFTWISE_CORPUS` names.

use driftwise_contract::policy::{PolicyDocument, are_equivalent};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn corpus(folder: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("DRIFTWISE_CORPUS") else {
        say(&format!("SKIPPED: DRIFTWISE_CORPUS is not set, no case of {folder} ran"));
        return None;
    };
    Some(Path::new(&root).join(folder))
}

fn json_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            json_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
}

#[test]
fn every_policy_pair_of_the_corpus_is_decided_as_recorded() {
    let Some(folder) = corpus("hashicorp_awspolicyequivalence") else {
        return;
    };
    let mut files = Vec::new();
    json_files(&folder, &mut files);
    let (mut ran, mut failed) = (0, Vec::new());
    for file in files {
        let content: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        for case in content["cases"].as_array().unwrap() {
            let text = |name: &str| case[name].as_str().unwrap();
            let (first, second) = (text("policy1"), text("policy2"));
            let is_error = case["error"].as_bool().unwrap_or_default();
            let expected = (!is_error).then(|| case["equivalent"].as_bool().unwrap());
            for (first, second) in [(first, second), (second, first)] {
                ran += 1;
                let actual = are_equivalent(first, second).ok();
                if actual != expected {
                    failed.push(format!("{}: expected {expected:?}, got {actual:?}", text("name")));
                }
                // Where AWS would take both, the documents must agree with the texts.
                if let (Ok(first), Ok(second)) = (PolicyDocument::parse(first), PolicyDocument::parse(second)) {
                    assert_eq!(Some(first.is_equivalent(&second)), expected, "{}", text("name"));
                }
            }
        }
    }
    say(&format!("{ran} comparisons, {} failed", failed.len()));
    assert!(ran > 0, "no case lies in {}", folder.display());
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Every policy document of an export: whatever stands under a member whose name says so.
fn documents<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let is_document = matches!(name.as_str(), "AssumeRolePolicyDocument" | "PolicyDocument" | "Document");
                if is_document && (value.is_string() || value.get("Statement").is_some()) {
                    found.push(value);
                } else {
                    documents(value, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| documents(item, found)),
        _ => {}
    }
}

#[test]
fn every_document_of_the_corpus_exports_is_read_and_written_back() {
    let Some(folder) = corpus("salesforce_cloudsplaining") else {
        return;
    };
    let mut files = Vec::new();
    json_files(&folder, &mut files);
    let (mut ran, mut failed) = (0, Vec::new());
    for file in files {
        let Ok(content) = serde_json::from_slice::<Value>(&std::fs::read(&file).unwrap()) else {
            continue;
        };
        let mut found = Vec::new();
        documents(&content, &mut found);
        for value in found {
            ran += 1;
            let read = match value {
                Value::String(text) => PolicyDocument::parse_url_encoded(text),
                value => PolicyDocument::from_value(value),
            };
            match read {
                Ok(document) => {
                    let text = document.to_pretty_string();
                    assert_eq!(PolicyDocument::parse(&text).as_ref(), Ok(&document));
                    assert!(document.is_equivalent(&document.canonicalize()), "{text}");
                    if !value.is_string() {
                        assert_eq!(are_equivalent(&value.to_string(), &text), Ok(true), "{text}");
                    }
                }
                Err(error) => failed.push(format!("{}: {error}", file.display())),
            }
        }
    }
    say(&format!("{ran} documents, {} refused", failed.len()));
    assert!(ran > 0, "no document lies in {}", folder.display());
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Says how much ran, past the test runner, which keeps back what the print macros write.
fn say(line: &str) {
    use std::io::Write as _;
    let mut stderr = std::io::stderr().lock();
    writeln!(stderr, "{line}").unwrap();
}
