//! The ledger: the one writer through which tokens get their audit rows. A commit to disk costs milliseconds and a hundred
//! microseconds of CPU, a row in it a few; so the rows of many requests share a commit (group commit), and each request is
//! answered when the commit that holds its row is durable.
//!
//! - [`Ledger::commit`] succeeds only when the row is durable. Every other end is a [`LedgerFault`], and then no token may
//!   leave: a stopped writer, a full disk, a panic. The row of a fault may still be there (a commit whose answer was lost);
//!   there is never a token without its row.
//! - The same transaction takes the client assertion, so that each counts once whichever process sees it, and compares the
//!   authority's version, so that a token decided by old look-ups does not leave after a revocation.
//! - Each second the writer looks whether the store still lies at its path: rows in a file that was moved away or replaced would
//!   be lost, so nothing is committed to it.
//! - A chain that nothing can be added to costs its own entries, not those of other chains: see [`apart`].
//! - The queue is bounded. Who finds it full gets [`LedgerFault::Busy`] at once.
//! - The writer waits up to 10 ms for more rows, but only while many requests are known to be on the way
//!   ([`Ledger::on_the_way`]); a lone request never waits for others.
//! - Refusals ([`Ledger::refused`]) are rows too, at a bounded rate: see [`refusals`].

mod apart;
mod assertion;
mod refusals;
mod writer;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::{Actor, CanonicalFault, Chain, Event, Position, Record, RefusalReason, TokenRefused};
use crate::clock::Clock;
use crate::store::{Store, StoreError};
use crate::telemetry::metrics::{AuditMetrics, Metrics};
pub use assertion::{AssertionDigest, UsedAssertion};
use refusals::Refusals;
use writer::{TRY_EVERY, Writer};

/// How many entries may wait: a second or two of work. More would only make every caller wait longer.
const QUEUE_MAX: usize = 4096;

/// What is to become durable together.
#[derive(Debug, Clone)]
pub struct LedgerEntry {
    /// The row.
    pub record: Record,
    /// The client assertion that this takes.
    pub assertion: Option<UsedAssertion>,
    /// The version of the authority ([`crate::store::authority`]) that the decision was made at. Without one, the decision
    /// does not depend on it.
    pub authority: Option<i64>,
}

/// Why an entry did not become durable.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerFault {
    /// The assertion was taken before.
    #[error("this client assertion was used before")]
    Replayed,
    /// What the decision was made by has changed since. Decide again.
    #[error("what the token was decided by changed meanwhile")]
    AuthorityChanged,
    /// Too many entries wait.
    #[error("too many requests wait for the audit log")]
    Busy,
    /// The writer has ended, or ended while the entry waited.
    #[error("the audit log takes no more rows: the issuer is stopping")]
    Stopped,
    /// The store failed. The writer has logged it.
    #[error(transparent)]
    Store(Arc<StoreError>),
    /// The record has no canonical form, which is a fault of this program.
    #[error("the audit record can't be written: {0}")]
    Unwritable(#[from] CanonicalFault),
}

impl LedgerFault {
    /// Whether the same request may succeed in a second.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Busy | Self::Stopped | Self::AuthorityChanged)
    }
}

/// The way to the writer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ledger(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    queue: mpsc::Sender<Pending>,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    /// Closes when the writer has ended.
    running: watch::Receiver<()>,
}

/// What the writer reads beside the queue.
#[derive(Debug)]
struct Shared {
    on_the_way: AtomicUsize,
    /// The last commit failed, through no fault of its entries.
    failing: AtomicBool,
    refusals: Refusals,
    clock: Arc<dyn Clock>,
    metrics: OnceLock<Arc<Metrics>>,
}

impl Shared {
    /// The metrics to count in, where somebody wants them.
    fn metrics(&self) -> Option<&AuditMetrics> {
        self.metrics.get().map(|metrics| &metrics.audit)
    }
}

/// An entry on its way to the writer.
#[derive(Debug)]
struct Pending {
    chain: Chain,
    at_ms: i64,
    body: String,
    assertion: Option<UsedAssertion>,
    authority: Option<i64>,
    answer: Option<oneshot::Sender<Result<Position, LedgerFault>>>,
    /// Makes the writer panic.
    #[cfg(test)]
    panics: bool,
}

/// A request that may soon commit. Drop it right before [`Ledger::commit`], or when the request is refused.
#[derive(Debug)]
pub struct OnTheWay(Arc<Shared>);

impl Drop for OnTheWay {
    fn drop(&mut self) {
        self.0.on_the_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pending {
    fn new(
        entry: LedgerEntry,
        answer: Option<oneshot::Sender<Result<Position, LedgerFault>>>,
    ) -> Result<Self, CanonicalFault> {
        let LedgerEntry { record, assertion, authority } = entry;
        Ok(Self {
            chain: record.chain,
            at_ms: record.at_ms,
            body: record.body()?,
            assertion,
            authority,
            answer,
            #[cfg(test)]
            panics: false,
        })
    }
}

impl Ledger {
    /// Starts the writer, on a connection of its own to this store.
    pub async fn start(store: &Store, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        Ok(Self::start_over(store.with_own_connection().await?, clock, TRY_EVERY))
    }

    fn start_over(store: Store, clock: Arc<dyn Clock>, try_every: Duration) -> Self {
        let (queue, entries) = mpsc::channel(QUEUE_MAX);
        let (stop, stopped) = watch::channel(false);
        let (ended, running) = watch::channel(());
        let shared = Arc::new(Shared {
            on_the_way: AtomicUsize::new(0),
            failing: AtomicBool::new(false),
            refusals: Refusals::new(clock.now_ms()),
            clock,
            metrics: OnceLock::new(),
        });
        let in_place_at = Mutex::default();
        let writer = Writer { store, entries, stopped, shared: shared.clone(), try_every, in_place_at };
        tokio::spawn(async move {
            writer.run().await;
            drop(ended);
        });
        Self(Arc::new(Inner { queue, shared, stop, running }))
    }

    /// Counts in these metrics from now on. The first call decides.
    pub fn report_to(&self, metrics: &Arc<Metrics>) {
        if self.0.shared.metrics.set(metrics.clone()).is_ok() {
            let inner = Arc::downgrade(&self.0);
            metrics.before_scrape(move |metrics| {
                let waiting = inner.upgrade().map_or(0, |inner| Self(inner).waiting());
                metrics.audit.queue_depth.set(i64::try_from(waiting).unwrap_or(i64::MAX));
            });
        }
    }

    /// Says that a request may soon commit.
    pub fn on_the_way(&self) -> OnTheWay {
        self.0.shared.on_the_way.fetch_add(1, Ordering::Relaxed);
        OnTheWay(self.0.shared.clone())
    }

    /// Makes an entry durable. Success means that it is; whoever stops waiting before does not know.
    pub async fn commit(&self, entry: LedgerEntry) -> Result<Position, LedgerFault> {
        let (answer, answered) = oneshot::channel();
        self.send(Pending::new(entry, Some(answer))?)?;
        // The writer let go of the entry without an answer: it panicked, or the runtime ends.
        answered.await.unwrap_or(Err(LedgerFault::Stopped))
    }

    /// Notes a refused token. Returns at once: a refusal need not be durable before it is told. Rows of one chain come at a
    /// bounded rate, the rest is counted. What a caller without proof says goes to the platform's chain, whatever `chain` is.
    pub fn refused(&self, chain: Chain, actor: Actor, address: Option<IpAddr>, refused: TokenRefused) {
        let reason = refused.reason;
        self.note(chain, actor, address, reason, Event::TokenRefused(refused));
    }

    /// Notes a refused sign-in, at the same bounded rate: see [`Self::refused`].
    pub fn sign_in_refused(&self, address: Option<IpAddr>, reason: RefusalReason, event: Event) {
        self.note(Chain::Platform, Actor::Unknown, address, reason, event);
    }

    fn note(&self, chain: Chain, actor: Actor, address: Option<IpAddr>, reason: RefusalReason, event: Event) {
        let shared = &self.0.shared;
        let chain = if actor == Actor::Unknown { Chain::Platform } else { chain };
        let now_ms = shared.clock.now_ms();
        if shared.refusals.admit(chain, reason, now_ms) {
            let record = Record::new(chain, now_ms, actor, event).from(address);
            let entry = LedgerEntry { record, assertion: None, authority: None };
            let sent = Pending::new(entry, None).map_err(LedgerFault::from).and_then(|pending| self.send(pending));
            if sent.is_err() {
                shared.refusals.count(chain, reason);
            }
        }
    }

    /// How many entries wait for the writer.
    pub fn waiting(&self) -> usize {
        self.0.queue.max_capacity() - self.0.queue.capacity()
    }

    /// Whether the writer runs.
    pub fn is_running(&self) -> bool {
        !self.0.queue.is_closed()
    }

    /// Whether the last commit succeeded. After one that failed the writer tries every few seconds whether the store can be
    /// written again.
    pub fn is_writing(&self) -> bool {
        !self.0.shared.failing.load(Ordering::Relaxed)
    }

    /// Takes no more entries, makes durable what waits, ends the writer. Returns when that is done.
    pub async fn shutdown(&self) {
        // The writer may have ended already.
        let _ = self.0.stop.send(true);
        let mut running = self.0.running.clone();
        // Nothing is ever sent: this ends when the writer does.
        while running.changed().await.is_ok() {}
    }

    fn send(&self, pending: Pending) -> Result<(), LedgerFault> {
        self.0.queue.try_send(pending).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                if let Some(metrics) = self.0.shared.metrics() {
                    metrics.refused_busy.inc();
                }
                LedgerFault::Busy
            }
            mpsc::error::TrySendError::Closed(_) => LedgerFault::Stopped,
        })
    }
}

#[cfg(test)]
mod tests;
