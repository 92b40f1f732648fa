//! The writer: takes what waits, commits it at once, answers each.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::{mpsc, watch};

use super::super::{Chain, Head, Position};
use super::{LedgerEntry, LedgerFault, Pending, Shared, UsedAssertion};
use crate::store::{Connection, Store, StoreError, Tx, audit, authority, key_catalogue, used_assertions};

/// The most entries of one commit.
const BATCH_MAX: usize = 512;
/// How long the writer waits for more entries at most: longer buys little, and every answer would be late by it.
const LINGER_MAX: Duration = Duration::from_millis(10);
/// How often it looks meanwhile. A look costs less than being woken for every entry.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// From how many requests on the way it waits: below, their rows would cost less than the wait.
const SEVERAL: usize = 4;
/// And while the batch has not more entries than this many times those on the way: these few are signed while it commits, so
/// that the cores have work meanwhile.
const ENOUGH: usize = 3;
/// How often counted refusals get their row.
const COUNT_EVERY: Duration = Duration::from_mins(1);

pub(super) struct Writer {
    pub(super) store: Store,
    pub(super) entries: mpsc::Receiver<Pending>,
    pub(super) stopped: watch::Receiver<bool>,
    pub(super) shared: Arc<Shared>,
    /// [`TRY_EVERY`], but for tests.
    pub(super) try_every: Duration,
    /// When the store was last seen to lie at its path, by the clock's uptime.
    pub(super) in_place_at: Mutex<Option<Duration>>,
}

/// How often a writer whose commit failed tries whether the store can be written again.
pub(super) const TRY_EVERY: Duration = Duration::from_secs(5);

/// How long the store counts as lying where it was seen.
const IN_PLACE_FOR: Duration = Duration::from_secs(1);

/// How an entry fared in a transaction that committed.
pub(super) type Outcome = Result<Position, LedgerFault>;

impl Writer {
    /// Until it is stopped, or nobody can send any more; then what waits is still committed.
    pub(super) async fn run(mut self) {
        let mut count = tokio::time::interval(COUNT_EVERY);
        count.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        count.reset();
        let mut batch = Vec::with_capacity(BATCH_MAX);
        let (mut stopping, mut count_is_due) = (false, false);
        loop {
            let is_failing = self.shared.failing.load(Ordering::Relaxed);
            let mut try_is_due = false;
            tokio::select! {
                biased;
                // An error means that every Ledger is gone; then the queue ends by itself.
                _ = self.stopped.wait_for(|stopped| *stopped), if !stopping => {
                    stopping = true;
                    self.entries.close();
                    continue;
                }
                _ = count.tick() => count_is_due = true,
                taken = self.entries.recv_many(&mut batch, BATCH_MAX) => if taken == 0 { break },
                () = tokio::time::sleep(self.try_every), if is_failing => try_is_due = true,
            }
            if try_is_due {
                self.try_store().await;
                continue;
            }
            if std::mem::take(&mut count_is_due) {
                batch.extend(self.counted());
            }
            if !stopping {
                self.linger(&mut batch).await;
            }
            self.commit(&mut batch).await;
        }
        batch.extend(self.counted());
        self.commit(&mut batch).await;
        self.store.close().await;
    }

    /// Waits for more while more is to come.
    async fn linger(&mut self, batch: &mut Vec<Pending>) {
        let looks = LINGER_MAX.as_millis() / LOOK_EVERY.as_millis();
        for _ in 0..looks {
            let on_the_way = self.shared.on_the_way.load(Ordering::Relaxed);
            if on_the_way < SEVERAL || on_the_way * ENOUGH < batch.len() || *self.stopped.borrow() {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
            while batch.len() < BATCH_MAX
                && let Ok(entry) = self.entries.try_recv()
            {
                batch.push(entry);
            }
        }
    }

    /// The rows of refusals that were only counted.
    fn counted(&self) -> Vec<Pending> {
        let records = self.shared.refusals.take(self.shared.clock.now_ms());
        // A count always has a canonical form.
        records
            .into_iter()
            .filter_map(|record| Pending::new(LedgerEntry { record, assertion: None, authority: None }, None).ok())
            .collect()
    }

    /// Commits a batch and answers each of its entries, whatever happens: an entry without an answer is one that is dropped,
    /// which its caller sees.
    async fn commit(&self, batch: &mut Vec<Pending>) {
        if batch.is_empty() {
            return;
        }
        let outcomes = match self.try_write(batch).await {
            Ok(outcomes) => outcomes,
            // One entry that can't be must not take the others along.
            Err(error) if batch.len() > 1 && is_of_one_entry(&error) => self.write_apart(batch, &error).await,
            Err(error) => {
                let fault = self.failed(error, batch.len());
                vec![Err(fault); batch.len()]
            }
        };
        if let Some(metrics) = self.shared.metrics() {
            let rows = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
            metrics.rows.inc_by(rows as u64);
            #[expect(clippy::cast_precision_loss, reason = "a batch has 512 entries at most")]
            metrics.batch_size.observe(batch.len() as f64);
        }
        for (entry, outcome) in batch.drain(..).zip(outcomes) {
            if let Some(answer) = entry.answer {
                // The caller may have gone away.
                let _ = answer.send(outcome);
            }
        }
    }

    pub(super) fn failed(&self, error: WriteFault, rows: usize) -> LedgerFault {
        if let Some(metrics) = self.shared.metrics() {
            metrics.failed_commits.inc();
        }
        tracing::error!(error = %error, rows, "the audit log can't be written: no token leaves");
        match error {
            WriteFault::Store(error) => LedgerFault::Store(Arc::new(error)),
            WriteFault::Panic => LedgerFault::Stopped,
        }
    }

    /// A panic costs this batch, not the writer.
    pub(super) async fn try_write(&self, batch: &[Pending]) -> Result<Vec<Outcome>, WriteFault> {
        match AssertUnwindSafe(self.write(batch)).catch_unwind().await {
            Ok(done) => {
                // A refused row says nothing of the store.
                if !done.as_ref().is_err_and(StoreError::is_constraint) {
                    self.shared.failing.store(done.is_err(), Ordering::Relaxed);
                }
                done.map_err(WriteFault::Store)
            }
            Err(_) => Err(WriteFault::Panic),
        }
    }

    /// A commit that changes nothing, but is written as any other. Without it, an issuer that gets no requests because it is not
    /// ready would never become ready.
    async fn try_store(&self) {
        let written = async {
            self.store.check_place()?;
            let mut tx = self.store.begin().await?;
            key_catalogue::lock(&mut tx).await?;
            tx.commit().await
        };
        if written.await.is_ok() {
            tracing::info!("the store can be written again");
            self.shared.failing.store(false, Ordering::Relaxed);
        }
    }

    /// Rows in a file that was moved away or replaced are lost to whoever looks at the store's path, and so is the memory of
    /// its assertions. Looked at once a second; again at once where it was not in place.
    fn check_place(&self) -> Result<(), StoreError> {
        let now = self.shared.clock.uptime();
        let mut seen_at = self.in_place_at.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = seen_at.and_then(|at| now.checked_sub(at)).is_some_and(|age| age < IN_PLACE_FOR);
        if !holds {
            *seen_at = None;
            self.store.check_place()?;
            *seen_at = Some(now);
        }
        Ok(())
    }

    /// A transaction in which the assertions of a batch are taken, and why each entry may not be, or none.
    async fn admit(&self, batch: &[Pending]) -> Result<(Tx, Vec<Option<LedgerFault>>), StoreError> {
        let mut tx = self.store.begin().await?;
        let version = authority::version(&mut tx).await?;
        let (refusals, fresh) = decide(batch, version, &HashSet::new());
        if used_assertions::insert_all(&mut tx, &fresh).await? {
            return Ok((tx, refusals));
        }
        // Rare, and some of them are in by now: once more, without those that had been taken.
        drop(tx);
        let mut tx = self.store.begin().await?;
        let version = authority::version(&mut tx).await?;
        let taken = used_assertions::taken(&mut tx, &fresh).await?;
        let (refusals, fresh) = decide(batch, version, &taken);
        if used_assertions::insert_all(&mut tx, &fresh).await? {
            return Ok((tx, refusals));
        }
        // Under the write lock nobody else takes them.
        let cause = "assertions can't be noted: there is no steady time".to_owned();
        Err(StoreError::Corrupt { column: "key_catalogue.id", cause })
    }

    /// One transaction. Everything in it is read under the write lock: other processes' rows are before it or after it.
    async fn write(&self, batch: &[Pending]) -> Result<Vec<Outcome>, StoreError> {
        #[cfg(test)]
        assert!(!batch.iter().any(|entry| entry.panics), "told to");
        self.check_place()?;
        let (mut tx, refusals) = self.admit(batch).await?;
        let mut heads = heads(&mut tx, batch).await?;
        let mut rows = Vec::with_capacity(batch.len());
        let outcomes = batch
            .iter()
            .zip(refusals)
            .map(|(entry, refusal)| {
                if let Some(refusal) = refusal {
                    return Err(refusal);
                }
                let head = heads.entry(entry.chain).or_insert(Head::EMPTY);
                let (row, next) = audit::NewRow::after(*head, entry.chain, entry.at_ms, &entry.body);
                rows.push(row);
                *head = next;
                Ok(Position { chain: entry.chain, seq: next.seq, hash: next.hash })
            })
            .collect();
        // Of a refused batch there is nothing to write, and its chains' heads stay.
        let moved: HashSet<Chain> = rows.iter().map(audit::NewRow::chain).collect();
        heads.retain(|chain, _| moved.contains(chain));
        audit::insert(&mut tx, &rows).await?;
        audit::advance(&mut tx, &heads.into_iter().collect::<Vec<_>>()).await?;
        tx.commit().await?;
        Ok(outcomes)
    }
}

/// Why each entry may not be, or none; and the assertions of those that may.
fn decide<'a>(
    batch: &'a [Pending],
    version: i64,
    taken: &HashSet<UsedAssertion>,
) -> (Vec<Option<LedgerFault>>, Vec<&'a UsedAssertion>) {
    let mut once = HashSet::new();
    let mut fresh = Vec::new();
    let refusals = batch
        .iter()
        .map(|entry| {
            if entry.authority.is_some_and(|authority| authority != version) {
                return Some(LedgerFault::AuthorityChanged);
            }
            if let Some(assertion) = &entry.assertion {
                if taken.contains(assertion) || !once.insert(assertion) {
                    return Some(LedgerFault::Replayed);
                }
                fresh.push(assertion);
            }
            None
        })
        .collect();
    (refusals, fresh)
}

async fn heads(db: &mut Connection, batch: &[Pending]) -> Result<HashMap<Chain, Head>, StoreError> {
    let chains: HashSet<Chain> = batch.iter().map(|entry| entry.chain).collect();
    audit::heads(db, &chains.into_iter().collect::<Vec<_>>()).await
}

#[derive(Debug, thiserror::Error)]
pub(super) enum WriteFault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the writer panicked")]
    Panic,
}

/// Whether the fault may lie with one entry: a constraint, or a panic. A full disk is a fault of all.
pub(super) fn is_of_one_entry(error: &WriteFault) -> bool {
    match error {
        WriteFault::Store(error) => error.is_constraint(),
        WriteFault::Panic => true,
    }
}
