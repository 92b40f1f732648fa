//! A master key that a command prints: a password manager, a cloud's secret store, an HSM's tool.

use std::fmt;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretSlice};

use super::{KeyringError, MasterKey};

/// How long the command may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// More than any spelling of a master key.
const OUTPUT_MAX_BYTES: u64 = 4096;
/// What is kept of stderr, for its last line.
const STDERR_MAX_BYTES: u64 = 64 * 1024;
const LINE_MAX_CHARS: usize = 200;

/// A command, run without a shell. What it prints on stdout is never shown; of stderr, the last line is, when it failed.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKeyCommand {
    setting: &'static str,
    program: String,
    arguments: Vec<String>,
}

impl MasterKeyCommand {
    /// The command that a setting holds: the program, then its arguments. None for an empty one.
    pub fn new(setting: &'static str, command: Vec<String>) -> Option<Self> {
        let mut words = command.into_iter();
        let program = words.next().filter(|program| !program.is_empty())?;
        Some(Self { setting, program, arguments: words.collect() })
    }

    /// Runs it and reads the key. Blocks for 30 seconds at most.
    pub(super) fn run(&self) -> Result<MasterKey, KeyringError> {
        self.run_within(TIMEOUT)
    }

    fn run_within(&self, timeout: Duration) -> Result<MasterKey, KeyringError> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| self.fault(format!("it can't be started: {error}")))?;
        let stdout = read(child.stdout.take(), OUTPUT_MAX_BYTES);
        let stderr = read(child.stderr.take(), STDERR_MAX_BYTES);
        // The pipes close when the command, and all that it started, has ended.
        let output = stdout.recv_timeout(timeout);
        let Ok(output) = output else {
            end(&mut child);
            return Err(self.fault(format!("it did not end within {} s", timeout.as_secs())));
        };
        let status = child.wait().map_err(|error| self.fault(format!("it can't be waited for: {error}")))?;
        if !status.success() {
            let said = stderr.recv_timeout(timeout).ok().and_then(|bytes| last_line(bytes.expose_secret()));
            return Err(self.fault(match said {
                Some(line) => format!("it ended with {status}, saying: {line}"),
                None => format!("it ended with {status}"),
            }));
        }
        let text =
            std::str::from_utf8(output.expose_secret()).map_err(|_| self.fault("its output is not text".to_owned()))?;
        MasterKey::parse(text, format!("{} ({})", self.setting, self.program))
    }

    fn fault(&self, cause: String) -> KeyringError {
        KeyringError::MasterKeyCommand { setting: self.setting, program: self.program.clone(), cause }
    }
}

/// Without the arguments, which may name secrets.
impl fmt::Debug for MasterKeyCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKeyCommand").field("program", &self.program).finish_non_exhaustive()
    }
}

/// Reads a pipe on a thread of its own, so that neither pipe can fill up while the other is waited for.
fn read(pipe: Option<impl Read + Send + 'static>, limit_bytes: u64) -> mpsc::Receiver<SecretSlice<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let Some(mut pipe) = pipe else { return };
        let mut bytes = Vec::new();
        let mut drained = [0; 1024];
        if pipe.by_ref().take(limit_bytes).read_to_end(&mut bytes).is_ok() {
            // What is over the limit is read and dropped: a full pipe would stop the command.
            while matches!(pipe.read(&mut drained), Ok(length) if length > 0) {}
            // Nobody waits any more when the time was over.
            let _ = sender.send(bytes.into());
        }
    });
    receiver
}

fn end(child: &mut Child) {
    // It may have ended by itself just now.
    let _ = child.kill();
    let _ = child.wait();
}

/// The last line that says something, without control characters.
fn last_line(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().filter(|c| !c.is_control()).take(LINE_MAX_CHARS).collect())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> MasterKeyCommand {
        MasterKeyCommand::new("keys.master_key_command", vec!["sh".into(), "-c".into(), script.into()]).unwrap()
    }

    #[test]
    fn what_a_command_prints_is_the_master_key() {
        let key = shell("echo MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=; echo talk >&2").run().unwrap();
        assert_eq!(key.expose_secret(), b"0123456789abcdefghijklmnopqrstuv");
    }

    #[test]
    fn a_command_that_fails_is_told_by_its_last_line_and_never_by_its_output() {
        for (script, cause) in [
            ("echo topsecret; echo first >&2; echo 'no such secret' >&2; exit 3", "no such secret"),
            ("echo topsecret", "is not 32 bytes"),
            ("echo topsecret; kill -9 $$", "signal"),
            ("printf 'topsecret\\377'", "not text"),
            ("head -c 1000000 /dev/zero | tr '\\0' a", "is not 32 bytes"),
        ] {
            let error = shell(script).run().unwrap_err().to_string();
            assert!(error.contains(cause), "{script}: {error}");
            assert!(!error.contains("topsecret") && !error.contains("first") && error.len() < 400, "{script}: {error}");
        }
        let missing = MasterKeyCommand::new("keys.master_key_command", vec!["/nonexistent/tool".into()]).unwrap();
        let error = missing.run().unwrap_err();
        assert!(
            error.to_string().contains("/nonexistent/tool") && error.to_string().contains("can't be started"),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("by hand"));
        assert!(!format!("{:?}", shell("topsecret")).contains("topsecret"));
    }

    #[test]
    fn a_command_that_hangs_is_ended() {
        let error = shell("exec sleep 600").run_within(Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("did not end within"), "{error}");
    }

    #[test]
    fn no_shell_reads_the_arguments() {
        let words = ["echo", "$(touch /tmp/never)", "; echo MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY="];
        let command = MasterKeyCommand::new("keys.master_key_command", words.map(str::to_owned).to_vec()).unwrap();
        assert!(matches!(command.run(), Err(KeyringError::MasterKeyInvalid { .. })));
    }
}
