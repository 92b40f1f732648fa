//! `POST /oauth2/token`: what a token costs in CPU time, audit row on the disk included, against what its arithmetic costs; and
//! how long an agent waits at half load.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::client::{pace, saturate};
use super::cpu;
use super::issuer::Issuer;
use super::raw::Raw;
use super::verdict::{judge, median, tell};

const ROUNDS: usize = 7;
const IN_FLIGHT: usize = 64;
/// "A quiet machine": others took less than this share of one core.
const QUIET: f64 = 0.10;

struct Round {
    raw: Duration,
    per_token: Duration,
    tokens_per_second: f64,
}

/// Issuer and arithmetic in turns, so that both meet the same neighbours.
async fn rounds(issuer: &Issuer, raw: &Raw, sign: impl Fn(&Raw) -> Duration, count: usize) -> Vec<Round> {
    let mut rounds = Vec::new();
    // The first fills caches and is not counted.
    for round in 0..=ROUNDS {
        let requests = Arc::new(issuer.agent.requests(count));
        let before = sign(raw) + raw.verification();
        let begin = cpu::used_by(&issuer.process());
        let wall = saturate(issuer.address, requests, IN_FLIGHT).await;
        let used = cpu::used_by(&issuer.process()).saturating_sub(begin);
        let after = sign(raw) + raw.verification();
        if round > 0 {
            let count = u32::try_from(count).expect("a small number");
            rounds.push(Round {
                raw: (before + after) / 2,
                per_token: used / count,
                tokens_per_second: f64::from(count) / wall.as_secs_f64(),
            });
        }
    }
    rounds
}

fn micros(time: Duration) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1e6)
}

fn middle(rounds: &[Round], value: impl Fn(&Round) -> f64) -> f64 {
    median(rounds.iter().map(value).collect())
}

/// RS256: at least nine tenths of the raw rate; and the time that an agent waits.
pub(crate) async fn rs256() {
    let issuer = Issuer::start("RS256").await;
    let raw = Raw::new(&issuer.agent);
    let rounds = rounds(&issuer, &raw, Raw::rs256, 5_000).await;
    tell("raw signature", micros(raw.rs256()));
    tell("raw verification", micros(raw.verification()));
    tell(
        "issuer's CPU time per token",
        micros(Duration::from_secs_f64(middle(&rounds, |round| round.per_token.as_secs_f64()))),
    );
    let saturated = middle(&rounds, |round| round.tokens_per_second);
    tell("tokens per second on this machine, shared with the client", format!("{saturated:.0}"));
    let shares: Vec<f64> = rounds.iter().map(|round| round.raw.as_secs_f64() / round.per_token.as_secs_f64()).collect();
    tell("share of the raw rate, round by round", format!("{shares:.3?}"));
    let share = median(shares);
    judge("RS256, share of the raw rate", format!("{share:.3}"), "0.900 or more", share >= 0.9);
    half_load(&issuer, saturated / 2.0).await;
}

/// ES256: 6,000 tokens per second of CPU time.
pub(crate) async fn es256() {
    let issuer = Issuer::start("ES256").await;
    let raw = Raw::new(&issuer.agent);
    let rounds = rounds(&issuer, &raw, Raw::es256, 20_000).await;
    tell("raw signature", micros(raw.es256()));
    tell("raw verification", micros(raw.verification()));
    tell(
        "issuer's CPU time per token",
        micros(Duration::from_secs_f64(middle(&rounds, |round| round.per_token.as_secs_f64()))),
    );
    tell(
        "tokens per second on this machine, shared with the client",
        format!("{:.0}", middle(&rounds, |round| round.tokens_per_second)),
    );
    let rates: Vec<f64> = rounds.iter().map(|round| 1.0 / round.per_token.as_secs_f64()).collect();
    tell("tokens per second and core, round by round", format!("{rates:.0?}"));
    let rate = median(rates);
    judge("ES256, tokens per second and core", format!("{rate:.0}"), "6,000 or more", rate >= 6_000.0);
}

/// The share of one core that others take while `work` runs.
async fn others<T>(issuer: &Issuer, work: impl Future<Output = T>) -> (T, f64) {
    let ours = || cpu::used_by(&issuer.process()) + cpu::used_by("self");
    let (all_before, ours_before, begin) = (cpu::used_by_all(), ours(), Instant::now());
    let done = work.await;
    let all = cpu::used_by_all().saturating_sub(all_before);
    let others = all.saturating_sub(ours().saturating_sub(ours_before));
    (done, others.as_secs_f64() / begin.elapsed().as_secs_f64())
}

async fn half_load(issuer: &Issuer, per_second: f64) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousand requests")]
    let requests = issuer.agent.requests((per_second * 15.0) as usize);
    let (mut times, others) = others(issuer, pace(issuer.address, requests, per_second)).await;
    times.sort();
    let at = |share: usize| times[(times.len() * share / 1000).min(times.len() - 1)].as_secs_f64() * 1e3;
    let (p50, p99) = (at(500), at(990));
    tell("half load", format!("{per_second:.0} tokens per second, others took {others:.2} of a core"));
    tell("p10, p90, p99.9", format!("{:.2} ms, {:.2} ms, {:.2} ms", at(100), at(900), at(999)));
    // `DRIFTWISE_BENCH_QUIET=1` says that the machine is quiet, whatever the counters say.
    if others < QUIET || std::env::var_os("DRIFTWISE_BENCH_QUIET").is_some() {
        judge("half load, p50", format!("{p50:.2} ms"), "under 4 ms", p50 < 4.0);
        judge("half load, p99", format!("{p99:.2} ms"), "under 15 ms", p99 < 15.0);
    } else {
        tell("p50, p99", format!("{p50:.2} ms, {p99:.2} ms; not judged, the machine is not quiet"));
    }
}
