//! The issuer as it is installed: the release binary in a process of its own, with its store on this machine's disk and its
//! default settings, but for the rate limits, which would stop the one client that everything comes from.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use driftwise_contract::wire::{AgentInfo, paths};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::agent::Agent;
use super::client::Connection;

const PROGRAM: &str = env!("CARGO_BIN_EXE_driftwise-issuer");
const ROLE: &str = "arn:aws:iam::123456789012:role/scan";

/// A running issuer with an org, its account and an enrolled agent. Dropping it ends it.
pub(crate) struct Issuer {
    pub(crate) address: SocketAddr,
    pub(crate) agent: Agent,
    process: Child,
    _directory: TempDir,
}

impl Issuer {
    /// Starts an issuer whose keys are of that algorithm.
    pub(crate) async fn start(algorithm: &str) -> Self {
        // On the disk of the target directory: /tmp may be memory, where a durable row costs nothing.
        let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a scratch directory");
        let address = free_address();
        let url = format!("http://{address}");
        let home = directory.path().display();
        let config = directory.path().join("driftwise-issuer.toml");
        fs::write(
            &config,
            format!(
                "[server]\nlisten = \"{address}\"\nissuer_url = \"{url}\"\n[store]\npath = \"{home}/issuer.db\"\n\
                 [keys]\ndirectory = \"{home}/keys\"\nalgorithm = \"{algorithm}\"\n\
                 [limits]\nrequests_per_second = 0\ncaller_requests_per_second = 0\n\
                 org_requests_per_second = 0\nconnections_per_client = 1024\n"
            ),
        )
        .expect("the configuration is written");
        let org = run(&config, &["org", "create", "--name", "Acme"]);
        let org = org["org_id"].as_str().expect("an org id").to_owned();
        let account = ["account", "register", "--org", &org, "--account-id", "123456789012", "--role-arn", ROLE];
        run(&config, &[&account[..], &["--region", "eu-central-1"]].concat());
        let code = run(&config, &["agent", "enrol", "--org", &org]);

        let process = command(&config).arg("serve").stdout(Stdio::null()).stderr(log(&directory)).spawn();
        let process = process.expect("the issuer starts");
        let mut issuer = Self { address, agent: Agent::new(&url, ROLE), process, _directory: directory };
        issuer.wait_until_ready().await;
        issuer.enrol(code["code"].as_str().expect("an enrolment code")).await;
        issuer
    }

    /// Its process id, as text.
    pub(crate) fn process(&self) -> String {
        self.process.id().to_string()
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection::open(self.address).await.expect("the issuer listens")
    }

    async fn wait_until_ready(&mut self) {
        for _ in 0..600 {
            if let Ok(mut connection) = Connection::open(self.address).await
                && let Ok((200, _)) = connection.exchange(&get("/readyz")).await
            {
                return;
            }
            if let Some(status) = self.process.try_wait().expect("the process can be asked") {
                panic!("the issuer ended: {status}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the issuer is not ready after 30 s");
    }

    async fn enrol(&mut self, code: &str) {
        let body = json!({"code": code, "public_key": self.agent.public_jwk(), "name": "bench"}).to_string();
        let request = format!(
            "POST {} HTTP/1.1\r\nhost: issuer\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            paths::ENROL,
            body.len()
        );
        let mut connection = self.connect().await;
        let (status, body) = connection.exchange(request.as_bytes()).await.expect("an answer");
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(body));
        let info: AgentInfo = serde_json::from_slice(body).expect("the agent's id");
        self.agent.id = info.agent_id.to_string();
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A GET request.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: issuer\r\n\r\n").into_bytes()
}

/// An address on loopback that nobody listens on.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

/// Its log costs what it costs in production: it is written to a file.
fn log(directory: &TempDir) -> Stdio {
    fs::File::create(directory.path().join("issuer.log")).expect("a log file").into()
}

fn command(config: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_clear().arg("--config").arg(config).stdin(Stdio::null());
    command
}

fn run(config: &Path, args: &[&str]) -> Value {
    let output = command(config).args(args).arg("--json").output().expect("the issuer's program runs");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}
