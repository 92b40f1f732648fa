//! Memory over a million tokens.

use std::sync::Arc;

use super::client::saturate;
use super::cpu;
use super::issuer::Issuer;
use super::verdict::{judge, tell};

const TOKENS: usize = 1_000_000;
const BATCH: usize = 20_000;
/// Caches fill and allocators settle until here.
const SETTLED: usize = 200_000;
/// How much more than when it had settled the issuer may hold: a tenth.
const GROWTH_MAX: f64 = 1.10;

fn mebibytes(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "some hundred million")]
    let bytes = bytes as f64;
    bytes / 1_048_576.0
}

/// Flat: from the 200,000th to the last token. `DRIFTWISE_BENCH_TOKENS` makes the run shorter, for a first look.
pub(crate) async fn run() {
    let tokens = std::env::var("DRIFTWISE_BENCH_TOKENS").map_or(TOKENS, |tokens| tokens.parse().expect("a number"));
    let settled = SETTLED.min(tokens / 2);
    let issuer = Issuer::start("ES256").await;
    let (mut minted, mut reference, mut last) = (0, None, 0);
    let mut course = Vec::new();
    while minted < tokens {
        let batch = BATCH.min(tokens - minted);
        saturate(issuer.address, Arc::new(issuer.agent.requests(batch)), 64).await;
        minted += batch;
        last = cpu::resident_bytes(&issuer.process());
        if minted >= settled {
            // The highest of the first tenth after settling: a batch's own buffers come and go.
            if minted <= settled + tokens / 10 {
                reference = reference.max(Some(last));
            }
        }
        if minted % (tokens / 10).max(BATCH) == 0 {
            course.push(format!("{:.0}", mebibytes(last)));
        }
    }
    let reference = reference.expect("at least one batch");
    tell("resident MiB, tenth by tenth", course.join(" "));
    let growth = mebibytes(last) / mebibytes(reference);
    let measured =
        format!("{:.1} MiB after {tokens} tokens, {growth:.3} of {:.1} MiB", mebibytes(last), mebibytes(reference));
    judge("memory", measured, "1.100 of what it had settled to", growth <= GROWTH_MAX);
}
