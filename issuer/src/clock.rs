//! Time, passed in. The system's clock is named here and nowhere else, so that tests can run the issuer at any hour.

use std::fmt::Debug;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use time::OffsetDateTime;
use uuid::{NoContext, Timestamp, Uuid};

/// Where the issuer takes the time from.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Milliseconds since the epoch.
    fn now_ms(&self) -> i64;

    /// Seconds since the epoch, as tokens count.
    fn now_s(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }

    /// Time since some fixed moment, for measuring: it never goes back, whatever happens to the wall clock.
    fn uptime(&self) -> Duration {
        Duration::from_millis(self.now_ms().unsigned_abs())
    }

    /// A new version 7 UUID of this clock's time: sorts by age, unique by 74 random bits.
    fn new_uuid(&self) -> Uuid {
        let now_ms = self.now_ms().unsigned_abs();
        let nanos = u32::try_from(now_ms % 1000).unwrap_or_default() * 1_000_000;
        Uuid::new_v7(Timestamp::from_unix(NoContext, now_ms / 1000, nanos))
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place where the system clock is read")]
    fn now_ms(&self) -> i64 {
        // A machine whose clock stands before 1970 reads as 1970: every assertion then fails as clock skew, loudly.
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
    }

    fn uptime(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }
}

/// A time for people: `2026-11-22T18:00:00Z`.
pub(crate) fn rfc3339(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|time| time.format(&time::format_description::well_known::Rfc3339).ok())
        .unwrap_or_else(|| format!("{seconds} s since the epoch"))
}

/// A clock that stands still until a test turns it.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct TurnedClock(std::sync::atomic::AtomicI64);

#[cfg(test)]
impl TurnedClock {
    pub(crate) fn at(now_ms: i64) -> std::sync::Arc<Self> {
        std::sync::Arc::new(Self(now_ms.into()))
    }

    pub(crate) fn advance(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(test)]
impl Clock for TurnedClock {
    fn now_ms(&self) -> i64 {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_uuid_carries_the_clocks_time_and_differs_from_the_last() {
        let clock = TurnedClock::at(1_800_000_000_123);
        let (first, second) = (clock.new_uuid(), clock.new_uuid());
        assert_ne!(first, second);
        assert_eq!(first.get_version_num(), 7);
        assert_eq!(first.get_timestamp().unwrap().to_unix(), (1_800_000_000, 123_000_000));
        assert_eq!(clock.now_s(), 1_800_000_000);
    }

    #[test]
    fn times_are_written_for_people() {
        assert_eq!(rfc3339(1_800_000_000), "2027-01-15T08:00:00Z");
    }
}
