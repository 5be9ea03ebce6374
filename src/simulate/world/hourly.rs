//! Sums of a load by the hour, so that a counter at any moment is one table look-up.

use crate::simulate::calendar::{HOUR_S, SPAN_END_S, SPAN_START_S};
use crate::simulate::numeric::{float, float_len, floor_i64, index};

/// The integral of a load over time, exact at full hours and straight in between.
#[derive(Debug)]
pub(crate) struct HourlySum {
    /// Sum up to the start of each hour of the covered years.
    sums: Vec<f64>,
}

impl HourlySum {
    /// Adds up several loads (per hour, not negative) that are given together for the middle of each hour.
    pub(crate) fn together<const N: usize>(loads: impl Fn(f64) -> [f64; N]) -> [Self; N] {
        let hours = index((SPAN_END_S - SPAN_START_S) / 3_600);
        let mut all: [Vec<f64>; N] = std::array::from_fn(|_| Vec::with_capacity(hours + 1));
        let mut totals = [0.0; N];
        for hour in 0..=hours {
            for (sums, total) in all.iter_mut().zip(totals) {
                sums.push(total);
            }
            let now = loads(float(SPAN_START_S) + (float_len(hour) + 0.5) * HOUR_S);
            for (total, load) in totals.iter_mut().zip(now) {
                *total += load.max(0.0);
            }
        }
        all.map(|sums| Self { sums })
    }

    /// The sum from the start of the covered years to a moment; constant outside of them.
    pub(crate) fn up_to(&self, at_s: f64) -> f64 {
        let (low, high, part) = self.hour(at_s);
        low + (high - low) * part
    }

    /// The load per hour at a moment, blended between the middles of the hours.
    pub(crate) fn rate(&self, at_s: f64) -> f64 {
        let of_hour = |at_s| {
            let (low, high, part) = self.hour(at_s);
            (high - low, part)
        };
        let ((before, part), (after, _)) = (of_hour(at_s - HOUR_S / 2.0), of_hour(at_s + HOUR_S / 2.0));
        before + (after - before) * part
    }

    fn hour(&self, at_s: f64) -> (f64, f64, f64) {
        let hours = (at_s - float(SPAN_START_S)) / HOUR_S;
        let whole = floor_i64(hours);
        let last = self.sums.last().copied().unwrap_or(0.0);
        match self.sums.get(index(whole)..) {
            Some([low, high, ..]) if whole >= 0 => (*low, *high, hours - float(whole)),
            _ if whole < 0 => (0.0, 0.0, 0.0),
            _ => (last, last, 0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_continuous_and_its_slope_is_the_load() {
        let [sum] = HourlySum::together(|at_s| [2.0 + (at_s / 10_000.0).sin()]);
        let start = float(SPAN_START_S) + 5_000_000.0;
        let mut last = sum.up_to(start);
        for step in 1..5_000 {
            let at_s = start + f64::from(step) * 60.0;
            let now = sum.up_to(at_s);
            assert!(now >= last && now - last <= 3.0 / 60.0 + 1e-9);
            assert!((now - last - sum.rate(at_s - 30.0) / 60.0).abs() < 0.02);
            last = now;
        }
    }

    #[test]
    fn outside_the_covered_years_the_sum_stands_still() {
        let [sum] = HourlySum::together(|_| [1.0]);
        assert!(sum.up_to(0.0).abs() < f64::EPSILON && sum.rate(0.0).abs() < f64::EPSILON);
        assert!((sum.up_to(9e9) - sum.up_to(8e9)).abs() < f64::EPSILON);
    }
}
