//! How often one client may ask, and one caller that proved who it is. Each client has a bucket (GCRA, by governor): so many requests at once, so many per second
//! after. What is public and made in advance is not limited: AWS must always get the keys.
//!
//! Memory is bounded whoever asks: clients share a fixed table of buckets by a keyed hash that nobody outside knows. Each has
//! two buckets by independent hashes and is refused only where both are empty, so that a client is hardly ever hurt by another one
//! that floods.

use std::hash::{BuildHasher as _, Hash, RandomState};
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

use driftwise_contract::{AgentId, OrgId};

use super::client_address::ClientAddress;
use super::problem::Problem;
use crate::Error;
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Limits, RateLimit};

/// Buckets per table, of about 100 bytes each: of clients and callers, and of what is rare.
const BUCKETS: usize = 16 * 1024;
const FEW_BUCKETS: usize = 4 * 1024;

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

/// The buckets of everybody.
#[derive(Debug)]
pub(crate) struct Limiter {
    tables: [Table; 2],
    clock: Uptime,
}

#[derive(Debug)]
struct Table {
    hasher: RandomState,
    buckets: Box<[Bucket]>,
}

impl Table {
    fn new(quota: Quota, clock: &Uptime, buckets: usize) -> Self {
        let buckets = (0..buckets).map(|_| RateLimiter::direct_with_clock(quota, clock.clone())).collect();
        Self { hasher: RandomState::new(), buckets }
    }

    /// Nothing, or how long to wait.
    fn check(&self, client: &impl Hash, clock: &Uptime) -> Result<(), Duration> {
        // Below the number of buckets, which a usize holds.
        let place = usize::try_from(self.hasher.hash_one(client) % self.buckets.len() as u64).unwrap_or_default();
        self.buckets[place].check().map_err(|not_until| not_until.wait_time_from(clock.now()))
    }
}

impl Limiter {
    /// Buckets by the settings; none where the limit is off.
    pub(crate) fn new(limit: RateLimit, clock: Arc<dyn Clock>) -> Option<Self> {
        let (rate, burst) = (NonZeroU32::new(limit.requests_per_second)?, NonZeroU32::new(limit.burst)?);
        let quota = Quota::per_second(rate).allow_burst(burst);
        Some(Self::of(quota, clock, BUCKETS))
    }

    fn of(quota: Quota, clock: Arc<dyn Clock>, buckets: usize) -> Self {
        let clock = Uptime(clock);
        Self { tables: [Table::new(quota, &clock, buckets), Table::new(quota, &clock, buckets)], clock }
    }

    /// Counts a request; where it is one too many, how long the client must wait.
    pub(crate) fn check(&self, client: impl Hash) -> Result<(), Duration> {
        // Both are asked, so that both count.
        let answers = self.tables.each_ref().map(|table| table.check(&client, &self.clock));
        match answers {
            [Err(one), Err(other)] => Err(one.min(other)),
            _ => Ok(()),
        }
    }
}

/// What agents and API keys may, once they proved who they are: none of them, and no org, takes the issuer from the others or
/// fills its disk. The key rotations of an org are few because each makes the issuer look everything up anew.
#[derive(Debug)]
pub(crate) struct CallerLimits {
    callers: Option<Limiter>,
    orgs: Option<Limiter>,
    /// Of an agent, and of all agents of an org.
    rotations: Option<[Limiter; 2]>,
    canaries: Option<[Limiter; 2]>,
}

impl CallerLimits {
    /// Rotations of an agent, and of an org's agents, at once after a pause.
    const ROTATION_BURSTS: [NonZeroU32; 2] = [NonZeroU32::new(2).unwrap(), NonZeroU32::new(20).unwrap()];
    /// The same of canary tokens: a proof takes two.
    const CANARY_BURSTS: [NonZeroU32; 2] = [NonZeroU32::new(20).unwrap(), NonZeroU32::new(200).unwrap()];

    /// Buckets by the settings.
    pub(crate) fn new(limits: &Limits, clock: &Arc<dyn Clock>) -> Self {
        let hourly = |per_hour, [agent_burst, org_burst]: [NonZeroU32; 2]| {
            NonZeroU32::new(per_hour).map(|agent| {
                [(agent, agent_burst), (agent.saturating_mul(ORG_TIMES), org_burst)].map(|(rate, burst)| {
                    Limiter::of(Quota::per_hour(rate).allow_burst(burst), clock.clone(), FEW_BUCKETS)
                })
            })
        };
        Self {
            callers: Limiter::new(limits.caller, clock.clone()),
            orgs: Limiter::new(limits.org, clock.clone()),
            rotations: hourly(limits.key_rotations_per_hour, Self::ROTATION_BURSTS),
            canaries: hourly(limits.canary_tokens_per_hour, Self::CANARY_BURSTS),
        }
    }

    /// Counts a request of an agent or an API key.
    pub(crate) fn admit(&self, caller: impl Hash, org: OrgId) -> Result<(), Error> {
        // The caller first: one that is refused takes nothing from its org.
        check(self.callers.as_ref(), caller)?;
        check(self.orgs.as_ref(), org)
    }

    /// Counts the rotation of an agent's key.
    pub(crate) fn admit_rotation(&self, agent: AgentId, org: OrgId) -> Result<(), Error> {
        check_both(self.rotations.as_ref(), agent, org)
    }

    /// Counts a canary token.
    pub(crate) fn admit_canary(&self, agent: AgentId, org: OrgId) -> Result<(), Error> {
        check_both(self.canaries.as_ref(), agent, org)
    }
}

/// How many times as many rotations and canary tokens as an agent all agents of an org have.
const ORG_TIMES: NonZeroU32 = NonZeroU32::new(10).unwrap();

fn check_both(limiters: Option<&[Limiter; 2]>, agent: AgentId, org: OrgId) -> Result<(), Error> {
    let [agents, orgs] = limiters.map_or([None, None], |both| both.each_ref().map(Some));
    check(agents, agent)?;
    check(orgs, org)
}

fn check(limiter: Option<&Limiter>, caller: impl Hash) -> Result<(), Error> {
    limiter.map_or(Ok(()), |limiter| limiter.check(caller)).map_err(|wait| Error::TooOften { wait })
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
    use super::super::client_address::ClientNetwork;
    use super::*;
    use crate::clock::TurnedClock;

    fn network(text: &str) -> ClientNetwork {
        ClientAddress::new(text.parse().unwrap()).network()
    }

    #[test]
    fn a_client_has_a_burst_then_its_rate_and_is_told_how_long_to_wait() {
        let clock = TurnedClock::at(1_000_000);
        let limiter = Limiter::new(RateLimit { requests_per_second: 2, burst: 3 }, clock.clone()).unwrap();
        let client = network("192.0.2.1");
        for _ in 0..3 {
            assert_eq!(limiter.check(client), Ok(()));
        }
        assert_eq!(limiter.check(client), Err(Duration::from_millis(500)));
        assert_eq!(limiter.check(network("192.0.2.2")), Ok(()), "another client has its own");
        clock.advance(500);
        assert_eq!(limiter.check(client), Ok(()));
        assert!(limiter.check(client).is_err());
    }

    #[test]
    fn addresses_of_one_ipv6_network_share_a_bucket() {
        let clock = TurnedClock::at(0);
        let limiter = Limiter::new(RateLimit { requests_per_second: 1, burst: 2 }, clock).unwrap();
        let answers =
            ["2001:db8::1", "2001:db8::2", "2001:db8::3"].map(|address| limiter.check(network(address)).is_ok());
        assert_eq!(answers, [true, true, false]);
        assert!(limiter.check(network("2001:db8:0:1::3")).is_ok());
    }

    #[test]
    fn a_rate_of_zero_is_no_limit() {
        let clock = TurnedClock::at(0);
        assert!(Limiter::new(RateLimit { requests_per_second: 0, burst: 2 }, clock).is_none());
    }
}
