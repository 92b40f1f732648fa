//! Which keys are made, sign, are published and go: a pure function of the keys, the time and the settings.
//!
//! ```text
//! staged ──publish_ahead──► active ──rotation_period──► retired ──keep_after──► removed
//! published, does not sign  published, signs            published               not published
//! ```
//!
//! Words and invariants:
//! - A *set* has its own keys: [`super::KeySetId::Shared`], or one org's. One key of a set is active; one at most is staged.
//! - *Publish ahead*: a key signs only after it was published, and seen at the public address where that is read back, for the
//!   whole window: whoever holds an older copy of the key set has fetched a newer one by then.
//! - *Keep after*: a key stays published after its last signature until its last token has expired everywhere.
//! - Windows are measured in the *steady time* ([`Moment::steady_ms`]), which never runs faster than real time: a clock that is
//!   set ahead ends no window early, one that is set back starts none again. Being late is always safe: what is staged waits,
//!   what is retired stays.
//! - The host's clock decides only two things: that it is time to stage a successor (too early does no harm), and that
//!   tokens which a key signed under a clock that stood ahead have expired (`signs_until_ms`; only ever later).
//! - [`plan`] stages nothing once a set has [`MAX_PUBLISHED`] keys: whatever clocks and operators do, the key set stays small.
//!
//! To add a rule, add it to [`plan`] and to the model beside it, which plays issuers that crash, clocks that step and verifiers
//! that cache against it.

#[cfg(test)]
mod model;
mod record;

use std::time::Duration;

use driftwise_contract::Kid;
use driftwise_contract::claims::TOKEN_LIFETIME_S;

pub use record::{KeyRecord, KeyState};

/// How many keys of one set are published at most. Undisturbed there are two or three.
pub const MAX_PUBLISHED: usize = 6;

/// By how much AWS lets a token's times differ from its clock, both ways (observed, docs/facts/aws-oidc.md).
pub const CLOCK_TOLERANCE: Duration = Duration::from_mins(5);

/// The windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationSettings {
    /// How long a key signs before its successor does.
    pub rotation_period: Duration,
    /// How long a key is published before it signs.
    pub publish_ahead: Duration,
    /// How long a key is published after it signed.
    pub keep_after: Duration,
    /// Whether the first window begins only when the key was seen at the public address.
    pub must_be_seen: bool,
    /// How often a running issuer refreshes its snapshot. Not planned with.
    pub refresh: Duration,
}

impl Default for RotationSettings {
    fn default() -> Self {
        Self {
            rotation_period: Duration::from_hours(30 * 24),
            publish_ahead: Duration::from_hours(48),
            keep_after: Duration::from_hours(48),
            must_be_seen: false,
            refresh: Duration::from_secs(5),
        }
    }
}

/// A time, by the two clocks that rotation knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The steady time, milliseconds.
    pub steady_ms: i64,
    /// The host's clock, epoch milliseconds.
    pub wall_ms: i64,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make a key and publish it.
    Stage,
    /// Let the staged key sign, and the active one, if there is one, sign no more.
    Activate {
        /// The staged key.
        kid: Kid,
        /// The active key.
        retires: Option<Kid>,
    },
    /// Publish a retired key no more and destroy it.
    Remove {
        /// The key.
        kid: Kid,
    },
}

/// What is to be done with the keys of one set. Each action may be done alone, in any order, or not at all: what is still due
/// is planned again.
///
/// A set without an active and a staged key is given none here: the first key is made when the set is
/// ([`super::Keyring::ensure_set`]).
pub fn plan(keys: &[KeyRecord], now: Moment, settings: &RotationSettings) -> Vec<Action> {
    let mut actions = Vec::new();
    let in_state = |state| keys.iter().find(move |key| key.state == state);
    match (in_state(KeyState::Active), in_state(KeyState::Staged)) {
        (Some(active), Some(staged)) if may_sign(staged, now, settings) => {
            actions.push(Action::Activate { kid: staged.kid.clone(), retires: Some(active.kid.clone()) });
        }
        // Nothing signs: to wait would only make the outage longer.
        (None, Some(staged)) => actions.push(Action::Activate { kid: staged.kid.clone(), retires: None }),
        (Some(active), None) if is_due(active, now, settings) && has_room(keys) => actions.push(Action::Stage),
        (Some(_) | None, _) => {}
    }
    let expired = keys.iter().filter(|key| key.state == KeyState::Retired && has_expired(key, now, settings));
    actions.extend(expired.map(|key| Action::Remove { kid: key.kid.clone() }));
    actions
}

/// Whether another key may be published.
pub fn has_room(keys: &[KeyRecord]) -> bool {
    keys.iter().filter(|key| key.state.is_published()).count() < MAX_PUBLISHED
}

/// How long the staged key must still wait, milliseconds of steady time; none before its window has begun.
pub fn wait_ms(staged: &KeyRecord, now: Moment, settings: &RotationSettings) -> Option<i64> {
    let begun = if settings.must_be_seen { staged.seen_steady_ms } else { staged.staged_steady_ms };
    begun.map(|begun| begun.saturating_add(millis(settings.publish_ahead)).saturating_sub(now.steady_ms).max(0))
}

fn may_sign(staged: &KeyRecord, now: Moment, settings: &RotationSettings) -> bool {
    wait_ms(staged, now, settings) == Some(0)
}

/// Whether a successor is to be published now, so that it may sign when the period is over. The steady time stands still while
/// no issuer runs, the host's clock does not: what is reached first counts.
fn is_due(active: &KeyRecord, now: Moment, settings: &RotationSettings) -> bool {
    let after = millis(settings.rotation_period.saturating_sub(settings.publish_ahead));
    let passed = |since: Option<i64>, now: i64| since.is_some_and(|since| now.saturating_sub(since) >= after);
    passed(active.activated_steady_ms, now.steady_ms) || passed(active.activated_at_ms, now.wall_ms)
}

/// How long the retired key is still published at least, milliseconds; none before the first tick after its retirement.
pub fn kept_ms(retired: &KeyRecord, now: Moment, settings: &RotationSettings) -> Option<i64> {
    let since = retired.retired_steady_ms?;
    let kept_ms = since.saturating_add(millis(settings.keep_after)).saturating_sub(now.steady_ms);
    let last_token_ms = TOKEN_LIFETIME_S * 1000 + millis(CLOCK_TOLERANCE);
    let valid_ms =
        retired.signs_until_ms.map_or(0, |until| until.saturating_add(last_token_ms).saturating_sub(now.wall_ms));
    Some(kept_ms.max(valid_ms).max(0))
}

fn has_expired(retired: &KeyRecord, now: Moment, settings: &RotationSettings) -> bool {
    kept_ms(retired, now, settings) == Some(0)
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
