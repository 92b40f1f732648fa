//! A disk that is full for a while under a running issuer. What is limited is the whole process or its file system, so that
//! each test runs its part again in a process of its own; no root is needed.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use driftwise_contract::claims::TrustForm;

use crate::harness::{TestIssuer, TestKey};

/// Set in the process that has the small disk: its file system.
const SMALL_DISK: &str = "DRIFTWISE_TEST_SMALL_DISK";

/// Runs a test of this file alone, by a shell script that ends in `exec "$@"`.
fn run_alone(shell: &mut Command, script: &str, test: &str) -> Output {
    shell.args(["sh", "-c", script, "sh"]);
    shell.arg(std::env::current_exe().unwrap());
    shell.args(["--exact", &format!("full_disk::{test}"), "--ignored", "--nocapture"]);
    shell.stdin(Stdio::null()).output().unwrap()
}

fn passed(output: &Output) -> bool {
    output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1 passed")
}

fn text(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn an_issuer_whose_files_could_not_grow_mints_again_when_they_can() {
    // Without the trap, the first write beyond the limit would kill the process.
    let output = run_alone(&mut Command::new("env"), "trap '' XFSZ; exec \"$@\"", "under_a_file_size_limit");
    assert!(passed(&output), "{}", text(&output));
}

#[test]
fn an_issuer_whose_disk_was_full_mints_again_when_there_is_room() {
    let directory = tempfile::TempDir::new().unwrap();
    // The mount is the child's alone, and goes away with it.
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--mount"]);
    unshare.env(SMALL_DISK, directory.path()).env("TMPDIR", directory.path());
    let mount = format!("mount -t tmpfs -o size=4m,mode=700 none \"${SMALL_DISK}\" && exec \"$@\"");
    if !may_mount() {
        // Past the test runner, which shows nothing of a test that passes.
        let told = "SKIPPED: an issuer whose disk was full: this machine lets nobody mount in a user namespace; only the limit of \
                    a file's size was tested\n";
        std::io::stderr().write_all(told.as_bytes()).expect("stderr takes a line");
        return;
    }
    let output = run_alone(&mut unshare, &mount, "on_a_small_file_system");
    assert!(passed(&output), "{}", text(&output));
}

fn may_mount() -> bool {
    let script = "mount -t tmpfs -o size=1m none /mnt";
    let tried = Command::new("unshare").args(["--user", "--map-root-user", "--mount", "sh", "-c", script]).output();
    tried.is_ok_and(|output| output.status.success())
}

#[tokio::test]
#[ignore = "run by an_issuer_whose_files_could_not_grow_mints_again_when_they_can, in a process of its own"]
async fn under_a_file_size_limit() {
    let limit = |soft: &str| {
        let process = std::process::id().to_string();
        let done = Command::new("prlimit").args(["--pid", &process, &format!("--fsize={soft}:")]).status();
        assert!(done.unwrap().success());
    };
    survives(|| limit("1"), || limit("unlimited")).await;
}

#[tokio::test]
#[ignore = "run by an_issuer_whose_disk_was_full_mints_again_when_there_is_room, in a process of its own"]
async fn on_a_small_file_system() {
    let filler = PathBuf::from(std::env::var_os(SMALL_DISK).unwrap()).join("filler");
    let fill = || {
        let mut file = std::fs::File::create(&filler).unwrap();
        let error = loop {
            if let Err(error) = file.write_all(&[7; 4096]) {
                break error;
            }
        };
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    };
    survives(fill, || std::fs::remove_file(&filler).unwrap()).await;
}

/// An issuer mints, can't while the disk is full, and does again.
async fn survives(fill: impl Fn(), make_room: impl Fn()) {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let account = issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let agent = issuer.agent(&org, TestKey::p256()).await;
    let ask = async || issuer.ask_token(&issuer.assertion(&agent), account.role_arn().as_str()).await.status();
    assert_eq!(ask().await, 200);
    for _ in 0..2 {
        fill();
        // More often than the pool has connections.
        for _ in 0..10 {
            assert!(ask().await.is_server_error(), "no token without its row");
            assert!(issuer.running.refresh().await.is_err(), "the keys' catalogue takes no tick");
        }
        make_room();
        issuer.running.refresh().await.unwrap();
        for _ in 0..10 {
            issuer.running.refresh().await.unwrap();
            assert_eq!(ask().await, 200);
        }
    }
    issuer.running.shutdown().await.unwrap();
}
