//! The README's main command.

use driftwise_tests::sandbox::seed::planted;
use tokio::process::Command;

use crate::program;

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_ends_by_itself_with_the_scans_exit_code() {
    let output = Command::new(program()).arg("--once").output().await.unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stdout}\n{stderr}");
    assert!(stdout.contains("sts:AssumeRoleWithWebIdentity"), "the trust policy is shown:\n{stdout}");
    assert!(stdout.contains("exit code 1: there is drift"), "{stdout}");
    for planted in planted::expected() {
        let name = planted.key.rsplit(' ').next().unwrap();
        let name = name.rsplit(['/', ':']).next().unwrap();
        assert!(stdout.contains(name), "{name} is not in\n{stdout}");
    }
}
