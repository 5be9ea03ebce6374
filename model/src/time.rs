//! Time: UTC instants in microseconds, calendar days, and the clock that is passed in.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Datelike, SecondsFormat};
use serde::{Deserialize, Serialize};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an RFC 3339 time such as 2026-03-01T10:00:00.123Z")]
pub struct ParseTimeError {
    /// The text as it came.
    pub text: String,
}

/// An instant: microseconds since 1970-01-01T00:00:00Z, leap seconds not counted. Prints as RFC 3339 with `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From milliseconds since the Unix epoch, saturating.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The UTC day it falls on, also before 1970.
    #[must_use]
    pub fn date(self) -> Date {
        // The quotient of an i64 by 86.4e9 always fits an i32.
        Date(i32::try_from(self.0.div_euclid(MICROS_PER_DAY)).unwrap_or(i32::MAX))
    }

    /// This instant plus `micros`, saturating.
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Microseconds from `earlier` to here; negative when `earlier` is later; saturating.
    #[must_use]
    pub const fn micros_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimeError;

    /// Reads RFC 3339 with any offset and up to nine fraction digits; digits beyond microseconds are cut off.
    fn from_str(text: &str) -> Result<Self, ParseTimeError> {
        DateTime::parse_from_rfc3339(text).map(|time| Self(time.timestamp_micros())).map_err(|_| ParseTimeError { text: text.to_owned() })
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp_micros(self.0) {
            Some(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            // Outside the years chrono can print; still unambiguous.
            None => write!(f, "{}us", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

/// A UTC calendar day, as days since 1970-01-01. Prints as `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Date(i32);

impl Date {
    /// From days since 1970-01-01.
    #[must_use]
    pub const fn from_days(days: i32) -> Self {
        Self(days)
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub const fn as_days(self) -> i32 {
        self.0
    }

    /// Midnight UTC at its beginning, saturating.
    #[must_use]
    pub fn start(self) -> Timestamp {
        Timestamp(i64::from(self.0).saturating_mul(MICROS_PER_DAY))
    }
}

impl Date {
    /// The first day of its month; itself where the calendar ends.
    #[must_use]
    pub fn month_start(self) -> Self {
        let date = DateTime::from_timestamp_micros(self.start().0).map(|time| time.date_naive());
        date.and_then(|date| i32::try_from(date.day0()).ok()).map_or(self, |days| Self(self.0 - days))
    }

    /// So many days later, saturating.
    #[must_use]
    pub const fn plus_days(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }
}

impl FromStr for Date {
    type Err = ParseTimeError;

    fn from_str(text: &str) -> Result<Self, ParseTimeError> {
        chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()
            .and_then(|date| i32::try_from(date.signed_duration_since(chrono::NaiveDate::default()).num_days()).ok())
            .map(Self)
            .ok_or_else(|| ParseTimeError { text: text.to_owned() })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp_micros(self.start().0) {
            Some(time) => write!(f, "{}", time.format("%Y-%m-%d")),
            None => write!(f, "{}d", self.0),
        }
    }
}

/// Where "now" comes from. The binary passes the system clock; tests pass a [`ManualClock`].
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// A clock that stands still until it is set.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock standing at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Sets it.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    /// Moves it on by `micros`.
    pub fn advance_micros(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ok_times_with_every_precision_and_offset() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T01:00:00+01:00", 0),
            ("1970-01-01T00:00:00.1Z", 100_000),
            ("1970-01-01T00:00:00.123456789Z", 123_456),
            ("1969-12-31T23:59:59.5Z", -500_000),
            ("1970-01-01T08:00:01+08:00", 1_000_000),
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().as_micros(), micros, "{text}");
        }
    }

    #[test]
    fn err_times_without_zone_or_sense() {
        for text in ["", "2026-11-21T12:00:00", "2020-0327T12:39:05Z", "now", "1772359200197"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_instant_and_any_day_can_be_named(micros: i64, days: i32) {
            let (time, day) = (Timestamp::from_micros(micros), Date::from_days(days));
            prop_assert!(!time.to_string().is_empty() && !day.to_string().is_empty());
            prop_assert_eq!(time.date().as_days(), i32::try_from(micros.div_euclid(MICROS_PER_DAY)).unwrap());
            prop_assert!(days > 0 || day.start() <= Timestamp::from_micros(0));
        }

        #[test]
        fn any_text_is_a_time_or_an_error(text in ".{0,40}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{0,12})?(Z|[+-][0-9]{2}:[0-9]{2})") {
            if let Ok(time) = text.parse::<Timestamp>() {
                prop_assert_eq!(time.to_string().parse::<Timestamp>(), Ok(time));
            }
            if let Ok(day) = text.parse::<Date>() {
                prop_assert_eq!(day.to_string().parse::<Date>(), Ok(day));
            }
        }

        #[test]
        fn a_day_contains_its_instant_also_before_1970(micros in -60_000_000_000_000_000_i64..60_000_000_000_000_000) {
            let time = Timestamp::from_micros(micros);
            let day = time.date();
            prop_assert!(day.start() <= time);
            prop_assert!(time.as_micros() < day.start().as_micros() + MICROS_PER_DAY);
            prop_assert_eq!(day.to_string().parse::<Date>().unwrap(), day);
            prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        }
    }
}
