//! A `driftwise-issuer serve` as a process of its own, which can be paused.

use std::process::Stdio;

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::Program;

/// A running issuer. Dropping it kills it.
pub struct Served {
    child: Child,
    url: String,
    log: JoinHandle<String>,
}

impl Served {
    /// Starts the program and waits for the log line that says where it listens.
    pub(super) async fn start(program: Program) -> anyhow::Result<Self> {
        let (mut command, shown) = program.into_parts();
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("stderr is piped")?).lines();
        let mut log = String::new();
        let address = loop {
            let Some(line) = lines.next_line().await? else {
                bail!("{shown} ended at its start with {}:\n{log}", child.wait().await?);
            };
            log.push_str(&line);
            log.push('\n');
            if let Some((_, rest)) = line.split_once("address=").filter(|_| line.contains(" serving ")) {
                break rest.split_whitespace().next().unwrap_or_default().to_owned();
            }
        };
        // Read to the end: a full pipe would stop the issuer.
        let log = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                log.push_str(&line);
                log.push('\n');
            }
            log
        });
        Ok(Self { child, url: format!("http://{address}"), log })
    }

    /// Where it listens, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// An address of it: `path` starts with a slash.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Freezes it, as a suspended machine does: connections are still accepted by the kernel, and nothing answers.
    pub async fn pause(&self) -> anyhow::Result<()> {
        self.signal("-STOP").await
    }

    /// Lets it go on.
    pub async fn go_on(&self) -> anyhow::Result<()> {
        self.signal("-CONT").await
    }

    /// Stops it as a service manager does, and gives its log. It must end with 0.
    pub async fn stop(mut self) -> anyhow::Result<String> {
        self.signal("-TERM").await?;
        let status = self.child.wait().await?;
        let log = self.log.await?;
        ensure!(status.success(), "the issuer ended with {status}:\n{log}");
        Ok(log)
    }

    async fn signal(&self, name: &str) -> anyhow::Result<()> {
        let id = self.child.id().context("the issuer has ended")?;
        let status = Command::new("kill").args([name, &id.to_string()]).status().await?;
        ensure!(status.success(), "kill {name} {id} ended with {status}");
        Ok(())
    }
}
