//! A histogram of durations with about 1.5 % resolution and constant memory.

use crate::simulate::numeric::{float_u64, floor_index};
use std::time::Duration;

/// Steps per doubling.
const STEPS: usize = 64;
/// Doublings covered: from 1 microsecond to about 70 minutes.
const DOUBLINGS: usize = 32;

/// Counts durations on a logarithmic scale.
#[derive(Debug, Clone)]
pub struct Latency {
    counts: Vec<u64>,
    total: u64,
    max: Duration,
}

/// The numbers a report shows.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LatencySummary {
    /// Half of all durations are shorter.
    pub p50: Duration,
    /// 99 of 100 are shorter.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

impl Default for Latency {
    fn default() -> Self {
        Self { counts: vec![0; STEPS * DOUBLINGS], total: 0, max: Duration::ZERO }
    }
}

impl Latency {
    /// Counts a duration.
    pub fn record(&mut self, duration: Duration) {
        let micros = float_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)).max(1.0);
        let slot = floor_index(micros.log2() * float_u64(STEPS as u64)).min(self.counts.len() - 1);
        self.counts[slot] += 1;
        self.total += 1;
        self.max = self.max.max(duration);
    }

    /// Adds the counts of another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
        self.max = self.max.max(other.max);
    }

    /// The duration below which a share (0 to 1) of all lies; zero when nothing was counted.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = (share * float_u64(self.total)).ceil().max(1.0);
        let mut seen = 0;
        for (slot, count) in self.counts.iter().enumerate() {
            seen += count;
            if *count > 0 && float_u64(seen) >= wanted {
                let micros = 2_f64.powf((crate::simulate::numeric::float_len(slot) + 0.5) / float_u64(STEPS as u64));
                return Duration::from_secs_f64(micros / 1e6).min(self.max);
            }
        }
        Duration::ZERO
    }

    /// Median, 99th percentile and maximum.
    #[must_use]
    pub fn summary(&self) -> LatencySummary {
        LatencySummary { p50: self.quantile(0.5), p99: self.quantile(0.99), max: self.max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_two_percent() {
        let mut latency = Latency::default();
        for micros in 1..=100_000 {
            latency.record(Duration::from_micros(micros));
        }
        let near = |found: Duration, expected: f64| (found.as_secs_f64() * 1e6 / expected - 1.0).abs() < 0.02;
        let summary = latency.summary();
        assert!(near(summary.p50, 50_000.0) && near(summary.p99, 99_000.0), "{summary:?}");
        assert_eq!(summary.max, Duration::from_millis(100));
    }

    #[test]
    fn nothing_counted_is_zero_and_merging_adds() {
        let mut sum = Latency::default();
        assert_eq!(sum.summary(), LatencySummary::default());
        let mut other = Latency::default();
        other.record(Duration::from_hours(3));
        sum.merge(&other);
        assert_eq!(sum.summary().max, Duration::from_hours(3));
    }
}
