//! `driftwise-issuer keys list`

use clap::Args;
use driftwise_contract::Kid;
use serde::Serialize;

use super::super::output::say;
use super::{Catalogue, Context, Error, KeySetId, SetArguments, span};
use crate::clock::rfc3339;
use crate::keyring::replicas::names;
use crate::keyring::rotation::{self, KeyRecord, KeyState, Moment};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    set: SetArguments,
    /// Removed keys too
    #[arg(long)]
    all: bool,
    /// Accepted everywhere; listing changes nothing
    #[arg(long, hide = true)]
    dry_run: bool,
}

#[derive(Serialize)]
struct KeyView {
    kid: Kid,
    key_set: String,
    alg: &'static str,
    state: &'static str,
    created_at: String,
    /// Since when it is in its state.
    since: Option<String>,
    /// None once it is removed.
    next: Option<Next>,
}

/// What happens to a key next.
#[derive(Serialize)]
struct Next {
    step: NextStep,
    /// When at the earliest, RFC 3339, by this host's clock. Windows stand still while no issuer runs, so that it may be later.
    not_before: Option<String>,
    /// What it waits for besides, or instead.
    waits_for: Option<WaitsFor>,
    /// The same for people.
    #[serde(skip)]
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum NextStep {
    /// It gets its state, at the next start.
    Placed,
    /// It signs.
    Signs,
    /// A successor is published.
    Successor,
    /// It is published no longer.
    Removed,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum WaitsFor {
    /// The next start of an issuer.
    Start,
    /// That every running issuer publishes it.
    EveryIssuer,
    /// That it is seen at the public address.
    PublicAddress,
}

pub(super) async fn run(arguments: &Arguments, catalogue: &Catalogue, mut context: Context<'_>) -> anyhow::Result<()> {
    let now = catalogue.moment().await.map_err(Error::from)?;
    let records = catalogue.records().await.map_err(Error::from)?;
    let views: Vec<KeyView> = records
        .iter()
        .filter(|key| arguments.all || key.state.is_published())
        .filter(|key| arguments.set.org.is_none_or(|org| key.set == KeySetId::Org(org)))
        .map(|key| KeyView::of(key, now, catalogue))
        .collect();
    if views.is_empty() {
        say(
            "there are no keys yet: the first start of `driftwise-issuer serve` makes one or adopts those that are there",
        );
    }
    for replica in catalogue.replicas().await.map_err(Error::from)?.iter().filter(|replica| replica.fault.is_some()) {
        let waits = if replica.is_waited_for() { "; until its lease is over, new keys wait for it" } else { "" };
        say(&format!("an issuer can't sign: {}{waits}", names(std::slice::from_ref(replica))));
    }
    context.output.rows(&["KEY", "SET", "ALG", "STATE", "SINCE", "NEXT"], &views, |key| {
        vec![
            key.kid.to_string(),
            key.key_set.clone(),
            key.alg.into(),
            key.state.into(),
            key.since.clone().unwrap_or_default(),
            key.next.as_ref().map(|next| next.text.clone()).unwrap_or_default(),
        ]
    })
}

impl KeyView {
    fn of(key: &KeyRecord, now: Moment, catalogue: &Catalogue) -> Self {
        let time = |at_ms: i64| rfc3339(at_ms.div_euclid(1000));
        let settings = catalogue.settings();
        let next = |step, wait_ms: Option<i64>, waits_for, text: String| {
            let not_before = wait_ms.map(|wait_ms| time(now.wall_ms.saturating_add(wait_ms)));
            Some(Next { step, not_before, waits_for, text })
        };
        let (since, next) = match key.state {
            KeyState::Unplaced => {
                let text = "gets its state at the next start".into();
                (None, next(NextStep::Placed, None, Some(WaitsFor::Start), text))
            }
            KeyState::Staged => (
                key.staged_at_ms,
                match rotation::wait_ms(key, now, settings) {
                    Some(0) => {
                        let text = "signs once every running issuer publishes it".into();
                        next(NextStep::Signs, None, Some(WaitsFor::EveryIssuer), text)
                    }
                    Some(wait_ms) => next(NextStep::Signs, Some(wait_ms), None, format!("signs in {}", span(wait_ms))),
                    None => {
                        let text = "its window begins when it is seen at the public address".into();
                        next(NextStep::Signs, None, Some(WaitsFor::PublicAddress), text)
                    }
                },
            ),
            KeyState::Active => {
                let passed_ms = key.activated_at_ms.map_or(0, |since| now.wall_ms.saturating_sub(since));
                let left_ms = rotation::millis(settings.rotation_period).saturating_sub(passed_ms);
                let text = format!("signs; a successor in {}", span(left_ms));
                (key.activated_at_ms, next(NextStep::Successor, Some(left_ms), None, text))
            }
            KeyState::Retired => {
                let kept_ms = rotation::kept_ms(key, now, settings);
                let text = match kept_ms {
                    Some(left_ms) => format!("removed in {}", span(left_ms)),
                    None => format!("removed {} from now", span(rotation::millis(settings.keep_after))),
                };
                let left_ms = kept_ms.unwrap_or_else(|| rotation::millis(settings.keep_after));
                (key.retired_at_ms, next(NextStep::Removed, Some(left_ms), None, text))
            }
            KeyState::Removed => (key.removed_at_ms, None),
        };
        Self {
            kid: key.kid.clone(),
            key_set: key.set.to_string(),
            alg: key.algorithm.as_str(),
            state: key.state.as_str(),
            created_at: time(key.created_at_ms),
            since: since.map(time),
            next,
        }
    }
}
