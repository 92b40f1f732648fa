//! The request log: what was called, by whom, and how it ended. Never a token, a secret or a body.

use std::{collections::BTreeMap, sync::Mutex};

/// One finished request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The service's signing name, for example `sts` or `resource-explorer-2`.
    pub service: String,
    /// The operation, for example `GetResource`.
    pub operation: String,
    /// The caller's ARN; empty when the request was unsigned or could not be authenticated.
    pub caller: String,
    /// `Ok`, or the error code of the refusal.
    pub outcome: String,
}

/// All requests since the sandbox started, in the order in which they ended.
#[derive(Debug, Default)]
pub struct RequestLog {
    entries: Mutex<Vec<LogEntry>>,
}

impl RequestLog {
    /// Adds a finished request.
    pub fn record(&self, entry: LogEntry) {
        lock(&self.entries).push(entry);
    }

    /// A copy of all entries.
    pub fn entries(&self) -> Vec<LogEntry> {
        lock(&self.entries).clone()
    }

    /// How many requests of one operation ended, refusals included.
    pub fn calls(&self, service: &str, operation: &str) -> usize {
        lock(&self.entries).iter().filter(|entry| entry.service == service && entry.operation == operation).count()
    }

    /// Calls per `service:operation`.
    pub fn totals(&self) -> BTreeMap<String, usize> {
        let mut totals = BTreeMap::new();
        for entry in lock(&self.entries).iter() {
            *totals.entry(format!("{}:{}", entry.service, entry.operation)).or_default() += 1;
        }
        totals
    }

    /// Forgets everything, so that a test can count from here.
    pub fn clear(&self) {
        lock(&self.entries).clear();
    }
}

/// A panicking test must not hide its own message behind a poisoned lock.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
