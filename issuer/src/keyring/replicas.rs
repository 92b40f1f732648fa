//! Several issuers over one store, and the time that they agree on.
//!
//! Words:
//! - *Replica*: one running issuer. It refreshes every few seconds: it notes in the store that it lives and which version of
//!   the catalogue it publishes, and learns of a newer one.
//! - *Lease*: for [`LEASE`] after a refresh a replica may sign. A replica that was paused, or lost the store, wakes up with a
//!   lease that is over by its clock, and refreshes before it signs: it may have missed that its key was removed.
//! - *Steady time*: the store's own clock, which windows are measured in. One replica, the *keeper*, adds what its monotonic
//!   clock counted between two ticks of its own; a keeper that takes over adds nothing for the time before. So it never goes
//!   back, never runs faster than real time, does not follow when a clock is set, and stands still while no issuer runs.
//!
//! A replica counts as gone when it was idle for longer than its lease by steady time, which is then at least as long by its
//! own monotonic clock: whoever is counted as gone has ceased to sign.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::NotReady;
use super::rotation::millis;
use crate::clock::Clock;
use crate::store::key_catalogue::{self, CatalogueRow};
use crate::store::{StoreError, Tx, replicas as rows, signing_keys};

/// How long a replica may sign without a refresh.
pub const LEASE: Duration = Duration::from_secs(30);

/// How long a keeper may miss before another replica takes over.
const KEEPER_PATIENCE: Duration = Duration::from_secs(15);

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
    /// What to do, given the row, whether its keeper is among the replicas, and the monotonic time.
    pub(super) fn judge(&mut self, id: &str, row: &CatalogueRow, keeper_lives: bool, mono_ms: i64) -> Tick {
        if row.keeper == id {
            return match self.own {
                Some((beat, at)) if beat == row.beat => Tick::Add(mono_ms.saturating_sub(at).max(0)),
                // A tick whose outcome is not known: what it added is not added again.
                _ => Tick::TakeOver,
            };
        }
        self.own = None;
        if !keeper_lives {
            return Tick::TakeOver;
        }
        match self.other {
            Some((beat, since)) if beat == row.beat => {
                if mono_ms.saturating_sub(since) >= millis(KEEPER_PATIENCE) {
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
pub(super) struct Lease {
    refreshed_mono_ms: AtomicI64,
    refreshed_wall_ms: AtomicI64,
    signs_until_ms: AtomicI64,
}

impl Lease {
    /// A lease that is over.
    pub(super) fn over() -> Self {
        Self {
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
        if passed_ms > millis(LEASE) || wall_ms > self.signs_until_ms.load(Ordering::Acquire) {
            return Err(NotReady::Stale);
        }
        Ok(())
    }
}

/// A replica's part in a refresh, in its transaction: locks the catalogue, and ticks where the replica keeps the time. Give the
/// row to [`committed`] once it is durable.
pub(super) async fn beat(tx: &mut Tx, keeper: &mut Keeper, id: &str, mono_ms: i64) -> Result<CatalogueRow, StoreError> {
    let row = key_catalogue::lock(tx).await?;
    let keeper_lives = rows::list(tx).await?.iter().any(|replica| replica.id == row.keeper);
    let elapsed_ms = match keeper.judge(id, &row, keeper_lives, mono_ms) {
        Tick::Watch => return Ok(row),
        Tick::TakeOver => 0,
        Tick::Add(elapsed_ms) => elapsed_ms,
    };
    let gone = rows::tick(tx, row.beat, elapsed_ms, millis(LEASE)).await?;
    if gone > 0 {
        tracing::warn!(replicas = gone, "issuers that did not refresh for longer than their lease count as gone");
    }
    let row = key_catalogue::tick(tx, id, elapsed_ms).await?;
    signing_keys::stamp(tx, row.steady_ms).await?;
    Ok(row)
}

/// Notes that what [`beat`] did is durable.
pub(super) fn committed(keeper: &mut Keeper, id: &str, row: &CatalogueRow, mono_ms: i64) {
    if row.keeper == id {
        keeper.ticked(row.beat, mono_ms);
    }
}
