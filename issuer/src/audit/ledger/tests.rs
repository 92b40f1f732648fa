use driftwise_contract::{AgentId, OrgId};
use uuid::Uuid;

use super::*;
use crate::audit::RefusalReason;
use crate::clock::TurnedClock;
use crate::store::{agents, audit, authority, orgs};

const NOW_MS: i64 = 1_800_000_000_000;

struct Scratch {
    directory: tempfile::TempDir,
    store: Store,
    org: OrgId,
    agent: AgentId,
}

impl Scratch {
    async fn new() -> Self {
        let directory = tempfile::TempDir::new().unwrap();
        let store = Store::open(&directory.path().join("issuer.db")).await.unwrap();
        let (org, agent) = (OrgId::from_uuid(Uuid::new_v4()), AgentId::from_uuid(Uuid::new_v4()));
        let mut db = store.connection().await.unwrap();
        let name = "Acme".parse().unwrap();
        orgs::insert(&mut db, org, &name, NOW_MS).await.unwrap();
        let scope = orgs::find(&mut db, org).await.unwrap().unwrap().scope();
        agents::insert(&mut db, scope, agent, &name, NOW_MS).await.unwrap();
        drop(db);
        Self { directory, store, org, agent }
    }

    async fn ledger(&self) -> Ledger {
        Ledger::start(&self.store, TurnedClock::at(NOW_MS)).await.unwrap()
    }

    fn entry(&self, chain: Chain) -> LedgerEntry {
        let event = Event::AgentRevoked { agent: self.agent };
        LedgerEntry { record: Record::new(chain, NOW_MS, Actor::Issuer, event), assertion: None, authority: None }
    }

    fn with_assertion(&self, jti: &str) -> LedgerEntry {
        let assertion = UsedAssertion::new(self.agent, jti, NOW_MS + 1);
        LedgerEntry { assertion: Some(assertion), ..self.entry(Chain::Org(self.org)) }
    }

    async fn rows(&self, chain: Chain) -> Vec<audit::StoredRow> {
        audit::page(&mut self.store.connection().await.unwrap(), chain, 0, u16::MAX).await.unwrap()
    }

    /// The rows of a chain, once it is sure that they hang together and end at the head.
    async fn checked_rows(&self, chain: Chain) -> Vec<audit::StoredRow> {
        let rows = self.rows(chain).await;
        let mut head = super::super::Head::EMPTY;
        for row in &rows {
            assert_eq!(row.prev_hash, head.hash.to_string());
            head = head.advanced(chain, row.at_ms, &row.event);
            assert_eq!((row.seq, &row.hash), (head.seq, &head.hash.to_string()));
        }
        let noted = audit::head(&mut self.store.connection().await.unwrap(), chain).await.unwrap();
        assert_eq!(noted.unwrap_or(super::super::Head::EMPTY), head);
        rows
    }
}

/// Commits all at once, each from its own task.
async fn commit_all(ledger: &Ledger, entries: Vec<LedgerEntry>) -> Vec<Result<Position, LedgerFault>> {
    let announced: Vec<OnTheWay> = entries.iter().map(|_| ledger.on_the_way()).collect();
    let tasks: Vec<_> = entries
        .into_iter()
        .zip(announced)
        .map(|(entry, on_the_way)| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                drop(on_the_way);
                ledger.commit(entry).await
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

#[tokio::test]
async fn rows_of_many_requests_are_numbered_without_gaps_and_lie_where_the_answers_say() {
    let scratch = Scratch::new().await;
    let ledger = scratch.ledger().await;
    let chains = [Chain::Platform, Chain::Org(scratch.org), Chain::Org(OrgId::from_uuid(Uuid::new_v4()))];
    let entries = (0..1_500).map(|number| scratch.entry(chains[number % 3])).collect();
    let positions: Vec<Position> = commit_all(&ledger, entries).await.into_iter().map(Result::unwrap).collect();
    for chain in chains {
        let rows = scratch.checked_rows(chain).await;
        assert_eq!(rows.len(), 500);
        let mut told: Vec<(i64, String)> =
            positions.iter().filter(|at| at.chain == chain).map(|at| (at.seq, at.hash.to_string())).collect();
        told.sort();
        assert_eq!(told, rows.iter().map(|row| (row.seq, row.hash.clone())).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn two_ledgers_and_other_writers_over_one_store_make_neither_gap_nor_fork() {
    let scratch = Scratch::new().await;
    let other_process = Store::open(&scratch.directory.path().join("issuer.db")).await.unwrap();
    let (one, two) = (scratch.ledger().await, Ledger::start(&other_process, TurnedClock::at(NOW_MS)).await.unwrap());
    let chain = Chain::Org(scratch.org);
    let entries = || (0..300).map(|_| scratch.entry(chain)).collect();
    let by_hand = async {
        for _ in 0..20 {
            let mut tx = scratch.store.begin().await.unwrap();
            super::super::append(&mut tx, scratch.entry(chain).record).await.unwrap();
            tx.commit().await.unwrap();
        }
    };
    let (one, two, ()) = tokio::join!(commit_all(&one, entries()), commit_all(&two, entries()), by_hand);
    let positions: std::collections::BTreeSet<i64> =
        one.into_iter().chain(two).map(|outcome| outcome.unwrap().seq).collect();
    assert_eq!(positions.len(), 600, "each answer has a row of its own");
    assert_eq!(scratch.checked_rows(chain).await.len(), 620);
}

#[tokio::test]
async fn an_assertion_counts_once_among_all_that_come_at_once_and_after() {
    let scratch = Scratch::new().await;
    let (ledger, other) = (scratch.ledger().await, scratch.ledger().await);
    let same: Vec<LedgerEntry> = (0..20).map(|_| scratch.with_assertion("a")).collect();
    let (mut outcomes, more) = tokio::join!(commit_all(&ledger, same.clone()), commit_all(&other, same));
    outcomes.extend(more);
    outcomes.push(ledger.commit(scratch.with_assertion("a")).await);
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(LedgerFault::Replayed))));
    ledger.commit(scratch.with_assertion("b")).await.unwrap();
    assert_eq!(scratch.checked_rows(Chain::Org(scratch.org)).await.len(), 2, "what is refused leaves no row");
}

#[tokio::test]
async fn an_assertion_that_another_process_took_is_refused_and_harms_no_other_of_its_batch() {
    let scratch = Scratch::new().await;
    let (ledger, other) = (scratch.ledger().await, scratch.ledger().await);
    other.commit(scratch.with_assertion("a")).await.unwrap();
    let entries = ["b", "a", "c"].map(|jti| scratch.with_assertion(jti));
    let outcomes = commit_all(&ledger, entries.to_vec()).await;
    assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert!(matches!(outcomes[1], Err(LedgerFault::Replayed)), "{:?}", outcomes[1]);
    assert_eq!(scratch.checked_rows(Chain::Org(scratch.org)).await.len(), 3);
}

#[tokio::test]
async fn a_decision_by_old_look_ups_does_not_commit_whoever_changed_them() {
    let scratch = Scratch::new().await;
    let ledger = scratch.ledger().await;
    let other_process = Store::open(&scratch.directory.path().join("issuer.db")).await.unwrap();
    let read_at = authority::version(&mut scratch.store.connection().await.unwrap()).await.unwrap();
    let decided = |version| LedgerEntry { authority: Some(version), ..scratch.with_assertion("a") };
    let mut db = other_process.connection().await.unwrap();
    orgs::insert(&mut db, OrgId::from_uuid(Uuid::new_v4()), &"Other".parse().unwrap(), 1).await.unwrap();
    let outcome = ledger.commit(decided(read_at)).await;
    assert!(matches!(outcome, Err(LedgerFault::AuthorityChanged)), "{outcome:?}");
    // The assertion was not taken: the caller may decide again with it.
    let read_at = authority::version(&mut db).await.unwrap();
    ledger.commit(decided(read_at)).await.unwrap();
    assert!(matches!(ledger.commit(decided(read_at)).await, Err(LedgerFault::Replayed)));
}

#[tokio::test]
async fn a_store_that_may_not_grow_is_told_to_every_caller_and_work_goes_on_when_it_may() {
    let scratch = Scratch::new().await;
    let own = scratch.store.with_own_connection().await.unwrap();
    // The writer has one connection, so that this is the writer's limit.
    let limit = async |pages: i64| {
        let mut db = own.connection().await.unwrap();
        run(&mut db, &format!("PRAGMA max_page_count = {pages}")).await;
    };
    limit(1).await;
    let ledger = Ledger::start_over(own.clone(), TurnedClock::at(NOW_MS), Duration::from_millis(50));
    let chain = Chain::Org(scratch.org);
    let entries = || (0..200).map(|_| scratch.entry(chain)).collect::<Vec<_>>();
    let outcomes = commit_all(&ledger, entries()).await;
    let told = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(LedgerFault::Store(_)))), "{outcomes:?}");
    assert_eq!(scratch.checked_rows(chain).await.len(), told, "each success has its row, no failure has one");
    limit(1_000_000).await;
    assert!(commit_all(&ledger, entries()).await.iter().all(Result::is_ok));
    assert_eq!(scratch.checked_rows(chain).await.len(), told + 200);
}

#[tokio::test]
async fn a_store_that_takes_no_writes_makes_every_commit_an_error() {
    let scratch = Scratch::new().await;
    let own = scratch.store.with_own_connection().await.unwrap();
    run(&mut own.connection().await.unwrap(), "PRAGMA query_only = 1").await;
    let ledger = Ledger::start_over(own.clone(), TurnedClock::at(NOW_MS), Duration::from_millis(50));
    assert!(ledger.is_writing());
    for _ in 0..2 {
        let outcome = ledger.commit(scratch.entry(Chain::Platform)).await;
        assert!(matches!(outcome, Err(LedgerFault::Store(_))), "{outcome:?}");
        assert!(!ledger.is_writing());
    }
    assert!(scratch.rows(Chain::Platform).await.is_empty());
    // The writer finds out by itself that the store takes writes again: whoever is not ready gets no requests.
    run(&mut own.connection().await.unwrap(), "PRAGMA query_only = 0").await;
    while !ledger.is_writing() {
        tokio::task::yield_now().await;
    }
    ledger.commit(scratch.entry(Chain::Platform)).await.unwrap();
}

#[tokio::test]
async fn a_panic_of_the_writer_is_an_error_for_its_entry_and_the_rest_goes_on() {
    let scratch = Scratch::new().await;
    let ledger = scratch.ledger().await;
    let (answer, answered) = oneshot::channel();
    let mut pending = Pending::new(scratch.entry(Chain::Platform), Some(answer)).unwrap();
    pending.panics = true;
    ledger.send(pending).unwrap();
    let beside = ledger.commit(scratch.entry(Chain::Platform)).await;
    assert!(matches!(answered.await, Ok(Err(LedgerFault::Stopped))));
    assert!(beside.is_ok() && ledger.is_running());
    assert_eq!(scratch.checked_rows(Chain::Platform).await.len(), 1);
}

#[tokio::test]
async fn a_row_that_breaks_a_rule_fails_alone() {
    let scratch = Scratch::new().await;
    let ledger = scratch.ledger().await;
    let chain = Chain::Org(scratch.org);
    ledger.commit(scratch.entry(chain)).await.unwrap();
    // Someone took the head away: the next row would stand where there is one already.
    let mut db = scratch.store.connection().await.unwrap();
    run(&mut db, "DROP TRIGGER audit_heads_no_delete").await;
    run(&mut db, "DELETE FROM audit_heads").await;
    let entries = vec![scratch.entry(Chain::Platform), scratch.entry(chain), scratch.entry(Chain::Platform)];
    let outcomes = commit_all(&ledger, entries).await;
    assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true], "{outcomes:?}");
    assert_eq!(scratch.checked_rows(Chain::Platform).await.len(), 2);
    assert_eq!(scratch.rows(chain).await.len(), 1);
}

#[tokio::test]
async fn a_broken_chain_leaves_the_others_their_common_commit() {
    let scratch = Scratch::new().await;
    let ledger = scratch.ledger().await;
    let metrics = Arc::new(Metrics::default());
    ledger.report_to(&metrics);
    let (broken, sound) = (Chain::Org(scratch.org), Chain::Org(OrgId::from_uuid(Uuid::new_v4())));
    for _ in 0..3 {
        ledger.commit(scratch.entry(broken)).await.unwrap();
    }
    // Someone set the head back: the next row would stand where there is one already.
    let mut db = scratch.store.connection().await.unwrap();
    run(&mut db, "DROP TRIGGER audit_heads_only_advance").await;
    run(&mut db, "UPDATE audit_heads SET seq = 2").await;
    let entries = (0..90).map(|number| scratch.entry([Chain::Platform, broken, sound][number % 3])).collect();
    let outcomes = commit_all(&ledger, entries).await;
    for (number, outcome) in outcomes.iter().enumerate() {
        assert_eq!(outcome.is_ok(), number % 3 != 1, "{number}: {outcome:?}");
    }
    assert_eq!(scratch.checked_rows(Chain::Platform).await.len(), 30);
    assert_eq!(scratch.checked_rows(sound).await.len(), 30);
    assert_eq!(scratch.rows(broken).await.len(), 3);
    assert!(metrics.audit.failed_commits.get() < 10, "one failure of a batch, not one of each entry");
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_is_committed_to_a_store_that_was_moved_away_or_replaced() {
    let scratch = Scratch::new().await;
    let own = scratch.store.with_own_connection().await.unwrap();
    let clock = TurnedClock::at(NOW_MS);
    let ledger = Ledger::start_over(own, clock.clone(), Duration::from_millis(20));
    ledger.commit(scratch.entry(Chain::Platform)).await.unwrap();
    let (path, aside) = (scratch.directory.path().join("issuer.db"), scratch.directory.path().join("aside.db"));
    std::fs::rename(&path, &aside).unwrap();
    clock.advance(1_000);
    let is_refused = async || {
        let outcome = ledger.commit(scratch.entry(Chain::Platform)).await;
        assert!(matches!(&outcome, Err(LedgerFault::Store(fault)) if fault.is_moved()), "{outcome:?}");
        assert!(!ledger.is_writing());
    };
    is_refused().await;
    std::fs::copy(&aside, &path).unwrap();
    is_refused().await;
    assert_eq!(scratch.checked_rows(Chain::Platform).await.len(), 1);
    std::fs::rename(&aside, &path).unwrap();
    while !ledger.is_writing() {
        tokio::task::yield_now().await;
    }
    ledger.commit(scratch.entry(Chain::Platform)).await.unwrap();
    assert_eq!(scratch.checked_rows(Chain::Platform).await.len(), 2);
}

#[tokio::test]
async fn what_waits_at_a_stop_is_committed_and_what_comes_after_is_refused() {
    let scratch = Scratch::new().await;
    let ledger = scratch.ledger().await;
    let mut answers = Vec::new();
    for _ in 0..1_000 {
        let (answer, answered) = oneshot::channel();
        ledger.send(Pending::new(scratch.entry(Chain::Platform), Some(answer)).unwrap()).unwrap();
        answers.push(answered);
    }
    ledger.shutdown().await;
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(scratch.checked_rows(Chain::Platform).await.len(), 1_000);
    assert!(matches!(ledger.commit(scratch.entry(Chain::Platform)).await, Err(LedgerFault::Stopped)));
    assert!(!ledger.is_running());
    ledger.shutdown().await;
}

#[tokio::test]
async fn a_writer_that_is_gone_is_an_error_for_who_waits() {
    let scratch = Scratch::new().await;
    let runtime = std::thread::spawn(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());
    let runtime = runtime.join().unwrap();
    let store = scratch.store.clone();
    let (ledger, runtime) = tokio::task::spawn_blocking(move || {
        let ledger = runtime.block_on(Ledger::start(&store, TurnedClock::at(NOW_MS))).unwrap();
        (ledger, runtime)
    })
    .await
    .unwrap();
    // The writer's runtime does not run: the entry waits, until the runtime is dropped with the writer.
    let waiting = tokio::spawn({
        let (ledger, entry) = (ledger.clone(), scratch.entry(Chain::Platform));
        async move { ledger.commit(entry).await }
    });
    while ledger.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    runtime.shutdown_background();
    assert!(matches!(waiting.await.unwrap(), Err(LedgerFault::Stopped)));
    assert!(matches!(ledger.commit(scratch.entry(Chain::Platform)).await, Err(LedgerFault::Stopped)));
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let scratch = Scratch::new().await;
    let ledger = scratch.ledger().await;
    // Nothing here awaits, so that the writer of this single-threaded test does not run.
    for _ in 0..QUEUE_MAX {
        ledger.send(Pending::new(scratch.entry(Chain::Platform), None).unwrap()).unwrap();
    }
    let outcome = ledger.commit(scratch.entry(Chain::Platform)).await;
    assert!(matches!(outcome, Err(LedgerFault::Busy)), "{outcome:?}");
    ledger.shutdown().await;
    assert_eq!(scratch.checked_rows(Chain::Platform).await.len(), QUEUE_MAX);
}

#[tokio::test]
async fn a_flood_of_refusals_leaves_a_bounded_number_of_rows_and_every_refusal_is_counted() {
    let scratch = Scratch::new().await;
    let ledger = scratch.ledger().await;
    let refused = TokenRefused { reason: RefusalReason::KeyUnknown, claimed_agent: Some(scratch.agent), role: None };
    let address: IpAddr = "203.0.113.7".parse().unwrap();
    for _ in 0..1_000 {
        ledger.refused(Chain::Org(scratch.org), Actor::Unknown, Some(address), refused.clone());
    }
    ledger.shutdown().await;
    assert!(scratch.rows(Chain::Org(scratch.org)).await.is_empty(), "nobody may write into an org's chain");
    let rows = scratch.checked_rows(Chain::Platform).await;
    assert_eq!(rows.len(), 61);
    assert!(rows[0].event.contains("\"address\":\"203.0.113.7\""), "{}", rows[0].event);
    assert!(rows[60].event.contains("\"reasons\":{\"key_unknown\":940}"), "{}", rows[60].event);
}

#[tokio::test]
async fn rows_can_be_neither_changed_nor_deleted_nor_replaced() {
    let scratch = Scratch::new().await;
    let ledger = scratch.ledger().await;
    for _ in 0..2 {
        ledger.commit(scratch.entry(Chain::Platform)).await.unwrap();
    }
    let mut db = scratch.store.connection().await.unwrap();
    for statement in [
        "UPDATE audit_log SET at_ms = 1",
        "DELETE FROM audit_log",
        "DELETE FROM audit_log WHERE seq = 2",
        "INSERT OR REPLACE INTO audit_log (chain, seq, at_ms, event, prev_hash, hash) VALUES ('platform', 1, 1, '{}', '', '')",
        "INSERT INTO audit_log (chain, seq, at_ms, event, prev_hash, hash) VALUES ('platform', 0, 1, '{}', '', '')",
        "UPDATE audit_heads SET seq = 1",
        "UPDATE audit_heads SET hash = ''",
        "UPDATE audit_heads SET chain = 'x', seq = 9",
        "DELETE FROM audit_heads",
    ] {
        assert!(crate::store::execute(&mut db, statement).await.is_err(), "{statement}");
    }
    assert_eq!(scratch.checked_rows(Chain::Platform).await.len(), 2);
}

async fn run(db: &mut crate::store::Connection, statement: &str) {
    crate::store::execute(db, statement).await.unwrap();
}
