//! A drawn table for terminals.

use arrow::array::RecordBatch;
use arrow::util::display::FormatOptions;
use arrow::util::pretty::pretty_format_batches_with_options;

use super::{Writer, failed};
use crate::error::Error;

/// A longer table is nothing to read; and since the widths depend on all rows, all of them are in memory until the end.
const MAX_ROWS: usize = 100_000;

/// Collects everything, since column widths depend on all rows.
#[derive(Default)]
pub(super) struct TableWriter {
    batches: Vec<RecordBatch>,
    rows: usize,
}

impl Writer for TableWriter {
    fn begin(&mut self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, Error> {
        self.rows += batch.num_rows();
        if self.rows > MAX_ROWS {
            return Err(Error::TooLongForTable { rows: MAX_ROWS });
        }
        self.batches.push(batch.clone());
        Ok(Vec::new())
    }

    fn end(&mut self) -> Result<Vec<u8>, Error> {
        let options = FormatOptions::default().with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.fZ"));
        let table = pretty_format_batches_with_options(&self.batches, &options).map_err(failed)?;
        Ok(format!("{table}\n").into_bytes())
    }
}
