//! The audit log from outside: what is done has its row, and a log that was tampered with does not verify.

use driftwise_contract::claims::TrustForm;
use driftwise_issuer::accounts::ApiKeyScope;
use driftwise_issuer::audit::{Chain, Expected, verify};
use driftwise_issuer::store::{Store, audit};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::command_line::Program;
use crate::harness::{TestIssuer, TestKey};

const ROLE: &str = "arn:aws:iam::123456789012:role/scan";

fn types(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["event"]["type"].as_str().unwrap()).collect()
}

#[test]
fn what_an_administrator_does_is_in_the_orgs_chain_and_the_chain_verifies() {
    let program = Program::new();
    let org = program.ok(&["org", "create", "--name", "Acme"]);
    let org = org.trim();
    let account = ["--org", org, "--account-id", "123456789012"];
    program.ok(&[&["account", "register"][..], &account, &["--role-arn", ROLE, "--region", "eu-central-1"]].concat());
    let code = program.ok(&["agent", "enrol", "--org", org]);
    program.ok(&[&["account", "remove"][..], &account].concat());

    let rows = program.json(&["audit", "list", "--org", org, "--json"]);
    assert_eq!(types(&rows), ["org_created", "account_registered", "enrolment_code_made", "account_removed"]);
    assert_eq!(rows[1]["event"]["role"], ROLE);
    assert!(rows.as_array().unwrap().iter().all(|row| row["event"]["actor"]["kind"] == "operator"));
    assert!(!rows.to_string().contains(code.trim()), "a code is never logged");
    let rest = program.json(&["audit", "list", "--org", org, "--after-seq", "2", "--limit", "1", "--json"]);
    assert_eq!((rest.as_array().unwrap().len(), &rest[0]), (1, &rows[2]));

    let verdicts = program.json(&["audit", "verify", "--json"]);
    let verdict = verdicts.as_array().unwrap().iter().find(|verdict| verdict["chain"] == org).unwrap();
    assert_eq!((&verdict["intact"], &verdict["rows"], &verdict["hash"]), (&true.into(), &4.into(), &rows[3]["hash"]));
    assert_eq!(verdicts[0]["chain"], "platform");

    let hash = rows[3]["hash"].as_str().unwrap();
    program.ok(&["audit", "verify", "--org", org, "--expected-min-seq", "4", "--expected-hash", hash]);
    let short = program.run(&["audit", "verify", "--org", org, "--expected-min-seq", "5"]);
    let talk = String::from_utf8(short.stderr).unwrap();
    assert_eq!(short.status.code(), Some(1));
    assert!(talk.contains("has 4 rows, at least 5 were expected"), "{talk}");
    let unclear = program.run(&["audit", "verify", "--expected-min-seq", "5"]);
    assert_eq!(unclear.status.code(), Some(2), "of which chain?");
}

#[test]
fn exports_are_json_lines_and_go_on_where_the_last_one_ended() {
    let program = Program::new();
    let org = program.ok(&["org", "create", "--name", "Acme"]);
    let org = org.trim();
    program.ok(&["agent", "enrol", "--org", org]);
    let lines = |arguments: &[&str]| -> Vec<Value> {
        program.ok(arguments).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let ocsf = lines(&["audit", "export", "--org", org]);
    assert_eq!(ocsf.len(), 2);
    assert_eq!((&ocsf[1]["class_uid"], &ocsf[1]["metadata"]["sequence"]), (&3004.into(), &2.into()));
    assert_eq!(lines(&["audit", "export", "--org", org, "--after-seq", "1", "--format", "ocsf"]), ocsf[1..]);
    let json = lines(&["audit", "export", "--org", org, "--format", "json"]);
    assert_eq!(Value::from(json), program.json(&["audit", "list", "--org", org, "--json"]));
}

#[cfg(unix)]
#[test]
fn a_store_whose_file_was_edited_does_not_verify() {
    let program = Program::new();
    let org = program.ok(&["org", "create", "--name", "Acme-before"]);
    // As with a hex editor: no trigger sees it. The name stands in orgs and in the log; every place is changed.
    let path = program.directory.path().join("issuer.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { Store::open(&path).await.unwrap().close().await });
    let bytes = std::fs::read(&path).unwrap();
    let mut edited = bytes.clone();
    let mut places = 0;
    for at in 0..bytes.len() - 11 {
        if bytes[at..].starts_with(b"Acme-before") {
            edited[at..at + 11].copy_from_slice(b"Acme-beyond");
            places += 1;
        }
    }
    assert_eq!(places, 3, "the org, and its row in two chains");
    std::fs::write(&path, edited).unwrap();
    let output = program.run(&["audit", "verify", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let verdicts: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(verdicts.as_array().unwrap().iter().all(|verdict| verdict["intact"] == false), "{verdicts}");
    let talk = String::from_utf8(output.stderr).unwrap();
    assert!(talk.contains("row 1 was changed") && talk.contains("2 chains are broken"), "{talk}");
    assert!(!org.is_empty());
}

#[tokio::test]
async fn an_enrolment_has_its_row_with_the_callers_address_and_a_refused_one_has_none() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let agent = issuer.agent(&org, TestKey::p256()).await;
    assert_eq!(issuer.enrol("7K2QD-00000-00000-00000", &TestKey::p256()).await.status(), 403);
    let mut db = issuer.store.connection().await.unwrap();
    let rows = audit::page(&mut db, Chain::Org(org.id), 0, 10).await.unwrap();
    let event: Value = serde_json::from_str(&rows[0].event).unwrap();
    assert_eq!((rows.len(), &event["type"]), (1, &"agent_enrolled".into()));
    assert_eq!((&event["agent"], &event["address"]), (&agent.id.to_string().into(), &"127.0.0.1".into()));
    assert_eq!((&event["actor"]["kind"], &event["kid"]), (&"code_holder".into(), &agent.key.kid().into()));
    assert_eq!(verify(&mut db, Chain::Org(org.id), Expected::default()).await.unwrap().rows, 1);
}

#[tokio::test]
async fn a_key_reads_its_orgs_log_page_by_page_and_has_it_verified() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let account = issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let agent = issuer.agent(&org, TestKey::p256()).await;
    for _ in 0..3 {
        let answer = issuer.ask_token(&issuer.assertion(&agent), account.role_arn().as_str()).await;
        assert_eq!(answer.status(), 200);
    }
    let key = issuer.api_key(&org, &[ApiKeyScope::ReadAudit]).await.reveal();
    let ask = async |rest: &str| {
        let url = format!("{}/api/v2/orgs/{}/audit-log{rest}", issuer.url, org.id);
        let response = issuer.http.get(url).bearer_auth(key.expose_secret()).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let (status, first) = ask("?limit=2").await;
    assert_eq!((status, types(&first["rows"])), (200, vec!["agent_enrolled", "token_minted"]));
    let (_, rest) = ask(&format!("?after_seq={}", first["next_after_seq"])).await;
    assert_eq!(types(&rest["rows"]), ["token_minted", "token_minted"]);
    assert_eq!(rest.get("next_after_seq"), None);
    let minted = &rest["rows"][1]["event"];
    assert_eq!(minted["actor"]["id"], agent.id.to_string());
    assert_eq!((&minted["role"], &minted["address"]), (&account.role_arn().as_str().into(), &"127.0.0.1".into()));

    let (status, verdict) = ask("/verify").await;
    assert_eq!((status, &verdict["intact"], &verdict["rows"]), (200, &true.into(), &4.into()));
    let hash = verdict["hash"].as_str().unwrap();
    assert_eq!(ask(&format!("/verify?expected_min_seq=4&expected_hash={hash}")).await.1, verdict);
    let (_, short) = ask("/verify?expected_min_seq=5").await;
    assert_eq!(short["intact"], false);
    assert!(short["fault"].as_str().unwrap().contains("at least 5"), "{short}");
    for wrong in ["?limit=0", "?limit=1001", "?after_seq=x", "?org=other", "/verify?expected_hash=x"] {
        assert_eq!(ask(wrong).await.0, 400, "{wrong}");
    }
}
