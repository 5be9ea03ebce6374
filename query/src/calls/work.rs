//! How long a call will take, before it is made.
//!
//! A call does not pause, so the time limit does not end it. One with much to do is therefore made for a few rows at a time, with a look
//! in between at whether the answer is still wanted; and where one row alone would take long it is refused.

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::logical_expr::ColumnarValue;

use super::estimate::{bytes_of, longest};

/// The steps of one call: up to about a second.
pub(super) const MAX_STEPS: u64 = 30_000_000;
/// The deepest nesting of a geometry: reading one goes as deep into the stack.
const MAX_DEPTH: usize = 128;
/// The longest geometry that is read.
const MAX_GEOMETRY_BYTES: u64 = 1 << 20;

/// What a call does with its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Work {
    /// It goes through them once.
    Linear,
    /// It compares each part of each with each part of the others; with one argument it goes through it once.
    Product {
        /// The square of the bytes of a part.
        divisor: u64,
    },
    /// It compares each part of the first with each other part of it.
    Square {
        /// The square of the bytes of a part.
        divisor: u64,
    },
    /// It looks for a pattern.
    Pattern {
        /// How large the pattern is.
        weight: u64,
    },
    /// It reads geometries as text.
    Wkt,
    /// It reads geometries as bytes.
    Wkb,
}

/// A call that would take too long for a single row.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` has too much to do with so long a text or geometry")]
pub(crate) struct TooMuchWork(pub String);

impl Work {
    /// The steps for all rows together, not less than they will be.
    pub fn steps(self, args: &[ColumnarValue]) -> u64 {
        let first = || args.first().map_or(0, bytes_of);
        match self {
            Self::Linear | Self::Wkt | Self::Wkb => 0,
            Self::Product { divisor } => {
                let sizes = args.iter().map(bytes_of).filter(|bytes| *bytes > 0);
                if args.len() < 2 { 0 } else { sizes.reduce(u64::saturating_mul).unwrap_or(0) / divisor }
            }
            Self::Square { divisor } => first().saturating_mul(first()) / divisor,
            Self::Pattern { weight } => first().saturating_mul(weight),
        }
    }

    /// Refuses geometries that are nested too deep or too long.
    pub fn check(self, args: &[ColumnarValue]) -> Result<()> {
        let Some(first) = args.first().filter(|_| matches!(self, Self::Wkt | Self::Wkb)) else { return Ok(()) };
        if longest(first) > MAX_GEOMETRY_BYTES {
            return exec_err!("a geometry may have at most {MAX_GEOMETRY_BYTES} bytes");
        }
        let depth = if self == Self::Wkt { wkt_depth } else { collections };
        let deepest = match first {
            ColumnarValue::Array(array) => deepest_in(array.as_ref(), depth),
            ColumnarValue::Scalar(scalar) => deepest_in(scalar.to_array()?.as_ref(), depth),
        };
        if deepest? > MAX_DEPTH { exec_err!("a geometry may be nested at most {MAX_DEPTH} deep") } else { Ok(()) }
    }
}

fn deepest_in(array: &dyn Array, depth: fn(&[u8]) -> usize) -> Result<usize> {
    fn most<T: AsRef<[u8]>>(values: impl Iterator<Item = Option<T>>, depth: fn(&[u8]) -> usize) -> usize {
        values.flatten().map(|value| depth(value.as_ref())).max().unwrap_or(0)
    }
    Ok(match array.data_type() {
        DataType::Utf8 => most(array.as_string::<i32>().iter(), depth),
        DataType::LargeUtf8 => most(array.as_string::<i64>().iter(), depth),
        DataType::Utf8View => most(array.as_string_view().iter(), depth),
        DataType::Binary => most(array.as_binary::<i32>().iter(), depth),
        DataType::LargeBinary => most(array.as_binary::<i64>().iter(), depth),
        DataType::BinaryView => most(array.as_binary_view().iter(), depth),
        DataType::Null => 0,
        other => return Err(DataFusionError::Execution(format!("a geometry is not read from {other}"))),
    })
}

/// How deep the parentheses of a text go.
fn wkt_depth(text: &[u8]) -> usize {
    let mut open = 0_usize;
    text.iter().fold(0, |deepest, byte| {
        match byte {
            b'(' => open += 1,
            b')' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest.max(open)
    })
}

/// How many collections there may be in a binary geometry: the places where a byte order is followed by the type of a collection (7, or
/// with the marks of ISO and EWKB for more dimensions). None is deeper inside than there are collections.
fn collections(wkb: &[u8]) -> usize {
    let is_collection = |number: u32| number & 0x1fff_ffff == 7 || matches!(number, 1007 | 2007 | 3007);
    let starts = wkb.windows(5).filter(|window| match window {
        [0, number @ ..] => number.try_into().is_ok_and(|number| is_collection(u32::from_be_bytes(number))),
        [1, number @ ..] => number.try_into().is_ok_and(|number| is_collection(u32::from_le_bytes(number))),
        _ => false,
    });
    starts.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_as_a_reader_goes() {
        assert_eq!(wkt_depth(b"POINT(1 2)"), 1);
        assert_eq!(wkt_depth(b"GEOMETRYCOLLECTION(POINT(1 2),GEOMETRYCOLLECTION(LINESTRING(1 2,3 4)))"), 3);
        assert_eq!(wkt_depth(b")))((("), 3);
    }

    #[test]
    fn collections_are_seen_in_both_byte_orders_and_with_more_dimensions() {
        let little = [1, 7, 0, 0, 0, 1, 0, 0, 0];
        let big = [0, 0, 0, 0, 7, 0, 0, 0, 1];
        let iso_z = [1, 0xef, 3, 0, 0, 1, 0, 0, 0];
        let ewkb_srid = [1, 7, 0, 0, 0x20, 0, 0, 0, 0, 1, 0, 0, 0];
        assert_eq!(collections(&[&little[..], &big, &iso_z, &ewkb_srid].concat()), 4);
        assert_eq!(collections(&[1, 1, 0, 0, 0]), 0, "a point");
    }

    #[test]
    fn pairs_are_the_product_of_both_sides_or_of_one_with_itself() {
        let text = |length: usize| ColumnarValue::from(datafusion::common::ScalarValue::from("x".repeat(length).as_str()));
        let work = Work::Product { divisor: 1 };
        assert_eq!(work.steps(&[text(100), text(20)]), 2000);
        assert_eq!(work.steps(&[text(100)]), 0);
        assert_eq!(Work::Square { divisor: 4 }.steps(&[text(100), text(20)]), 2500);
    }
}
