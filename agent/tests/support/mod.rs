//! Runs the agent as a child process, against a stub issuer of canned answers on a loopback port.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

/// What the stub was asked: method, path and body.
pub(crate) type Asked = (String, String, String);

/// Whole HTTP answers by path.
type Answers = Arc<Mutex<HashMap<String, String>>>;

/// An issuer that gives one canned answer per path.
pub(crate) struct StubIssuer {
    /// Its URL.
    pub(crate) url: String,
    answers: Answers,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl StubIssuer {
    /// Listens on a free port; the thread ends with the test's process.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let issuer = Self { url, answers: Arc::default(), asked: Arc::default() };
        let (answers, asked) = (Arc::clone(&issuer.answers), Arc::clone(&issuer.asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &answers, &asked);
            }
        });
        issuer.answer("/.well-known/openid-configuration", 200, "", &format!(r#"{{"issuer":"{}"}}"#, issuer.url));
        issuer
    }

    /// Sets the answer of a path, in place of the ones before.
    pub(crate) fn answer(&self, path: &str, status: u16, headers: &str, body: &str) {
        let text = format!(
            "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        self.answers.lock().unwrap().insert(path.to_owned(), text);
    }

    /// The agent's own record, as the issuer would give it.
    pub(crate) fn agent_info(&self) -> String {
        format!(
            r#"{{"agent_id":"0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21","org_id":"0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c22",
            "org_name":"Example","issuer":"{url}","token_endpoint":"{url}/oauth2/token","accounts":[
            {{"account_id":"123456789012","role_arn":"arn:aws:iam::123456789012:role/dw","region":"eu-west-1","trust_form":"session-tag"}}]}}"#,
            url = self.url
        )
    }

    /// Every request so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, answers: &Answers, asked: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let mut words = line.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        if header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    asked.lock().unwrap().push((method, path.clone(), String::from_utf8_lossy(&body).into_owned()));
    let answer = answers.lock().unwrap().get(&path).cloned();
    let answer =
        answer.unwrap_or_else(|| "HTTP/1.1 404 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned());
    // The agent may have hung up: a redirect's body, say, is of no interest to it.
    let _ = stream.write_all(answer.as_bytes());
}

/// Runs the agent with a data directory and nothing else of this machine's environment.
pub(crate) fn agent(data_dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_driftwise-agent"))
        .env_clear()
        .env("DRIFTWISE_AGENT_DATA_DIR", data_dir)
        .env("NO_PROXY", "*")
        .args(args)
        .output()
        .unwrap()
}

/// What a command said on stderr.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
