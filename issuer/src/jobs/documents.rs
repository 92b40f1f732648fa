//! Keeps what is published in step with the keys and with the orgs' issuers, which the command line changes in the store.

use std::sync::Arc;
use std::time::Duration;

use super::Job;
use crate::app::App;

/// How soon a change of another process is seen.
const PERIOD: Duration = Duration::from_secs(5);

pub(super) fn job(app: Arc<App>) -> Job {
    Job::new("documents", PERIOD, move || {
        let app = app.clone();
        async move { Ok(app.republish().await?) }
    })
}
