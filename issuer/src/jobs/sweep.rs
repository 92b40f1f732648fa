//! Forgets what can't count any more: assertions, sessions and links of admins, failed sign-ins.

use std::sync::Arc;
use std::time::Duration;

use super::Job;
use crate::accounts::admin::FORGOTTEN_AFTER;
use crate::app::App;
use crate::store::{admin_links, sign_in_failures, used_assertions, web_sessions};

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
            let (begun_ms, seen_ms) = app.web().ended_ms(now_ms);
            web_sessions::sweep(&mut db, begun_ms, seen_ms).await?;
            admin_links::sweep(&mut db, now_ms).await?;
            let forgotten_ms = i64::try_from(FORGOTTEN_AFTER.as_millis()).unwrap_or(i64::MAX);
            sign_in_failures::sweep(&mut db, now_ms.saturating_sub(forgotten_ms)).await?;
            Ok(())
        }
    })
}
