//! One run of a program as a child process.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use tokio::process::Command;

/// A program that is about to run.
pub struct Program {
    command: Command,
    shown: String,
}

impl Program {
    /// `program` (the multi-call binary) as `driftwise-<name>`. Of this process's environment only `PATH` is passed on:
    /// no AWS credential or endpoint of the machine can leak into a test.
    pub fn new(program: &Path, name: &str) -> Self {
        let mut command = Command::new(program);
        command.arg(name).env_clear().kill_on_drop(true).stdin(Stdio::null());
        for kept in ["PATH", "HOME", "LANG", "TERM", "NO_COLOR", "RUST_BACKTRACE", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        Self { command, shown: format!("driftwise-{name}") }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg.as_ref());
        self.shown.push(' ');
        self.shown.push_str(&arg.as_ref().to_string_lossy());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(self, args: &[&str]) -> Self {
        args.iter().fold(self, Program::arg)
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.command.env(name, value.into());
        self
    }

    /// The command line, for people.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The command, for those who wait for something else than its end.
    pub(super) fn into_parts(self) -> (Command, String) {
        (self.command, self.shown)
    }

    /// Runs it to its end with captured output.
    pub async fn run(mut self) -> anyhow::Result<Finished> {
        let output = self.command.output().await.with_context(|| format!("{} did not start", self.shown))?;
        Ok(Finished {
            shown: self.shown,
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).context("stdout is not UTF-8")?,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs it to its end on this process's own stdout and stderr, and gives its exit code.
    pub async fn run_visibly(mut self) -> anyhow::Result<i32> {
        let status = self.command.status().await.with_context(|| format!("{} did not start", self.shown))?;
        Ok(status.code().unwrap_or(-1))
    }
}

/// A program that ended.
#[derive(Debug)]
pub struct Finished {
    shown: String,
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
    /// Its data.
    pub stdout: String,
    /// Its talk.
    pub stderr: String,
}

impl Finished {
    /// Itself, when it ended with 0.
    pub fn success(self) -> anyhow::Result<Self> {
        ensure!(self.code == 0, "{} ended with {}:\n{}", self.shown, self.code, self.stderr);
        Ok(self)
    }

    /// Its stdout as JSON.
    pub fn json(&self) -> anyhow::Result<serde_json::Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("{} printed no JSON: {}", self.shown, self.stdout))
    }
}
