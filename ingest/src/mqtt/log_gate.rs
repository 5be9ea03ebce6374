//! A limit on how many log lines strangers can cause.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// Lets a bounded number of log lines through per minute; the counters in the metrics count everything.
#[derive(Debug)]
pub(crate) struct LogGate {
    lines_per_window: u32,
    window: Duration,
    current: Mutex<Option<(Instant, u32)>>,
}

impl Default for LogGate {
    fn default() -> Self {
        Self::new(20, Duration::from_mins(1))
    }
}

impl LogGate {
    fn new(lines_per_window: u32, window: Duration) -> Self {
        Self { lines_per_window, window, current: Mutex::new(None) }
    }

    /// Whether the next line may be written.
    pub(crate) fn admits(&self) -> bool {
        let now = Instant::now();
        let mut current = self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match current.as_mut() {
            Some((start, lines)) if now.duration_since(*start) < self.window => {
                *lines = lines.saturating_add(1);
                *lines <= self.lines_per_window
            }
            _ => {
                *current = Some((now, 1));
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flood_of_lines_is_cut_and_opens_again_in_the_next_window() {
        let gate = LogGate::new(3, Duration::from_secs(1));
        assert_eq!((0..100).filter(|_| gate.admits()).count(), 3);
        crate::mqtt::testing::eventually("the next window", || gate.admits()).await;
    }
}
