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
            let (mut db, now_ms) = (app.store().connection().await?, app.clock().now_ms());
            let mut forgotten = 0;
            // In small pieces, so that tokens get their rows between them.
            loop {
                match used_assertions::sweep(&mut db, now_ms).await? {
                    0 => break,
                    count => forgotten += count,
                }
            }
            tracing::debug!(forgotten, "forgot old assertions");
            Ok(())
        }
    })
}
