//! Refusals at a bounded rate. Anyone can be refused as often as they like, and must not fill the disk with rows that can't
//! be deleted: each chain has a bucket of [`BURST`] rows that fills by one every [`ROW_EVERY_MS`]; what finds it empty is
//! counted by reason, and the counts become one row a minute. So a chain grows by at most 11 rows a minute, about 5 MB a day,
//! under any flood. Only orgs that proved themselves have buckets, so there are no more than orgs.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::{Actor, Chain, Event, Record, RefusalReason};

/// How many refusals in a row get a row of their own.
const BURST: i64 = 60;
/// How long it takes until there is room for one more, milliseconds.
const ROW_EVERY_MS: i64 = 6_000;

/// The buckets and counts of all chains.
#[derive(Debug)]
pub(super) struct Refusals(Mutex<State>);

#[derive(Debug)]
struct State {
    buckets: HashMap<Chain, Bucket>,
    counts: BTreeMap<Chain, BTreeMap<RefusalReason, u64>>,
    since_ms: i64,
}

/// Full at `rows` = [`BURST`].
#[derive(Debug)]
struct Bucket {
    rows: i64,
    filled_at_ms: i64,
}

impl Bucket {
    fn fill(&mut self, now_ms: i64) {
        // A clock that was set back fills nothing until it is where it was; one set forward fills the bucket at most.
        let due = (now_ms - self.filled_at_ms) / ROW_EVERY_MS;
        if due > 0 {
            self.rows = self.rows.saturating_add(due).min(BURST);
            self.filled_at_ms += due * ROW_EVERY_MS;
        }
        // Set back by hours: start again, rather than count for hours.
        if now_ms < self.filled_at_ms - ROW_EVERY_MS {
            self.filled_at_ms = now_ms;
        }
    }
}

impl Refusals {
    pub(super) fn new(now_ms: i64) -> Self {
        Self(Mutex::new(State { buckets: HashMap::new(), counts: BTreeMap::new(), since_ms: now_ms }))
    }

    /// Whether a refusal gets a row. It is counted otherwise.
    pub(super) fn admit(&self, chain: Chain, reason: RefusalReason, now_ms: i64) -> bool {
        let mut state = self.lock();
        let bucket = state.buckets.entry(chain).or_insert(Bucket { rows: BURST, filled_at_ms: now_ms });
        bucket.fill(now_ms);
        if bucket.rows > 0 {
            bucket.rows -= 1;
            return true;
        }
        *state.counts.entry(chain).or_default().entry(reason).or_default() += 1;
        false
    }

    /// Counts a refusal that got no row after all.
    pub(super) fn count(&self, chain: Chain, reason: RefusalReason) {
        *self.lock().counts.entry(chain).or_default().entry(reason).or_default() += 1;
    }

    /// The counts since the last time, as records, one per chain; and forgets full buckets.
    pub(super) fn take(&self, now_ms: i64) -> Vec<Record> {
        let mut state = self.lock();
        state.buckets.retain(|_, bucket| {
            bucket.fill(now_ms);
            bucket.rows < BURST
        });
        let since_ms = std::mem::replace(&mut state.since_ms, now_ms);
        let counts = std::mem::take(&mut state.counts);
        let record =
            |(chain, reasons)| Record::new(chain, now_ms, Actor::Issuer, Event::RefusalsCounted { reasons, since_ms });
        counts.into_iter().map(record).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Counts stay meaningful whatever panicked beside them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REASON: RefusalReason = RefusalReason::SignatureInvalid;

    #[test]
    fn a_flood_of_an_hour_gets_a_bounded_number_of_rows_and_is_counted_to_the_last() {
        let refusals = Refusals::new(0);
        let (mut rows, mut counted, mut refused) = (0, 0, 0_u64);
        for now_ms in (0..3_600_000).step_by(10) {
            refused += 1;
            rows += u64::from(refusals.admit(Chain::Platform, REASON, now_ms));
            if now_ms % 60_000 == 59_990 {
                for record in refusals.take(now_ms) {
                    let Event::RefusalsCounted { reasons, .. } = record.event else { panic!("{record:?}") };
                    counted += reasons[&REASON];
                }
            }
        }
        assert_eq!(rows + counted, refused);
        assert_eq!(rows, 60 + 599);
    }

    #[test]
    fn each_chain_has_its_own_room_and_the_clock_may_jump() {
        let refusals = Refusals::new(0);
        let org = Chain::Org("0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21".parse().unwrap());
        assert_eq!((0..100).filter(|_| refusals.admit(Chain::Platform, REASON, 7_000_000)).count(), 60);
        assert!(refusals.admit(org, REASON, 7_000_000));
        // Set back by an hour, it goes on filling from there; forward by a year, it is full and no fuller.
        assert!(!refusals.admit(Chain::Platform, REASON, 3_400_000));
        assert!(refusals.admit(Chain::Platform, REASON, 3_407_000));
        assert_eq!((0..100).filter(|_| refusals.admit(Chain::Platform, REASON, 40_000_000_000)).count(), 60);
        assert_eq!(refusals.take(40_000_000_000).len(), 1);
        assert!(refusals.take(40_000_000_000).is_empty());
    }
}
