//! Enrolment, end to end on this side: the real program against an issuer of canned answers.

mod support;

use std::fs;
use std::path::Path;

use support::{StubIssuer, agent, stderr};

const ENROL: &str = "/api/v2/agents/enrol";

fn enrol(issuer: &StubIssuer, dir: &Path, more: &[&str]) -> std::process::Output {
    let mut args = vec!["enrol", "--issuer", &issuer.url, "--code", "one-time-code", "--name", "host-1"];
    args.extend_from_slice(more);
    agent(dir, &args)
}

fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

#[test]
fn enrolment_registers_the_public_half_and_keeps_the_private_one() {
    let (issuer, scratch) = (StubIssuer::start(), tempfile::tempdir().unwrap());
    let dir = scratch.path().join("data");
    issuer.answer(ENROL, 200, "", &issuer.agent_info());
    let output = enrol(&issuer, &dir, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(output.stdout, b"0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21\n");
    let names = files(&dir);
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names[0] == "identity.json" && names[1].starts_with("key-"));

    let (_, _, body) = issuer.asked().into_iter().find(|(_, path, _)| path == ENROL).unwrap();
    let sent: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((sent["code"].as_str(), sent["name"].as_str()), (Some("one-time-code"), Some("host-1")));
    assert_eq!((sent["public_key"]["kty"].as_str(), sent["public_key"]["crv"].as_str()), (Some("EC"), Some("P-256")));
    assert!(sent["public_key"].get("d").is_none() && !body.contains("PRIVATE"), "{body}");
    let pem = fs::read_to_string(dir.join(&names[1])).unwrap();
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"));
    assert!(!stderr(&output).contains("one-time-code"));
}

#[test]
fn an_rsa_key_can_be_asked_for() {
    let (issuer, scratch) = (StubIssuer::start(), tempfile::tempdir().unwrap());
    issuer.answer(ENROL, 200, "", &issuer.agent_info());
    assert_eq!(enrol(&issuer, scratch.path(), &["--key-type", "rsa"]).status.code(), Some(0));
    let (_, _, body) = issuer.asked().into_iter().find(|(_, path, _)| path == ENROL).unwrap();
    let sent: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((sent["public_key"]["kty"].as_str(), sent["public_key"]["e"].as_str()), (Some("RSA"), Some("AQAB")));
}

#[test]
fn a_refused_code_leaves_nothing_behind() {
    let (issuer, scratch) = (StubIssuer::start(), tempfile::tempdir().unwrap());
    let dir = scratch.path().join("data");
    let problem =
        r#"{"code":"enrolment_code_invalid","title":"t","status":403,"detail":"the code was used","request_id":"r-1"}"#;
    issuer.answer(ENROL, 403, "", problem);
    let output = enrol(&issuer, &dir, &[]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.starts_with("error[issuer.enrolment_refused]: "), "{said}");
    assert!(said.contains("cause: the code was used (request r-1)") && said.contains("\nhint: "), "{said}");
    assert!(output.stdout.is_empty());
    assert_eq!(files(&dir), [""; 0]);
}

#[test]
fn an_identity_is_replaced_only_by_force_and_survives_a_failed_replacement() {
    let (issuer, scratch) = (StubIssuer::start(), tempfile::tempdir().unwrap());
    let dir = scratch.path();
    issuer.answer(ENROL, 200, "", &issuer.agent_info());
    assert_eq!(enrol(&issuer, dir, &[]).status.code(), Some(0));
    let first = files(dir);
    let refused = enrol(&issuer, dir, &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("error[agent.already_enrolled]"), "{}", stderr(&refused));
    issuer.answer(ENROL, 500, "", "");
    assert_eq!(enrol(&issuer, dir, &["--force"]).status.code(), Some(2));
    assert_eq!(files(dir), first);
    issuer.answer(ENROL, 200, "", &issuer.agent_info());
    assert_eq!(enrol(&issuer, dir, &["--force"]).status.code(), Some(0));
    assert_ne!(files(dir), first);
    assert_eq!(files(dir).len(), 2);
}

#[test]
fn the_issuer_is_checked_before_the_code_is_spent() {
    let discovery = "/.well-known/openid-configuration";
    let scratch = tempfile::tempdir().unwrap();
    let spent = |issuer: &StubIssuer| issuer.asked().iter().any(|(_, path, _)| path == ENROL);

    let issuer = StubIssuer::start();
    issuer.answer(discovery, 200, "", r#"{"issuer":"https://id.example.com"}"#);
    let output = enrol(&issuer, scratch.path(), &[]);
    assert!(stderr(&output).contains("error[issuer.not_an_issuer]") && !spent(&issuer), "{}", stderr(&output));
    assert!(stderr(&output).contains("https://id.example.com"), "{}", stderr(&output));

    let issuer = StubIssuer::start();
    let own = format!(r#"{{"issuer":"{}"}}"#, issuer.url);
    issuer.answer(discovery, 200, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", &own);
    let output = enrol(&issuer, scratch.path(), &[]);
    assert!(stderr(&output).contains("error[issuer.clock_skew]") && !spent(&issuer), "{}", stderr(&output));
    assert!(stderr(&output).contains("1994-11-06T08:49:37Z"), "{}", stderr(&output));

    let issuer = StubIssuer::start();
    issuer.answer(discovery, 302, "Location: /elsewhere\r\n", "");
    let output = enrol(&issuer, scratch.path(), &[]);
    assert!(stderr(&output).contains("error[issuer.not_an_issuer]"), "{}", stderr(&output));
    assert_eq!(issuer.asked().len(), 1, "redirects are not followed");
}

#[test]
fn an_issuer_that_is_not_there_is_told_as_such() {
    let scratch = tempfile::tempdir().unwrap();
    // Port 1 of the loopback address: nobody listens there.
    let output = agent(scratch.path(), &["enrol", "--issuer", "http://127.0.0.1:1", "--code", "c"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("error[issuer.unreachable]"), "{}", stderr(&output));
}

#[test]
fn the_accounts_of_the_org_are_listed() {
    let (issuer, scratch) = (StubIssuer::start(), tempfile::tempdir().unwrap());
    issuer.answer(ENROL, 200, "", &issuer.agent_info());
    assert_eq!(enrol(&issuer, scratch.path(), &["--quiet"]).status.code(), Some(0));
    issuer.answer("/api/v2/agent", 200, "", &issuer.agent_info());
    let output = agent(scratch.path(), &["accounts", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let info: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(info["accounts"][0]["account_id"], "123456789012");
    let output = agent(scratch.path(), &["accounts"]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("arn:aws:iam::123456789012:role/dw") && table.contains("session-tag"), "{table}");

    issuer.answer("/api/v2/agent", 401, "", r#"{"code":"unauthorized","title":"no","status":401,"request_id":"r"}"#);
    let output = agent(scratch.path(), &["accounts"]);
    assert!(stderr(&output).contains("error[issuer.agent_refused]"), "{}", stderr(&output));
}
