//! Bad input gets an error that names the input, the cause and the fix; nothing is half-written.

use driftwise_tests::sandbox::sts::OTHER_ACCOUNT;
use driftwise_tests::sandbox::{Fault, FaultRule};
use driftwise_tests::stage::{ACCOUNT_ID, Customer, REGION, Stage, small_state};

use crate::{assert_fails_with, program};

async fn small() -> (Stage, Customer) {
    Stage::open_small(program()).await.expect("the small account is set up")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_is_none_is_named_with_what_it_is() {
    let (stage, customer) = small().await;
    let whole = small_state().to_string();
    let cases: [(&str, &[u8], &str, &str); 6] = [
        ("truncated.tfstate", &whole.as_bytes()[..whole.len() - 40], "state.truncated", "line 1"),
        (
            "encrypted.tfstate",
            br#"{"serial":3,"lineage":"x","meta":{"k":"v"},"encrypted_data":"b64","encryption_version":"v0"}"#,
            "state.encrypted",
            "OpenTofu",
        ),
        ("empty.tfstate", b"", "state.empty", "empty"),
        ("page.tfstate", b"<html><body>404</body></html>", "state.not_a_state", ""),
        ("package.tfstate", br#"{"name":"left-pad","version":"1.3.0"}"#, "state.not_a_state", ""),
        (
            "stub.tfstate",
            br#"{"version":3,"serial":1,"lineage":"x","backend":{"type":"s3","config":{},"hash":1},"modules":[]}"#,
            "state.backend_stub",
            "",
        ),
    ];
    for (key, body, code, word) in cases {
        stage.put_state(key, body).await.unwrap();
        let uri = format!("s3://acme-small-state/{key}");
        let finished = stage.agent(&customer.data_dir, &["scan", "--state", &uri]).run().await.unwrap();
        assert_fails_with(&finished, code);
        assert!(finished.stderr.contains(&uri) && finished.stderr.contains(word), "{key}: {}", finished.stderr);

        // The same from a file, with the command that only reads.
        let path = stage.directory().join(key);
        std::fs::write(&path, body).unwrap();
        let finished = stage.agent(&customer.data_dir, &["state"]).arg(&path).run().await.unwrap();
        assert_eq!(finished.code, 2, "{key}: {}", finished.stderr);
        assert!(finished.stderr.contains(code) && finished.stderr.contains(key), "{key}: {}", finished.stderr);
    }
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_is_not_there_or_not_allowed_is_named() {
    let (stage, customer) = small().await;
    let uri = "s3://acme-small-state/no/such.tfstate";
    let finished = stage.agent(&customer.data_dir, &["scan", "--state", uri]).run().await.unwrap();
    assert_fails_with(&finished, "state.not_found");
    assert!(finished.stderr.contains(uri), "{}", finished.stderr);
    let finished =
        stage.agent(&customer.data_dir, &["scan", "--state", "s3://no-such-bucket/x.tfstate"]).run().await.unwrap();
    assert_fails_with(&finished, "state.not_found");
    stage.sandbox.world().faults.add(FaultRule::new("s3", "GetObject", Fault::AccessDenied));
    let finished = stage.scan_small(&customer, &[]).run().await.unwrap();
    assert_fails_with(&finished, "state.access_denied");
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn resource_explorer_that_is_not_set_up_is_named_each_way() {
    let (stage, customer) = small().await;
    let finished = stage.scan_small(&customer, &["--region", "us-east-1"]).run().await.unwrap();
    assert_fails_with(&finished, "aws.resource_explorer.wrong_region");
    assert!(finished.stderr.contains(REGION), "the right region is named: {}", finished.stderr);

    let world = stage.sandbox.world();
    world.account_mut(ACCOUNT_ID, |account| account.inventory.default_views.clear());
    assert_fails_with(&stage.scan_small(&customer, &[]).run().await.unwrap(), "aws.resource_explorer.no_default_view");

    world.account_mut(ACCOUNT_ID, |account| account.inventory.indexes.clear());
    assert_fails_with(&stage.scan_small(&customer, &[]).run().await.unwrap(), "aws.resource_explorer.not_enabled");
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_finished_scan_leaves_no_half_report() {
    let (stage, customer) = small().await;
    let path = stage.directory().join("report.json");
    let shown = path.display().to_string();
    let args = ["--output", "json", "--output-file", shown.as_str()];
    let finished = stage.scan_small(&customer, &args).run().await.unwrap();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let before = std::fs::read(&path).unwrap();

    // The index breaks, for good.
    let broken = Fault::Error { status: 500, code: "InternalServerException".into(), message: "broken".into() };
    stage.sandbox.world().faults.add(FaultRule::new("resource-explorer-2", "ListResources", broken));
    let finished = stage.scan_small(&customer, &args).run().await.unwrap();
    assert_fails_with(&finished, "aws.service_error");
    assert_eq!(std::fs::read(&path).unwrap(), before, "the last whole report stands");
    let left: Vec<_> = std::fs::read_dir(stage.directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains("report"))
        .collect();
    assert_eq!(left, ["report.json"]);
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_for_another_account_reads_nothing() {
    let (stage, customer) = small().await;
    // The endpoint answers for another account than the one that was registered.
    let lie = Fault::Lie(OTHER_ACCOUNT.into());
    stage.sandbox.world().faults.add(FaultRule::new("sts", "GetCallerIdentity", lie));
    let before = stage.sandbox.world().calls("resource-explorer-2", "ListResources");
    assert_fails_with(&stage.scan_small(&customer, &[]).run().await.unwrap(), "aws.sts.wrong_account");
    assert_eq!(stage.sandbox.world().calls("resource-explorer-2", "ListResources"), before);
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_master_key_does_not_start_the_issuer_and_changes_nothing() {
    let (stage, _) = small().await;
    let keys = stage.directory().join("keys");
    let snapshot = |directory: &std::path::Path| {
        let mut files: Vec<(std::path::PathBuf, Vec<u8>)> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.file_name().is_some_and(|name| name != "master.key"))
            .map(|path| (path.clone(), std::fs::read(&path).unwrap()))
            .collect();
        files.sort();
        files
    };
    let before = snapshot(&keys);
    let other = stage.directory().join("other.key");
    std::fs::write(&other, "Zm9yIHRlc3RzIG9ubHksIDMyIGJ5dGVzIG9mIGtleSE=\n").unwrap();
    let finished = stage
        .issuer(&["serve"])
        .env("DRIFTWISE_ISSUER__KEYS__MASTER_KEY_FILE", other.as_os_str().to_owned())
        .env("DRIFTWISE_ISSUER__SERVER__LISTEN", "127.0.0.1:0")
        .run()
        .await
        .unwrap();
    assert_ne!(finished.code, 0);
    assert!(finished.stderr.contains("master key"), "{}", finished.stderr);
    assert_eq!(snapshot(&keys), before);
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_are_no_ids_are_refused_at_the_field() {
    let (stage, customer) = small().await;
    let org = customer.org.to_string();
    let cases: [(&[&str], &str); 4] = [
        (
            &[
                "account",
                "register",
                "--org",
                &org,
                "--account-id",
                "1234",
                "--role-arn",
                "arn:aws:iam::123456789012:role/x",
                "--region",
                REGION,
            ],
            "12 digits",
        ),
        (
            &[
                "account",
                "register",
                "--org",
                &org,
                "--account-id",
                ACCOUNT_ID,
                "--role-arn",
                "arn:aws:s3:::bucket",
                "--region",
                REGION,
            ],
            "role",
        ),
        (
            &[
                "account",
                "register",
                "--org",
                &org,
                "--account-id",
                ACCOUNT_ID,
                "--role-arn",
                "arn:aws:iam::123456789012:role/x",
                "--region",
                "Frankfurt",
            ],
            "eu-central-1",
        ),
        (&["setup", "bucket-policy", "--org", &org, "--account", ACCOUNT_ID, "--bucket", "Not_A_Bucket\""], "bucket"),
    ];
    for (args, word) in cases {
        let finished = stage.issuer(args).run().await.unwrap();
        assert_ne!(finished.code, 0, "{args:?}");
        assert!(finished.stderr.contains(word), "{args:?}: {}", finished.stderr);
        assert_eq!(finished.stdout, "");
    }
    stage.close().await.unwrap();
}
