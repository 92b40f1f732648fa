//! `setup lint` and `setup explain`, as scripts see them.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::command_line::Program;

const ROLE: &str = "arn:aws:iam::123456789012:role/scan";

/// A program with one registered account, the org, and its trust policy.
fn registered() -> (Program, String, String) {
    let program = Program::new();
    let org = program.ok(&["org", "create", "--name", "Acme"]).trim().to_owned();
    let account = ["account", "register", "--org", &org, "--account-id", "123456789012", "--role-arn", ROLE];
    program.ok(&[&account[..], &["--region", "eu-central-1"]].concat());
    let policy = program.ok(&["setup", "trust-policy", "--org", &org, "--account", "123456789012"]);
    (program, org, policy)
}

fn write(program: &Program, name: &str, text: &str) {
    std::fs::write(program.directory.path().join(name), text).unwrap();
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_documents_that_setup_writes_are_clean_and_worse_ones_are_not() {
    let (program, org, policy) = registered();
    write(&program, "trust.json", &policy);
    let known = ["setup", "lint", "trust.json", "--org", &org, "--account", "123456789012"];
    let (code, stdout, stderr) = said(&program.run(&known));
    assert_eq!((code, stdout.as_str()), (Some(0), ""), "{stderr}");
    assert!(stderr.contains("nothing found"), "{stderr}");

    write(&program, "trust.json", &policy.replace(":sub\"", ":subject\""));
    let (code, stdout, _) = said(&program.run(&known));
    assert_eq!(code, Some(1));
    assert!(stdout.contains("error[DW-TRUST-001]") && stdout.contains("--> trust.json:"), "{stdout}");
    let (_, stdout, _) = said(&program.run(&["setup", "lint", "trust.json", "--json"]));
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert!(report["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == "DW-TRUST-001"));
    let (code, stdout, _) = said(&program.run(&["setup", "lint", "trust.json", "--sarif"]));
    let log: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &log["version"]), (Some(1), &json!("2.1.0")));

    write(&program, "trust.json", &policy.replace("123456789012", "210987654321"));
    let (code, stdout, _) = said(&program.run(&known));
    assert!(code == Some(1) && stdout.contains("DW-TRUST-007"), "the store knows the account: {stdout}");
}

#[test]
fn a_pipeline_needs_no_configuration() {
    let directory = TempDir::new().unwrap();
    let lint = |arguments: &[&str], input: &[u8]| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_driftwise-issuer"))
            .args(["setup", "lint"])
            .args(arguments)
            .current_dir(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        said(&child.wait_with_output().unwrap())
    };
    let (code, stdout, _) = lint(&["-", "--issuer", "https://id.example.com"], b"{\"Version\": ");
    assert!(code == Some(1) && stdout.contains("DW-JSON-001") && stdout.contains("stdin:1:"), "{stdout}");
    let (code, _, stderr) = lint(&["-"], b"\xff");
    assert!(code == Some(2) && stderr.contains("not UTF-8"), "{stderr}");
    let (code, _, stderr) = lint(&["nowhere.json"], b"");
    assert!(code == Some(2) && stderr.contains("nowhere.json"), "{stderr}");
    let (code, _, _) = lint(&["-", "--kind", "poem"], b"");
    assert_eq!(code, Some(2));
    let (code, _, stderr) = lint(&["-", "--config", "nowhere.toml"], b"{}");
    assert!(code == Some(2) && stderr.contains("nowhere.toml"), "{stderr}");
}

#[test]
fn explain_says_who_gets_in_and_never_shows_the_token() {
    let (program, org, policy) = registered();
    write(&program, "trust.json", &policy);
    let claims = |org: &str| {
        json!({
            "iss": "https://id.example.com", "sub": format!("org-{org}"), "aud": "sts.amazonaws.com",
            "iat": 1_800_000_000, "exp": 1_800_000_300,
            "https://aws.amazon.com/roles": [ROLE],
            "https://aws.amazon.com/tags": {"principal_tags": {"dw_org_id": [org]}, "transitive_tag_keys": ["dw_org_id"]},
        })
    };
    let token = |org: &str| format!("e30.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(claims(org).to_string()));
    write(&program, "token", &token(&org));
    let (code, stdout, stderr) = said(&program.run(&["setup", "explain", "trust.json", "--token", "@token"]));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("The token gets in.") && stdout.contains("signature is not checked"), "{stdout}");
    assert!(!stdout.contains("e30.") && !stderr.contains("e30."));

    let other = token("0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21");
    let (code, stdout, _) = said(&program.run(&["setup", "explain", "trust.json", "--json", "--token", &other]));
    let answer: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &answer["gets_in"], &answer["signature_checked"]), (Some(1), &json!(false), &json!(false)));
    let given = claims(&org).to_string();
    let (code, ..) = said(&program.run(&["setup", "explain", "trust.json", "--claims", &given]));
    assert_eq!(code, Some(0));

    let (code, stdout, stderr) = said(&program.run(&["setup", "explain", "trust.json", "--token", "topsecret"]));
    assert!(code == Some(2) && stderr.contains("no JWT"), "{stderr}");
    assert!(!stdout.contains("topsecret") && !stderr.contains("topsecret"), "{stderr}");
}
