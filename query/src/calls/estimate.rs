//! How large a result will be, before it is made.

use arrow::array::{Array, ArrayRef, AsArray, OffsetSizeTrait};
use arrow::datatypes::{ArrowNativeType, DataType, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::ColumnarValue;

/// A format character such as `%c` stands for at most so many bytes.
const FORMATTED_BYTES: u64 = 40;

/// How much a result may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Growth {
    /// A few times the arguments at most: it is enough to measure the result.
    Arguments,
    /// As much as the arguments together.
    Sum,
    /// The first argument as often as the second says.
    Times,
    /// As many characters as the second argument says.
    Width,
    /// A time in a format, given second.
    Formatted,
    /// The last text for each character of the first, and for regular expressions with the parts it quotes.
    Replaced,
    /// The third argument for each element of the first.
    Elements,
    /// The first argument once, and once for each group of a pattern.
    Captures {
        /// The groups.
        groups: u64,
    },
    /// All arguments after the first, with the first between each two.
    GluedArguments,
    /// The elements of the first argument as texts, with the second between each two and the third for those that are null.
    GluedElements,
}

/// A number as text takes at most so many bytes, with few exceptions.
const NUMBER_BYTES: u64 = 32;

impl Growth {
    pub fn bytes(self, args: &[ColumnarValue], rows: usize) -> u64 {
        let count = rows as u64;
        let rows_of = |index: usize| args.get(index).map_or(1, |arg| if matches!(arg, ColumnarValue::Array(_)) { 1 } else { count });
        let total = |index: usize| args.get(index).map_or(0, bytes_of).saturating_mul(rows_of(index));
        let sum = || (0..args.len()).map(total).fold(0, u64::saturating_add);
        let longest_of = |index: usize| args.get(index).map_or(0, longest);
        let elements = || args.first().map_or(0, elements_of).saturating_mul(rows_of(0));
        match self {
            Self::Arguments => 0,
            Self::Captures { groups } => total(0).saturating_mul(groups.saturating_add(1)),
            Self::Sum => sum(),
            Self::Times => pairs(args, rows, u64::saturating_mul),
            // A character has up to four bytes.
            Self::Width => pairs(args, rows, |_, width| width.saturating_mul(4)),
            Self::Formatted => total(1).saturating_mul(FORMATTED_BYTES),
            Self::Replaced => total(0).saturating_add(count).saturating_mul(longest_of(2).saturating_add(1)),
            Self::Elements => sum().saturating_add(elements().saturating_mul(longest_of(2))),
            Self::GluedArguments => sum().saturating_add(total(0).max(longest_of(0)).saturating_mul(args.len() as u64)),
            Self::GluedElements => {
                let each = longest_of(1).saturating_add(longest_of(2)).saturating_add(NUMBER_BYTES);
                sum().saturating_add(elements().saturating_mul(each))
            }
        }
    }
}

/// The sum over rows of what `of` makes of the length of the first argument and the number in the second.
fn pairs(args: &[ColumnarValue], rows: usize, of: impl Fn(u64, u64) -> u64) -> u64 {
    let [text, number, ..] = args else { return 0 };
    let numbers = number.cast_to(&DataType::Int64, None).and_then(|number| number.into_array(rows));
    let Ok(numbers) = numbers else { return u64::MAX };
    let numbers = numbers.as_primitive::<Int64Type>();
    let longest = longest(text);
    (0..numbers.len()).filter(|row| numbers.is_valid(*row)).fold(0_u64, |sum, row| {
        let number = u64::try_from(numbers.value(row)).unwrap_or(0);
        sum.saturating_add(of(longest, number))
    })
}

/// The bytes of a value, or of all rows.
pub(super) fn bytes_of(value: &ColumnarValue) -> u64 {
    match value {
        ColumnarValue::Array(array) => slice_bytes(array),
        ColumnarValue::Scalar(scalar) => (scalar.size() - size_of::<ScalarValue>()) as u64,
    }
}

/// The bytes of an array. A slice of a large array counts as the slice.
pub(crate) fn slice_bytes(array: &ArrayRef) -> u64 {
    // Views share their texts, which would be counted for each slice.
    match array.data_type() {
        DataType::Utf8View => array.as_string_view().lengths().map(u64::from).sum(),
        DataType::BinaryView => array.as_binary_view().lengths().map(u64::from).sum(),
        _ => array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size()) as u64,
    }
}

/// The bytes of the longest text of a column, or all bytes where it holds no texts.
pub(super) fn longest(value: &ColumnarValue) -> u64 {
    match value {
        ColumnarValue::Array(array) => longest_in(array).unwrap_or_else(|| slice_bytes(array)),
        ColumnarValue::Scalar(scalar) => scalar.try_as_str().map_or_else(|| bytes_of(value), |text| text.map_or(0, str::len) as u64),
    }
}

/// Whether each value takes the same few bytes.
pub(crate) fn has_fixed_width(data_type: &DataType) -> bool {
    match data_type {
        DataType::Boolean | DataType::Null => true,
        DataType::Struct(fields) => fields.iter().all(|field| has_fixed_width(field.data_type())),
        other => other.primitive_width().is_some(),
    }
}

/// The bytes of the largest value of an array; 0 where all take the same few.
pub(crate) fn largest_in(array: &ArrayRef) -> u64 {
    if has_fixed_width(array.data_type()) {
        return 0;
    }
    let of_rows = || (0..array.len()).map(|row| slice_bytes(&array.slice(row, 1))).max().unwrap_or(0);
    longest_in(array).unwrap_or_else(of_rows)
}

/// The bytes of the longest text or binary value of an array; `None` for other types.
fn longest_in(array: &ArrayRef) -> Option<u64> {
    fn between<T: OffsetSizeTrait>(offsets: &[T]) -> u64 {
        offsets.windows(2).map(|pair| (pair[1] - pair[0]).as_usize()).max().unwrap_or(0) as u64
    }
    Some(match array.data_type() {
        DataType::Utf8 => between(array.as_string::<i32>().value_offsets()),
        DataType::LargeUtf8 => between(array.as_string::<i64>().value_offsets()),
        DataType::Binary => between(array.as_binary::<i32>().value_offsets()),
        DataType::LargeBinary => between(array.as_binary::<i64>().value_offsets()),
        DataType::Utf8View => u64::from(array.as_string_view().lengths().max().unwrap_or(0)),
        DataType::BinaryView => u64::from(array.as_binary_view().lengths().max().unwrap_or(0)),
        _ => return None,
    })
}

/// How many values a list holds, also those of lists in it.
fn elements_of(value: &ColumnarValue) -> u64 {
    match value {
        ColumnarValue::Array(array) => leaves(array),
        ColumnarValue::Scalar(scalar) => scalar.to_array().map_or(u64::MAX, |array| leaves(&array)),
    }
}

fn leaves(array: &ArrayRef) -> u64 {
    let inside = |values: &ArrayRef, from: usize, to: usize| leaves(&values.slice(from, to - from));
    match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            inside(list.values(), list.value_offsets()[0].as_usize(), list.value_offsets()[list.len()].as_usize())
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            inside(list.values(), list.value_offsets()[0].as_usize(), list.value_offsets()[list.len()].as_usize())
        }
        DataType::FixedSizeList(..) => leaves(array.as_fixed_size_list().values()),
        _ => array.len() as u64,
    }
}
