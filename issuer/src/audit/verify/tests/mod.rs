mod seals;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::accounts::Pepper;
use crate::audit::{Actor, Record, Sealer, append};
use crate::store::{Store, execute};

const NOW_MS: i64 = 1_800_000_000_000;

/// A store with rows in two chains, whose triggers are gone: as someone sees it who may write the file.
struct Scratch {
    _directory: tempfile::TempDir,
    store: Store,
    org: OrgId,
}

impl Scratch {
    async fn new() -> Self {
        let directory = tempfile::TempDir::new().unwrap();
        let store = Store::open(&directory.path().join("issuer.db")).await.unwrap();
        let org = OrgId::from_uuid(Uuid::new_v4());
        let scratch = Self { _directory: directory, store, org };
        for chain in [Chain::Platform, Chain::Org(org)] {
            scratch.add(chain, Event::OrgCreated { org, name: "Acme \"&\" Söhne\n".into() }).await;
            for count in 0..3 {
                scratch.add(chain, Event::KeysResealed { count }).await;
            }
        }
        let mut db = scratch.store.connection().await.unwrap();
        for trigger in audit_triggers() {
            execute(&mut db, &format!("DROP TRIGGER {trigger}")).await.unwrap();
        }
        drop(db);
        scratch
    }

    async fn add(&self, chain: Chain, event: Event) {
        let mut tx = self.store.begin().await.unwrap();
        append(&mut tx, Record::new(chain, NOW_MS, Actor::Issuer, event)).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn verify(&self, expected: Expected<'_>) -> Result<Verified, ChainFault> {
        let mut db = self.store.connection().await.unwrap();
        verdict(verify(&mut db, Chain::Org(self.org), expected).await).unwrap()
    }

    async fn is_intact(&self) -> bool {
        let mut db = self.store.connection().await.unwrap();
        verify_all(&mut db, None).await.unwrap().iter().all(|(_, done)| done.is_ok())
    }

    async fn run(&self, statement: &str) {
        execute(&mut self.store.connection().await.unwrap(), &statement.replace("ORG", &self.org.to_string()))
            .await
            .unwrap();
    }

    /// What verifying says after a change, which is then taken back.
    async fn after(&self, statement: &str) -> Result<Verified, ChainFault> {
        let mut tx = self.store.begin().await.unwrap();
        execute(&mut tx, &statement.replace("ORG", &self.org.to_string())).await.unwrap();
        verdict(verify(&mut tx, Chain::Org(self.org), Expected::default()).await).unwrap()
    }
}

fn audit_triggers() -> Vec<&'static str> {
    vec![
        "audit_log_no_update",
        "audit_log_no_delete",
        "audit_log_no_replace",
        "audit_heads_only_advance",
        "audit_heads_no_delete",
    ]
}

#[tokio::test]
async fn a_trigger_that_is_gone_or_another_is_told() {
    let directory = tempfile::TempDir::new().unwrap();
    let store = Store::open(&directory.path().join("issuer.db")).await.unwrap();
    let mut db = store.connection().await.unwrap();
    assert_eq!(audit::trigger_faults(&mut db).await.unwrap(), Vec::<String>::new());
    for statement in [
        "DROP TRIGGER audit_log_no_update",
        "DROP TRIGGER audit_seals_no_delete",
        "CREATE TRIGGER audit_seals_no_delete BEFORE DELETE ON audit_seals WHEN 0 BEGIN SELECT RAISE(ABORT, 'no'); END",
        "CREATE TRIGGER quiet BEFORE INSERT ON audit_log BEGIN SELECT RAISE(IGNORE); END",
    ] {
        execute(&mut db, statement).await.unwrap();
    }
    let found = audit::trigger_faults(&mut db).await.unwrap();
    let expected =
        ["audit_log_no_update is missing", "audit_seals_no_delete was changed", "quiet is none of the issuer's"];
    assert_eq!(found, expected);
}

/// A chain of another history with as many rows, all hashes and the head in order.
async fn rewrite(scratch: &Scratch, rows: u64) {
    scratch.run("DELETE FROM audit_log WHERE chain = 'ORG'").await;
    scratch.run("DELETE FROM audit_heads WHERE chain = 'ORG'").await;
    for count in 0..rows {
        scratch.add(Chain::Org(scratch.org), Event::KeysResealed { count: 1000 + count }).await;
    }
}

#[tokio::test]
async fn a_history_that_was_written_anew_with_all_its_hashes_does_not_fit_its_seals() {
    let scratch = Scratch::new().await;
    let chain = Chain::Org(scratch.org);
    let pepper = Pepper::generate().unwrap();
    let sealer = Sealer::new(SealKey::of(&pepper));
    let sealed = Expected { seal_key: Some(sealer.key()), ..Expected::default() };
    let unsealed = Seals { last_seq: 0, since_ms: None };
    assert_eq!(scratch.verify(sealed).await.unwrap().seals, Some(unsealed));
    let seal = async || {
        let mut db = scratch.store.connection().await.unwrap();
        sealer.seal(&mut db, NOW_MS).await.unwrap().into_iter().map(|(_, fault)| fault).collect::<Vec<_>>()
    };
    assert_eq!(seal().await, []);
    scratch.add(chain, Event::KeysResealed { count: 7 }).await;
    let to_four = Seals { last_seq: 4, since_ms: Some(NOW_MS) };
    assert_eq!(scratch.verify(sealed).await.unwrap().seals, Some(to_four), "row 5 is not sealed yet");
    assert_eq!(seal().await, []);
    assert_eq!(scratch.verify(sealed).await.unwrap().seals.unwrap().last_seq, 5);
    assert_eq!(scratch.verify(Expected::default()).await.unwrap().seals, None, "not checked");
    let other = SealKey::of(&Pepper::generate().unwrap());
    let by_other = Expected { seal_key: Some(&other), ..Expected::default() };
    assert_eq!(scratch.verify(by_other).await.unwrap_err(), ChainFault::ForgedSeal { seq: 4 });

    rewrite(&scratch, 6).await;
    assert!(scratch.verify(Expected::default()).await.is_ok(), "by its hashes alone it looks whole");
    assert_eq!(scratch.verify(sealed).await.unwrap_err(), ChainFault::NotAsSealed { seq: 4 });
    assert_eq!(seal().await.len(), 1, "nor is it sealed");
    rewrite(&scratch, 3).await;
    assert_eq!(scratch.verify(sealed).await.unwrap_err(), ChainFault::SealedRowGone { seq: 5, last: 3 });

    // The hash in the seals changed too: that takes the key.
    rewrite(&scratch, 6).await;
    for trigger in ["audit_seals_no_update", "audit_seals_no_delete"] {
        scratch.run(&format!("DROP TRIGGER {trigger}")).await;
    }
    let change = "UPDATE audit_seals SET hash = (SELECT hash FROM audit_log l WHERE l.chain = 'ORG' AND l.seq = audit_seals.seq) \
                  WHERE chain = 'ORG'";
    scratch.run(change).await;
    assert_eq!(scratch.verify(sealed).await.unwrap_err(), ChainFault::ForgedSeal { seq: 4 });
    // And with no seals left, who sealed them once does not seal another history.
    scratch.run("DELETE FROM audit_seals WHERE chain = 'ORG'").await;
    assert_eq!(seal().await, [ChainFault::SealGone { seq: 5 }]);
}

#[tokio::test]
async fn what_was_done_to_a_chain_is_named() {
    let scratch = Scratch::new().await;
    let seq = |seq| ChainFault::Changed { seq };
    for (statement, fault) in [
        ("UPDATE audit_log SET at_ms = at_ms + 1 WHERE chain = 'ORG' AND seq = 2", seq(2)),
        ("UPDATE audit_log SET event = replace(event, 'issuer', 'Issuer') WHERE chain = 'ORG' AND seq = 3", seq(3)),
        ("UPDATE audit_log SET event = ' ' || event WHERE chain = 'ORG' AND seq = 1", seq(1)),
        ("UPDATE audit_log SET hash = upper(hash) WHERE chain = 'ORG' AND seq = 1", seq(1)),
        ("UPDATE audit_log SET prev_hash = hash WHERE chain = 'ORG' AND seq = 2", ChainFault::Unlinked { seq: 2 }),
        ("DELETE FROM audit_log WHERE chain = 'ORG' AND seq = 2", ChainFault::Missing { seq: 2 }),
        ("DELETE FROM audit_log WHERE chain = 'ORG' AND seq = 1", ChainFault::Missing { seq: 1 }),
        ("DELETE FROM audit_log WHERE chain = 'ORG' AND seq > 2", ChainFault::Cut { head: 4, last: 2 }),
        ("DELETE FROM audit_log WHERE chain = 'ORG'", ChainFault::Cut { head: 4, last: 0 }),
        ("DELETE FROM audit_heads WHERE chain = 'ORG'", ChainFault::OtherHead { seq: 0 }),
        ("UPDATE audit_heads SET seq = 3 WHERE chain = 'ORG'", ChainFault::OtherHead { seq: 3 }),
        ("UPDATE audit_log SET seq = 9 WHERE chain = 'ORG' AND seq = 4", ChainFault::Missing { seq: 4 }),
        ("UPDATE audit_log SET seq = -1 WHERE chain = 'ORG' AND seq = 1", ChainFault::Missing { seq: 1 }),
        (
            "INSERT INTO audit_log SELECT chain, 0, at_ms, event, prev_hash, hash FROM audit_log WHERE chain = 'ORG' AND seq = 1",
            ChainFault::Missing { seq: 1 },
        ),
        (
            "INSERT INTO audit_log SELECT chain, 5, at_ms, event, prev_hash, hash FROM audit_log WHERE chain = 'ORG' AND seq = 4",
            ChainFault::BeyondHead { seq: 5 },
        ),
    ] {
        let found = scratch.after(statement).await.unwrap_err();
        // Without a head, whatever is there lies beyond it.
        let found = if statement.starts_with("DELETE FROM audit_heads") {
            assert_eq!(found, ChainFault::BeyondHead { seq: 1 });
            continue;
        } else {
            found
        };
        assert_eq!(found, fault, "{statement}");
    }
    for statement in [
        "UPDATE audit_log SET event = x'80' WHERE chain = 'ORG' AND seq = 2",
        "UPDATE audit_log SET at_ms = 'noon' WHERE chain = 'ORG' AND seq = 2",
        "UPDATE audit_heads SET hash = 'x' WHERE chain = 'ORG'",
    ] {
        let found = scratch.after(statement).await.unwrap_err();
        assert!(matches!(found, ChainFault::Unreadable { .. } | ChainFault::Changed { .. }), "{statement}: {found}");
    }
    assert!(scratch.is_intact().await);
}

#[tokio::test]
async fn rows_of_another_chain_or_order_do_not_fit_in() {
    let scratch = Scratch::new().await;
    for statement in [
        // Two rows change places.
        "UPDATE audit_log SET seq = 9 - seq WHERE chain = 'ORG' AND seq IN (4, 5)",
        // The platform's row of the same number and content.
        "INSERT OR REPLACE INTO audit_log SELECT 'ORG', seq, at_ms, event, prev_hash, hash FROM audit_log \
         WHERE chain = 'platform' AND seq = 1",
    ] {
        assert!(scratch.after(statement).await.is_err(), "{statement}");
    }
}

#[tokio::test]
async fn a_tail_that_was_cut_with_its_head_shows_to_who_remembers_the_end() {
    let scratch = Scratch::new().await;
    let before = scratch.verify(Expected::default()).await.unwrap();
    let remembered = Expected { min_seq: Some(before.rows), hash: Some(before.hash), seal_key: None };
    assert_eq!(scratch.verify(remembered).await.unwrap(), before);
    scratch.add(Chain::Org(scratch.org), Event::KeysResealed { count: 9 }).await;
    assert_eq!(scratch.verify(remembered).await.unwrap().rows, 5, "growth is no fault");
    let only_hash = Expected { hash: Some(before.hash), ..Expected::default() };
    assert!(scratch.verify(only_hash).await.is_ok());

    scratch.run("DELETE FROM audit_log WHERE chain = 'ORG' AND seq > 3").await;
    scratch
        .run("UPDATE audit_heads SET (seq, hash) = (SELECT seq, hash FROM audit_log WHERE chain = 'ORG' AND seq = 3) WHERE chain = 'ORG'")
        .await;
    assert_eq!(scratch.verify(Expected::default()).await.unwrap().rows, 3, "by itself it looks whole");
    let short = ChainFault::TooShort { rows: 3, expected: 4 };
    assert_eq!(scratch.verify(remembered).await.unwrap_err(), short);
    assert_eq!(scratch.verify(only_hash).await.unwrap_err(), ChainFault::OtherHash { seq: None });
    // Written anew up to the same number, it is another history.
    scratch.add(Chain::Org(scratch.org), Event::KeysResealed { count: 9 }).await;
    assert_eq!(scratch.verify(remembered).await.unwrap_err(), ChainFault::OtherHash { seq: Some(4) });
}

#[tokio::test]
async fn a_chain_that_is_gone_as_a_whole_is_missed() {
    let scratch = Scratch::new().await;
    scratch.run("DELETE FROM audit_log WHERE chain = 'ORG'").await;
    scratch.run("DELETE FROM audit_heads WHERE chain = 'ORG'").await;
    let mut db = scratch.store.connection().await.unwrap();
    let verdicts = verify_all(&mut db, None).await.unwrap();
    assert!(verdicts.contains(&(scratch.org.to_string(), Err(ChainFault::ChainGone { org: scratch.org }))));
    scratch.run("UPDATE audit_log SET chain = 'elsewhere' WHERE chain = 'platform' AND seq = 4").await;
    let verdicts = verify_all(&mut db, None).await.unwrap();
    assert!(verdicts.iter().any(|(name, done)| name == "elsewhere" && done.is_err()));
}

#[tokio::test]
async fn every_byte_of_every_column_counts() {
    let scratch = Scratch::new().await;
    let mut db = scratch.store.connection().await.unwrap();
    let rows = audit::page(&mut db, Chain::Org(scratch.org), 0, 10).await.unwrap();
    drop(db);
    let mut flips = 0;
    for row in &rows {
        for (column, text) in [("event", &row.event), ("prev_hash", &row.prev_hash), ("hash", &row.hash)] {
            for at in 0..text.len() {
                for bit in [0x01, 0x20, 0x80] {
                    let mut bytes = text.as_bytes().to_vec();
                    bytes[at] ^= bit;
                    let hex = hex(&bytes);
                    let change = format!(
                        "UPDATE audit_log SET {column} = CAST(x'{hex}' AS TEXT) WHERE chain = 'ORG' AND seq = {}",
                        row.seq
                    );
                    assert!(scratch.after(&change).await.is_err(), "{column} of row {} at {at}", row.seq);
                    flips += 1;
                }
            }
        }
        for (column, number) in [("at_ms", row.at_ms), ("seq", row.seq)] {
            for bit in 0..64 {
                let change = format!(
                    "UPDATE audit_log SET {column} = {} WHERE chain = 'ORG' AND seq = {}",
                    number ^ (1_i64 << bit),
                    row.seq
                );
                // A number that is taken already is refused by the primary key.
                let mut tx = scratch.store.begin().await.unwrap();
                let changed = execute(&mut tx, &change.replace("ORG", &scratch.org.to_string())).await.is_ok();
                let done = verify(&mut tx, Chain::Org(scratch.org), Expected::default()).await;
                assert!(!changed || done.is_err(), "{column} of row {}, bit {bit}", row.seq);
                flips += 1;
            }
        }
    }
    assert!(flips > 2_000, "{flips}");
    assert!(scratch.is_intact().await);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever bytes stand in a row instead of its own.
    #[test]
    fn a_row_with_any_other_content_is_found(
        seq in 1_i64..=4, column in 0_usize..3, bytes in proptest::collection::vec(any::<u8>(), 0..80)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(async {
            let scratch = Scratch::new().await;
            let hex = hex(&bytes);
            let column = ["event", "prev_hash", "hash"][column];
            scratch.after(&format!("UPDATE audit_log SET {column} = CAST(x'{hex}' AS TEXT) WHERE chain = 'ORG' AND seq = {seq}")).await
        });
        prop_assert!(found.is_err());
    }
}
