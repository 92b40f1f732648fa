//! How long it takes to be refused: for an agent that is not there, a key that is not registered, and a signature that is not
//! the key's. Told, not judged: that the same work is done for all three is a test (`same_work`), and the clock only shows
//! what that comes to.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::agent::Agent;
use super::issuer::Issuer;
use super::verdict::tell;

const SAMPLES: usize = 3_000;

fn another_signature(assertion: &str) -> String {
    let (message, signature) = assertion.rsplit_once('.').expect("three parts");
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{message}.{first}{}", &signature[1..])
}

/// Prints the distribution of each kind, taken in turns over one connection.
pub(crate) async fn run() {
    let issuer = Issuer::start("ES256").await;
    let agent = &issuer.agent;
    let stranger = Agent::new("http://elsewhere.example", "unused");
    let unknown_agent = || agent.assertion_as(&Uuid::new_v4().to_string(), agent.kid());
    let unknown_key = || agent.assertion_as(&agent.id, stranger.kid());
    let bad_signature = || another_signature(&agent.assertion());
    let kinds: [(&str, &dyn Fn() -> String); 3] =
        [("an unknown agent", &unknown_agent), ("an unknown key", &unknown_key), ("a bad signature", &bad_signature)];
    let mut times = [const { Vec::new() }; 3];
    let mut connection = issuer.connect().await;
    for _ in 0..SAMPLES {
        for (kind, (_, forge)) in kinds.iter().enumerate() {
            let request = agent.request(&forge());
            let begin = Instant::now();
            let (status, body) = connection.exchange(&request).await.expect("an answer");
            times[kind].push(begin.elapsed());
            assert_eq!(status, 401, "{}", String::from_utf8_lossy(body));
        }
    }
    for ((name, _), times) in kinds.iter().zip(&mut times) {
        times.sort();
        let at = |share: usize| {
            let time: Duration = times[times.len() * share / 1000];
            format!("{:.0}", time.as_secs_f64() * 1e6)
        };
        let shown = [10, 100, 250, 500, 750, 900, 990].map(at).join(" ");
        tell(name, format!("{shown} µs (p1 p10 p25 p50 p75 p90 p99)"));
    }
}
