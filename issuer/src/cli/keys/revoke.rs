//! `driftwise-issuer keys revoke`

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _};

use anyhow::Context as _;
use clap::Args;
use driftwise_contract::claims::TOKEN_LIFETIME_S;
use driftwise_contract::{Kid, OrgId};
use serde::Serialize;

use super::super::output::say;
use super::{Catalogue, Context, DryRun, Error, Store, span};
use crate::audit::unexpired_mints;
use crate::keyring::KeyringError;
use crate::keyring::catalogue::{in_state, is_behind, of_set};
use crate::keyring::replicas::names;
use crate::keyring::rotation::{self, KeyState};
use crate::store::replicas::ReplicaRow;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The key, as `keys list` shows it
    // One kid in 64 begins with a hyphen: base64url has it.
    #[arg(allow_hyphen_values = true)]
    kid: Kid,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
    /// Do not wait until every running issuer publishes the successor. Tokens that it signs are refused where the key set comes
    /// from an issuer that does not
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    dry_run: DryRun,
}

#[derive(Serialize)]
struct RevocationView {
    kid: Kid,
    key_set: String,
    state: &'static str,
    dry_run: bool,
    revoked: bool,
    /// The key that signs instead; none where the revoked key did not sign, or with a dry run that would make one.
    successor: Option<Kid>,
    /// Running issuers that take the successor up at their next refresh: until then they sign nothing that leaves. With a dry
    /// run, those that would be waited for.
    late_issuers: usize,
    /// Issuers that sign nothing until their fault is mended.
    unable_issuers: usize,
    /// Valid tokens that stop verifying, by org.
    unexpired_tokens: BTreeMap<OrgId, u64>,
    /// New tokens are refused for so long by verifiers that keep to the max-age of the key set, seconds.
    refusals_s: i64,
    /// The same for verifiers that keep a key set for the whole of `keys.publish_ahead`.
    refusals_at_worst_s: i64,
}

/// `max-age` of the JWKS, milliseconds.
const MAX_AGE_MS: i64 = 300_000;

/// Says what it costs, asks, and does it. Repeated after a crash, it goes on where it ended.
pub(super) async fn run(
    arguments: &Arguments,
    store: &Store,
    catalogue: &Catalogue,
    mut context: Context<'_>,
) -> anyhow::Result<()> {
    let kid = &arguments.kid;
    let records = catalogue.records().await.map_err(Error::from)?;
    let key = records.iter().find(|key| &key.kid == kid && key.state != KeyState::Removed);
    let key = key.ok_or_else(|| Error::from(KeyringError::KidUnknown(kid.clone())))?.clone();
    let keys = of_set(records, key.set);
    let staged = in_state(&keys, KeyState::Staged);
    let now = catalogue.moment().await.map_err(Error::from)?;
    let signs = key.state == KeyState::Active;
    let ahead_ms = rotation::millis(catalogue.settings().publish_ahead);
    let left_ms = match (signs, staged) {
        (false, _) => 0,
        (true, None) => ahead_ms,
        (true, Some(staged)) => rotation::wait_ms(staged, now, catalogue.settings()).unwrap_or(ahead_ms),
    };
    let published_ms = ahead_ms.saturating_sub(left_ms);
    let refusals_ms = MAX_AGE_MS.saturating_sub(published_ms).clamp(0, left_ms);
    let mints = unexpired_mints(&mut *store.connection().await?, kid, context.clock.now_ms()).await?;
    let mut view = RevocationView {
        kid: kid.clone(),
        key_set: key.set.to_string(),
        state: key.state.as_str(),
        dry_run: arguments.dry_run.dry_run,
        revoked: false,
        successor: signs.then(|| staged.map(|key| key.kid.clone())).flatten(),
        late_issuers: 0,
        unable_issuers: 0,
        unexpired_tokens: mints.into_iter().map(|mints| (mints.org, mints.tokens)).collect(),
        refusals_s: refusals_ms.div_euclid(1000),
        refusals_at_worst_s: left_ms.div_euclid(1000),
    };
    let mut behind = catalogue.replicas().await.map_err(Error::from)?;
    behind.retain(|replica| signs && staged.is_none_or(|staged| is_behind(replica, staged)));
    view.count(&behind);
    for line in view.costs() {
        say(&line);
    }
    if !behind.is_empty() {
        say(&format!("issuers that do not publish its successor yet: {}", names(&behind)));
    }
    if !arguments.dry_run.dry_run {
        anyhow::ensure!(
            arguments.yes || confirmed(kid)?,
            "nothing was changed: confirm with --yes that {kid} is to be revoked"
        );
        if signs {
            let successor = catalogue.stage(key.set).await.map_err(Error::from)?;
            if !arguments.force {
                catalogue.published_everywhere(&successor).await.map_err(Error::from)?;
            }
            view.successor = Some(successor.kid);
        }
        let left = if arguments.force { catalogue.revoke_at_once(kid).await } else { catalogue.revoke(kid).await };
        let left = left.map_err(Error::from)?;
        view.revoked = true;
        view.count(&left);
        if !left.is_empty() {
            say(&format!(
                "{} running issuers publish the successor late, at their next refresh; {} can't sign until their fault is mended: {}",
                view.late_issuers,
                view.unable_issuers,
                names(&left)
            ));
        }
    }
    let text = match (&view.successor, view.revoked) {
        (_, false) => format!("{kid} would be revoked"),
        (Some(successor), true) => format!("{kid} is revoked; {successor} signs"),
        (None, true) => format!("{kid} is revoked"),
    };
    context.output.value(&view, &text)
}

impl RevocationView {
    /// Counts the issuers that do not publish the successor.
    fn count(&mut self, behind: &[ReplicaRow]) {
        self.unable_issuers = behind.iter().filter(|replica| replica.fault.is_some()).count();
        self.late_issuers = behind.len() - self.unable_issuers;
    }

    /// What the revocation costs, for people.
    fn costs(&self) -> Vec<String> {
        let total: u64 = self.unexpired_tokens.values().sum();
        let mut lines = vec![format!(
            "{total} tokens that {} signed have not expired; they stop verifying where the new key set is fetched. The last would \
             have expired within {}. Sessions that were opened with tokens live on",
            self.kid,
            span(TOKEN_LIFETIME_S * 1000)
        )];
        lines.extend(self.unexpired_tokens.iter().map(|(org, count)| format!("  org {org}: {count}")));
        if self.refusals_at_worst_s > 0 {
            lines.push(format!(
                "its successor was not published for long enough: verifiers that hold an older copy of the key set refuse new tokens \
                 for {} where they keep to its max-age, for up to {} where they do not",
                span(self.refusals_s * 1000),
                span(self.refusals_at_worst_s * 1000)
            ));
        }
        lines.push(
            "verifiers that hold an older copy of the key set take tokens of the revoked key until they fetch it again"
                .into(),
        );
        lines
    }
}

/// Asks on the terminal; without one, no.
fn confirmed(kid: &Kid) -> anyhow::Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Ok(false);
    }
    say(&format!("revoke {kid}? Type yes to go on"));
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).context("can't read the answer")?;
    Ok(answer.trim() == "yes")
}
