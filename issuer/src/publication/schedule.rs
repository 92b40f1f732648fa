//! What a running issuer remembers of its publications: its targets, its look at the public URL, and when each key set was
//! last read there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::{Fault, PublicUrl, Publisher};
use crate::clock::Clock;
use crate::config;
use crate::keyring::KeySetId;

/// After so long without a readable public URL, what was seen there before counts no more: caches have dropped it
/// (stale-while-revalidate is an hour), and a verifier that asks anew gets nothing.
pub(crate) const SEEN_LASTS_S: i64 = 3_600;

/// The publications of a running issuer.
#[derive(Debug)]
pub(crate) struct Publishing {
    pub(crate) publisher: Publisher,
    /// None: nothing is read back.
    pub(crate) public_url: Option<PublicUrl>,
    pub(crate) interval: Duration,
    /// Notified when the documents changed.
    pub(crate) documents_changed: Arc<Notify>,
    /// Notified when what the public URL serves should have changed.
    pub(crate) targets_changed: Arc<Notify>,
    started_s: i64,
    /// Seconds since the epoch.
    last_read_s: Mutex<BTreeMap<KeySetId, i64>>,
}

impl Publishing {
    pub(crate) async fn open(config: &config::Publication, clock: &Arc<dyn Clock>) -> Result<Self, Fault> {
        let public_url =
            config.read_back.then(|| PublicUrl::new(clock.clone(), config.ca_file.as_deref(), None)).transpose()?;
        Ok(Self {
            publisher: Publisher::open(config).await,
            public_url,
            interval: config.interval,
            documents_changed: Arc::default(),
            targets_changed: Arc::default(),
            started_s: clock.now_s(),
            last_read_s: Mutex::default(),
        })
    }

    /// Tells the jobs that the documents changed.
    pub(crate) fn notify_documents_changed(&self) {
        self.documents_changed.notify_one();
        self.targets_changed.notify_one();
    }

    /// Notes that a set was read at every public URL of it.
    pub(crate) fn was_read(&self, set: KeySetId, now_s: i64) {
        self.last_read_s.lock().unwrap_or_else(PoisonError::into_inner).insert(set, now_s);
    }

    /// Forgets the sets that are published no more.
    pub(crate) fn keep_only(&self, is_published: impl Fn(KeySetId) -> bool) {
        self.last_read_s.lock().unwrap_or_else(PoisonError::into_inner).retain(|set, _| is_published(*set));
    }

    /// How long a set has not been read, in seconds; since the start, where it never was.
    pub(crate) fn unread_for_s(&self, set: KeySetId, now_s: i64) -> i64 {
        let last = self.last_read_s.lock().unwrap_or_else(PoisonError::into_inner).get(&set).copied();
        now_s.saturating_sub(last.unwrap_or(self.started_s)).max(0)
    }
}
