//! How often one client may ask. Each client has a bucket (GCRA, by governor): so many requests at once, so many per second
//! after. What is public and made in advance is not limited: AWS must always get the keys.
//!
//! Memory is bounded whoever asks: clients share a fixed table of buckets by a keyed hash that nobody outside knows. Each has
//! two buckets by independent hashes and is refused only where both are empty, so that a client is hardly ever hurt by another one
//! that floods.

use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::client_address::{ClientAddress, ClientNetwork};
use super::problem::Problem;
use crate::app::App;
use crate::clock::Clock;
use crate::config::RateLimit;

/// Buckets per table, of about 100 bytes each.
const BUCKETS: usize = 16 * 1024;

/// The issuer's clock as governor reads it.
#[derive(Debug, Clone)]
struct Uptime(Arc<dyn Clock>);

impl GovernorClock for Uptime {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.uptime()
    }
}

type Bucket = RateLimiter<NotKeyed, InMemoryState, Uptime, NoOpMiddleware<Duration>>;

/// The buckets of every client.
#[derive(Debug)]
pub(crate) struct ClientLimiter {
    tables: [Table; 2],
    clock: Uptime,
}

#[derive(Debug)]
struct Table {
    hasher: RandomState,
    buckets: Box<[Bucket]>,
}

impl Table {
    fn new(quota: Quota, clock: &Uptime) -> Self {
        let buckets = (0..BUCKETS).map(|_| RateLimiter::direct_with_clock(quota, clock.clone())).collect();
        Self { hasher: RandomState::new(), buckets }
    }

    /// Nothing, or how long to wait.
    fn check(&self, client: ClientNetwork, clock: &Uptime) -> Result<(), Duration> {
        // Below BUCKETS, which a usize holds.
        let place = usize::try_from(self.hasher.hash_one(client) % BUCKETS as u64).unwrap_or_default();
        self.buckets[place].check().map_err(|not_until| not_until.wait_time_from(clock.now()))
    }
}

impl ClientLimiter {
    /// Buckets by the settings; none where the limit is off.
    pub(crate) fn new(limit: RateLimit, clock: Arc<dyn Clock>) -> Option<Self> {
        let (rate, burst) = (NonZeroU32::new(limit.requests_per_second)?, NonZeroU32::new(limit.burst)?);
        let quota = Quota::per_second(rate).allow_burst(burst);
        let clock = Uptime(clock);
        Some(Self { tables: [Table::new(quota, &clock), Table::new(quota, &clock)], clock })
    }

    /// Counts a request; where it is one too many, how long the client must wait.
    pub(crate) fn check(&self, client: ClientNetwork) -> Result<(), Duration> {
        // Both are asked, so that both count.
        let answers = self.tables.each_ref().map(|table| table.check(client, &self.clock));
        match answers {
            [Err(one), Err(other)] => Err(one.min(other)),
            _ => Ok(()),
        }
    }
}

/// Refuses a client that asks too often, before anything is read or looked up.
pub(super) async fn enforce(
    State(app): State<Arc<App>>,
    client: ClientAddress,
    request: Request,
    next: Next,
) -> Response {
    if let Some(limiter) = app.client_limiter()
        && let Err(wait) = limiter.check(client.network())
    {
        tracing::debug!(client.address = %client, "refused a client that asks too often");
        app.metrics().http.rate_limited();
        return Problem::too_many_requests(wait).into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[derive(Debug)]
    struct Turned(AtomicI64);

    impl Clock for Turned {
        fn now_ms(&self) -> i64 {
            self.0.load(Ordering::SeqCst)
        }
    }

    fn network(text: &str) -> ClientNetwork {
        ClientAddress::new(text.parse().unwrap()).network()
    }

    #[test]
    fn a_client_has_a_burst_then_its_rate_and_is_told_how_long_to_wait() {
        let clock = Arc::new(Turned(AtomicI64::new(1_000_000)));
        let limiter = ClientLimiter::new(RateLimit { requests_per_second: 2, burst: 3 }, clock.clone()).unwrap();
        let client = network("192.0.2.1");
        for _ in 0..3 {
            assert_eq!(limiter.check(client), Ok(()));
        }
        assert_eq!(limiter.check(client), Err(Duration::from_millis(500)));
        assert_eq!(limiter.check(network("192.0.2.2")), Ok(()), "another client has its own");
        clock.0.fetch_add(500, Ordering::SeqCst);
        assert_eq!(limiter.check(client), Ok(()));
        assert!(limiter.check(client).is_err());
    }

    #[test]
    fn addresses_of_one_ipv6_network_share_a_bucket() {
        let clock = Arc::new(Turned(AtomicI64::new(0)));
        let limiter = ClientLimiter::new(RateLimit { requests_per_second: 1, burst: 2 }, clock).unwrap();
        let answers =
            ["2001:db8::1", "2001:db8::2", "2001:db8::3"].map(|address| limiter.check(network(address)).is_ok());
        assert_eq!(answers, [true, true, false]);
        assert!(limiter.check(network("2001:db8:0:1::3")).is_ok());
    }

    #[test]
    fn a_rate_of_zero_is_no_limit() {
        let clock = Arc::new(Turned(AtomicI64::new(0)));
        assert!(ClientLimiter::new(RateLimit { requests_per_second: 0, burst: 2 }, clock).is_none());
    }
}
