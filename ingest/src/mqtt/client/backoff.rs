//! Growing pauses with jitter.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Doubles from `min` to `max`; each pause is shortened by up to half at random, so that many clients of one broker do not
/// come back in step.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    pub(super) fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, next: min }
    }

    /// The next pause.
    pub(super) fn pause(&mut self) -> Duration {
        let full = self.next;
        self.next = (full * 2).min(self.max);
        full.mul_f64(1.0 - random_fraction() / 2.0)
    }

    /// Begins again with short pauses.
    pub(super) fn reset(&mut self) {
        self.next = self.min;
    }

    /// Goes on with the longest pause.
    pub(super) fn saturate(&mut self) {
        self.next = self.max;
    }
}

/// A number in 0.0..1.0. Each [`RandomState`] has other keys, which is randomness enough for jitter and needs no crate.
fn random_fraction() -> f64 {
    let bits = u32::try_from(RandomState::new().hash_one(0_u8) >> 32).unwrap_or(u32::MAX);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_bound_and_vary() {
        let (min, max) = (Duration::from_secs(1), Duration::from_mins(1));
        let mut full = min;
        let mut backoff = Backoff::new(min, max);
        for _ in 0..20 {
            let pause = backoff.pause();
            assert!(pause <= full && pause >= full / 2, "{pause:?} of {full:?}");
            full = (full * 2).min(max);
        }
        backoff.reset();
        assert!(backoff.pause() <= min);
        let pauses: std::collections::HashSet<_> = (0..50)
            .map(|_| {
                backoff.saturate();
                backoff.pause()
            })
            .collect();
        assert!(pauses.len() > 10, "{pauses:?}");
    }
}
