//! The sandbox's clock: real time plus an offset that a test chooses, so that sessions and tokens can be made to expire at once.

use std::sync::atomic::{AtomicI64, Ordering};

use time::{Duration, OffsetDateTime};

/// Real time, shifted by whole seconds. Signed requests carry the caller's time, so a shift above 15 minutes makes the sandbox
/// refuse them, just as AWS refuses a machine whose clock is off.
#[derive(Debug, Default)]
pub struct SandboxClock {
    offset_s: AtomicI64,
}

impl SandboxClock {
    /// The sandbox's idea of now, in UTC.
    #[allow(clippy::disallowed_methods, reason = "the one place of the sandbox that reads the system clock")]
    pub fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + Duration::seconds(self.offset_s.load(Ordering::Relaxed))
    }

    /// Moves the clock by `seconds`; negative values move it back.
    pub fn shift(&self, seconds: i64) {
        self.offset_s.fetch_add(seconds, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_adds_up_and_can_be_undone() {
        let clock = SandboxClock::default();
        clock.shift(7_200);
        clock.shift(-3_600);
        let ahead = clock.now() - SandboxClock::default().now();
        assert!((ahead - Duration::hours(1)).abs() < Duration::minutes(1));
    }
}
