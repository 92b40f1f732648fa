//! How long a name, or a network, is locked out after failed sign-ins: a few are free, then each doubles the wait, up to a
//! limit, so that an attacker guesses some hundred passwords a day at most and nobody is locked out for ever.
//!
//! A failure is counted before the password is looked at and taken back where it fits: attempts at the same moment are counted
//! one after the other. An attempt while locked out is answered without a look at the password, and not counted.

use std::fmt::Write as _;
use std::time::Duration;

use aws_lc_rs::hmac;

use super::super::Pepper;
use crate::store::sign_in_failures::Failures;

/// Failures that lie longer back are forgotten.
pub const FORGOTTEN_AFTER: Duration = Duration::from_hours(24);

/// Separates this use of the pepper from any other, and versions it.
const CONTEXT: &[u8] = b"driftwise.sign-in-failures/1";

/// Hexadecimal digits of a subject's hash: there are a million subjects at most, so that no spray of names fills the disk.
const SUBJECT_DIGITS: usize = 5;

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct LockOut {
    kind: &'static str,
    /// How many failures in a row cost nothing.
    free: u32,
    /// The wait after the next one; it doubles with each further one.
    first: Duration,
    /// The longest wait.
    longest: Duration,
}

impl LockOut {
    /// Of one name, from wherever. Somebody else can lock an admin out for a quarter of an hour at a time; who is signed in stays
    /// so, and `driftwise-issuer admin unlock` lets in at once.
    pub const OF_NAME: Self =
        Self { kind: "name", free: 5, first: Duration::from_secs(30), longest: Duration::from_mins(15) };
    /// Of one network, with whatever names: many people may share one.
    pub const OF_NETWORK: Self =
        Self { kind: "network", free: 20, first: Duration::from_secs(30), longest: Duration::from_hours(1) };

    /// What is known once one more failure is counted.
    pub fn after_failure(self, known: Failures, now_ms: i64) -> Failures {
        let forgotten = now_ms.saturating_sub(milliseconds(FORGOTTEN_AFTER));
        let count = if known.last_ms <= forgotten { 1 } else { known.count.saturating_add(1) };
        let beyond = count.saturating_sub(i64::from(self.free));
        let locked_until_ms = if beyond <= 0 {
            0
        } else {
            let doubled = u32::try_from(beyond - 1).unwrap_or(u32::MAX).min(20);
            now_ms.saturating_add(milliseconds(self.first.saturating_mul(1 << doubled).min(self.longest)))
        };
        Failures { count, last_ms: now_ms, locked_until_ms }
    }

    /// How long a subject must still wait.
    pub fn wait(self, known: Failures, now_ms: i64) -> Option<Duration> {
        // A clock that was set back by days must not lock out for days.
        let left_ms = known.locked_until_ms.saturating_sub(now_ms).min(milliseconds(self.longest));
        u64::try_from(left_ms).ok().filter(|left| *left > 0).map(Duration::from_millis)
    }

    /// What is known once a failure that was counted turned out to be none, of which `before` was known.
    pub fn without(known: Failures, counted: Failures, before: Failures) -> Failures {
        if known == counted {
            before
        } else {
            // Others failed meanwhile: what they led to stays.
            Failures { count: known.count.saturating_sub(1), ..known }
        }
    }

    /// The name or network as the store knows it: neither can be read off, nor tested without the pepper.
    pub fn subject(self, key: &SubjectKey, text: &str) -> String {
        let tag = hmac::sign(&key.0, format!("{}\n{text}", self.kind).as_bytes());
        let mut hex = String::with_capacity(2 * tag.as_ref().len());
        for byte in tag.as_ref() {
            // Writing to a String can't fail.
            let _ = write!(hex, "{byte:02x}");
        }
        format!("{}:{}", self.kind, &hex[..SUBJECT_DIGITS])
    }
}

/// What subjects are hashed with.
#[derive(Debug, Clone)]
pub struct SubjectKey(hmac::Key);

impl SubjectKey {
    /// Of the issuer's pepper.
    pub fn new(pepper: &Pepper) -> Self {
        Self(pepper.derived_key(CONTEXT))
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;

    /// The waits, in seconds, after that many failures in a row, each tried as soon as it may be.
    fn waits(rule: LockOut, failures: usize) -> Vec<u64> {
        let (mut known, mut now_ms) = (Failures::default(), NOW_MS);
        let mut waits = Vec::new();
        for _ in 0..failures {
            known = rule.after_failure(known, now_ms);
            let wait = rule.wait(known, now_ms).unwrap_or_default();
            now_ms += milliseconds(wait);
            assert_eq!(rule.wait(known, now_ms), None, "over to the millisecond");
            waits.push(wait.as_secs());
        }
        waits
    }

    #[test]
    fn five_mistakes_are_free_and_then_each_doubles_the_wait_up_to_a_quarter_of_an_hour() {
        assert_eq!(waits(LockOut::OF_NAME, 13), [0, 0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900]);
        let of_network = waits(LockOut::OF_NETWORK, 40);
        assert!(of_network[..20].iter().all(|wait| *wait == 0));
        assert_eq!(of_network[39], 3_600);
        assert_eq!(waits(LockOut::OF_NAME, 200)[199], 900, "no overflow");
    }

    #[test]
    fn after_a_day_mistakes_are_forgotten() {
        let mut known = Failures::default();
        for _ in 0..9 {
            known = LockOut::OF_NAME.after_failure(known, NOW_MS);
        }
        let soon = LockOut::OF_NAME.after_failure(known, NOW_MS + 3_600_000);
        assert_eq!(soon.count, 10);
        let late = LockOut::OF_NAME.after_failure(known, NOW_MS + 86_400_000);
        assert_eq!((late.count, late.locked_until_ms), (1, 0));
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out_for_longer_than_the_longest_wait() {
        let known = Failures { count: 6, last_ms: NOW_MS, locked_until_ms: NOW_MS + 30_000 };
        let wait = LockOut::OF_NAME.wait(known, NOW_MS - 86_400_000).unwrap();
        assert_eq!(wait, Duration::from_mins(15));
    }

    #[test]
    fn what_was_no_failure_leaves_everything_as_it_was_but_for_the_failures_of_others() {
        let before = Failures { count: 20, last_ms: 1, locked_until_ms: 0 };
        let counted = LockOut::OF_NETWORK.after_failure(before, 2);
        assert_eq!(LockOut::without(counted, counted, before), before);
        let others = LockOut::OF_NETWORK.after_failure(counted, 3);
        let left = LockOut::without(others, counted, before);
        assert_eq!((left.count, left.locked_until_ms), (21, others.locked_until_ms));
    }

    #[test]
    fn a_subject_tells_neither_name_nor_address() {
        let key = SubjectKey::new(&Pepper::generate().unwrap());
        let subject = LockOut::OF_NAME.subject(&key, "ada");
        assert_eq!(subject, LockOut::OF_NAME.subject(&key, "ada"));
        assert_eq!(subject.len(), "name:".len() + SUBJECT_DIGITS);
        assert!(subject.starts_with("name:") && !subject.contains("ada"));
        assert!(LockOut::OF_NETWORK.subject(&key, "ada").starts_with("network:"));
    }
}
