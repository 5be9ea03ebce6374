//! A drawn table for terminals.

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use arrow::util::pretty::pretty_format_batches_with_options;

use super::{TIME_FORMAT, Writer, failed};
use crate::error::Error;

/// A longer table is nothing to read; and since the widths depend on all rows, all of them are in memory until the end.
const MAX_CELLS: usize = 200_000;
/// Every row of a table is as wide as the widest value of each column.
const MAX_BYTES: usize = 16 << 20;

/// Collects everything, since column widths depend on all rows.
#[derive(Default)]
pub(super) struct TableWriter {
    batches: Vec<RecordBatch>,
    rows: usize,
    /// The lines of all rows.
    lines: usize,
    /// The bytes of the widest value or name of each column so far.
    widths: Vec<usize>,
}

fn options() -> FormatOptions<'static> {
    FormatOptions::default().with_timestamp_tz_format(Some(TIME_FORMAT))
}

impl TableWriter {
    fn widen(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let schema = batch.schema();
        if self.widths.is_empty() {
            self.widths = schema.fields().iter().map(|field| field.name().len()).collect();
        }
        // A row has as many lines as its cell with most.
        let mut lines = vec![1; batch.num_rows()];
        for (width, column) in self.widths.iter_mut().zip(batch.columns()) {
            let options = options();
            let formatter = ArrayFormatter::try_new(column.as_ref(), &options).map_err(failed)?;
            for (row, lines) in lines.iter_mut().enumerate() {
                let text = formatter.value(row).try_to_string().map_err(failed)?;
                *width = text.len().max(*width);
                *lines = text.lines().count().max(*lines);
            }
        }
        self.lines += lines.iter().sum::<usize>();
        Ok(())
    }
}

impl Writer for TableWriter {
    fn begin(&mut self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, Error> {
        self.rows += batch.num_rows();
        if self.rows.saturating_mul(batch.num_columns()) > MAX_CELLS {
            return Err(Error::TooLongForTable);
        }
        self.widen(batch)?;
        let width: usize = self.widths.iter().sum();
        if self.lines.saturating_mul(width) > MAX_BYTES {
            return Err(Error::TooLongForTable);
        }
        self.batches.push(batch.clone());
        Ok(Vec::new())
    }

    fn end(&mut self) -> Result<Vec<u8>, Error> {
        let table = pretty_format_batches_with_options(&self.batches, &options()).map_err(failed)?;
        Ok(format!("{table}\n").into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};

    use super::*;

    #[test]
    fn one_wide_value_does_not_widen_many_rows() {
        let column = |texts: Vec<String>| {
            let texts: ArrayRef = Arc::new(StringArray::from(texts));
            RecordBatch::try_from_iter([("text", texts)]).unwrap()
        };
        let mut table = TableWriter::default();
        table.rows(&column(vec!["x".repeat(60_000)])).unwrap();
        assert!(matches!(table.rows(&column(vec![String::new(); 1000])), Err(Error::TooLongForTable)));
        let name = "x".repeat(60_000);
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1; 1000]));
        let named = RecordBatch::try_from_iter([(name, numbers)]).unwrap();
        assert!(matches!(TableWriter::default().rows(&named), Err(Error::TooLongForTable)));
        let lines: ArrayRef = Arc::new(StringArray::from(vec!["\n".repeat(20_000)]));
        let wide: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(20_000)]));
        let high = RecordBatch::try_from_iter([("a", lines), ("b", wide)]).unwrap();
        assert!(matches!(TableWriter::default().rows(&high), Err(Error::TooLongForTable)));
    }

    #[test]
    fn the_cells_are_counted() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1; 150_000]));
        let mut table = TableWriter::default();
        table.rows(&RecordBatch::try_from_iter([("a", Arc::clone(&numbers))]).unwrap()).unwrap();
        let two = RecordBatch::try_from_iter([("a", Arc::clone(&numbers)), ("b", numbers)]).unwrap();
        assert!(matches!(TableWriter::default().rows(&two), Err(Error::TooLongForTable)));
    }
}
