//! The program itself, as scripts see it.

use std::path::Path;
use std::process::{Command, Output};

use secrecy::ExposeSecret as _;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::copy_keys;

pub(crate) struct Program {
    pub(crate) directory: TempDir,
}

impl Program {
    pub(crate) fn new() -> Self {
        let directory = TempDir::new().unwrap();
        copy_keys(&directory.path().join("keys"));
        let config = "[server]\nissuer_url = \"https://id.example.com\"\n[store]\npath = \"issuer.db\"\n";
        std::fs::write(directory.path().join("driftwise-issuer.toml"), config).unwrap();
        Self { directory }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        run_in(self.directory.path(), arguments)
    }

    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(arguments)).unwrap()
    }
}

fn run_in(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_driftwise-issuer"))
        .args(arguments)
        .current_dir(directory)
        .env_remove("RUST_LOG")
        .output()
        .unwrap()
}

const ROLE: &str = "arn:aws:iam::123456789012:role/scan";

#[test]
fn a_second_org_of_a_name_is_refused_unless_it_is_meant() {
    let program = Program::new();
    let first = program.ok(&["org", "create", "--name", "Acme"]);
    for name in ["Acme", "ACME"] {
        let refused = program.run(&["org", "create", "--name", name]);
        let talk = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{name}");
        assert!(talk.contains(first.trim()) && talk.contains("--same-name"), "{talk}");
    }
    let second = program.ok(&["org", "create", "--name", "Acme", "--same-name"]);
    assert_ne!(first, second);
    program.ok(&["org", "create", "--name", "Acme Ltd"]);
}

#[test]
fn an_org_an_account_and_a_code_in_four_commands() {
    let program = Program::new();
    let org = program.ok(&["org", "create", "--name", "Acme"]);
    let org = org.trim();
    assert!(org.parse::<driftwise_contract::OrgId>().is_ok(), "stdout is the id alone: {org:?}");
    assert_eq!(program.json(&["org", "list", "--json"])[0]["name"], "Acme");

    let register = [
        "account",
        "register",
        "--org",
        org,
        "--account-id",
        "123456789012",
        "--role-arn",
        ROLE,
        "--region",
        "eu-central-1",
    ];
    assert_eq!(program.ok(&register), "123456789012\n");
    let accounts = program.json(&["account", "list", "--org", org, "--json"]);
    assert_eq!((&accounts[0]["role_arn"], &accounts[0]["trust_form"]), (&ROLE.into(), &"session-tag".into()));

    let code = program.ok(&["agent", "enrol", "--org", org, "--expires-in", "15m"]);
    assert!(driftwise_issuer::accounts::EnrolmentCode::parse(&code).is_some(), "stdout is the code alone");
    assert_eq!(program.json(&["agent", "list", "--org", org, "--json"]), serde_json::json!([]));
    assert_eq!(program.json(&["keys", "list", "--json"]), serde_json::json!([]), "the first start places the keys");

    let trust = program.json(&["setup", "trust-policy", "--org", org, "--account", "123456789012"]);
    assert_eq!(trust["Statement"][0]["Condition"]["StringEquals"]["aws:RequestTag/dw_org_id"], org);
    let permission = program.json(&["setup", "permission-policy", "--org", org, "--account", "123456789012"]);
    assert_eq!(permission["Statement"].as_array().unwrap().len(), 5);
    let bucket = program.json(&[
        "setup",
        "bucket-policy",
        "--org",
        org,
        "--account",
        "123456789012",
        "--bucket",
        "tf-state",
        "--key-prefix",
        "prod/",
    ]);
    assert_eq!(bucket["Statement"][0]["Principal"]["AWS"], ROLE);

    let custom =
        program.run(&["setup", "trust-policy", "--org", org, "--account", "123456789012", "--form", "custom-claim"]);
    let talk = String::from_utf8(custom.stderr).unwrap();
    assert!(talk.contains("AWS STS admits nobody"), "{talk}");
    assert!(serde_json::from_slice::<Value>(&custom.stdout).is_ok());
}

#[test]
fn an_account_that_is_registered_again_keeps_the_form_that_is_not_named() {
    let program = Program::new();
    let org = program.ok(&["org", "create", "--name", "Acme"]);
    let register = |region: &str, more: &[&str]| {
        let account = ["account", "register", "--org", org.trim(), "--account-id", "123456789012", "--role-arn", ROLE];
        program.ok(&[&account[..], &["--region", region], more].concat());
        program.json(&["account", "list", "--org", org.trim(), "--json"])[0]["trust_form"].clone()
    };
    assert_eq!(register("eu-central-1", &["--form", "subject"]), "subject");
    assert_eq!(register("eu-west-1", &[]), "subject");
    assert_eq!(register("eu-west-1", &["--form", "session-tag"]), "session-tag");
}

#[test]
fn refusals_exit_with_1_a_cause_and_a_hint() {
    let program = Program::new();
    let org = program.ok(&["org", "create", "--name", "Acme"]);
    let other = program.ok(&["org", "create", "--name", "Other"]);
    let (org, other) = (org.trim(), other.trim());
    let nobody = "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21";
    let register = |org: &str, account: &str, region: &str| {
        program.run(&[
            "account",
            "register",
            "--org",
            org,
            "--account-id",
            account,
            "--role-arn",
            ROLE,
            "--region",
            region,
        ])
    };
    assert_eq!(register(org, "123456789012", "eu-central-1").status.code(), Some(0));
    for (output, says) in [
        (register(other, "123456789012", "eu-central-1"), "registered by another org"),
        (register(org, "210987654321", "eu-central-1"), "not in 210987654321"),
        (register(org, "123456789012", "us-gov-west-1"), "partition aws-us-gov"),
        (register(nobody, "123456789012", "eu-central-1"), "there is no org"),
        (program.run(&["agent", "enrol", "--org", nobody]), "driftwise-issuer org list"),
        (program.run(&["setup", "trust-policy", "--org", org, "--account", "999999999999"]), "hint: "),
        (program.run(&["--config", "missing.toml", "org", "list"]), "there is no file missing.toml"),
    ] {
        let talk = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{talk}");
        assert!(talk.contains(says) && talk.starts_with("error: "), "{talk}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_mistyped_account_is_removed_and_then_free_for_the_right_org() {
    let program = Program::new();
    let (org, other) = (program.ok(&["org", "create", "--name", "A"]), program.ok(&["org", "create", "--name", "B"]));
    let (org, other) = (org.trim(), other.trim());
    let register = |org: &str, role: &str| {
        let id = ["--account-id", "123456789012", "--role-arn", role, "--region", "eu-central-1"];
        program.run(&[&["account", "register", "--org", org][..], &id].concat())
    };
    let remove = ["account", "remove", "--org", org, "--account-id", "123456789012"];
    assert_eq!(register(org, ROLE).status.code(), Some(0));
    for refused in [register(org, "arn:aws:iam::123456789012:role/other"), register(other, ROLE)] {
        let talk = String::from_utf8(refused.stderr).unwrap();
        assert!(refused.status.code() == Some(1) && talk.contains("account remove"), "{talk}");
    }
    let removed = program.run(&remove);
    assert_eq!((removed.status.code(), &*removed.stdout), (Some(0), &b"123456789012\n"[..]));
    assert!(String::from_utf8(removed.stderr).unwrap().contains("up to 5 minutes"));
    assert_eq!(program.run(&remove).status.code(), Some(1), "it is gone");
    assert_eq!(register(other, ROLE).status.code(), Some(0));
}

#[test]
fn api_keys_are_shown_once_listed_without_their_secret_and_revoked_once() {
    let program = Program::new();
    let org = program.ok(&["org", "create", "--name", "Acme"]);
    let other = program.ok(&["org", "create", "--name", "Other"]);
    let (org, other) = (org.trim(), other.trim());
    let create = ["apikey", "create", "--org", org, "--name", "ci", "--scope", "federation-token:create,audit:read"];
    let key = program.ok(&create);
    let key = driftwise_issuer::accounts::ApiKey::parse(key.trim()).expect("stdout is the key alone");
    let id = key.id().to_string();
    assert_eq!(program.json(&[&create[..], &["--expires-in", "1h", "--json"]].concat())["scopes"][1], "audit:read");

    let listed = program.json(&["apikey", "list", "--org", org, "--json"]);
    assert_eq!((&listed[0]["api_key_id"], &listed[0]["state"]), (&id.as_str().into(), &"live".into()));
    let secret = key.reveal();
    let secret = secret.expose_secret().rsplit('_').next().unwrap();
    assert!(!listed.to_string().contains(secret) && !program.ok(&["apikey", "list", "--org", org]).contains(secret));
    assert_eq!(program.json(&["apikey", "list", "--org", other, "--json"]), serde_json::json!([]));

    let revoke = |org: &str| program.run(&["apikey", "revoke", "--org", org, "--key", &id]);
    assert_eq!(revoke(other).status.code(), Some(1), "another org's key");
    assert_eq!(revoke(org).status.code(), Some(0));
    let again = revoke(org);
    let talk = String::from_utf8(again.stderr).unwrap();
    assert!(again.status.code() == Some(1) && talk.contains("apikey list"), "{talk}");
    assert_eq!(program.json(&["apikey", "list", "--org", org, "--json"])[0]["state"], "revoked");
    for wrong in [&["--scope", "admin"][..], &["--scope", ""], &["--scope", "audit:read", "--expires-in", "731d"]] {
        let arguments = [&["apikey", "create", "--org", org, "--name", "ci"][..], wrong].concat();
        assert_eq!(program.run(&arguments).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn an_unused_code_is_listed_by_its_id_and_taken_back() {
    let program = Program::new();
    let org = program.ok(&["org", "create", "--name", "Acme"]);
    let org = org.trim();
    let code = program.ok(&["agent", "enrol", "--org", org]);
    let listed = program.json(&["enrolment-code", "list", "--org", org, "--json"]);
    let id = listed[0]["code_id"].as_str().unwrap();
    assert!(!code.contains(id) && listed.as_array().unwrap().len() == 1);
    assert_eq!(program.ok(&["enrolment-code", "revoke", "--org", org, "--code", id]).trim(), id);
    assert_eq!(program.json(&["enrolment-code", "list", "--org", org, "--json"]), serde_json::json!([]));
    let again = program.run(&["enrolment-code", "revoke", "--org", org, "--code", id]);
    assert_eq!(again.status.code(), Some(1));
    let typed = program.run(&["enrolment-code", "revoke", "--org", org, "--code", code.trim()]);
    assert_eq!(typed.status.code(), Some(2), "the code itself is no id");
}

#[test]
fn an_agent_that_is_not_there_can_not_be_revoked() {
    let program = Program::new();
    let org = program.ok(&["org", "create", "--name", "Acme"]);
    let nobody = "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21";
    let output = program.run(&["agent", "revoke", "--org", org.trim(), "--agent", nobody]);
    let talk = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && talk.contains("agent list"), "{talk}");
}

#[test]
fn only_serve_and_org_create_make_a_store() {
    let program = Program::new();
    let path = program.directory.path().canonicalize().unwrap().join("issuer.db");
    let org = "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21";
    for arguments in [
        &["org", "list"][..],
        &["account", "list", "--org", org],
        &["agent", "list", "--org", org],
        &["setup", "trust-policy", "--org", org, "--account", "123456789012"],
    ] {
        let output = program.run(arguments);
        let talk = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{talk}");
        assert!(talk.contains(&format!("there is no store at {}", path.display())), "{talk}");
        assert!(talk.contains("--config") && talk.contains("working directory"), "{talk}");
        assert!(!path.exists());
    }
    let made = program.run(&["org", "create", "--name", "Acme"]);
    let talk = String::from_utf8(made.stderr).unwrap();
    assert!(talk.contains(&format!("made a new store at {}", path.display())), "{talk}");
    assert!(program.run(&["org", "create", "--name", "Other"]).stderr.is_empty(), "the second time there is one");
}

#[test]
fn wrong_usage_exits_with_2_and_names_the_field() {
    let program = Program::new();
    let org = "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21";
    let setup = |rest: &[&'static str]| {
        let mut arguments = vec!["setup", "bucket-policy", "--org", org, "--account", "123456789012"];
        arguments.extend(rest);
        program.run(&arguments)
    };
    for (output, says) in [
        (program.run(&[]), "Usage"),
        (program.run(&["nonsense"]), "unrecognized"),
        (program.run(&["org", "create"]), "--name"),
        (program.run(&["org", "create", "--name", ""]), "1 to 100"),
        (program.run(&["account", "list", "--org", "ACME"]), "expected a UUID"),
        (program.run(&["agent", "enrol", "--org", org, "--expires-in", "1y"]), "15m"),
        (setup(&["--bucket", "My_Bucket"]), "lower-case"),
        (setup(&["--bucket", "tf-state", "--key-prefix", "prod/*"]), "wildcards"),
        (program.run(&["setup", "trust-policy", "--org", org, "--account", "1234"]), "12 digits"),
        (
            program.run(&["setup", "trust-policy", "--org", org, "--account", "123456789012", "--form", "x"]),
            "session-tag",
        ),
    ] {
        let talk = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{talk}");
        assert!(talk.contains(says), "{says}: {talk}");
    }
}

#[test]
fn help_and_version_are_data_and_a_success() {
    let directory = TempDir::new().unwrap();
    for arguments in [&["--help"][..], &["--version"], &["setup", "--help"]] {
        let output = run_in(directory.path(), arguments);
        assert_eq!(output.status.code(), Some(0));
        assert!(!output.stdout.is_empty() && output.stderr.is_empty());
    }
    let output = run_in(directory.path(), &["--help"]);
    assert!(String::from_utf8(output.stdout).unwrap().contains("Exit codes: 0"));
}

#[test]
fn the_environment_overrides_the_file_and_faults_are_listed_together() {
    let program = Program::new();
    let output = Command::new(env!("CARGO_BIN_EXE_driftwise-issuer"))
        .args(["org", "list"])
        .current_dir(program.directory.path())
        .env("DRIFTWISE_ISSUER__SERVER__LISTEN", "nowhere")
        .env("DRIFTWISE_ISSUER__SERVER__ISSUER_URL", "http://id.example.com")
        .output()
        .unwrap();
    let talk = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        talk.contains("server.listen") && talk.contains("server.issuer_url") && talk.contains("2 faults"),
        "{talk}"
    );
}

/// Kills the program where a test fails before it ends.
#[cfg(unix)]
struct Serving(std::process::Child);

#[cfg(unix)]
impl Drop for Serving {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn serve_runs_beside_the_other_commands_and_ends_softly_on_sigterm() {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;

    let program = Program::new();
    let child = Command::new(env!("CARGO_BIN_EXE_driftwise-issuer"))
        .arg("serve")
        .current_dir(program.directory.path())
        .env("DRIFTWISE_ISSUER__SERVER__LISTEN", "127.0.0.1:0")
        .env("DRIFTWISE_ISSUER__LOG__FORMAT", "json")
        .env_remove("RUST_LOG")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut serving = Serving(child);
    let mut log = BufReader::new(serving.0.stderr.take().unwrap()).lines();
    let line = log.by_ref().map(Result::unwrap).find(|line| line.contains("\"serving\"")).expect("it serves");
    let line: Value = serde_json::from_str(&line).unwrap();
    let address = line["fields"]["address"].as_str().unwrap().to_owned();

    let org = program.ok(&["org", "create", "--name", "made while serving"]);
    assert!(program.ok(&["org", "list"]).contains(org.trim()));
    let body = reqwest::get(format!("http://{address}/readyz")).await.unwrap().text().await.unwrap();
    assert_eq!(body, "ready\n");

    let killed = Command::new("kill").arg(serving.0.id().to_string()).status().unwrap();
    assert!(killed.success());
    assert_eq!(serving.0.wait().unwrap().code(), Some(0));
    let rest: Vec<String> = log.map(Result::unwrap).collect();
    assert!(rest.iter().any(|line| line.contains("stopping")), "{rest:?}");
}

#[test]
fn config_check_reads_everything_and_makes_nothing() {
    let program = Program::new();
    let files = || std::fs::read_dir(program.directory.path()).unwrap().count();
    let before = files();
    let checks = program.json(&["config", "check", "--json"]);
    assert!(checks.as_array().unwrap().iter().all(|check| check["ok"] == true), "{checks}");
    assert_eq!(files(), before, "no store was made");

    program.ok(&["org", "create", "--name", "Acme"]);
    let text = program.ok(&["config", "check"]);
    assert!(text.contains("issuer.db can be read") && text.contains("1 in keys, all opened"), "{text}");
}

#[test]
fn config_check_tells_every_fault_and_ends_with_one() {
    let program = Program::new();
    let check = |config: &str| {
        std::fs::write(program.directory.path().join("driftwise-issuer.toml"), config).unwrap();
        let output = program.run(&["config", "check", "--json"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("found"), "{output:?}");
        let checks: Value = serde_json::from_slice(&output.stdout).unwrap();
        let faults = checks.as_array().unwrap().iter().filter(|check| check["ok"] == false);
        faults.map(|check| format!("{}: {}", check["check"].as_str().unwrap(), check["detail"])).collect::<Vec<_>>()
    };
    let faults = check("[server]\nlisten = \"nowhere\"\n[limits]\nburst = 0\n");
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert!(faults.iter().all(|fault| fault.starts_with("configuration: ")), "{faults:?}");

    std::fs::write(program.directory.path().join("issuer.db"), "no database, but longer than a header of one").unwrap();
    std::fs::write(program.directory.path().join("other.key"), "00".repeat(32)).unwrap();
    std::fs::write(program.directory.path().join("tls.crt"), "no certificate").unwrap();
    let server =
        "[server]\nissuer_url = \"https://id.example.com\"\ntls_certificate = \"tls.crt\"\ntls_key = \"tls.crt\"\n";
    let faults = check(&format!("{server}[store]\npath = \"issuer.db\"\n"));
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].starts_with("store: ") && faults[1].contains("holds no PEM certificates"), "{faults:?}");

    std::fs::remove_file(program.directory.path().join("issuer.db")).unwrap();
    let config = "[server]\nissuer_url = \"https://id.example.com\"\n[store]\npath = \"issuer.db\"\n";
    std::fs::write(program.directory.path().join("driftwise-issuer.toml"), config).unwrap();
    program.ok(&["org", "create", "--name", "Acme"]);
    let faults = check(&format!("{config}[keys]\nmaster_key_file = \"other.key\"\n"));
    assert!(faults.len() == 1 && faults[0].starts_with("keys: "), "another master key opens nothing: {faults:?}");
}

#[test]
fn the_master_key_is_changed_while_either_opens_every_key() {
    let program = Program::new();
    program.ok(&["org", "create", "--name", "Acme"]);
    let sealed = || {
        let keys = std::fs::read_dir(program.directory.path().join("keys")).unwrap().map(|entry| entry.unwrap().path());
        let path = keys.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "jwe")).unwrap();
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap())
    };
    let (kid, old) = sealed();
    let new_key = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=";
    std::fs::write(program.directory.path().join("new.key"), new_key).unwrap();

    let reseal = ["keys", "reseal", "--new-master-key-file", "new.key", "--json"];
    let plan = program.json(&[&reseal[..], &["--dry-run"]].concat());
    assert_eq!(plan, serde_json::json!([{"name": kid, "resealed": true}]));
    assert_eq!(sealed().1, old, "a dry run changes nothing");

    let output = program.run(&reseal);
    let talk = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{talk}");
    assert!(talk.contains("keys.master_key_file") && talk.contains("keys.previous_master_key_file"), "{talk}");
    assert!(!talk.contains(new_key) && !String::from_utf8(output.stdout).unwrap().contains(new_key));
    assert_ne!(sealed().1, old);
    assert_eq!(program.json(&reseal)[0]["resealed"], false, "it is done once");

    // The old master key alone opens nothing any more; with the new one configured, everything is in order.
    let output = program.run(&["keys", "reseal"]);
    let talk = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{talk}");
    assert!(talk.contains("the master key does not open it") && talk.contains("hint:"), "{talk}");
    let config = program.directory.path().join("driftwise-issuer.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}[keys]\nmaster_key_file = \"new.key\"\n")).unwrap();
    assert_eq!(program.json(&["keys", "reseal", "--json"])[0]["resealed"], false);

    // And the way back, with the old key as the previous one's stand-in.
    let keys = "[keys]\nmaster_key_file = \"keys/master.key\"\nprevious_master_key_file = \"new.key\"\n";
    std::fs::write(&config, format!("{text}{keys}")).unwrap();
    assert_eq!(program.json(&["keys", "reseal", "--json"])[0]["resealed"], true);
}

#[test]
fn config_check_finds_what_a_start_refuses() {
    let program = Program::new();
    let file = program.directory.path().join("driftwise-issuer.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let mut config = driftwise_issuer::config::Config::from_toml(&good).unwrap();
    config.store.path = program.directory.path().join("issuer.db");
    config.keys.directory = program.directory.path().join("keys");
    config.publication.read_back = false;
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let clock = std::sync::Arc::new(driftwise_issuer::clock::SystemClock);
        driftwise_issuer::app::Issuer::start(config, clock, listener).await.unwrap().shutdown().await.unwrap();
    });
    let faults = |config: String| {
        std::fs::write(&file, config).unwrap();
        let checks: Value = serde_json::from_slice(&program.run(&["config", "check", "--json"]).stdout).unwrap();
        let faults = checks.as_array().unwrap().iter().filter(|check| check["ok"] == false);
        faults.map(|check| format!("{}: {}", check["check"].as_str().unwrap(), check["detail"])).collect::<Vec<_>>()
    };
    let found = faults(format!("{good}\n[publication]\nca_file = \"no-ca.pem\"\ndirectory = \"not/mounted\"\n"));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("publication.ca_file: ") && found[0].contains("no-ca.pem"), "{found:?}");
    assert!(found[1].starts_with("publication.directory: ") && found[1].contains("is it mounted?"), "{found:?}");

    let keys = program.directory.path().join("keys");
    for entry in std::fs::read_dir(&keys).unwrap().map(Result::unwrap) {
        if entry.path().extension().is_some_and(|extension| extension == "jwe") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    let found = faults(good);
    assert!(found.len() == 1 && found[0].starts_with("keys: "), "{found:?}");
    assert!(found[0].contains("holds no signing key, but 1 was made for this store before"), "{found:?}");
}
