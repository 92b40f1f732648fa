//! `driftwise-issuer keys …`, as scripts see it.

use std::sync::Arc;

use driftwise_issuer::clock::SystemClock;
use driftwise_issuer::config::Config;
use driftwise_issuer::keyring::{KeySetId, Keyring, LostKeys};
use driftwise_issuer::store::Store;
use serde_json::json;

use crate::command_line::Program;
use crate::key_states::copy_of_keys;

/// A program whose store has adopted its key, as after a first `serve`.
async fn started() -> Program {
    let program = Program::new();
    let directory = program.directory.path();
    let mut config = Config::new("https://id.example.com".parse().unwrap());
    config.keys.directory = directory.join("keys");
    let store = Store::open(&directory.join("issuer.db")).await.unwrap();
    let keyring = Keyring::open(config.catalogue(&store, Arc::new(SystemClock)), LostKeys::Refuse).await.unwrap();
    keyring.close().await.unwrap();
    store.close().await;
    program
}

#[tokio::test]
async fn a_rotation_is_told_before_it_is_done_and_costs_what_it_says() {
    let program = started().await;
    let list = || program.json(&["keys", "list", "--json"]);
    let first = list()[0]["kid"].as_str().unwrap().to_owned();
    assert_eq!((&list()[0]["state"], &list()[0]["alg"]), (&json!("active"), &json!("RS256")));

    let told = program.json(&["keys", "rotate", "--dry-run", "--json"]);
    assert_eq!((&told["dry_run"], &told["waits_s"], &told["staged"]), (&json!(true), &json!(null), &json!(null)));
    assert!(told["done"].as_str().unwrap().contains("when it is seen at the public address"), "{told}");
    assert_eq!(list().as_array().unwrap().len(), 1, "nothing was changed");

    let staged = program.json(&["keys", "rotate", "--json"])["staged"].as_str().unwrap().to_owned();
    assert_eq!(program.json(&["keys", "rotate", "--json"])["staged"], staged.as_str(), "the same key waits on");
    assert_eq!(list().as_array().unwrap().len(), 2);
    let jwks = program.json(&["keys", "export-public", "--json"]);
    let mut kids: Vec<_> = jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect();
    kids.sort_unstable();
    let mut expected = [first.as_str(), staged.as_str()];
    expected.sort_unstable();
    assert_eq!(kids, expected);
    assert!(jwks["keys"][0].get("d").is_none());

    let output = program.run(&["keys", "rotate", "--now", "--json"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("--now skips"), "{output:?}");
    let view: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&view["activated"], &view["retired"]), (&json!(staged), &json!(first)));
    let states: Vec<_> = list().as_array().unwrap().iter().map(|key| key["state"].clone()).collect();
    assert!(states.contains(&json!("active")) && states.contains(&json!("retired")), "{states:?}");
}

#[tokio::test]
async fn a_script_reads_what_happens_to_a_key_next() {
    let program = started().await;
    let next = |state: &str| {
        let keys = program.json(&["keys", "list", "--json"]);
        keys.as_array().unwrap().iter().find(|key| key["state"] == state).unwrap()["next"].clone()
    };
    let after = |next: &serde_json::Value| {
        let at = next["not_before"].as_str().unwrap();
        time::OffsetDateTime::parse(at, &time::format_description::well_known::Rfc3339).unwrap().unix_timestamp()
    };
    let active = next("active");
    assert_eq!((&active["step"], &active["waits_for"]), (&json!("successor"), &json!(null)));
    program.json(&["keys", "rotate", "--json"]);
    let staged = next("staged");
    assert_eq!(
        (&staged["step"], &staged["not_before"], &staged["waits_for"]),
        (&json!("signs"), &json!(null), &json!("public_address"))
    );
    program.json(&["keys", "rotate", "--now", "--json"]);
    let (active, retired) = (next("active"), next("retired"));
    assert_eq!(retired["step"], "removed");
    assert!(after(&active) > after(&retired), "30 days and 48 hours: {active} {retired}");
    let text = program.ok(&["keys", "list"]);
    assert!(text.contains("signs; a successor in ") && text.contains("removed "), "{text}");
}

#[tokio::test]
async fn a_revocation_says_what_it_costs_asks_and_replaces_the_key_at_once() {
    let program = started().await;
    let first = program.json(&["keys", "list", "--json"])[0]["kid"].as_str().unwrap().to_owned();
    let refused = program.run(&["keys", "revoke", &first]);
    let talk = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1));
    for cost in ["0 tokens", "verifiers that hold an older copy", "for 5m where they keep", "up to 2days", "--yes"] {
        assert!(talk.contains(cost), "{cost} in {talk}");
    }
    let told = program.json(&["keys", "revoke", &first, "--dry-run", "--json"]);
    assert_eq!((&told["revoked"], &told["refusals_s"]), (&json!(false), &json!(300)));

    let done = program.json(&["keys", "revoke", &first, "--yes", "--json"]);
    assert_eq!(done["revoked"], true);
    let keys = program.json(&["keys", "list", "--all", "--json"]);
    let state = |kid: &str| {
        let key = keys.as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap();
        key["state"].as_str().unwrap().to_owned()
    };
    assert_eq!((state(&first), state(done["successor"].as_str().unwrap())), ("removed".into(), "active".into()));
    assert!(!program.directory.path().join("keys").join(format!("{first}.jwe")).exists());
    let audit = program.ok(&["audit", "list"]);
    assert!(audit.contains("key_revoked"), "{audit}");

    let again = program.run(&["keys", "revoke", &first, "--yes"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("hint: `driftwise-issuer keys list`"));
}

#[tokio::test]
async fn a_sick_issuer_is_named_and_a_forced_revocation_does_not_wait_for_it() {
    let program = started().await;
    let directory = program.directory.path();
    let first = program.json(&["keys", "list", "--json"])[0]["kid"].as_str().unwrap().to_owned();
    let mut config = Config::new("https://id.example.com".parse().unwrap());
    config.keys.directory = copy_of_keys(directory);
    let store = Store::open(&directory.join("issuer.db")).await.unwrap();
    let sick = Keyring::open(config.catalogue(&store, Arc::new(SystemClock)), LostKeys::Refuse).await.unwrap();
    assert!(program.run(&["keys", "rotate", "--json"]).status.success());
    let told = program.json(&["keys", "revoke", &first, "--dry-run", "--json"]);
    assert_eq!((&told["late_issuers"], &told["unable_issuers"]), (&json!(1), &json!(0)));
    sick.refresh().await.unwrap_err();
    let listed = program.run(&["keys", "list"]);
    let talk = String::from_utf8_lossy(&listed.stderr).into_owned();
    assert!(
        listed.status.success() && talk.contains("can't publish the newest keys") && talk.contains("copy"),
        "{talk}"
    );

    let done = program.run(&["keys", "revoke", &first, "--yes", "--force", "--json"]);
    let talk = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success() && talk.contains("1 can't sign until their fault is mended"), "{talk}");
    let done: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&done["late_issuers"], &done["unable_issuers"]), (&json!(0), &json!(1)));
    let states = program.json(&["keys", "list", "--json"]);
    assert_eq!((&states[0]["kid"], &states[0]["state"]), (&done["successor"], &json!("active")));
}

#[tokio::test]
async fn an_org_that_gives_up_keys_of_its_own_is_told_how_long_they_stay() {
    let program = started().await;
    let org = program.ok(&["org", "create", "--name", "Acme"]);
    let org = org.trim();
    let set = |keys: &str| {
        let output = program.run(&["org", "issuer", "set", "--org", org, "--keys", keys]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    set("own");
    let directory = program.directory.path();
    let mut config = Config::new("https://id.example.com".parse().unwrap());
    config.keys.directory = directory.join("keys");
    let store = Store::open(&directory.join("issuer.db")).await.unwrap();
    let catalogue = config.catalogue(&store, Arc::new(SystemClock));
    catalogue.ensure_set(KeySetId::Org(org.parse().unwrap())).await.unwrap();
    let state = || program.json(&["keys", "list", "--org", org, "--json"])[0]["state"].clone();
    assert_eq!(state(), json!("active"));
    let told = set("shared");
    assert!(told.contains("stay published") && told.contains("2days"), "{told}");
    assert_eq!(state(), json!("retired"));
    let told = set("none");
    assert!(!told.contains("stay published"), "there is nothing more to retire: {told}");
    let log = program.ok(&["audit", "list", "--org", org, "--json"]);
    assert!(log.contains("key_retired") && log.contains("org_issuer_set"), "{log}");
}
