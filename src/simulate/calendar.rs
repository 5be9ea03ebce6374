//! Civil time as the town lives it: Central European Time with its summer time, working days, holidays, school terms.
//!
//! The rules are fixed here instead of being read from the machine, so that a simulated year is the same everywhere.
//! Summer time: Directive 2000/84/EC, last Sunday in March to last Sunday in October, 01:00 UTC.

use super::numeric::{float, floor_i64, index};

/// Seconds in a day.
pub(crate) const DAY_S: i64 = 86_400;

/// Seconds in an hour, as floating point.
pub(crate) const HOUR_S: f64 = 3_600.0;

/// A date in the proleptic Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    /// Year, 4 digits.
    pub(crate) year: i32,
    /// Month, 1 to 12.
    pub(crate) month: u32,
    /// Day of the month, 1 to 31.
    pub(crate) day: u32,
}

/// Days since 1970-01-01 of a date (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
pub(crate) const fn days_from_date(date: Date) -> i64 {
    let year = date.year as i64 - (date.month <= 2) as i64;
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (date.month as i64 + if date.month > 2 { -3 } else { 9 }) + 2) / 5 + date.day as i64 - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date of a day counted from 1970-01-01; the inverse of [`days_from_date`].
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "every part is reduced into its range first")]
pub(crate) const fn date_from_days(days: i64) -> Date {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_part = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_part + 2) / 5 + 1) as u32;
    let month = if month_part < 10 { month_part + 3 } else { month_part - 9 } as u32;
    Date { year: (year_of_era + era * 400 + (month <= 2) as i64) as i32, month, day }
}

/// Day of the week of a day counted from 1970-01-01: 0 is Monday.
pub(crate) const fn weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7)
}

/// What people do on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DayKind {
    /// Monday to Friday.
    Workday,
    /// Saturday: shops open, schools closed.
    Saturday,
    /// Sunday or public holiday: shops closed.
    Sunday,
}

/// A moment in local civil time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalTime {
    /// Local day, counted from 1970-01-01.
    pub(crate) day: i64,
    /// Hours since local midnight, 0 to 24.
    pub(crate) hour: f64,
    /// Kind of the day.
    pub(crate) kind: DayKind,
    /// True on a day with lessons.
    pub(crate) school: bool,
}

/// First year of the precomputed span.
pub(crate) const FIRST_YEAR: i32 = 2020;
/// First year after the precomputed span.
pub(crate) const END_YEAR: i32 = 2036;

/// First second of the precomputed span; earlier moments are treated as this one where a table is used.
pub(crate) const SPAN_START_S: i64 = days_from_date(Date { year: FIRST_YEAR, month: 1, day: 1 }) * DAY_S;
/// First second after the precomputed span.
pub(crate) const SPAN_END_S: i64 = days_from_date(Date { year: END_YEAR, month: 1, day: 1 }) * DAY_S;

/// Holidays and summer time for the years 2020 to 2035. Outside that span there is no summer time and no holiday.
#[derive(Debug, Clone)]
pub(crate) struct Calendar {
    first_day: i64,
    kinds: Vec<(DayKind, bool)>,
    summer_times: Vec<(i64, i64)>,
}

impl Calendar {
    /// Builds the tables.
    pub(crate) fn new() -> Self {
        let first_day = SPAN_START_S / DAY_S;
        let years = FIRST_YEAR..END_YEAR;
        let summer_times = years.clone().map(summer_time).collect();
        let mut kinds: Vec<(DayKind, bool)> = (first_day..SPAN_END_S / DAY_S).map(|day| (plain_kind(day), !is_fixed_break(day))).collect();
        for year in years {
            mark_movable_days(&mut kinds, first_day, year);
        }
        for entry in &mut kinds {
            entry.1 &= entry.0 == DayKind::Workday;
        }
        Self { first_day, kinds, summer_times }
    }

    /// Local civil time of a moment in seconds since 1970, UTC.
    pub(crate) fn local(&self, at_s: f64) -> LocalTime {
        let utc = floor_i64(at_s);
        let local = at_s + float(self.offset_s(utc));
        let day = floor_i64(local).div_euclid(DAY_S);
        let hour = (local - float(day * DAY_S)) / HOUR_S;
        let (kind, school) = self.kind(day);
        LocalTime { day, hour, kind, school }
    }

    /// Seconds to add to UTC.
    pub(crate) fn offset_s(&self, utc_s: i64) -> i64 {
        // The mean length of a year is close enough to find the row; summer time never touches the turn of the year.
        let row = (utc_s - SPAN_START_S).div_euclid(31_556_952);
        let summer = usize::try_from(row).ok().and_then(|row| self.summer_times.get(row));
        if summer.is_some_and(|&(start, end)| (start..end).contains(&utc_s)) { 7_200 } else { 3_600 }
    }

    fn kind(&self, local_day: i64) -> (DayKind, bool) {
        if local_day < self.first_day {
            return (plain_kind(local_day), true);
        }
        self.kinds.get(index(local_day - self.first_day)).copied().unwrap_or((plain_kind(local_day), true))
    }
}

/// Start and end of summer time of a year, in seconds since 1970, UTC.
fn summer_time(year: i32) -> (i64, i64) {
    let last_sunday = |month| {
        let last = days_from_date(Date { year, month, day: 31 });
        last - (weekday(last) + 1).rem_euclid(7)
    };
    (last_sunday(3) * DAY_S + 3_600, last_sunday(10) * DAY_S + 3_600)
}

fn plain_kind(day: i64) -> DayKind {
    let date = date_from_days(day);
    let fixed_holiday = matches!((date.month, date.day), (1 | 5, 1) | (10, 3 | 31) | (12, 25 | 26));
    match weekday(day) {
        _ if fixed_holiday => DayKind::Sunday,
        5 => DayKind::Saturday,
        6 => DayKind::Sunday,
        _ => DayKind::Workday,
    }
}

/// Summer, autumn and Christmas breaks, the same dates every year for simplicity.
fn is_fixed_break(day: i64) -> bool {
    let date = date_from_days(day);
    matches!((date.month, date.day), (7, 4..) | (8, ..=14) | (10, 12..=24) | (12, 22..) | (1, ..=5))
}

/// Easter decides over the other public holidays and the spring break.
fn mark_movable_days(kinds: &mut [(DayKind, bool)], first_day: i64, year: i32) {
    let easter = easter_sunday(year);
    let slot = |offset: i64| index(easter + offset - first_day);
    for offset in [-2, 1, 39, 50] {
        if let Some(entry) = kinds.get_mut(slot(offset)) {
            entry.0 = DayKind::Sunday;
        }
    }
    for offset in -12..=5 {
        if let Some(entry) = kinds.get_mut(slot(offset)) {
            entry.1 = false;
        }
    }
}

/// Easter Sunday as days since 1970 (anonymous Gregorian algorithm, Nature 13, 1876).
fn easter_sunday(year: i32) -> i64 {
    let golden = year % 19;
    let century = year / 100;
    let of_century = year % 100;
    let correction = (century - (century + 8) / 25 + 1) / 3;
    let epact = (19 * golden + century - century / 4 - correction + 15) % 30;
    let lead = (32 + 2 * (century % 4) + 2 * (of_century / 4) - epact - of_century % 4) % 7;
    let late = (golden + 11 * epact + 22 * lead) / 451;
    let sum = epact + lead - 7 * late + 114;
    let (month, day) = (u32::try_from(sum / 31).unwrap_or(4), u32::try_from(sum % 31 + 1).unwrap_or(1));
    days_from_date(Date { year, month, day })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{Datelike, NaiveDate};

    #[test]
    fn dates_agree_with_chrono() {
        for days in (-200_000..200_000).step_by(37) {
            let expected = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap() + chrono::Duration::days(days);
            let date = date_from_days(days);
            assert_eq!((date.year, date.month, date.day), (expected.year(), expected.month(), expected.day()));
            assert_eq!(days_from_date(date), days);
            assert_eq!(weekday(days), i64::from(expected.weekday().num_days_from_monday()));
        }
    }

    #[test]
    fn summer_time_starts_and_ends_on_the_right_second() {
        let calendar = Calendar::new();
        // 2026-03-29T01:00:00Z and 2026-10-25T01:00:00Z.
        for (instant, before, after) in [(1_774_746_000, 3_600, 7_200), (1_792_890_000, 7_200, 3_600)] {
            assert_eq!(calendar.offset_s(instant - 1), before);
            assert_eq!(calendar.offset_s(instant), after);
        }
    }

    #[test]
    fn known_days_have_their_kind() {
        let calendar = Calendar::new();
        let kind = |year, month, day| calendar.kind(days_from_date(Date { year, month, day }));
        assert_eq!(kind(2026, 4, 3), (DayKind::Sunday, false), "Good Friday");
        assert_eq!(kind(2026, 4, 6), (DayKind::Sunday, false), "Easter Monday");
        assert_eq!(kind(2026, 5, 14), (DayKind::Sunday, false), "Ascension");
        assert_eq!(kind(2026, 5, 25), (DayKind::Sunday, false), "Whit Monday");
        assert_eq!(kind(2026, 11, 21), (DayKind::Saturday, false));
        assert_eq!(kind(2026, 11, 23), (DayKind::Workday, true));
        assert_eq!(kind(2026, 7, 20), (DayKind::Workday, false), "summer break");
    }
}
