//! Publishes the documents to the configured targets.

use std::sync::Arc;

use super::Job;
use crate::app::App;

/// None where there is no target.
pub(super) fn job(app: Arc<App>) -> Option<Job> {
    if app.publishing().publisher.is_empty() {
        return None;
    }
    let (interval, wake) = (app.publishing().interval, app.publishing().documents_changed.clone());
    let job = Job::new("publish", interval, move || {
        let app = app.clone();
        async move { publish(&app).await }
    });
    Some(job.woken_by(wake))
}

async fn publish(app: &App) -> anyhow::Result<()> {
    let publishing = app.publishing();
    let mut faults = Vec::new();
    for published in publishing.publisher.publish(&app.publications(), app.store()).await {
        app.metrics().publication.published(published.kind, published.outcome.is_ok());
        match published.outcome {
            Ok(count) if count.written > 0 => {
                tracing::info!(target.place = published.place, documents = count.written, "published documents");
                publishing.targets_changed.notify_one();
            }
            Ok(_) => {}
            Err(error) => faults.push(match error.hint {
                Some(hint) => format!("{error}. {hint}"),
                None => error.to_string(),
            }),
        }
    }
    anyhow::ensure!(faults.is_empty(), "{}", faults.join("; "));
    Ok(())
}
