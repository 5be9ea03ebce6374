//! Partition keys and their paths: `date=2026-03-01`, after the Hive convention that Delta Lake and every Parquet reader know.

use std::fmt;
use std::str::FromStr;

use crate::time::{Date, ParseTimeError};

/// The name of the partition column of every table.
pub const COLUMN: &str = "date";

/// How long after the end of a month its days become one partition: until then most of what comes late has come.
const LATE_DAYS: i32 = 7;

/// One partition: the UTC day of the row's phenomenon time (observations), event time (uplinks) or receive time (quarantine), or, once
/// its month has long been over, the first day of that month, for all its days. Filter by the time itself, then it does not matter which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    /// The day, or the first of the month.
    pub date: Date,
}

impl Partition {
    /// Where rows of `date` belong, if today is `today`.
    #[must_use]
    pub fn of(date: Date, today: Date) -> Self {
        const LONGER_THAN_A_MONTH: i32 = 32;
        let month = date.month_start();
        let next_month = month.plus_days(LONGER_THAN_A_MONTH).month_start();
        Self { date: if today >= next_month.plus_days(LATE_DAYS) { month } else { date } }
    }
}

/// Finds the partitions of many rows; quick where most are of the day of the row before.
#[derive(Debug)]
pub struct Partitioner {
    today: Date,
    last: Option<(Date, Partition)>,
}

impl Partitioner {
    /// For rows that are written today.
    #[must_use]
    pub const fn new(today: Date) -> Self {
        Self { today, last: None }
    }

    /// Where rows of `date` belong.
    pub fn of(&mut self, date: Date) -> Partition {
        match self.last {
            Some((known, partition)) if known == date => partition,
            _ => {
                let partition = Partition::of(date, self.today);
                self.last = Some((date, partition));
                partition
            }
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{COLUMN}={}", self.date)
    }
}

impl FromStr for Partition {
    type Err = ParseTimeError;

    fn from_str(text: &str) -> Result<Self, ParseTimeError> {
        text.strip_prefix("date=").ok_or_else(|| ParseTimeError { text: text.to_owned() }).and_then(str::parse).map(|date| Self { date })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn february_ends_on_its_last_day() {
        let of = |date: &str, today: &str| Partition::of(date.parse().unwrap(), today.parse().unwrap()).to_string();
        assert_eq!(of("2024-02-29", "2024-03-07"), "date=2024-02-29");
        assert_eq!(of("2024-02-29", "2024-03-08"), "date=2024-02-01");
        assert_eq!(of("2026-12-05", "2027-01-08"), "date=2026-12-01");
    }

    proptest! {
        #[test]
        fn any_text_is_a_partition_or_an_error(text in ".{0,20}|date=.{0,12}|date=[0-9]{1,6}-[0-9]{1,2}-[0-9]{1,2}") {
            if let Ok(partition) = text.parse::<Partition>() {
                prop_assert_eq!(partition.to_string().parse::<Partition>().unwrap(), partition);
            }
        }

        #[test]
        fn days_become_months_a_week_after_their_end(days in -200_000..200_000, age in 0..100) {
            let (date, today) = (Date::from_days(days), Date::from_days(days + age));
            let Partition { date: partition } = Partition::of(date, today);
            prop_assert!(partition == date || partition == date.month_start());
            prop_assert_eq!(partition.month_start(), date.month_start());
            if age >= 31 + LATE_DAYS {
                prop_assert_eq!(partition, date.month_start());
            }
            if age <= LATE_DAYS {
                prop_assert_eq!(partition, date);
            }
            prop_assert_eq!(Partition::of(partition, today), Partition { date: partition }, "where it has come to it stays");
        }

        #[test]
        fn path_and_key_are_inverse(days in -200_000..200_000) {
            let partition = Partition { date: Date::from_days(days) };
            prop_assert_eq!(partition.to_string().parse::<Partition>().unwrap(), partition);
        }
    }
}
