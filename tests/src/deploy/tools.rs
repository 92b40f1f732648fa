//! The tools of others that `.ci/setup-tools` installs: the AWS CLI, cfn-lint, parliament.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::sandbox::Sandbox;

/// What `DRIFTWISE_REQUIRE` calls them.
const REQUIREMENT: &str = "setup-tools";

/// The installed tools.
#[derive(Debug, Clone)]
pub struct SetupTools {
    /// The directory of the programs.
    bin: PathBuf,
}

/// What a tool said.
#[derive(Debug, Clone)]
pub struct Said {
    /// Its exit code; -1 when a signal ended it.
    pub code: i32,
    /// Its stdout.
    pub stdout: String,
    /// Its stderr.
    pub stderr: String,
}

impl SetupTools {
    /// The tools below `target`, the target directory; none, loudly, where they are not installed and not required.
    ///
    /// # Panics
    /// Where they are required.
    pub fn find(target: &Path) -> Option<Self> {
        let home = target.join("setup-tools/python");
        if home.join("installed.txt").exists() {
            return Some(Self { bin: home.join("bin") });
        }
        let required = std::env::var("DRIFTWISE_REQUIRE").unwrap_or_default();
        assert!(
            required.split([',', ' ']).all(|name| name != REQUIREMENT),
            "DRIFTWISE_REQUIRE names {REQUIREMENT}, but {} does not hold them: run .ci/setup-tools",
            home.display()
        );
        // Past the test runner, which shows nothing of a test that passes.
        let told = format!("SKIPPED: {} does not hold the setup tools; run .ci/setup-tools\n", home.display());
        // A standard error that is closed leaves nobody to tell.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), told.as_bytes());
        None
    }

    /// Runs a bash script with the AWS CLI in its path, as the root user of the sandbox's primary account.
    pub async fn bash(&self, sandbox: &Sandbox, script: &Path) -> anyhow::Result<Said> {
        let mut command = self.command(Path::new("bash"));
        command.arg(script).envs(sandbox.root_env());
        run(command, "").await
    }

    /// cfn-lint over template files: its errors and warnings, one JSON object each.
    pub async fn cfn_lint(&self, templates: &[PathBuf]) -> anyhow::Result<Vec<serde_json::Value>> {
        let mut command = self.command(&self.bin.join("cfn-lint"));
        command.args(["--format", "json", "--template"]).args(templates);
        let said = run(command, "").await?;
        // A bit of the exit code each for errors, warnings and remarks; 1 for itself.
        ensure!(said.code & 1 == 0 && said.stderr.is_empty(), "cfn-lint ended with {}: {}", said.code, said.stderr);
        serde_json::from_str(&said.stdout).context("cfn-lint's findings are no JSON")
    }

    /// parliament over the policies of a directory, the files that end in `.json`: its findings, one JSON object each.
    pub async fn parliament(&self, directory: &Path) -> anyhow::Result<Vec<serde_json::Value>> {
        let mut command = self.command(&self.bin.join("parliament"));
        command.arg("--json").arg("--directory").arg(directory);
        let said = run(command, "").await?;
        ensure!((0..=1).contains(&said.code), "parliament ended with {}: {}", said.code, said.stderr);
        said.stdout.lines().map(|line| serde_json::from_str(line).context("a finding is no JSON")).collect()
    }

    /// A command that sees nothing of this process's environment.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(self.bin.clone()).chain(std::env::split_paths(&path));
        command.env_clear().kill_on_drop(true);
        command.env("PATH", std::env::join_paths(paths).unwrap_or(path)).env("LANG", "C.UTF-8");
        command.env("NO_PROXY", "*").env("no_proxy", "*");
        // Nobody's profile.
        command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        command
    }
}

async fn run(mut command: Command, input: &str) -> anyhow::Result<Said> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("the tool does not start")?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    Ok(Said {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
