//! `driftwise-issuer publish`: the documents to their targets now, or a look at the public URL.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::{Context, output};
use crate::Error;
use crate::clock::SystemClock;
use crate::federation::Publications;
use crate::keyring::Keyring;
use crate::publication::check::{IssuerReport, Level};
use crate::publication::read_back::look;
use crate::publication::{PublicUrl, Publisher};
use crate::store::{Store, orgs};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Publish nothing: look at the public URL as AWS does and say what would keep AWS from trusting it. Exits with 1 on a
    /// fault
    #[arg(long)]
    check: bool,
    /// Look there instead of where DNS leads, for instance before DNS is switched
    #[arg(long, value_name = "ADDRESS:PORT", requires = "check")]
    connect_to: Option<SocketAddr>,
}

#[derive(Serialize)]
struct PublishedView {
    target: String,
    written: usize,
    unchanged: usize,
}

pub(super) async fn run(arguments: &Arguments, mut context: Context<'_>) -> anyhow::Result<()> {
    let store = context.store().await?;
    let publications = publications(&context, &store).await?;
    if arguments.check {
        return check(arguments, &publications, &mut context).await;
    }
    let publisher = Publisher::open(&context.config.publication).await;
    if publisher.is_empty() {
        return Err(Error::NoPublicationTarget.into());
    }
    let (mut views, mut faults) = (Vec::new(), 0);
    for published in publisher.publish(&publications, &store).await {
        match published.outcome {
            Ok(count) => views.push(PublishedView {
                target: published.place,
                written: count.written,
                unchanged: count.unchanged,
            }),
            Err(error) => {
                faults += 1;
                output::say(&format!("error: {error}"));
                if let Some(hint) = error.hint {
                    output::say(&format!("hint: {hint}"));
                }
            }
        }
    }
    context.output.rows(&["TARGET", "WRITTEN", "UNCHANGED"], &views, |view| {
        vec![view.target.clone(), view.written.to_string(), view.unchanged.to_string()]
    })?;
    anyhow::ensure!(faults == 0, "{faults} of the targets could not be published to");
    Ok(())
}

async fn check(arguments: &Arguments, publications: &Publications, context: &mut Context<'_>) -> anyhow::Result<()> {
    let settings = context.config.settings();
    let host = settings.issuer.without_scheme().split(['/', ':']).next().unwrap_or_default();
    let connect_to = arguments.connect_to.map(|address| (host, address));
    let ca_file = context.config.publication.ca_file.as_deref();
    let public_url = PublicUrl::new(Arc::new(SystemClock), ca_file, connect_to).map_err(Error::from)?;
    let reports: Vec<IssuerReport> =
        look(&public_url, &settings, publications).await?.into_iter().map(|(_, report)| report).collect();
    context.output.documents(&reports, |report| {
        let mut lines = vec![report.issuer.to_string()];
        for finding in &report.findings {
            lines.push(format!("  {:<8} {:<12} {}", finding.level.to_string(), finding.what, finding.text));
            lines.extend(finding.fix.iter().map(|fix| format!("  {:<21} fix: {fix}", "")));
        }
        lines
    })?;
    let faults = reports.iter().flat_map(|report| &report.findings).filter(|finding| finding.level == Level::Fault);
    match faults.count() {
        0 => Ok(()),
        1 => anyhow::bail!("AWS would refuse: 1 fault"),
        faults => anyhow::bail!("AWS would refuse: {faults} faults"),
    }
}

/// What a running issuer publishes now, from the same keys and store.
async fn publications(context: &Context<'_>, store: &Store) -> anyhow::Result<Publications> {
    let catalogue = context.config.catalogue(store, Arc::new(SystemClock));
    let keys = Arc::new(Keyring::look(&catalogue).await.map_err(Error::from)?);
    let issuers = orgs::issuers(&mut *store.connection().await?).await?;
    Ok(Publications::new(&context.config.settings(), keys, issuers)?)
}
