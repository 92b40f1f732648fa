//! Seals the ends of the audit log's chains.

use std::sync::Arc;
use std::time::Duration;

use super::Job;
use crate::app::App;

const PERIOD: Duration = Duration::from_mins(1);

pub(super) fn job(app: Arc<App>) -> Job {
    Job::new("seal", PERIOD, move || {
        let app = app.clone();
        async move { Ok(app.seal_audit_log().await?) }
    })
}
