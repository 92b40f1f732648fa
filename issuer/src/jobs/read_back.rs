//! Reads the documents back from the public URL, and notes which keys were seen there: a staged key signs only after it was
//! seen for the whole window.

use std::sync::Arc;

use super::Job;
use crate::app::App;
use crate::publication::read_back::{by_key_set, look};
use crate::publication::{PublicUrl, SEEN_LASTS_S};
use crate::store::signing_keys;

/// None where nothing is read back.
pub(super) fn job(app: Arc<App>) -> Option<Job> {
    app.publishing().public_url.as_ref()?;
    let hooked = Arc::downgrade(&app);
    app.metrics().before_scrape(move |metrics| {
        if let Some(app) = hooked.upgrade() {
            metrics.publication.read_back_age_seconds.set(oldest_s(&app));
        }
    });
    let (interval, wake) = (app.publishing().interval, app.publishing().targets_changed.clone());
    let job = Job::new("read_back", interval, move || {
        let app = app.clone();
        async move { pass(&app).await }
    });
    Some(job.woken_by(wake))
}

/// Looks once.
pub(super) async fn pass(app: &App) -> anyhow::Result<()> {
    match &app.publishing().public_url {
        Some(public_url) => read_back(app, public_url).await,
        None => Ok(()),
    }
}

async fn read_back(app: &App, public_url: &PublicUrl) -> anyhow::Result<()> {
    let (publishing, publications) = (app.publishing(), app.publications());
    let reports = look(public_url, app.settings(), &publications).await?;
    let (now_s, now_ms) = (app.clock().now_s(), app.clock().now_ms());
    let mut faults = Vec::new();
    let sets = by_key_set(&reports, &publications);
    let mut tx = app.store().begin().await?;
    for (set, read) in &sets {
        let mut unseen = read.unseen.clone();
        match &read.unread {
            None => publishing.was_read(*set, now_s),
            Some(cause) => {
                faults.push(cause.clone());
                if publishing.unread_for_s(*set, now_s) > SEEN_LASTS_S {
                    let published = publications.keys().published(*set);
                    unseen = published.into_iter().flat_map(|jwks| &jwks.keys).map(|key| key.kid.clone()).collect();
                }
            }
        }
        for kid in &read.seen {
            signing_keys::seen(&mut tx, kid, now_ms).await?;
        }
        for kid in &unseen {
            signing_keys::unseen(&mut tx, kid).await?;
        }
    }
    tx.commit().await?;
    publishing.keep_only(|set| sets.contains_key(&set));
    app.metrics().publication.read_back(faults.is_empty());
    anyhow::ensure!(faults.is_empty(), "the public URL can't be read back: {}", faults.join("; "));
    Ok(())
}

/// The age of the read-back of the set that was not read for longest, in seconds. What is left of a retired set counts no
/// more: nothing waits for its being seen.
#[expect(clippy::cast_precision_loss, reason = "seconds of this century have few digits")]
fn oldest_s(app: &App) -> f64 {
    let now_s = app.clock().now_s();
    let sets = app.publications().keys().clone();
    let signing = sets.sets().filter(|(_, keys)| keys.signer.is_some());
    signing.map(|(set, _)| app.publishing().unread_for_s(set, now_s)).max().unwrap_or_default() as f64
}
