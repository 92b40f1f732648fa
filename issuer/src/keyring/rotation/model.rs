//! A world to try [`plan`] in: real time, a host whose clock is set at will, issuers that crash between any two actions and lag
//! behind each other, and verifiers that hold on to copies of the key set.

use std::collections::BTreeSet;

use driftwise_contract::Kid;
use proptest::prelude::*;

use super::*;
use crate::keyring::{KeyAlgorithm, KeySetId};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// What the host's clock would show at real time 0.
const EPOCH: i64 = 1_800_000_000_000;

/// How long a verifier uses a copy of the key set: none, as the headers say, an hour, a day, or for as long as any that was
/// heard of, whatever the headers say.
const HABITS: [i64; 5] = [0, 5 * MINUTE, HOUR, DAY, 2 * DAY - HOUR];

#[derive(Debug, Clone)]
enum Step {
    /// Real time passes; of it, the steady time is given this many percent (an issuer that is down, a keeper that is replaced).
    Pass { ms: i64, counted: i64 },
    /// The host's clock is set to stand so far from the real time.
    SetClock { offset_ms: i64 },
    /// A tick of the steady time.
    Tick,
    /// A pass of rotation that ends after so many actions.
    Rotate { crash_after: usize },
    /// An issuer that missed the last 30 s, or none of them, mints.
    Mint { lags: bool },
    /// The staged key is missed at the public address, and seen again.
    Miss,
    /// An operator does not want to wait for the period.
    StageNow,
}

fn step() -> impl Strategy<Value = Step> {
    let offset = prop_oneof![
        3 => Just(0),
        2 => -4 * MINUTE..4 * MINUTE,
        2 => -40 * HOUR..40 * HOUR,
        1 => Just(365 * DAY),
        1 => Just(-365 * DAY),
    ];
    prop_oneof![
        6 => (prop_oneof![1..MINUTE, MINUTE..HOUR, HOUR..DAY, DAY..8 * DAY], 0..=100i64).prop_map(|(ms, counted)| Step::Pass {
            ms,
            counted: if counted > 30 { 100 } else { counted },
        }),
        1 => offset.prop_map(|offset_ms| Step::SetClock { offset_ms }),
        4 => Just(Step::Tick),
        8 => (0..6usize).prop_map(|crash_after| Step::Rotate { crash_after }),
        6 => any::<bool>().prop_map(|lags| Step::Mint { lags }),
        1 => Just(Step::Miss),
        1 => Just(Step::StageNow),
    ]
}

#[derive(Debug)]
struct Token {
    kid: Kid,
    at_ms: i64,
    /// By the host's clock.
    wall_ms: i64,
}

#[derive(Debug)]
struct World {
    now_ms: i64,
    steady_ms: i64,
    offset_ms: i64,
    settings: RotationSettings,
    keys: Vec<KeyRecord>,
    /// Material that a crash left without a row.
    orphan: Option<Kid>,
    made: u64,
    tokens: Vec<Token>,
    /// From when on which keys were published.
    published: Vec<(i64, BTreeSet<Kid>)>,
    /// From when on which key signed.
    active: Vec<(i64, Kid)>,
}

fn kid(number: u64) -> Kid {
    format!("{number:0>43}").parse().unwrap()
}

impl World {
    fn new(must_be_seen: bool) -> Self {
        let settings = RotationSettings { must_be_seen, ..RotationSettings::default() };
        let mut world = Self {
            now_ms: 0,
            steady_ms: 0,
            offset_ms: 0,
            settings,
            keys: Vec::new(),
            orphan: None,
            made: 0,
            tokens: Vec::new(),
            published: Vec::new(),
            active: Vec::new(),
        };
        world.make();
        world.insert_staged();
        world.activate(&kid(1), None);
        world.look();
        world
    }

    fn wall_ms(&self) -> i64 {
        EPOCH + self.now_ms + self.offset_ms
    }

    fn plan(&self) -> Vec<Action> {
        plan(&self.keys, Moment { steady_ms: self.steady_ms, wall_ms: self.wall_ms() }, &self.settings)
    }

    fn in_state(&self, state: KeyState) -> Option<&KeyRecord> {
        self.keys.iter().find(|key| key.state == state)
    }

    fn make(&mut self) {
        if self.orphan.is_none() {
            self.made += 1;
            self.orphan = Some(kid(self.made));
        }
    }

    fn insert_staged(&mut self) {
        let Some(kid) = self.orphan.take() else { return };
        let mut key = KeyRecord::staged(kid, KeySetId::Shared, KeyAlgorithm::Es256, self.wall_ms(), self.wall_ms());
        key.seen_at_ms = Some(self.wall_ms());
        self.keys.push(key);
    }

    fn activate(&mut self, kid: &Kid, retires: Option<&Kid>) {
        let (wall_ms, signs_until_ms) = (self.wall_ms(), Some(self.wall_ms() + 10 * MINUTE));
        for key in &mut self.keys {
            if Some(&key.kid) == retires {
                (key.state, key.retired_at_ms) = (KeyState::Retired, Some(wall_ms));
            } else if &key.kid == kid {
                (key.state, key.activated_at_ms, key.signs_until_ms) =
                    (KeyState::Active, Some(wall_ms), signs_until_ms);
            }
        }
        self.active.push((self.now_ms, kid.clone()));
    }

    fn tick(&mut self) {
        let steady_ms = Some(self.steady_ms);
        for key in &mut self.keys {
            let stamp = |event: Option<i64>, stamp: Option<i64>| stamp.or(event.and(steady_ms));
            key.staged_steady_ms = stamp(key.staged_at_ms, key.staged_steady_ms);
            key.seen_steady_ms = stamp(key.seen_at_ms, key.seen_steady_ms);
            key.activated_steady_ms = stamp(key.activated_at_ms, key.activated_steady_ms);
            key.retired_steady_ms = stamp(key.retired_at_ms, key.retired_steady_ms);
        }
    }

    /// The actions as the executor takes them; material and row of a new key are two.
    fn rotate(&mut self, mut actions_left: usize) {
        let mut may_act = move || {
            let may = actions_left > 0;
            actions_left = actions_left.saturating_sub(1);
            may
        };
        // What a crash left is adopted first.
        if self.orphan.is_some() && self.in_state(KeyState::Staged).is_none() && has_room(&self.keys) {
            if !may_act() {
                return;
            }
            self.insert_staged();
        }
        for action in self.plan() {
            if !may_act() {
                return;
            }
            match action {
                Action::Stage => {
                    self.make();
                    if !may_act() {
                        return;
                    }
                    self.insert_staged();
                }
                Action::Activate { kid, retires } => self.activate(&kid, retires.as_ref()),
                Action::Remove { kid } => {
                    let unexpired = |token: &&Token| token.kid == kid && token.wall_ms + 10 * MINUTE > self.wall_ms();
                    assert!(!self.tokens.iter().any(|token| unexpired(&token)), "removed before its tokens expired");
                    self.keys.retain(|key| key.kid != kid);
                }
            }
            self.look();
        }
    }

    fn mint(&mut self, lags: bool) {
        let since = if lags { self.now_ms - 30_000 } else { self.now_ms };
        let Some((_, kid)) = self.active.iter().rev().find(|(at, _)| *at <= since) else { return };
        let kid = kid.clone();
        let wall_ms = self.wall_ms();
        let key = self.keys.iter_mut().find(|key| key.kid == kid).expect("what signed 30 s ago is published");
        if key.state == KeyState::Active {
            // A refresh says so before the key signs.
            key.signs_until_ms = key.signs_until_ms.max(Some(wall_ms + 10 * MINUTE));
        } else if key.signs_until_ms.is_none_or(|until| wall_ms > until) {
            // The lease does not allow it.
            return;
        }
        self.tokens.push(Token { kid, at_ms: self.now_ms, wall_ms });
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Pass { ms, counted } => {
                self.now_ms += ms;
                self.steady_ms += ms * counted / 100;
            }
            Step::SetClock { offset_ms } => self.offset_ms = offset_ms,
            Step::Tick => self.tick(),
            Step::Rotate { crash_after } => self.rotate(crash_after),
            Step::Mint { lags } => self.mint(lags),
            Step::Miss => {
                let wall_ms = self.wall_ms();
                for key in self.keys.iter_mut().filter(|key| key.state == KeyState::Staged) {
                    (key.seen_at_ms, key.seen_steady_ms) = (Some(wall_ms), None);
                }
            }
            Step::StageNow => {
                if self.in_state(KeyState::Staged).is_none() && has_room(&self.keys) {
                    self.make();
                    self.insert_staged();
                }
            }
        }
        self.look();
    }

    /// What verifiers can fetch from now on, and what must hold at every moment.
    fn look(&mut self) {
        let active = self.keys.iter().filter(|key| key.state == KeyState::Active).count();
        assert_eq!(active, 1, "exactly one key signs");
        assert!(self.keys.len() <= MAX_PUBLISHED, "never more than a handful");
        let published: BTreeSet<Kid> = self.keys.iter().map(|key| key.kid.clone()).collect();
        if self.published.last().is_none_or(|(_, last)| *last != published) {
            self.published.push((self.now_ms, published));
        }
    }

    /// Every copy of the key set that a verifier may hold while it may be shown the token.
    fn check_tokens(&self) {
        for token in &self.tokens {
            // By real time, a token that is dated ahead is good later, and one that is dated back never was.
            let offset_ms = token.wall_ms - EPOCH - token.at_ms;
            let from_ms = token.at_ms + (offset_ms - 5 * MINUTE).max(0);
            let until_ms = token.at_ms + offset_ms + 10 * MINUTE;
            if until_ms < from_ms || offset_ms > 47 * HOUR {
                // What is dated a year ahead is looked at when its key is removed.
                continue;
            }
            for habit_ms in HABITS {
                // Fetched at any moment from here on.
                let oldest_ms = from_ms - habit_ms;
                for (number, (begun_ms, keys)) in self.published.iter().enumerate() {
                    let ended_ms = self.published.get(number + 1).map_or(i64::MAX, |(next_ms, _)| *next_ms);
                    let was_held = *begun_ms <= until_ms && ended_ms > oldest_ms;
                    assert!(
                        !was_held || keys.contains(&token.kid),
                        "a verifier that keeps copies for {habit_ms} ms refuses a token minted at {} by {}: {:?}",
                        token.at_ms,
                        token.kid,
                        self.published
                    );
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn one_key_signs_and_every_valid_token_verifies_whatever_clocks_crashes_and_caches_do(
        must_be_seen in any::<bool>(),
        steps in proptest::collection::vec(step(), 1..150),
    ) {
        let mut world = World::new(must_be_seen);
        for step in &steps {
            world.take(step);
        }
        world.check_tokens();
    }

    #[test]
    fn whatever_happened_rotation_goes_on_once_the_clock_is_right(
        steps in proptest::collection::vec(step(), 1..100),
    ) {
        let mut world = World::new(true);
        for step in &steps {
            world.take(step);
        }
        // Keys that signed under a clock that stood a year ahead may stay for that year.
        world.take(&Step::SetClock { offset_ms: 0 });
        let before = world.active.last().unwrap().1.clone();
        for _ in 0..400 {
            for step in [Step::Pass { ms: DAY, counted: 100 }, Step::Tick, Step::Mint { lags: false }, Step::Rotate { crash_after: 9 }] {
                world.take(&step);
            }
        }
        let after = &world.active.last().unwrap().1;
        prop_assert_ne!(&before, after);
        prop_assert!(world.keys.len() <= 3, "{:?}", world.keys);
        world.check_tokens();
    }

    #[test]
    fn what_is_planned_is_possible_and_planned_once(
        steps in proptest::collection::vec(step(), 1..80),
    ) {
        let mut world = World::new(false);
        for step in &steps {
            world.take(step);
            let actions = world.plan();
            let kids: BTreeSet<String> = actions.iter().map(|action| format!("{action:?}")).collect();
            prop_assert_eq!(kids.len(), actions.len());
            prop_assert!(!(actions.contains(&Action::Stage) && world.in_state(KeyState::Staged).is_some()));
        }
    }
}

#[test]
fn in_an_undisturbed_year_a_key_signs_for_thirty_days_and_three_are_published_at_most() {
    let mut world = World::new(false);
    for _ in 0..365 * 24 {
        world.take(&Step::Pass { ms: HOUR, counted: 100 });
        world.take(&Step::Tick);
        world.take(&Step::Mint { lags: true });
        world.take(&Step::Rotate { crash_after: 9 });
        assert!(world.keys.len() <= 3);
    }
    let spans: Vec<i64> = world.active.windows(2).map(|pair| (pair[1].0 - pair[0].0) / HOUR).collect();
    assert!(spans.iter().all(|hours| (30 * 24..30 * 24 + 6).contains(hours)) && spans.len() == 12, "{spans:?}");
    world.check_tokens();
}

#[test]
fn a_clock_that_jumps_ahead_by_a_year_ends_no_window() {
    let mut world = World::new(false);
    world.take(&Step::StageNow);
    world.take(&Step::Tick);
    world.take(&Step::SetClock { offset_ms: 365 * DAY });
    assert_eq!(world.plan(), [], "the staged key waits");
    world.take(&Step::Pass { ms: 48 * HOUR, counted: 100 });
    assert_eq!(world.plan(), [Action::Activate { kid: kid(2), retires: Some(kid(1)) }]);
    world.take(&Step::Mint { lags: false });
    world.take(&Step::Rotate { crash_after: 9 });
    world.take(&Step::Tick);
    world.take(&Step::SetClock { offset_ms: 2 * 365 * DAY });
    assert_eq!(
        world.plan(),
        [Action::Stage],
        "the retired key stays, and a successor is published too early, which does no harm"
    );
    world.take(&Step::SetClock { offset_ms: 0 });
    world.take(&Step::Pass { ms: 20 * DAY, counted: 100 });
    assert_eq!(world.plan(), [], "a token of the first key is dated a year ahead");
    world.take(&Step::Pass { ms: 350 * DAY, counted: 0 });
    assert_eq!(world.plan(), [Action::Remove { kid: kid(1) }]);
}
