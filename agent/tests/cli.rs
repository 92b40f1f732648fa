//! The command line as scripts meet it: exit codes, what goes to stdout, and errors before anything is called.

mod support;

use std::fs;

use support::{StubIssuer, agent, stderr};

#[test]
fn help_and_version_are_data_and_a_wrong_option_is_an_error() {
    let scratch = tempfile::tempdir().unwrap();
    let help = agent(scratch.path(), &["--help"]);
    assert_eq!(help.status.code(), Some(0));
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(text.contains("0 in sync, 1 drift, 2 error, 3 incomplete"), "{text}");
    assert_eq!(agent(scratch.path(), &["--version"]).status.code(), Some(0));
    let wrong = agent(scratch.path(), &["scan", "--no-such-option"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(wrong.stdout.is_empty() && stderr(&wrong).contains("--no-such-option"));
    let wrong = agent(scratch.path(), &["scan", "--account", "12345"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("12 digits"), "{}", stderr(&wrong));
}

#[test]
fn a_scan_without_an_identity_says_how_to_get_one() {
    let scratch = tempfile::tempdir().unwrap();
    let output = agent(scratch.path(), &["scan", "--state", "s3://bucket/key"]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(
        said.starts_with("error[agent.not_enrolled]: ") && said.contains("hint: Run `driftwise-agent enrol"),
        "{said}"
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn settings_that_are_not_allowed_are_all_told_at_once() {
    let scratch = tempfile::tempdir().unwrap();
    let config = scratch.path().join("agent.toml");
    fs::write(&config, "[scan]\nsession_duration_s = 60\n[aws]\nmax_attempts = 0\n").unwrap();
    let output = agent(scratch.path(), &["--config", config.to_str().unwrap(), "scan", "--state", "s3://bucket/key"]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("error[config.invalid]"), "{said}");
    assert!(said.contains("scan.session_duration_s is 60") && said.contains("aws.max_attempts is 0"), "{said}");
    let output = agent(scratch.path(), &["--config", "/no/such/file", "accounts"]);
    assert!(stderr(&output).contains("/no/such/file"), "{}", stderr(&output));
}

#[test]
fn a_scan_needs_a_state_and_the_issuer_that_it_was_enrolled_with() {
    let (issuer, scratch) = (StubIssuer::start(), tempfile::tempdir().unwrap());
    issuer.answer("/api/v2/agents/enrol", 200, "", &issuer.agent_info());
    let enrolled = agent(scratch.path(), &["enrol", "--issuer", &issuer.url, "--code", "c"]);
    assert_eq!(enrolled.status.code(), Some(0), "{}", stderr(&enrolled));
    let calls = issuer.asked().len();
    for (args, words) in [
        (vec!["scan"], "no Terraform state is named"),
        (vec!["scan", "--state", "gs://bucket/key"], "gs is no scheme"),
        (vec!["scan", "--state", "s3://bucket/key", "--issuer", "https://id.example.com"], "not enrolled with"),
    ] {
        let output = agent(scratch.path(), &args);
        assert_eq!(output.status.code(), Some(2));
        let said = stderr(&output);
        assert!(said.starts_with("error[config.invalid]") && said.contains(words), "{said}");
    }
    assert_eq!(issuer.asked().len(), calls, "nothing was called");
}

#[test]
fn a_refused_token_ends_the_scan_without_a_report() {
    let (issuer, scratch) = (StubIssuer::start(), tempfile::tempdir().unwrap());
    issuer.answer("/api/v2/agents/enrol", 200, "", &issuer.agent_info());
    issuer.answer("/api/v2/agent", 200, "", &issuer.agent_info());
    issuer.answer("/oauth2/token", 400, "", r#"{"error":"invalid_target","error_description":"not registered"}"#);
    agent(scratch.path(), &["enrol", "--issuer", &issuer.url, "--code", "c"]);
    let report = scratch.path().join("report.json");
    let args = ["scan", "--state", "s3://bucket/key", "--output", "json", "--output-file", report.to_str().unwrap()];
    let output = agent(scratch.path(), &args);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("error[issuer.role_not_registered]") && said.contains("role/dw"), "{said}");
    assert!(output.stdout.is_empty() && !report.exists());
    let (_, _, form) = issuer.asked().into_iter().find(|(_, path, _)| path == "/oauth2/token").unwrap();
    assert!(form.contains("grant_type=client_credentials") && form.contains("resource=arn%3Aaws%3Aiam"), "{form}");
}

#[test]
fn a_state_is_printed_for_people_and_for_scripts() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("a.tfstate");
    fs::write(
        &path,
        r#"{"version":4,"terraform_version":"1.9.0","serial":3,"lineage":"l","outputs":{},"resources":[]}"#,
    )
    .unwrap();
    let output = agent(scratch.path(), &["state", path.to_str().unwrap(), "--output", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed["states"][0]["serial"], 3);
    fs::write(&path, "").unwrap();
    assert_eq!(agent(scratch.path(), &["state", path.to_str().unwrap()]).status.code(), Some(2));
}
