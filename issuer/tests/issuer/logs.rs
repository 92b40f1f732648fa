//! What the program writes about itself, at the most talkative filter there is, over good and bad requests of every kind:
//! no token, assertion, code, key or body in any log line or span.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use driftwise_contract::wire::JWT_BEARER;
use driftwise_issuer::clock::{Clock as _, SystemClock};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::harness::{TestKey, copy_keys};

const ISSUER: &str = "http://127.0.0.1:9";
const ROLE: &str = "arn:aws:iam::123456789012:role/scan";
/// A master key as the configuration would hold it.
const PEM: &str =
    "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----\n";

/// What a collector on a socket was sent.
type Received = Arc<Mutex<Vec<u8>>>;

/// Takes OTLP over HTTP: every body, answered with an empty success.
async fn collector() -> (String, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let received = Received::default();
    let bodies = received.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let bodies = bodies.clone();
            tokio::spawn(async move {
                let mut buffer = Vec::new();
                while stream.read_buf(&mut buffer).await.is_ok_and(|count| count > 0) {
                    let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
                    let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
                    let length: usize =
                        text.split_once("content-length: ").unwrap().1.split("\r\n").next().unwrap().parse().unwrap();
                    if buffer.len() < head + 4 + length {
                        continue;
                    }
                    assert!(text.starts_with("post /v1/traces ") && text.contains("application/x-protobuf"), "{text}");
                    bodies.lock().unwrap().extend_from_slice(&buffer[head + 4..head + 4 + length]);
                    buffer.drain(..head + 4 + length);
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                }
            });
        }
    });
    (url, received)
}

/// The program, serving, with its log.
struct Served {
    directory: TempDir,
    child: Child,
    url: String,
    log: std::thread::JoinHandle<String>,
}

fn program(directory: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_driftwise-issuer"));
    command.current_dir(directory.path()).env("RUST_LOG", "trace");
    command
}

impl Served {
    fn start(otlp_endpoint: &str) -> Self {
        let directory = TempDir::new().unwrap();
        copy_keys(&directory.path().join("keys"));
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nissuer_url = \"{ISSUER}\"\n[log]\nformat = \"json\"\n\
             [telemetry]\notlp_endpoint = \"{otlp_endpoint}\"\n"
        );
        std::fs::write(directory.path().join("driftwise-issuer.toml"), config).unwrap();
        let mut child = program(&directory).arg("serve").stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut log = String::new();
        let address = loop {
            let line = lines.next().expect("it serves").unwrap();
            log += &line;
            log.push('\n');
            let line: Value = serde_json::from_str(&line).expect("every line is JSON");
            if line["fields"]["message"] == "serving" {
                break line["fields"]["address"].as_str().unwrap().to_owned();
            }
        };
        let log = std::thread::spawn(move || {
            for line in lines {
                log += &line.unwrap();
                log.push('\n');
            }
            log
        });
        Self { directory, child, url: format!("http://{address}"), log }
    }

    /// Runs a command; its output, and its log added to `talk`.
    fn run(&self, arguments: &[&str], talk: &mut String) -> String {
        let output = program(&self.directory).args(arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {stderr}");
        *talk += &stderr;
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Asks it to stop, and waits for its whole log.
    fn stop(mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
        self.log.join().unwrap()
    }
}

/// Pieces of a secret that must not be found: the whole, and a part that no truncation would hide.
fn pieces(secret: &str) -> Vec<String> {
    let mut pieces = vec![secret.to_owned()];
    // A token's header and claims are no secrets alone; its signature makes it one.
    if let Some((_, signature)) = secret.rsplit_once('.') {
        pieces.push(signature.chars().take(24).collect());
    } else if secret.len() > 24 {
        pieces.push(secret.chars().take(24).collect());
    }
    pieces
}

#[cfg(unix)]
#[expect(clippy::too_many_lines, reason = "one run of the program, told in its order")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_log_nor_spans_hold_a_secret_at_any_level() {
    let (otlp_endpoint, received) = collector().await;
    let served = Served::start(&otlp_endpoint);
    let http = Client::new();
    let mut talk = String::new();
    let mut secrets: Vec<String> = vec![PEM.lines().nth(1).unwrap().to_owned()];

    let org = served.run(&["org", "create", "--name", "Acme"], &mut talk);
    let register = ["account", "register", "--org", &org, "--account-id", "123456789012", "--role-arn", ROLE];
    served.run(&[&register[..], &["--region", "eu-central-1"]].concat(), &mut talk);
    let code = served.run(&["agent", "enrol", "--org", &org], &mut talk);
    served.run(&["keys", "list"], &mut talk);
    served.run(&["config", "check"], &mut talk);
    let key = TestKey::p256();
    let enrol = async |code: &str, public_key: Value| {
        let body = json!({"code": code, "public_key": public_key, "name": "host"});
        http.post(format!("{}/api/v2/agents/enrol", served.url)).json(&body).send().await.unwrap()
    };
    // A private member sent by mistake, a wrong code, the right one.
    let mut with_private = serde_json::to_value(key.public_jwk()).unwrap();
    with_private["d"] = "c2VjcmV0LXByaXZhdGUtbWVtYmVyLW9mLWEta2V5".into();
    assert_eq!(enrol(&code, with_private.clone()).await.status(), 400);
    assert_eq!(enrol("7K2QD-7K2QD-7K2QD-7K2QD", serde_json::to_value(key.public_jwk()).unwrap()).await.status(), 403);
    let enrolled = enrol(&code, serde_json::to_value(key.public_jwk()).unwrap()).await;
    assert_eq!(enrolled.status(), 201);
    let agent = enrolled.json::<Value>().await.unwrap()["agent_id"].clone();
    secrets.extend([code, "7K2QD-7K2QD".into(), with_private["d"].as_str().unwrap().to_owned()]);

    let assertion = |audience: &str, lifetime_s: i64| {
        let now_s = SystemClock.now_s();
        let jti = uuid::Uuid::new_v4().to_string();
        let claims =
            json!({"iss": agent, "sub": agent, "aud": audience, "iat": now_s, "exp": now_s + lifetime_s, "jti": jti});
        key.sign(&key.header(), &claims)
    };
    let ask = async |assertion: &str, role: &str, extra: &[(&str, &str)]| -> Response {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion),
            ("resource", role),
        ];
        let form = [&form[..], extra].concat();
        http.post(format!("{}/oauth2/token", served.url)).form(&form).send().await.unwrap()
    };
    let good = assertion(ISSUER, 60);
    let minted = ask(&good, ROLE, &[]).await;
    assert_eq!(minted.status(), 200);
    secrets.push(minted.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned());
    assert_eq!(ask(&good, ROLE, &[]).await.status(), 401, "replayed");
    let mut sent = vec![good];
    for (audience, lifetime_s, role) in [
        ("https://elsewhere.example", 60, ROLE),
        (ISSUER, -600, ROLE),
        (ISSUER, 86_400, ROLE),
        (ISSUER, 60, "arn:aws:iam::123456789012:role/other"),
        (ISSUER, 60, "not an arn"),
    ] {
        let assertion = assertion(audience, lifetime_s);
        assert!(ask(&assertion, role, &[]).await.status().is_client_error());
        sent.push(assertion);
    }
    let tampered = format!("{}AAAA", assertion(ISSUER, 60));
    assert!(ask(&tampered, ROLE, &[]).await.status().is_client_error());
    let secret = "a-client-secret-of-another-provider";
    assert!(ask(&assertion(ISSUER, 60), ROLE, &[("client_secret", secret)]).await.status().is_client_error());
    assert!(ask(PEM, ROLE, &[]).await.status().is_client_error());
    sent.push(tampered);
    secrets.push(secret.into());

    let agent_url = format!("{}/api/v2/agent", served.url);
    let bearer = assertion(ISSUER, 60);
    assert_eq!(http.get(&agent_url).bearer_auth(&bearer).send().await.unwrap().status(), 200);
    assert_eq!(http.get(&agent_url).bearer_auth(&bearer).send().await.unwrap().status(), 401);
    let api_key = "dwk_0198c5e27c1a7b3e9d526f0e5a4b3c21_c2VjcmV0LWFwaS1rZXktdGhhdC1pcy1sb25n";
    for value in [format!("Bearer {api_key}"), "Basic dXNlcjp0b3BzZWNyZXQtcGFzc3dvcmQ=".into()] {
        assert_eq!(http.get(&agent_url).header("authorization", value).send().await.unwrap().status(), 401);
    }
    let scopes = ["--scope", "federation-token:create,audit:read"];
    let create = ["apikey", "create", "--org", &org, "--name", "ci"];
    let working = served.run(&[&create[..], &scopes[..]].concat(), &mut talk);
    let token_url = format!("{}/api/v2/orgs/{org}/federation-token", served.url);
    for (role, status) in [(ROLE, 200), ("arn:aws:iam::123456789012:role/other", 404)] {
        let request = http.post(&token_url).bearer_auth(&working).json(&json!({"role_arn": role}));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status);
        if let Some(token) = response.json::<Value>().await.unwrap()["access_token"].as_str() {
            secrets.push(token.to_owned());
        }
    }
    secrets.push(working.rsplit_once('_').unwrap().1.to_owned());
    // In a query, where none belongs.
    let url = format!("{}/readyz?access_token={bearer}", served.url);
    assert_eq!(http.get(url).send().await.unwrap().status(), 200);
    secrets.extend([api_key.into(), "dXNlcjp0b3BzZWNyZXQtcGFzc3dvcmQ".into()]);
    sent.push(bearer);
    secrets.extend(sent);
    for file in std::fs::read_dir(served.directory.path().join("keys")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        secrets.extend(text.lines().filter(|line| line.len() >= 24).map(ToOwned::to_owned));
    }

    let log = served.stop() + &talk;
    assert!(log.contains("minted a federation token") && log.contains("\"TRACE\""), "the run was logged in full");
    let spans = String::from_utf8_lossy(&received.lock().unwrap()).into_owned();
    for expected in ["driftwise-issuer", "request", "/oauth2/token", "refused a token", "client.address"] {
        assert!(spans.contains(expected), "{expected} is not in the spans");
    }
    for secret in secrets.iter().flat_map(|secret| pieces(secret)) {
        let line = log.lines().find(|line| line.contains(&secret));
        assert!(line.is_none(), "{secret:?} stands in the log: {line:?}");
        assert!(!spans.contains(&secret), "{secret:?} stands in a span");
    }
}
