//! `driftwise-issuer keys rotate`

use clap::Args;
use driftwise_contract::Kid;
use serde::Serialize;

use super::super::output::say;
use super::{Catalogue, Context, DryRun, Error, SetArguments, span};
use crate::keyring::KeyringError;
use crate::keyring::catalogue::{in_state, of_set};
use crate::keyring::rotation::{self, Action, KeyState};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    set: SetArguments,
    /// Let the new key sign as soon as every running issuer publishes it. Verifiers that hold an older copy of the key set refuse
    /// its tokens until they fetch it again
    #[arg(long)]
    now: bool,
    #[command(flatten)]
    dry_run: DryRun,
}

#[derive(Serialize)]
struct RotationView {
    key_set: String,
    dry_run: bool,
    /// The key that is published and waits; with a dry run, none for one that would be made.
    staged: Option<Kid>,
    /// The key that signs since this command, or would.
    activated: Option<Kid>,
    /// The key that signed before.
    retired: Option<Kid>,
    /// How long the staged key waits, seconds; none where its window has not begun, and none without a staged key.
    waits_s: Option<i64>,
    done: String,
}

/// Publishes a successor where there is none, and lets it sign where its window is over: to be repeated by hand or by a timer
/// where no issuer runs; running issuers do the same by themselves.
pub(super) async fn run(arguments: &Arguments, catalogue: &Catalogue, mut context: Context<'_>) -> anyhow::Result<()> {
    let set = arguments.set.set();
    let settings = catalogue.settings();
    let keys = of_set(catalogue.records().await.map_err(Error::from)?, set);
    let active = in_state(&keys, KeyState::Active).map(|key| key.kid.clone());
    if active.is_none() && in_state(&keys, KeyState::Staged).is_none() {
        return Err(Error::from(KeyringError::NoSigningKey { set }).into());
    }
    if in_state(&keys, KeyState::Staged).is_none() && !rotation::has_room(&keys) {
        return Err(Error::from(KeyringError::Full { set }).into());
    }
    let now = catalogue.moment().await.map_err(Error::from)?;
    let ahead_ms = rotation::millis(settings.publish_ahead);
    let known = in_state(&keys, KeyState::Staged);
    let mut waits_ms = match known {
        Some(staged) => rotation::wait_ms(staged, now, settings),
        None => (!settings.must_be_seen).then_some(ahead_ms),
    };
    let due = known.is_some() && waits_ms == Some(0);
    let is_early = arguments.now && !due;
    let dry_run = arguments.dry_run.dry_run;
    if is_early {
        say(&format!(
            "--now skips {} of the window: verifiers that hold an older copy of the key set refuse new tokens until they fetch \
             it again: 5 minutes where they keep to its max-age, longer where they do not",
            waits_ms.map_or_else(|| span(ahead_ms), span)
        ));
    }
    let mut view = RotationView {
        key_set: set.to_string(),
        dry_run,
        staged: known.map(|key| key.kid.clone()),
        activated: None,
        retired: None,
        waits_s: None,
        done: String::new(),
    };
    let activates = due || arguments.now;
    if !dry_run {
        let staged = catalogue.stage(set).await.map_err(Error::from)?;
        if activates {
            catalogue.published_everywhere(&staged).await.map_err(Error::from)?;
            if arguments.now {
                catalogue.activate_now(set, &staged.kid).await.map_err(Error::from)?;
            } else {
                let done = catalogue.rotate_set(set).await.map_err(Error::from)?;
                if !done.iter().any(|action| matches!(action, Action::Activate { .. })) {
                    return Err(Error::from(KeyringError::Changed { set }).into());
                }
            }
        }
        view.staged = Some(staged.kid);
    }
    let key = view.staged.as_ref().map_or_else(|| "a new key".into(), Kid::to_string);
    if activates {
        waits_ms = None;
        (view.activated, view.staged, view.retired) = (view.staged, None, active);
        let until = span(rotation::millis(settings.keep_after));
        view.done = format!("{key} signs; the key before it stays published for {until}");
    } else {
        view.done = match waits_ms {
            Some(wait_ms) => format!("{key} is published and signs in {}", span(wait_ms)),
            None => format!("{key} is published; its window begins when it is seen at the public address"),
        };
    }
    view.waits_s = waits_ms.map(|wait_ms| wait_ms.div_euclid(1000));
    let text = if dry_run { format!("would be: {}", view.done) } else { view.done.clone() };
    context.output.value(&view, &text)
}
