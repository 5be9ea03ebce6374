//! Saturating conversions between floating point and integers, in one place.
//!
//! Sensor payloads are integers and models are floating point, so the simulator converts all the time. Rust's `as` from float
//! to integer rounds towards zero and saturates (NaN becomes 0); these functions round to nearest first. From integer to float
//! every value the simulator handles (microseconds of this century, counters, indices) is far below 2^53 and therefore exact.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    reason = "saturating by definition of `as` from float to integer; integer to float is exact below 2^53"
)]

/// Rounds to nearest and saturates into `u8`.
pub(crate) fn to_u8(value: f64) -> u8 {
    rounded(value) as u8
}

/// Rounds to nearest and saturates into `i8`.
pub(crate) fn to_i8(value: f64) -> i8 {
    rounded(value) as i8
}

/// Rounds to nearest and saturates into `u16`.
pub(crate) fn to_u16(value: f64) -> u16 {
    rounded(value) as u16
}

/// Rounds to nearest and saturates into `i16`.
pub(crate) fn to_i16(value: f64) -> i16 {
    rounded(value) as i16
}

/// Rounds to nearest and saturates into `u32`.
pub(crate) fn to_u32(value: f64) -> u32 {
    rounded(value) as u32
}

/// Rounds to nearest and saturates into `i32`.
pub(crate) fn to_i32(value: f64) -> i32 {
    rounded(value) as i32
}

/// Rounds to nearest and saturates into `i64`.
pub(crate) fn to_i64(value: f64) -> i64 {
    rounded(value) as i64
}

/// Largest integer not above `value`, saturating into `i64`.
pub(crate) fn floor_i64(value: f64) -> i64 {
    // Twice as fast as `floor`, which is a call into the mathematical library on common targets.
    let towards_zero = value as i64;
    towards_zero.saturating_sub(i64::from(towards_zero as f64 > value))
}

/// Rounds down and saturates into an index; negative numbers become 0.
pub(crate) fn floor_index(value: f64) -> usize {
    value as usize
}

/// Half away from zero, for a conversion that cuts off the rest.
fn rounded(value: f64) -> f64 {
    value + 0.5_f64.copysign(value)
}

/// The remainder in [0, period): where a moment lies inside a day, an hour angle inside a turn.
pub(crate) fn wrap(value: f64, period: f64) -> f64 {
    value - period * float(floor_i64(value / period))
}

/// An integer as floating point.
pub(crate) fn float(value: i64) -> f64 {
    value as f64
}

/// A length or index as floating point.
pub(crate) fn float_len(value: usize) -> f64 {
    value as f64
}

/// A count as floating point.
pub(crate) fn float_u64(value: u64) -> f64 {
    value as f64
}

/// A non-negative integer as an index; negative numbers become 0.
pub(crate) fn index(value: i64) -> usize {
    usize::try_from(value).unwrap_or(0)
}

/// An index as `u64`, which is lossless on every platform Rust supports.
pub(crate) fn len_u64(value: usize) -> u64 {
    value as u64
}

/// The two's complement bits of a signed number, as hash input.
pub(crate) fn bits(value: i64) -> u64 {
    value as u64
}

/// The lowest 32 bits.
pub(crate) fn low_u32(value: u64) -> u32 {
    value as u32
}

/// The lowest 16 bits.
pub(crate) fn low_u16(value: u64) -> u16 {
    value as u16
}

/// Reduces an evenly distributed number to an index below `len`; 0 for an empty range.
pub(crate) fn reduce(value: u64, len: usize) -> usize {
    ((u128::from(value) * len as u128) >> 64) as usize
}

/// Microseconds since 1970 as seconds.
pub(crate) fn seconds(at_us: i64) -> f64 {
    at_us as f64 / 1e6
}

/// Seconds since 1970 as microseconds.
#[cfg(test)]
pub(crate) fn micros(at_s: f64) -> i64 {
    rounded(at_s * 1e6) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_saturate_instead_of_wrapping() {
        assert_eq!(to_u8(300.0), 255);
        assert_eq!(to_u8(-5.0), 0);
        assert_eq!(to_i16(1e9), i16::MAX);
        assert_eq!(to_u16(f64::NAN), 0);
    }

    #[test]
    fn rounding_is_to_nearest_and_floor_goes_down() {
        assert_eq!([to_i32(-2.5), to_i32(-2.4), to_i32(2.5), to_i32(2.4), to_i32(0.0)], [-3, -2, 3, 2, 0]);
        assert_eq!([floor_i64(-2.5), floor_i64(-2.0), floor_i64(2.9), floor_i64(1e300)], [-3, -2, 2, i64::MAX]);
        assert!((wrap(-1.0, 24.0) - 23.0).abs() < 1e-12 && (wrap(49.5, 24.0) - 1.5).abs() < 1e-12);
    }

    #[test]
    fn reduce_stays_inside_the_range() {
        assert_eq!(reduce(u64::MAX, 7), 6);
        assert_eq!(reduce(0, 7), 0);
        assert_eq!(reduce(u64::MAX, 0), 0);
    }
}
