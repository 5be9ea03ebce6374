//! A limit on how many log lines strangers can cause.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// Lets a bounded number of log lines through per minute; the counters in the metrics count everything.
#[derive(Debug, Default)]
pub(crate) struct LogGate(Mutex<Option<(Instant, u32)>>);

const WINDOW: Duration = Duration::from_mins(1);
const LINES_PER_WINDOW: u32 = 20;

impl LogGate {
    /// Whether the next line may be written.
    pub(crate) fn admits(&self) -> bool {
        let now = Instant::now();
        let mut window = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match window.as_mut() {
            Some((start, lines)) if now.duration_since(*start) < WINDOW => {
                *lines = lines.saturating_add(1);
                *lines <= LINES_PER_WINDOW
            }
            _ => {
                *window = Some((now, 1));
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_lines_is_cut_and_opens_again_after_a_minute() {
        let gate = LogGate::default();
        assert_eq!((0..100).filter(|_| gate.admits()).count(), 20);
        tokio::time::advance(WINDOW.saturating_sub(Duration::from_millis(1))).await;
        assert!(!gate.admits());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(gate.admits());
    }
}
