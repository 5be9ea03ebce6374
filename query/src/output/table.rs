//! A drawn table for terminals.

use arrow::array::RecordBatch;
use arrow::util::display::FormatOptions;
use arrow::util::pretty::pretty_format_batches_with_options;

use super::{Writer, failed};
use crate::error::Error;

/// Collects everything, since column widths depend on all rows.
#[derive(Default)]
pub(super) struct TableWriter {
    batches: Vec<RecordBatch>,
}

impl Writer for TableWriter {
    fn begin(&mut self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, Error> {
        self.batches.push(batch.clone());
        Ok(Vec::new())
    }

    fn end(&mut self) -> Result<Vec<u8>, Error> {
        let options = FormatOptions::default().with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.fZ"));
        let table = pretty_format_batches_with_options(&self.batches, &options).map_err(failed)?;
        Ok(format!("{table}\n").into_bytes())
    }
}
