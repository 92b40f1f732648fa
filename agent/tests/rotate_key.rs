//! Key rotation, end to end on this side: the real program against an issuer of canned answers, cut off at every point.

mod support;

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use support::{StubIssuer, agent, stderr};

const AGENT: &str = "/api/v2/agent";
const KEY: &str = "/api/v2/agent/key";
const REFUSED: &str = r#"{"code":"assertion_invalid","title":"t","status":401,"request_id":"r-1"}"#;

fn keys(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut keys: Vec<String> = names.filter(|name| name.starts_with("key-")).collect();
    keys.sort();
    keys
}

/// The kid that `identity.json` names.
fn identity(dir: &Path) -> String {
    let text = fs::read_to_string(dir.join("identity.json")).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap()["kid"].as_str().unwrap().to_owned()
}

fn enrolled(issuer: &StubIssuer, dir: &Path) -> String {
    issuer.answer("/api/v2/agents/enrol", 200, "", &issuer.agent_info());
    let output = agent(dir, &["enrol", "--issuer", &issuer.url, "--code", "c", "--name", "host-1"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    identity(dir)
}

#[test]
fn a_script_reads_the_new_key_from_json_and_no_secret_is_in_it() {
    let (issuer, scratch) = (StubIssuer::start(), tempfile::tempdir().unwrap());
    let dir = scratch.path();
    enrolled(&issuer, dir);
    issuer.answer(KEY, 200, "", &issuer.agent_info());
    let output = agent(dir, &["rotate-key", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["kid"], identity(dir));
    assert_eq!(told["agent_id"], "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21");
    assert!(!told.to_string().contains("PRIVATE"), "{told}");
}

/// The public keys that the issuer was sent.
fn sent(issuer: &StubIssuer) -> Vec<serde_json::Value> {
    let asked = issuer.asked().into_iter().filter(|(_, path, _)| path == KEY);
    asked.map(|(_, _, body)| serde_json::from_str::<serde_json::Value>(&body).unwrap()["public_key"].clone()).collect()
}

#[test]
fn a_new_key_takes_the_place_of_the_old_one_and_only_its_public_half_leaves() {
    let (issuer, scratch) = (StubIssuer::start(), tempfile::tempdir().unwrap());
    let dir = scratch.path();
    let old = enrolled(&issuer, dir);
    issuer.answer(KEY, 200, "", &issuer.agent_info());
    let output = agent(dir, &["rotate-key"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let new = identity(dir);
    assert_ne!(new, old);
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), new);
    assert_eq!(keys(dir), [format!("key-{new}.pem")], "the old key is gone");
    let sent = sent(&issuer);
    assert_eq!((sent.len(), sent[0]["kty"].as_str()), (1, Some("EC")));
    assert!(sent[0].get("d").is_none());

    // Both keys sign for the rotation and nothing else.
    let (_, _, body) = issuer.asked().into_iter().find(|(_, path, _)| path == KEY).unwrap();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let read = |part: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(part).unwrap();
        serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()
    };
    let parts: Vec<&str> = body["proof"].as_str().unwrap().split('.').collect();
    assert_eq!(read(parts[0])["kid"], new);
    assert_eq!(read(parts[1])["dw_new_kid"], new);
}

#[test]
fn a_rotation_whose_answer_was_lost_goes_on_with_the_same_key() {
    let (issuer, scratch) = (StubIssuer::start(), tempfile::tempdir().unwrap());
    let dir = scratch.path();
    let old = enrolled(&issuer, dir);
    issuer.answer(KEY, 503, "", "");
    let output = agent(dir, &["rotate-key"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("error[issuer.unavailable]"), "{}", stderr(&output));
    assert_eq!((identity(dir), keys(dir).len()), (old.clone(), 2), "either key may be the one that counts");

    // The issuer still knows the old key: the next attempt shows the same new one.
    issuer.answer(AGENT, 200, "", &issuer.agent_info());
    issuer.answer(KEY, 200, "", &issuer.agent_info());
    assert_eq!(agent(dir, &["rotate-key"]).status.code(), Some(0));
    let sent = sent(&issuer);
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1]);
    assert_ne!(identity(dir), old);
    assert_eq!(keys(dir).len(), 1);
}

#[test]
fn while_the_old_key_counts_other_commands_use_it_and_keep_the_new_one() {
    let (issuer, scratch) = (StubIssuer::start(), tempfile::tempdir().unwrap());
    let dir = scratch.path();
    let old = enrolled(&issuer, dir);
    issuer.answer(KEY, 500, "", "");
    assert_eq!(agent(dir, &["rotate-key"]).status.code(), Some(2));
    issuer.answer(AGENT, 200, "", &issuer.agent_info());
    assert_eq!(agent(dir, &["accounts"]).status.code(), Some(0));
    assert_eq!((identity(dir), keys(dir).len()), (old, 2));
}

#[test]
fn a_key_that_the_issuer_refuses_outright_is_thrown_away() {
    let (issuer, scratch) = (StubIssuer::start(), tempfile::tempdir().unwrap());
    let dir = scratch.path();
    let old = enrolled(&issuer, dir);
    let problem = r#"{"code":"public_key_invalid","title":"t","status":400,"detail":"too short","request_id":"r-1"}"#;
    issuer.answer(KEY, 400, "", problem);
    let output = agent(dir, &["rotate-key", "--key-type", "rsa"]);
    assert!(stderr(&output).contains("error[issuer.refused]") && stderr(&output).contains("too short"));
    assert_eq!((identity(dir), keys(dir)), (old.clone(), vec![format!("key-{old}.pem")]));
}

#[test]
fn an_agent_whose_keys_are_both_refused_keeps_them_and_says_so() {
    let (issuer, scratch) = (StubIssuer::start(), tempfile::tempdir().unwrap());
    let dir = scratch.path();
    let old = enrolled(&issuer, dir);
    issuer.answer(KEY, 500, "", "");
    assert_eq!(agent(dir, &["rotate-key"]).status.code(), Some(2));
    issuer.answer(AGENT, 401, "", REFUSED);
    let output = agent(dir, &["accounts"]);
    assert!(stderr(&output).contains("error[issuer.agent_refused]"), "{}", stderr(&output));
    assert_eq!((identity(dir), keys(dir).len()), (old, 2));
}
