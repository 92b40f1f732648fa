use std::collections::HashSet;

use driftwise_contract::{AgentId, OrgId};
use uuid::Uuid;

use super::*;
use crate::accounts::DisplayName;
use crate::audit::UsedAssertion;

async fn scratch() -> (tempfile::TempDir, PathBuf, Store) {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("below").join("issuer.db");
    let store = Store::open(&path).await.unwrap();
    (directory, path, store)
}

async fn org(db: &mut Connection, name: &str) -> orgs::Org {
    let id = OrgId::from_uuid(Uuid::new_v4());
    orgs::insert(db, id, &name.parse::<DisplayName>().unwrap(), 1).await.unwrap();
    orgs::find(db, id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_store_keeps_what_it_was_given_and_only_its_owner_can_read_it() {
    let (_directory, path, store) = scratch().await;
    let acme = org(&mut store.connection().await.unwrap(), "Acme \"'; DROP TABLE orgs; --").await;
    store.close().await;
    let again = Store::open(&path).await.unwrap();
    again.check().await.unwrap();
    let orgs = orgs::list(&mut again.connection().await.unwrap()).await.unwrap();
    assert_eq!((orgs.len(), orgs[0].id, &orgs[0].name), (1, acme.id, &acme.name));
    #[cfg(unix)]
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn first_starts_at_once_all_open_the_store() {
    for _ in 0..5 {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("issuer.db");
        let together = std::sync::Barrier::new(6);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    together.wait();
                    runtime.block_on(async { Store::open(&path).await.unwrap().check().await.unwrap() });
                });
            }
        });
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_store_that_was_moved_away_or_replaced_does_not_pass_for_open() {
    let (directory, path, store) = scratch().await;
    store.check().await.unwrap();
    let aside = directory.path().join("aside.db");
    std::fs::rename(&path, &aside).unwrap();
    assert!(matches!(store.check().await, Err(StoreError::Moved { .. })));
    std::fs::copy(&aside, &path).unwrap();
    assert!(matches!(store.check().await, Err(StoreError::Moved { .. })));
    std::fs::rename(&aside, &path).unwrap();
    store.check().await.unwrap();
}

#[tokio::test]
async fn a_store_that_another_holds_locked_is_a_passing_fault() {
    let (_directory, _path, store) = scratch().await;
    let own = store.with_own_connection().await.unwrap();
    execute(&mut own.connection().await.unwrap(), "PRAGMA busy_timeout = 0").await.unwrap();
    let lock = store.begin().await.unwrap();
    let fault = own.begin().await.unwrap_err();
    assert!(fault.is_passing(), "{fault}");
    let answer = crate::Error::from(crate::audit::LedgerFault::Store(fault.into()));
    assert!(matches!(answer, crate::Error::Busy), "{answer}");
    drop(lock);
    let mut db = store.connection().await.unwrap();
    let fault = execute(&mut db, "SELECT nothing").await.unwrap_err();
    assert!(!fault.is_passing(), "{fault}");
}

#[tokio::test]
async fn a_missing_store_is_made_by_open_alone() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("issuer.db");
    let error = Store::open_existing(&path).await.unwrap_err().to_string();
    assert_eq!(error, format!("there is no store at {}", path.display()));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    Store::open(&path).await.unwrap();
    Store::open_existing(&path).await.unwrap();
}

#[tokio::test]
async fn every_connection_is_durable_and_holds_to_foreign_keys() {
    let (_directory, _path, store) = scratch().await;
    let mut db = store.connection().await.unwrap();
    for (pragma, value) in [("PRAGMA synchronous", 2), ("PRAGMA foreign_keys", 1)] {
        let (found,): (i64,) = sqlx::query_as(pragma).fetch_one(&mut *db).await.unwrap();
        assert_eq!(found, value, "{pragma}");
    }
    let stray = "INSERT INTO agents (id, org_id, name, created_at_ms) VALUES ('a', 'of no org', 'Stray', 1)";
    assert!(sqlx::query(stray).execute(&mut *db).await.unwrap_err().to_string().contains("FOREIGN KEY"));
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused() {
    let (_directory, path, store) = scratch().await;
    let mut db = store.connection().await.unwrap();
    sqlx::query("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1").execute(&mut *db).await.unwrap();
    drop(db);
    store.close().await;
    let error = Store::open(&path).await.unwrap_err().to_string();
    assert!(error.contains("can't bring the store") && error.contains("9999"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_store_is_refused_by_name() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("notes.txt");
    std::fs::write(&path, "not a database, and longer than a header would be ".repeat(20)).unwrap();
    let error = Store::open(&path).await.unwrap_err().to_string();
    assert!(error.contains("notes.txt"), "{error}");
}

#[tokio::test]
async fn a_transaction_that_is_not_committed_leaves_nothing() {
    let (_directory, _path, store) = scratch().await;
    let mut tx = store.begin().await.unwrap();
    org(&mut tx, "Acme").await;
    drop(tx);
    assert!(orgs::list(&mut store.connection().await.unwrap()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_connection_whose_transaction_sqlite_ended_by_itself_is_not_lent_again() {
    let (_directory, _path, store) = scratch().await;
    let own = store.with_own_connection().await.unwrap();
    let mut tx = own.begin().await.unwrap();
    org(&mut tx, "Acme").await;
    // What SQLite does on a full disk, behind the driver's back.
    execute(&mut tx, "ROLLBACK").await.unwrap();
    assert!(tx.commit().await.is_err());
    let mut tx = own.begin().await.unwrap();
    org(&mut tx, "Other").await;
    tx.commit().await.unwrap();
    // A plain rollback costs no connection: what was set on it holds.
    execute(&mut own.connection().await.unwrap(), "PRAGMA cache_size = 77").await.unwrap();
    drop(own.begin().await.unwrap());
    let mut db = own.connection().await.unwrap();
    let (size,): (i64,) = sqlx::query_as("PRAGMA cache_size").fetch_one(&mut *db).await.unwrap();
    assert_eq!((size, orgs::list(&mut db).await.unwrap().len()), (77, 1));
}

#[tokio::test]
async fn used_assertions_are_forgotten_once_they_expired_and_ten_minutes_of_steady_time_have_passed() {
    let (_directory, _path, store) = scratch().await;
    let mut db = store.connection().await.unwrap();
    let acme = org(&mut db, "Acme").await;
    let agent = AgentId::from_uuid(Uuid::new_v4());
    agents::insert(&mut db, acme.scope(), agent, &acme.name, 1).await.unwrap();
    let [a, b, c] = [("a", 100), ("b", 200), ("c", 100)].map(|(jti, end)| UsedAssertion::new(agent, jti, end));
    assert!(used_assertions::insert(&mut db, &a).await.unwrap());
    assert!(used_assertions::insert(&mut db, &b).await.unwrap());
    assert!(!used_assertions::insert(&mut db, &b).await.unwrap());
    // By the host's clock they are over, which may be set; not ten minutes have been counted.
    key_catalogue::tick(&mut db, "keeper", 600_000).await.unwrap();
    assert_eq!(used_assertions::sweep(&mut db, 7_200_000).await.unwrap(), 0);
    key_catalogue::tick(&mut db, "keeper", 1).await.unwrap();
    assert!(used_assertions::insert(&mut db, &c).await.unwrap());
    assert_eq!(used_assertions::sweep(&mut db, 150).await.unwrap(), 1);
    assert!(!used_assertions::insert(&mut db, &b).await.unwrap(), "not yet expired");
    assert!(!used_assertions::insert(&mut db, &c).await.unwrap(), "just taken");
    assert_eq!(used_assertions::taken(&mut db, &[&a, &b, &c]).await.unwrap(), HashSet::from([b, c]));
    assert!(used_assertions::insert(&mut db, &a).await.unwrap());
}

#[tokio::test]
async fn assertions_that_were_taken_are_looked_up_one_by_one_however_many_there_are() {
    let (_directory, _path, store) = scratch().await;
    let mut db = store.connection().await.unwrap();
    for size in [1, 2, 128] {
        let sql = format!("EXPLAIN QUERY PLAN {}", used_assertions::taken_sql(size));
        let rows: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(&mut *db).await.unwrap();
        let plan: Vec<String> = rows.into_iter().map(|row| row.3).collect();
        let looked_up = "SEARCH used USING PRIMARY KEY (keep_until_ms=? AND digest=?)";
        assert!(plan.iter().any(|step| step == looked_up), "{plan:?}");
        assert!(!plan.iter().any(|step| step.starts_with("SCAN used")), "{plan:?}");
    }
}
