//! What the issuer does by itself, again and again: one file per job, one runner for all.
//!
//! A job is one *pass*: a function that may run at any time, on any replica, twice at once or broken off half way, and leaves
//! the same result. The runner spreads passes by jitter, waits longer after each failure (capped), logs a failure once and counts
//! every pass. A job may also be woken early. To add one: a file here with `job(app)`, and a row in [`all`].

mod certificate;
mod documents;
mod publish;
mod read_back;
mod rotate;
mod runner;
mod seal;
mod sweep;

use std::sync::Arc;

pub(crate) use runner::{Job, Runner};

use crate::app::App;

/// Every job of a running issuer.
pub(crate) fn all(app: &Arc<App>) -> Vec<Job> {
    let always = [
        documents::job(app.clone()),
        rotate::refresh(app.clone()),
        rotate::rotate(app.clone()),
        sweep::job(app.clone()),
        seal::job(app.clone()),
        certificate::job(app.clone()),
    ];
    let where_configured = [publish::job(app.clone()), read_back::job(app.clone())];
    always.into_iter().chain(where_configured.into_iter().flatten()).collect()
}

/// One look at the public URL, at once.
pub(crate) async fn read_back(app: &App) -> anyhow::Result<()> {
    read_back::pass(app).await
}
