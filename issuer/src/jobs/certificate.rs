//! Serves with a renewed TLS certificate soon after its files changed.

use std::sync::Arc;
use std::time::Duration;

use super::Job;
use crate::app::App;

const PERIOD: Duration = Duration::from_secs(10);

pub(super) fn job(app: Arc<App>) -> Job {
    Job::new("certificate", PERIOD, move || {
        let app = app.clone();
        async move {
            // Two small files. A fault was told where it was found.
            let _ = app.reload_certificate();
            Ok(())
        }
    })
}
