//! `GET /.well-known/jwks.json` against an axum handler that answers a constant of the same size, each in a process of its own.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get as on_get;
use driftwise_contract::wire::paths;

use super::client::{Connection, saturate};
use super::cpu;
use super::issuer::{Issuer, free_address, get};
use super::verdict::{judge, median, tell};

/// The argument that makes this program the axum server: `constant ADDRESS SIZE`.
pub(crate) const CONSTANT: &str = "constant";

const ROUNDS: usize = 7;
/// A second of CPU time: it is counted in steps of 10 ms.
const REQUESTS: usize = 100_000;
const IN_FLIGHT: usize = 32;

/// The yardstick.
pub(crate) async fn serve_constant(address: SocketAddr, size: usize) {
    let body = Bytes::from(vec![b'x'; size]);
    let answer = move || async move { ([(CONTENT_TYPE, "application/json")], body) };
    let router = Router::new().route(paths::JWKS, on_get(answer));
    let listener = tokio::net::TcpListener::bind(address).await.expect("a free port");
    axum::serve(listener, router).await.expect("the server serves");
}

struct Constant {
    address: SocketAddr,
    process: Child,
}

impl Constant {
    async fn start(size: usize) -> Self {
        let address = free_address();
        let program = std::env::current_exe().expect("this program has a path");
        let process = Command::new(program)
            .args([CONSTANT, &address.to_string(), &size.to_string()])
            .stdin(Stdio::null())
            .spawn()
            .expect("this program starts");
        let server = Self { address, process };
        while Connection::open(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server
    }
}

impl Drop for Constant {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Nine tenths of the yardstick's rate per CPU second.
pub(crate) async fn run() {
    let issuer = Issuer::start("RS256").await;
    let request = get(paths::JWKS);
    let size = issuer.connect().await.exchange(&request).await.expect("an answer").1.len();
    let constant = Constant::start(size).await;
    let requests = Arc::new(vec![request; REQUESTS]);
    let constant_process = constant.process.id().to_string();
    let mut shares = Vec::new();
    let (mut issuers, mut constants) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let ours = cost(&issuer.process(), issuer.address, &requests).await;
        let theirs = cost(&constant_process, constant.address, &requests).await;
        // The first fills caches and is not counted.
        if round > 0 {
            shares.push(theirs / ours);
            issuers.push(ours * 1e6);
            constants.push(theirs * 1e6);
        }
    }
    tell("size of the key set", format!("{size} bytes"));
    tell("CPU time per answer", format!("{:.2} µs, the constant {:.2} µs", median(issuers), median(constants)));
    tell("share of the constant's rate, round by round", format!("{shares:.3?}"));
    let share = median(shares);
    judge("GET JWKS, share of the constant's rate", format!("{share:.3}"), "0.900 or more", share >= 0.9);
}

/// CPU seconds per answer.
async fn cost(process: &str, address: SocketAddr, requests: &Arc<Vec<Vec<u8>>>) -> f64 {
    let begin = cpu::used_by(process);
    saturate(address, requests.clone(), IN_FLIGHT).await;
    let used = cpu::used_by(process).saturating_sub(begin);
    let count = u32::try_from(requests.len()).expect("a small number");
    used.as_secs_f64() / f64::from(count)
}
