//! Answers as Arrow batches, and when two of them are equal.

use anyhow::{Context, ensure};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::{cast, concat_batches};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::arrow::ipc::reader::StreamReader;

/// Sums of the same numbers in another order differ in their last digits.
const RELATIVE_ERROR: f64 = 1e-9;

/// Reads an Arrow IPC stream.
///
/// # Errors
/// When it is none, or cut short.
pub fn read(bytes: &[u8]) -> anyhow::Result<Vec<RecordBatch>> {
    Ok(StreamReader::try_new(bytes, None)?.collect::<Result<_, _>>()?)
}

/// Compares two answers by position of column and row, and returns the number of rows. Names and widths of types may differ.
///
/// # Errors
/// Names the first difference.
pub fn assert_equal(left: &[RecordBatch], right: &[RecordBatch]) -> anyhow::Result<usize> {
    let (left, right) = (whole(left)?, whole(right)?);
    ensure!(left.num_columns() == right.num_columns(), "{} columns, not {}", left.num_columns(), right.num_columns());
    ensure!(left.num_rows() == right.num_rows(), "{} rows, not {}", left.num_rows(), right.num_rows());
    for column in 0..left.num_columns() {
        let name = left.schema_ref().field(column).name().clone();
        let difference = difference(left.column(column), right.column(column)).with_context(|| name.clone())?;
        if let Some(row) = difference {
            let show = |batch: &RecordBatch| datafusion::arrow::util::display::array_value_to_string(batch.column(column), row);
            anyhow::bail!("{name} in row {row}: {} and {}", show(&left)?, show(&right)?);
        }
    }
    Ok(left.num_rows())
}

fn whole(batches: &[RecordBatch]) -> anyhow::Result<RecordBatch> {
    let first = batches.first().context("an answer without a batch")?;
    Ok(concat_batches(first.schema_ref(), batches)?)
}

/// The first row in which two columns differ.
fn difference(left: &ArrayRef, right: &ArrayRef) -> anyhow::Result<Option<usize>> {
    let common = match left.data_type() {
        DataType::Float64 => DataType::Float64,
        DataType::Timestamp(..) | DataType::Int64 | DataType::UInt64 | DataType::Int32 => DataType::Int64,
        _ => DataType::Utf8,
    };
    let (left, right) = (cast(left, &common)?, cast(right, &common)?);
    if common != DataType::Float64 {
        return Ok((0..left.len()).find(|row| left.slice(*row, 1).as_ref() != right.slice(*row, 1).as_ref()));
    }
    let (left, right) = (left.as_primitive::<Float64Type>(), right.as_primitive::<Float64Type>());
    Ok(left.iter().zip(right).position(|pair| match pair {
        (Some(left), Some(right)) => (left - right).abs() > RELATIVE_ERROR * left.abs().max(right.abs()),
        (None, None) => false,
        _ => true,
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Float64Array, Int64Array};

    use super::*;

    fn batch(ids: &[i64], values: &[Option<f64>]) -> RecordBatch {
        let columns: [(&str, ArrayRef); 2] =
            [("id", Arc::new(Int64Array::from(ids.to_vec()))), ("value", Arc::new(Float64Array::from(values.to_vec())))];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
    }

    #[test]
    fn equal_answers_may_come_in_other_batches_and_differ_by_rounding() {
        let one = [batch(&[1, 2], &[Some(0.1 + 0.2), None])];
        let other = [batch(&[1], &[Some(0.3)]), batch(&[2], &[None])];
        assert_eq!(assert_equal(&one, &other).unwrap(), 2);
    }

    #[test]
    fn any_other_difference_is_named() {
        let answer = [batch(&[1, 2], &[Some(1.0), Some(2.0)])];
        for other in [
            batch(&[1, 3], &[Some(1.0), Some(2.0)]),
            batch(&[1, 2], &[Some(1.0), Some(2.000_001)]),
            batch(&[1, 2], &[Some(1.0), None]),
            batch(&[1], &[Some(1.0)]),
        ] {
            assert!(assert_equal(&answer, &[other]).is_err());
        }
    }
}
