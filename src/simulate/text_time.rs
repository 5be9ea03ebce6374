//! Times as text, RFC 3339, in the shapes the network servers use.

use super::calendar::{DAY_S, date_from_days};
use super::json::{push_integer, push_padded};

/// Appends `2026-03-01T10:00:00.123456+00:00`: ChirpStack v4, always six digits.
pub(crate) fn push_offset(text: &mut String, at_us: i64) {
    push_seconds(text, at_us);
    text.push('.');
    push_padded(text, sub_second_us(at_us), 6);
    text.push_str("+00:00");
}

/// Appends `2026-03-01T10:00:00.123456789Z`: The Things Stack, nanoseconds, trailing zeros trimmed as Go does it.
pub(crate) fn push_nanos(text: &mut String, at_us: i64, extra_ns: u32) {
    push_seconds(text, at_us);
    let nanos = sub_second_us(at_us) * 1_000 + extra_ns % 1_000;
    if nanos != 0 {
        text.push('.');
        push_padded(text, nanos, 9);
        while text.ends_with('0') {
            text.pop();
        }
    }
    text.push('Z');
}

/// Appends `2026-03-01T10:00:00.000Z`: `Date.toISOString()` of a JavaScript codec, whole seconds given.
pub(crate) fn push_iso_seconds(text: &mut String, at_s: u32) {
    push_seconds(text, i64::from(at_s) * 1_000_000);
    text.push_str(".000Z");
}

fn push_seconds(text: &mut String, at_us: i64) {
    let seconds = at_us.div_euclid(1_000_000);
    let date = date_from_days(seconds.div_euclid(DAY_S));
    let of_day = u32::try_from(seconds.rem_euclid(DAY_S)).unwrap_or(0);
    push_integer(text, i64::from(date.year));
    text.push('-');
    push_padded(text, date.month, 2);
    text.push('-');
    push_padded(text, date.day, 2);
    text.push('T');
    push_padded(text, of_day / 3_600, 2);
    text.push(':');
    push_padded(text, of_day / 60 % 60, 2);
    text.push(':');
    push_padded(text, of_day % 60, 2);
}

fn sub_second_us(at_us: i64) -> u32 {
    u32::try_from(at_us.rem_euclid(1_000_000)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};

    #[test]
    fn text_reads_back_to_the_same_instant() {
        for at_us in [0, 1_772_359_200_123_456, 1_772_359_200_000_000, 951_868_799_999_999, -1] {
            let mut offset = String::new();
            push_offset(&mut offset, at_us);
            let mut nanos = String::new();
            push_nanos(&mut nanos, at_us, 0);
            for text in [offset, nanos] {
                let read: DateTime<Utc> = text.parse().unwrap();
                assert_eq!(read.timestamp_micros(), at_us, "{text}");
            }
        }
    }

    #[test]
    fn trailing_zeros_follow_each_server() {
        let mut text = String::new();
        push_offset(&mut text, 1_772_359_200_500_000);
        push_nanos(&mut text, 1_772_359_200_500_000, 0);
        push_nanos(&mut text, 1_772_359_200_000_000, 0);
        push_iso_seconds(&mut text, 1_772_359_200);
        assert_eq!(text, "2026-03-01T10:00:00.500000+00:002026-03-01T10:00:00.5Z2026-03-01T10:00:00Z2026-03-01T10:00:00.000Z");
    }
}
