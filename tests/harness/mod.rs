//! Processes, folders, ports and clients for the tests. Everything listens on loopback and ends with its test.

pub mod broker;
pub mod publisher;
pub mod server;
pub mod uplinks;

use std::time::{Duration, Instant};

/// Waits until `condition` gives a value; fails the test after `DEADLINE`, naming what it waited for.
pub fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    const DEADLINE: Duration = Duration::from_mins(1);
    let begin = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(begin.elapsed() < DEADLINE, "timed out waiting: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
