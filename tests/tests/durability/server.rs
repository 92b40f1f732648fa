//! An issuer as a process of its own, which can be killed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// How to start the issuer's programs.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) program: PathBuf,
    pub(crate) config: PathBuf,
}

/// A running `driftwise-issuer serve`.
pub(crate) struct Server {
    child: Child,
    log: JoinHandle<String>,
}

impl Programs {
    /// `driftwise-issuer` with these arguments. Nothing of this process's environment is passed on but the `PATH`.
    pub(crate) fn issuer(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("issuer").args(args).arg("--config").arg(&self.config);
        command.env_clear().kill_on_drop(true).stdin(Stdio::null());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
    }

    /// A command's stdout as JSON; it must end with 0.
    pub(crate) async fn json(&self, args: &[&str]) -> anyhow::Result<serde_json::Value> {
        let output = self.issuer(args).output().await?;
        if !output.status.success() {
            bail!("{args:?} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        serde_json::from_slice(&output.stdout).with_context(|| format!("{args:?} printed no JSON"))
    }

    /// Starts the issuer and returns once it serves.
    pub(crate) async fn serve(&self, listen: SocketAddr) -> anyhow::Result<Server> {
        let mut command = self.issuer(&["serve"]);
        command.env("DRIFTWISE_ISSUER__SERVER__LISTEN", listen.to_string());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("stderr is piped")?).lines();
        let mut log = String::new();
        loop {
            let Some(line) = lines.next_line().await? else {
                bail!("the issuer ended at its start with {}:\n{log}", child.wait().await?);
            };
            log.push_str(&line);
            log.push('\n');
            if line.contains(" serving") {
                break;
            }
        }
        // Read to the end: a full pipe would stop the issuer.
        let log = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                log.push_str(&line);
                log.push('\n');
            }
            log
        });
        Ok(Server { child, log })
    }
}

impl Server {
    /// SIGKILL: no handler runs, no buffer is written. Gives the log.
    pub(crate) async fn kill(mut self) -> anyhow::Result<String> {
        self.child.kill().await?;
        Ok(self.log.await?)
    }
}
