//! `driftwise-issuer serve`

use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use tokio::net::TcpListener;

use super::Context;
use crate::app::{Issuer, LostKeys};
use crate::clock::SystemClock;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Give lost signing keys up and make a new one: tokens signed by the old keys stop verifying. For an empty key
    /// directory only
    #[arg(long)]
    new_key: bool,
}

/// Serves in the foreground. The first SIGINT or SIGTERM lets running requests end; a second one ends at once. SIGHUP reads
/// the TLS certificate again.
pub(super) async fn run(arguments: &Arguments, context: Context<'_>) -> anyhow::Result<()> {
    let listen = context.config.server.listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("can't listen on {listen} (server.listen): is another process there?"))?;
    let mut stop = stop_signals()?;
    let lost_keys = if arguments.new_key { LostKeys::GiveUp } else { LostKeys::Refuse };
    let start = Issuer::start_with(context.config, Arc::new(SystemClock), listener, lost_keys);
    let mut issuer = Box::pin(start).await?;
    let mut hangup = hangup_signals()?;
    loop {
        tokio::select! {
            error = issuer.failed() => return Err(error),
            () = hangup.next() => {
                // A fault is in the log already; the old certificate stays.
                let _ = issuer.reload_certificate();
            }
            _ = stop.recv() => break,
        }
    }
    tracing::info!("stopping; running requests may end");
    tokio::select! {
        done = issuer.shutdown() => done,
        _ = stop.recv() => anyhow::bail!("stopped hard by a second signal"),
    }
}

/// SIGHUP, where there are signals.
struct Hangups {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
}

impl Hangups {
    async fn next(&mut self) {
        #[cfg(unix)]
        if self.signal.recv().await.is_some() {
            return;
        }
        std::future::pending::<()>().await;
    }
}

fn hangup_signals() -> anyhow::Result<Hangups> {
    Ok(Hangups {
        #[cfg(unix)]
        signal: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())
            .context("can't listen for SIGHUP")?,
    })
}

/// One message per SIGINT or SIGTERM.
fn stop_signals() -> anyhow::Result<tokio::sync::mpsc::Receiver<()>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(2);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).context("can't listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("can't listen for SIGINT")?;
        tokio::spawn(async move {
            loop {
                tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
                if sender.send(()).await.is_err() {
                    return;
                }
            }
        });
    }
    #[cfg(not(unix))]
    tokio::spawn(async move { while tokio::signal::ctrl_c().await.is_ok() && sender.send(()).await.is_ok() {} });
    Ok(receiver)
}
