//! Keeps the signing keys fresh: refreshes this issuer's snapshot every few seconds, and does what rotation plans.

use std::sync::Arc;
use std::time::Duration;

use super::Job;
use crate::app::App;

/// How often this issuer says that it lives and learns of changes.
const REFRESH: Duration = Duration::from_secs(5);

/// How often rotation is planned. Windows are hours: a minute more does not count.
const ROTATE: Duration = Duration::from_mins(1);

pub(super) fn refresh(app: Arc<App>) -> Job {
    Job::new("refresh_keys", REFRESH, move || {
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
            Ok(())
        }
    })
}
