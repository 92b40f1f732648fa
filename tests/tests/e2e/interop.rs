//! Clients that other people wrote, against the issuer: `tests/interop/README.md` says which, and what each does. The issuer
//! signs by each of its algorithms in turn.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use driftwise_contract::claims::{ORG_TAG, ROLES_CLAIM, TOKEN_LIFETIME_S};
use driftwise_contract::wire::paths;
use driftwise_tests::stage::{ACCOUNT_ID, Props, Stage, TestAgent, small_world};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::program;

/// What `DRIFTWISE_REQUIRE` calls these clients.
const REQUIREMENT: &str = "openid-clients";

/// Where `.ci/interop` puts the packages.
struct Packages {
    node: PathBuf,
    python: PathBuf,
}

impl Packages {
    /// The packages; none, loudly, where they are not installed and not required.
    fn find() -> Option<Self> {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory").join("interop");
        let packages = Self { node: home.join("node"), python: home.join("python") };
        let missing: Vec<_> = [packages.node.join("installed.json"), packages.python.join("installed.txt")]
            .into_iter()
            .filter(|mark| !mark.exists())
            .collect();
        if missing.is_empty() {
            return Some(packages);
        }
        let required = std::env::var("DRIFTWISE_REQUIRE").unwrap_or_default();
        assert!(
            required.split([',', ' ']).all(|name| name != REQUIREMENT),
            "DRIFTWISE_REQUIRE names {REQUIREMENT}, but they are not installed ({missing:?}): run .ci/interop"
        );
        // Past the test runner, which shows nothing of a test that passes.
        let told = format!("SKIPPED: the OpenID Connect clients are not installed ({missing:?}); run .ci/interop\n");
        std::io::Write::write_all(&mut std::io::stderr(), told.as_bytes()).expect("stderr takes a line");
        None
    }

    /// Runs a script and gives what it printed.
    async fn run(&self, script: &str, input: &Value) -> Value {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(script);
        let source = std::fs::read(&source).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
        let mut command = if Path::new(script).extension().is_some_and(|extension| extension == "mjs") {
            let mut command = Command::new("node");
            // A module on stdin finds its packages from the working directory.
            command.args(["--input-type=module", "-"]).current_dir(&self.node);
            command
        } else {
            let mut command = Command::new(self.python.join("bin/python"));
            command.args(["-I", "-"]);
            command
        };
        command
            .env("DRIFTWISE_INTEROP", input.to_string())
            .env("NO_PROXY", "*")
            .env("no_proxy", "*")
            .kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{script} does not start: {error}"));
        child.stdin.take().expect("stdin is a pipe").write_all(&source).await.expect("the script is read");
        let output = child.wait_with_output().await.expect("the script ends");
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{script} printed no JSON ({error}): {}", String::from_utf8_lossy(&output.stdout))
        })
    }
}

async fn every_client_is_served(algorithm: &str, keys_config: &str) {
    let Some(packages) = Packages::find() else { return };
    let props = Props { world: Some(small_world()), keys_config: keys_config.to_owned(), ..Props::default() };
    let stage = Stage::open(program(), props).await.expect("the stage opens");
    let org = stage.create_org("Acme").await.unwrap();
    let role = format!("arn:aws:iam::{ACCOUNT_ID}:role/scan");
    stage.register(org, &role, "session-tag").await.unwrap();
    let agent = TestAgent::enrol(&stage, org).await.unwrap();
    let keys: Value = reqwest::get(stage.url(paths::JWKS)).await.unwrap().json().await.unwrap();
    let input = json!({
        "issuer": stage.issuer_url(),
        "audience": "sts.amazonaws.com",
        "role": role,
        "client": {"id": agent.info.agent_id, "kid": agent.kid(), "alg": "ES256", "jwk": agent.private_jwk()},
    });
    let mut jtis = std::collections::BTreeSet::new();
    for script in ["openid_client.mjs", "jose.mjs", "pyjwt.py", "authlib_client.py"] {
        let seen = packages.run(script, &input).await;
        let (header, claims) = (&seen["header"], &seen["claims"]);
        assert_eq!(header["alg"], algorithm, "{script}: {seen}");
        assert!(keys["keys"].as_array().unwrap().iter().any(|key| key["kid"] == header["kid"]), "{script}: {seen}");
        assert_eq!(claims["iss"], stage.issuer_url(), "{script}");
        assert_eq!(claims["sub"], format!("org-{org}"), "{script}");
        assert_eq!(claims["aud"], "sts.amazonaws.com", "{script}");
        assert_eq!(claims[ORG_TAG], org.to_string(), "{script}");
        assert_eq!(claims[ROLES_CLAIM], json!([role]), "{script}");
        let lifetime_s = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
        assert_eq!(lifetime_s, TOKEN_LIFETIME_S, "{script}");
        // openid-client counts down from when the answer came.
        let left_s = seen["expires_in"].as_i64().unwrap();
        assert!((TOKEN_LIFETIME_S - 60..=TOKEN_LIFETIME_S).contains(&left_s), "{script}: {left_s}");
        assert_eq!(seen["refusal"], "invalid_target", "{script}");
        assert!(jtis.insert(claims["jti"].as_str().unwrap().to_owned()), "{script}: a jti twice");
    }
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_other_people_find_the_issuer_and_verify_its_rs256_tokens() {
    every_client_is_served("RS256", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_other_people_find_the_issuer_and_verify_its_es256_tokens() {
    every_client_is_served("ES256", "algorithm = \"ES256\"").await;
}
