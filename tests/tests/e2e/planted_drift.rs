//! The report against the table of planted drift: nothing more, nothing less.

use std::collections::BTreeMap;

use driftwise_contract::finding::Finding;
use driftwise_contract::report::{SCHEMA, Verdict};
use driftwise_tests::sandbox::seed::{STATE_BUCKET, State, planted};
use driftwise_tests::stage::Stage;
use serde_json::Value;

use crate::stage;

/// Key of the finding to the changed paths (empty for other kinds).
type Expected = BTreeMap<String, Vec<String>>;

fn seen(findings: &[Finding]) -> Expected {
    let mut map = Expected::new();
    for finding in findings {
        let paths = match finding {
            Finding::Changed { changes, .. } => changes.iter().map(|change| change.path.clone()).collect(),
            _ => Vec::new(),
        };
        assert!(map.insert(finding.key(), paths).is_none(), "{} is reported twice", finding.key());
    }
    map
}

fn planted_table() -> Expected {
    planted::expected()
        .into_iter()
        .map(|planted| {
            let mut paths = planted.changes;
            paths.sort();
            (planted.key, paths)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_planted_drift_is_reported_exactly_nothing_more_and_nothing_less() {
    let stage = stage().await;
    let customer = stage.customer("Acme").await.unwrap();
    let (report, finished) = stage.report(stage.scan(&customer, &[])).await.unwrap();

    assert_eq!(report.schema, SCHEMA);
    assert_eq!(report.gaps, vec![], "the scan could not see everything");
    let mut seen = seen(&report.findings);
    for paths in seen.values_mut() {
        paths.sort();
    }
    let expected = planted_table();
    let missed: Vec<_> = expected.iter().filter(|(key, paths)| seen.get(*key) != Some(paths)).collect();
    let invented: Vec<_> = seen.iter().filter(|(key, paths)| expected.get(*key) != Some(paths)).collect();
    assert!(missed.is_empty() && invented.is_empty(), "missed: {missed:#?}\ninvented: {invented:#?}");

    assert_eq!(report.verdict, Verdict::Drift);
    assert_eq!(finished.code, 1);
    assert_eq!(report.org_id, customer.org);
    assert!(report.coverage.resources >= 400, "{:?}", report.coverage);
    assert_eq!(report.summary.values().sum::<u64>(), u64::try_from(report.findings.len()).unwrap());
    assert!(report.states.len() >= 2 && report.states.iter().all(|state| state.source.version_id.is_some()));
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_report_shows_each_planted_drift_and_a_second_scan_the_same_one() {
    let stage = stage().await;
    let customer = stage.customer("Acme").await.unwrap();
    let first = stage.scan(&customer, &[]).run().await.unwrap();
    assert_eq!(first.code, 1, "{}", first.stderr);
    for planted in planted::expected() {
        // The last word of a key is what the reader looks for: an ARN, an address or a policy.
        let name = planted.key.rsplit(' ').next().unwrap();
        let name = name.rsplit(['/', ':']).next().unwrap();
        assert!(first.stdout.contains(name), "{name} ({}) is not in\n{}", planted.key, first.stdout);
    }
    let second = stage.scan(&customer, &["--output", "json"]).run().await.unwrap();
    let third = stage.scan(&customer, &["--output", "json"]).run().await.unwrap();
    let (second, third) = (second.json().unwrap(), third.json().unwrap());
    assert_eq!(second["findings"], third["findings"]);
    assert_ne!(second["scan_id"], third["scan_id"]);
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_the_states_and_no_token_reaches_the_output() {
    let stage = stage().await;
    let customer = stage.customer("Acme").await.unwrap();
    let secrets = secrets_of_the_states(&stage).await;
    assert!(!secrets.is_empty(), "the states hold something to leak");
    let json = stage.scan(&customer, &["--output", "json"]).env("DRIFTWISE_AGENT_LOG", "trace").run().await.unwrap();
    let console = stage.scan(&customer, &[]).run().await.unwrap();
    for (name, text) in
        [("json", &json.stdout), ("log", &json.stderr), ("console", &console.stdout), ("console log", &console.stderr)]
    {
        // Three base64url parts that begin like a JWS header: a token or a client assertion.
        assert!(
            !text
                .split(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c))
                .any(|word| { word.starts_with("eyJ") && word.matches('.').count() == 2 }),
            "a token in the {name}"
        );
        assert!(!text.contains("BEGIN PRIVATE KEY"), "a key in the {name}");
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "a secret of a state in the {name}");
        }
    }
    stage.close().await.unwrap();
}

/// The values that the states mark as sensitive: attributes by their paths, and outputs.
async fn secrets_of_the_states(stage: &Stage) -> Vec<String> {
    let mut secrets = Vec::new();
    for state in [State::Network, State::App] {
        let object = stage.s3().get_object().bucket(STATE_BUCKET).key(state.key()).send().await.unwrap();
        let state: Value = serde_json::from_slice(&object.body.collect().await.unwrap().into_bytes()).unwrap();
        for instance in state["resources"].as_array().unwrap().iter().flat_map(|r| r["instances"].as_array().unwrap()) {
            for path in instance["sensitive_attributes"].as_array().into_iter().flatten() {
                let marked = path.as_array().unwrap().iter().fold(&instance["attributes"], |at, step| {
                    step["value"].as_str().map_or_else(
                        || &at[usize::try_from(step["value"].as_u64().unwrap()).unwrap()],
                        |name| &at[name],
                    )
                });
                texts_of(marked, &mut secrets);
            }
        }
        for output in state["outputs"].as_object().unwrap().values().filter(|output| output["sensitive"] == true) {
            texts_of(&output["value"], &mut secrets);
        }
    }
    secrets.retain(|secret| secret.len() >= 8);
    secrets
}

/// Every text in a value: a mark may stand on an object or a list.
fn texts_of(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts_of(item, texts)),
        Value::Object(members) => members.values().for_each(|member| texts_of(member, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
