//! Numbers about the store, readable at any time without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// One number.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Its value.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// Sets it and returns what it was.
    pub(crate) fn set(&self, value: u64) -> u64 {
        self.0.swap(value, Ordering::Relaxed)
    }
}

/// What the store has done since it was opened.
#[derive(Debug, Default)]
pub struct Counters {
    /// Log records made durable.
    pub records: Counter,
    /// Observations made durable.
    pub observations: Counter,
    /// Groups synced; records per group is the saving of group commit.
    pub groups: Counter,
    /// Messages recognised as already stored.
    pub redelivered: Counter,
    /// Frames recognised as already stored by another way.
    pub duplicates: Counter,
    /// Flushes of hot rows into files.
    pub flushes: Counter,
    /// Flushes that failed and will be tried again.
    pub flush_failures: Counter,
    /// 1 while the log cannot be written.
    pub log_unavailable: Counter,
    /// Damage found in the log at start.
    pub log_damage: Counter,
    /// Files that compaction merged into others.
    pub compacted_files: Counter,
    /// Compactions that failed and will be tried again.
    pub compaction_failures: Counter,
    /// Rows that were stored more than once, found and removed by compaction.
    pub doubles_removed: Counter,
    /// Observations imported in bulk.
    pub imported: Counter,
}
