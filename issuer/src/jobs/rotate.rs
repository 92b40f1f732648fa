//! Keeps the signing keys fresh: refreshes this issuer's snapshot every few seconds, and does what rotation plans.

use std::sync::Arc;
use std::time::Duration;

use super::Job;
use crate::app::App;
use crate::keyring::rotation::KeyState;
use crate::store::signing_keys;

/// How often rotation is planned. Windows are hours: a minute more does not count.
const ROTATE: Duration = Duration::from_mins(1);

const DAY_S: f64 = 86_400.0;

pub(super) fn refresh(app: Arc<App>) -> Job {
    Job::new("refresh_keys", app.keyring().catalogue().settings().refresh, move || {
        let app = app.clone();
        async move { Ok(app.keyring().refresh().await?) }
    })
}

pub(super) fn rotate(app: Arc<App>) -> Job {
    Job::new("rotate_keys", ROTATE, move || {
        let app = app.clone();
        async move {
            for (set, action) in app.keyring().rotate().await? {
                tracing::info!(key.set = %set, action = ?action, "rotated");
            }
            measure(&app).await
        }
    })
}

/// Sets the metrics of the keys.
async fn measure(app: &App) -> anyhow::Result<()> {
    let keys = signing_keys::present(&mut *app.store().connection().await?).await?;
    let metrics = &app.metrics().keys;
    for (label, state) in [("staged", KeyState::Staged), ("active", KeyState::Active), ("retired", KeyState::Retired)] {
        metrics.set_count(label, keys.iter().filter(|key| key.state == state).count());
    }
    let active = keys.iter().filter(|key| key.state == KeyState::Active);
    if let Some(since_ms) = active.filter_map(|key| key.activated_at_ms).min() {
        let age =
            Duration::from_millis(u64::try_from(app.clock().now_ms().saturating_sub(since_ms)).unwrap_or_default());
        metrics.active_age_seconds.set(age.as_secs_f64());
        let period = app.keyring().catalogue().settings().rotation_period;
        metrics.days_to_rotation.set((period.as_secs_f64() - age.as_secs_f64()) / DAY_S);
    }
    Ok(())
}
