//! Partition keys and their paths: `date=2026-03-01`, after the Hive convention that Delta Lake and every Parquet reader know.

use std::fmt;
use std::str::FromStr;

use crate::time::{Date, ParseTimeError};

/// The name of the partition column of every table.
pub const COLUMN: &str = "date";

/// One partition: the UTC day of the row's phenomenon time (observations), event time (uplinks) or receive time (quarantine).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    /// The day.
    pub date: Date,
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

    proptest! {
        #[test]
        fn any_text_is_a_partition_or_an_error(text in ".{0,20}|date=.{0,12}|date=[0-9]{1,6}-[0-9]{1,2}-[0-9]{1,2}") {
            if let Ok(partition) = text.parse::<Partition>() {
                prop_assert_eq!(partition.to_string().parse::<Partition>().unwrap(), partition);
            }
        }

        #[test]
        fn path_and_key_are_inverse(days in -200_000..200_000) {
            let partition = Partition { date: Date::from_days(days) };
            prop_assert_eq!(partition.to_string().parse::<Partition>().unwrap(), partition);
        }
    }
}
