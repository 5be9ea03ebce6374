//! Medians, ranges and percentiles.

use std::fmt;

/// Median and range of repeated measurements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The middle value; between two, their mean.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
}

impl Summary {
    /// Of at least one value; `None` for none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let sorted = sorted(values);
        let (least, greatest) = (*sorted.first()?, *sorted.last()?);
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Some(Self { median: f64::midpoint(low, high), least, greatest })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { median, least, greatest } = self;
        if greatest <= least {
            return Figure(*median).fmt(f);
        }
        write!(f, "{} ({} – {})", Figure(*median), Figure(*least), Figure(*greatest))
    }
}

impl From<Summary> for String {
    fn from(summary: Summary) -> Self {
        summary.to_string()
    }
}

/// What a measurement says of one thing.
pub type Of<M> = fn(&M) -> f64;

/// A number with about three significant digits, or a whole one with groups of thousands.
#[derive(Debug, Clone, Copy)]
pub struct Figure(pub f64);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.abs();
        if magnitude >= 1_000.0 || self.0.fract() == 0.0 {
            return f.write_str(&grouped(&format!("{:.0}", self.0)));
        }
        let decimals = if magnitude >= 100.0 {
            0
        } else if magnitude >= 10.0 {
            1
        } else {
            2
        };
        write!(f, "{:.decimals$}", self.0)
    }
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        let left = digits.len() - index;
        if index > 0 && left.is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The least of `values` that at least `per_mille` of a thousand are not above (nearest rank).
pub fn percentile(values: &[f64], per_mille: usize) -> Option<f64> {
    let sorted = sorted(values.iter().copied());
    let rank = (sorted.len() * per_mille).div_ceil(1000).max(1);
    sorted.get(rank - 1).copied()
}

fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_median_and_range() {
        let summary = Summary::of([3.0, 1.0, 10.0, 2.0]).unwrap();
        assert_eq!(summary, Summary { median: 2.5, least: 1.0, greatest: 10.0 });
        assert_eq!(Summary::of([]), None);
        assert_eq!(Summary { median: 5_012.4, least: 0.1, greatest: 12.34 }.to_string(), "5,012 (0.10 – 12.3)");
        assert_eq!(Summary { median: 5.0, least: 5.0, greatest: 5.0 }.to_string(), "5", "one measurement has no range");
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let values: Vec<f64> = (1..=1000).rev().map(f64::from).collect();
        let of = |per_mille| percentile(&values, per_mille).unwrap();
        assert_eq!((of(500), of(990), of(999), of(1000)), (500.0, 990.0, 999.0, 1000.0));
        assert_eq!((percentile(&[7.0], 999), percentile(&[], 500)), (Some(7.0), None));
    }

    #[test]
    fn large_numbers_are_grouped() {
        let shown = [0.0, 999.4, 1_000.0, 34_000_000.0, -1_234.0, -123_456.0].map(|number| Figure(number).to_string());
        assert_eq!(shown, ["0", "999", "1,000", "34,000,000", "-1,234", "-123,456"]);
    }
}
