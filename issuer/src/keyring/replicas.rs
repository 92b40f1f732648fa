//! Several issuers over one store, and the time that they agree on.
//!
//! Words:
//! - *Replica*: one running issuer. It refreshes every few seconds: it notes in the store that it lives and which version of
//!   the catalogue it publishes, and learns of a newer one.
//! - *Lease*: for six times its refresh period ([`lease`]) after a refresh a replica may sign. A replica that was paused, or lost the store, wakes up with a
//!   lease that is over by its clock, and refreshes before it signs: it may have missed that its key was removed.
//! - *Steady time*: the store's own clock, which windows are measured in. One replica, the *keeper*, adds what its monotonic
//!   clock counted between two ticks of its own; a keeper that takes over adds nothing for the time before. So it never goes
//!   back, never runs faster than real time, does not follow when a clock is set, and stands still while no issuer runs.
//!
//! A replica counts as gone when it was idle for longer than its lease by steady time, which is then at least as long by its
//! own monotonic clock: whoever is counted as gone has ceased to sign. One that runs but can't publish the newest keys does not
//! renew its lease; it notes the fault in its row, and is not waited for once its lease is over.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::NotReady;
use super::rotation::millis;
use crate::clock::{Clock, rfc3339};
use crate::store::key_catalogue::{self, CatalogueRow};
use crate::store::replicas::{self as rows, ReplicaRow};
use crate::store::{StoreError, Tx, signing_keys};

/// How many refreshes a replica may miss before it may sign no more.
const REFRESHES_PER_LEASE: u32 = 6;

/// How long a replica that refreshes so often may sign without a refresh: 30 s by default. Each replica notes its own lease in
/// the store, and is waited for by it.
pub const fn lease(refresh: Duration) -> Duration {
    refresh.saturating_mul(REFRESHES_PER_LEASE)
}

/// How far ahead the active keys may date tokens: the store is told before they do, so that it knows how long a key must stay.
pub(super) const SIGNS_AHEAD: Duration = Duration::from_mins(10);

/// The clock's monotonic time, milliseconds.
pub(super) fn mono_ms(clock: &dyn Clock) -> i64 {
    millis(clock.uptime())
}

/// What a replica does with the steady time at a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tick {
    /// It keeps the time, and this much has passed since its last tick, milliseconds.
    Add(i64),
    /// It keeps the time from now on.
    TakeOver,
    /// Another one does.
    Watch,
}

/// A replica's part in keeping the steady time.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    /// The beat of its own last tick, and when that was, monotonic.
    own: Option<(i64, i64)>,
    /// Another keeper's beat, and since when it stands, monotonic.
    other: Option<(i64, i64)>,
}

impl Keeper {
    /// What to do, given the row, the lease of its keeper where that is among the replicas, and the monotonic time.
    pub(super) fn judge(&mut self, id: &str, row: &CatalogueRow, keeper_lease_ms: Option<i64>, mono_ms: i64) -> Tick {
        if row.keeper == id {
            return match self.own {
                Some((beat, at)) if beat == row.beat => Tick::Add(mono_ms.saturating_sub(at).max(0)),
                // A tick whose outcome is not known: what it added is not added again.
                _ => Tick::TakeOver,
            };
        }
        self.own = None;
        let Some(lease_ms) = keeper_lease_ms else { return Tick::TakeOver };
        match self.other {
            Some((beat, since)) if beat == row.beat => {
                if mono_ms.saturating_sub(since) >= lease_ms / 2 {
                    Tick::TakeOver
                } else {
                    Tick::Watch
                }
            }
            _ => {
                self.other = Some((row.beat, mono_ms));
                Tick::Watch
            }
        }
    }

    /// Its tick is durable.
    pub(super) fn ticked(&mut self, beat: i64, mono_ms: i64) {
        (self.own, self.other) = (Some((beat, mono_ms)), None);
    }
}

/// Until when the keys of one snapshot may sign.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "units stand in names")]
pub(super) struct Lease {
    length_ms: i64,
    refreshed_mono_ms: AtomicI64,
    refreshed_wall_ms: AtomicI64,
    signs_until_ms: AtomicI64,
}

impl Lease {
    /// A lease of that length that is over.
    pub(super) fn over(length: Duration) -> Self {
        Self {
            length_ms: millis(length),
            refreshed_mono_ms: AtomicI64::new(i64::MIN),
            refreshed_wall_ms: AtomicI64::new(i64::MIN),
            signs_until_ms: AtomicI64::new(i64::MIN),
        }
    }

    /// Begins anew. The times are those before the refresh began.
    pub(super) fn renew(&self, mono_ms: i64, wall_ms: i64, signs_until_ms: i64) {
        self.signs_until_ms.store(signs_until_ms, Ordering::Release);
        self.refreshed_wall_ms.store(wall_ms, Ordering::Release);
        self.refreshed_mono_ms.store(mono_ms, Ordering::Release);
    }

    /// Ends at once.
    pub(super) fn revoke(&self) {
        self.refreshed_mono_ms.store(i64::MIN, Ordering::Release);
    }

    /// Whether a key may sign now. The monotonic clock stands still while some machines sleep, the host's clock may be set:
    /// either alone ends the lease, in either direction.
    pub(super) fn check(&self, clock: &dyn Clock) -> Result<(), NotReady> {
        let passed = |now: i64, since: &AtomicI64| now.saturating_sub(since.load(Ordering::Acquire)).saturating_abs();
        let wall_ms = clock.now_ms();
        let passed_ms = passed(mono_ms(clock), &self.refreshed_mono_ms).max(passed(wall_ms, &self.refreshed_wall_ms));
        if passed_ms > self.length_ms || wall_ms > self.signs_until_ms.load(Ordering::Acquire) {
            return Err(NotReady::Stale);
        }
        Ok(())
    }
}

/// A replica's part in a refresh, in its transaction: locks the catalogue, and ticks where the replica keeps the time. Give the
/// row to [`committed`] once it is durable.
pub(super) async fn beat(tx: &mut Tx, keeper: &mut Keeper, id: &str, mono_ms: i64) -> Result<CatalogueRow, StoreError> {
    let row = key_catalogue::lock(tx).await?;
    let replicas = rows::list(tx).await?;
    let keeper_lease_ms = replicas.iter().find(|replica| replica.id == row.keeper).map(|replica| replica.lease_ms);
    let elapsed_ms = match keeper.judge(id, &row, keeper_lease_ms, mono_ms) {
        Tick::Watch => return Ok(row),
        Tick::TakeOver => 0,
        Tick::Add(elapsed_ms) => elapsed_ms,
    };
    for replica in &replicas {
        let idle_ms = replica.idle_ms.saturating_add(elapsed_ms);
        if let (Some(fault), true) = (&replica.fault, replica.is_waited_for() && idle_ms > replica.lease_ms) {
            tracing::warn!(
                replica.id,
                fault,
                "an issuer that can't publish the newest keys is not waited for any more"
            );
        }
    }
    let gone = rows::tick(tx, row.beat, elapsed_ms).await?;
    if gone > 0 {
        tracing::warn!(replicas = gone, "issuers that did not refresh for longer than their lease count as gone");
    }
    let row = key_catalogue::tick(tx, id, elapsed_ms).await?;
    signing_keys::stamp(tx, row.steady_ms).await?;
    Ok(row)
}

/// Names replicas for people, with their faults.
pub fn names(replicas: &[ReplicaRow]) -> String {
    let name = |replica: &ReplicaRow| {
        let seen = rfc3339(replica.seen_at_ms.div_euclid(1000));
        match &replica.fault {
            Some(fault) => format!("{} (last seen {seen}; can't publish the newest keys: {fault})", replica.id),
            None => format!("{} (last seen {seen})", replica.id),
        }
    };
    replicas.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Notes that what [`beat`] did is durable.
pub(super) fn committed(keeper: &mut Keeper, id: &str, row: &CatalogueRow, mono_ms: i64) {
    if row.keeper == id {
        keeper.ticked(row.beat, mono_ms);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        /// Real time passes.
        Pass { ms: i64 },
        /// A replica refreshes; its commit may have an outcome that it does not learn.
        Refresh { replica: usize, learns: bool },
        /// A replica is killed and started anew.
        Restart { replica: usize },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => prop_oneof![1..20_000i64, 1..7_200_000i64].prop_map(|ms| Step::Pass { ms }),
            6 => (0..3usize, prop::bool::weighted(0.9)).prop_map(|(replica, learns)| Step::Refresh { replica, learns }),
            1 => (0..3usize).prop_map(|replica| Step::Restart { replica }),
        ]
    }

    proptest! {
        #[test]
        fn steady_time_never_runs_faster_than_real_time(steps in prop::collection::vec(step(), 1..80)) {
            let mut row = CatalogueRow { version: 1, steady_ms: 0, beat: 0, keeper: String::new() };
            let mut now_ms = 0;
            let mut keepers: Vec<(String, Keeper)> = (0..3).map(|number| (format!("{number}"), Keeper::default())).collect();
            // What happened since the last tick is stamped at the next; from then on no window ends early.
            let mut stamps: Vec<(i64, i64)> = vec![(0, 0)];
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Pass { ms } => now_ms += ms,
                    Step::Restart { replica } => keepers[replica] = (format!("{replica} since {number}"), Keeper::default()),
                    Step::Refresh { replica, learns } => {
                        let lives = keepers.iter().any(|(id, _)| *id == row.keeper);
                        let (id, keeper) = &mut keepers[replica];
                        let elapsed_ms = match keeper.judge(id, &row, lives.then_some(30_000), now_ms) {
                            Tick::Watch => continue,
                            Tick::TakeOver => 0,
                            Tick::Add(elapsed_ms) => elapsed_ms,
                        };
                        row.steady_ms += elapsed_ms;
                        row.beat += 1;
                        row.keeper.clone_from(id);
                        if learns {
                            keeper.ticked(row.beat, now_ms);
                        }
                        for (steady_ms, real_ms) in &stamps {
                            prop_assert!(row.steady_ms - steady_ms <= now_ms - real_ms);
                        }
                        stamps.push((row.steady_ms, now_ms));
                    }
                }
            }
        }
    }

    #[test]
    fn another_replica_takes_over_when_the_keeper_is_silent_or_gone() {
        let row = |beat| CatalogueRow { version: 1, steady_ms: 0, beat, keeper: "a".into() };
        let mut keeper = Keeper::default();
        assert_eq!(keeper.judge("b", &row(1), Some(30_000), 0), Tick::Watch);
        assert_eq!(keeper.judge("b", &row(1), Some(30_000), 14_000), Tick::Watch);
        assert_eq!(keeper.judge("b", &row(2), Some(30_000), 16_000), Tick::Watch, "it ticked");
        assert_eq!(keeper.judge("b", &row(2), Some(30_000), 31_000), Tick::TakeOver);
        assert_eq!(Keeper::default().judge("b", &row(2), None, 0), Tick::TakeOver);
    }

    #[derive(Debug, Default)]
    struct TwoClocks(Mutex<(i64, u64)>);

    impl Clock for TwoClocks {
        fn now_ms(&self) -> i64 {
            self.0.lock().unwrap().0
        }

        fn uptime(&self) -> Duration {
            Duration::from_millis(self.0.lock().unwrap().1)
        }
    }

    #[test]
    fn a_lease_ends_by_either_clock_and_in_either_direction() {
        let clock = TwoClocks::default();
        let set = |wall_ms, mono_ms| *clock.0.lock().unwrap() = (wall_ms, mono_ms);
        set(1_000_000, 1_000_000);
        let lease = Lease::over(Duration::from_secs(30));
        assert_eq!(lease.check(&clock), Err(NotReady::Stale));
        for (wall_ms, mono_ms, may_sign) in [
            (1_030_000, 1_030_000, true),
            (1_030_001, 1_030_000, false),
            // A pause of an hour in which the machine slept, or its clock was set back.
            (1_000_000, 4_600_000, false),
            (4_600_000, 1_000_001, false),
            (900_000, 1_000_001, false),
        ] {
            lease.renew(1_000_000, 1_000_000, 2_000_000);
            set(wall_ms, mono_ms);
            assert_eq!(lease.check(&clock).is_ok(), may_sign, "{wall_ms} {mono_ms}");
        }
        set(1_000_000, 1_000_000);
        lease.renew(1_000_000, 1_000_000, 999_999);
        assert_eq!(lease.check(&clock), Err(NotReady::Stale), "tokens would be dated later than the key may date them");
        lease.renew(1_000_000, 1_000_000, 2_000_000);
        lease.revoke();
        assert_eq!(lease.check(&clock), Err(NotReady::Stale));
    }
}
