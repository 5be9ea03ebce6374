//! Counts failures per key inside a window, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures per key; a window begins with the first failure and is forgotten when it is over.
#[derive(Debug)]
pub(super) struct FailureLimit<K> {
    max_failures: u32,
    window: Duration,
    max_keys: usize,
    counts: Mutex<HashMap<K, (Instant, u32)>>,
}

impl<K: Hash + Eq + Copy> FailureLimit<K> {
    pub(super) fn new(max_failures: u32, window: Duration, max_keys: usize) -> Self {
        Self { max_failures, window, max_keys, counts: Mutex::default() }
    }

    /// Whether this key has used up its failures.
    pub(super) fn is_exceeded(&self, key: &K) -> bool {
        let counts = self.lock();
        counts.get(key).is_some_and(|(begin, count)| begin.elapsed() < self.window && *count >= self.max_failures)
    }

    /// Notes one failure.
    pub(super) fn record(&self, key: K) {
        let now = Instant::now();
        let mut counts = self.lock();
        if !counts.contains_key(&key) && counts.len() >= self.max_keys {
            counts.retain(|_, (begin, _)| now.duration_since(*begin) < self.window);
            if counts.len() >= self.max_keys
                && let Some(oldest) = counts.iter().min_by_key(|(_, (begin, _))| *begin).map(|(key, _)| *key)
            {
                counts.remove(&oldest);
            }
        }
        let entry = counts.entry(key).or_insert((now, 0));
        if now.duration_since(entry.0) >= self.window {
            *entry = (now, 0);
        }
        entry.1 = entry.1.saturating_add(1);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, (Instant, u32)>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn memory_stays_bounded_and_the_oldest_is_forgotten() {
        let limit = FailureLimit::new(1, Duration::from_mins(1), 2);
        for key in [1, 2, 3] {
            limit.record(key);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(limit.lock().len(), 2);
        assert!(!limit.is_exceeded(&1));
        assert!(limit.is_exceeded(&3));
    }
}
