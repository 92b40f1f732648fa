//! Forgets assertions that can't be valid any more.

use std::sync::Arc;
use std::time::Duration;

use super::Job;
use crate::app::App;
use crate::store::used_assertions;

const PERIOD: Duration = Duration::from_mins(1);

pub(super) fn job(app: Arc<App>) -> Job {
    Job::new("sweep", PERIOD, move || {
        let app = app.clone();
        async move {
            let mut db = app.store().connection().await?;
            let forgotten = used_assertions::sweep(&mut db, app.clock().now_ms()).await?;
            tracing::debug!(forgotten, "forgot old assertions");
            Ok(())
        }
    })
}
