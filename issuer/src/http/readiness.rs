//! Whether the issuer can work, for anybody who asks, however often: the store is asked at most once a second, and the log has a
//! line when the answer changes.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::app::App;
use crate::clock::Clock;

/// How long the store's answer holds.
const STORE_HOLDS: Duration = Duration::from_secs(1);

/// What was found last.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    /// When the store answered, by the clock's uptime, and whether it was in order. Held while it is asked: who comes meanwhile
    /// waits for the same answer.
    store: tokio::sync::Mutex<Option<(Duration, Result<(), String>)>>,
    /// What the log was told last; ready at the start.
    told: Mutex<Option<Part>>,
}

/// What is not in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    SigningKeys,
    Store,
    AuditLog,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SigningKeys => "the signing keys",
            Self::Store => "the store",
            Self::AuditLog => "the audit log",
        })
    }
}

impl Readiness {
    /// Whether the store answers, the audit log takes rows, and there is an active key that this issuer may sign with and
    /// publishes.
    pub(crate) async fn is_ready(&self, app: &App) -> bool {
        let found = self.look(app).await;
        let part = found.as_ref().err().map(|(part, _)| *part);
        if self.is_news(part) {
            match &found {
                Ok(()) => tracing::info!("ready again"),
                Err((part, reason)) => tracing::error!(reason = %reason, "not ready: {part}"),
            }
        }
        found.is_ok()
    }

    fn is_news(&self, part: Option<Part>) -> bool {
        std::mem::replace(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner), part) != part
    }

    async fn look(&self, app: &App) -> Result<(), (Part, String)> {
        // Keys and writer are known in memory.
        app.keyring().readiness().map_err(|reason| (Part::SigningKeys, reason.to_string()))?;
        if !app.ledger().is_running() {
            let reason = "its writer has ended, so no token can leave; start the issuer anew";
            return Err((Part::AuditLog, reason.to_owned()));
        }
        if !app.ledger().is_writing() {
            let reason = "the last audit rows could not be written; the error of that commit says why";
            return Err((Part::AuditLog, reason.to_owned()));
        }
        let answer = self.ask(app.clock(), async || app.store().check().await.map_err(|error| error.to_string())).await;
        answer.map_err(|reason| (Part::Store, reason))
    }

    /// The store's answer, which holds for a second from when it came: a slow one is an answer to all who waited for it.
    async fn ask(&self, clock: &dyn Clock, check: impl AsyncFnOnce() -> Result<(), String>) -> Result<(), String> {
        let mut store = self.store.lock().await;
        if let Some((answered_at, answer)) = &*store
            && clock.uptime().checked_sub(*answered_at).is_some_and(|age| age < STORE_HOLDS)
        {
            return answer.clone();
        }
        let answer = check().await;
        *store = Some((clock.uptime(), answer.clone()));
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::clock::TurnedClock;

    #[tokio::test]
    async fn a_slow_answer_is_the_answer_to_all_who_waited_for_it() {
        let (readiness, clock, asked) = (Readiness::default(), TurnedClock::at(1_800_000_000_000), AtomicUsize::new(0));
        let ask = || {
            readiness.ask(&*clock, async || {
                asked.fetch_add(1, Ordering::Relaxed);
                // The others come to wait meanwhile.
                tokio::task::yield_now().await;
                clock.advance(10_000);
                Err("locked".to_owned())
            })
        };
        let answers = tokio::join!(ask(), ask(), ask());
        let locked = || Err("locked".to_owned());
        assert_eq!((answers, asked.load(Ordering::Relaxed)), ((locked(), locked(), locked()), 1));
        clock.advance(1_000);
        assert_eq!((ask().await, asked.load(Ordering::Relaxed)), (locked(), 2));
    }

    #[test]
    fn the_log_is_told_of_changes_only() {
        let readiness = Readiness::default();
        let found = [None, Some(Part::Store), Some(Part::Store), Some(Part::SigningKeys), None, None];
        assert_eq!(found.map(|part| readiness.is_news(part)), [false, true, false, true, true, false]);
    }
}
