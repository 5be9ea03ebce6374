//! Sorted files merged into one, row by row and in bounded memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;
use arrow::error::ArrowError;
use arrow::row::{OwnedRow, RowConverter, Rows, SortField};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use stadtwarte_model::schema::Table;

use crate::data_file::DataFile;
use crate::error::Error;
use crate::recover::batch_rows;

/// Rows that are read from each file, and written, at a time.
const BATCH_ROWS: usize = 4096;
/// What the rows of all inputs that are in memory may take, and the rows that are written at a time.
const INPUT_BYTES: u64 = 64 << 20;
const OUTPUT_BYTES: u64 = 16 << 20;

/// What a merge did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Merged {
    /// Rows that came out.
    pub rows: u64,
    /// Rows that were there before under the same key, and were left out.
    pub doubles: u64,
}

/// Reads `files` side by side and hands their rows on in the order of the table. Rows with equal keys are one row: each key of
/// [`Table::sort_columns`] ends with an identity. `take` gets batches of up to some thousand rows.
pub(crate) fn merge(
    table: Table,
    root: &Path,
    files: &[&DataFile],
    mut take: impl FnMut(&RecordBatch) -> Result<(), Error>,
) -> Result<Merged, Error> {
    let arrow = |source| Error::Arrow { table: table.name(), source };
    let mut keys = Keys::new(table).map_err(arrow)?;
    let mut inputs = Vec::new();
    let mut out = Output::default();
    let mut heads = BinaryHeap::new();
    for (number, file) in files.iter().enumerate() {
        let mut input = Input::open(&root.join(&file.path), INPUT_BYTES / files.len().max(1) as u64)?;
        if input.advance(&mut keys, &mut out, table)? {
            heads.push(Reverse((input.key(), number)));
        }
        inputs.push(input);
    }
    let mut merged = Merged::default();
    let mut last: Option<OwnedRow> = None;
    while let Some(Reverse((key, number))) = heads.pop() {
        let input = &mut inputs[number];
        if last.as_ref() == Some(&key) {
            merged.doubles += 1;
        } else {
            out.rows.push((input.batch, input.row));
            out.bytes += input.row_bytes;
            merged.rows += 1;
            last = Some(key);
        }
        if out.rows.len() == BATCH_ROWS || out.bytes >= OUTPUT_BYTES {
            take(&out.interleaved().map_err(arrow)?)?;
            out.forget_all_but(inputs.iter_mut().map(|input| &mut input.batch));
        }
        let input = &mut inputs[number];
        if input.advance(&mut keys, &mut out, table)? {
            heads.push(Reverse((input.key(), number)));
        }
    }
    if !out.rows.is_empty() {
        take(&out.interleaved().map_err(arrow)?)?;
    }
    Ok(merged)
}

/// The columns that rows are ordered by, as bytes that compare as they do.
struct Keys {
    converter: RowConverter,
    columns: Vec<usize>,
}

impl Keys {
    fn new(table: Table) -> Result<Self, ArrowError> {
        let schema = table.schema();
        let columns: Vec<usize> = table.sort_columns().iter().map(|column| schema.index_of(column)).collect::<Result<_, _>>()?;
        let fields = columns.iter().map(|column| SortField::new(schema.field(*column).data_type().clone())).collect();
        Ok(Self { converter: RowConverter::new(fields)?, columns })
    }

    fn of(&self, batch: &RecordBatch) -> Result<Rows, ArrowError> {
        let columns: Vec<_> = self.columns.iter().map(|column| batch.column(*column).clone()).collect();
        self.converter.convert_columns(&columns)
    }
}

/// One file, and the row of it that is next.
struct Input {
    path: std::path::PathBuf,
    reader: ParquetRecordBatchReader,
    keys: Option<Rows>,
    /// Its present batch among those of the output.
    batch: usize,
    row: usize,
    /// What a row of that batch takes, on average.
    row_bytes: u64,
}

impl Input {
    /// Opens a file of which about `max_bytes` are to be in memory at a time.
    fn open(path: &Path, max_bytes: u64) -> Result<Self, Error> {
        let parquet = |source| Error::Parquet { path: path.to_owned(), source };
        let file = File::open(path).map_err(Error::io(path))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| {
            let rows = batch_rows(builder.metadata(), BATCH_ROWS, max_bytes);
            builder.with_batch_size(rows).build()
        });
        Ok(Self { path: path.to_owned(), reader: reader.map_err(parquet)?, keys: None, batch: 0, row: 0, row_bytes: 0 })
    }

    fn key(&self) -> OwnedRow {
        // There is a present row whenever `advance` returned true, and only then is this asked.
        #[allow(clippy::expect_used, reason = "see above")]
        self.keys.as_ref().expect("a present row").row(self.row).owned()
    }

    /// Goes to the next row, if there is one.
    fn advance(&mut self, keys: &mut Keys, out: &mut Output, table: Table) -> Result<bool, Error> {
        if self.keys.as_ref().is_some_and(|keys| self.row + 1 < keys.num_rows()) {
            self.row += 1;
            return Ok(true);
        }
        loop {
            let Some(batch) = self.reader.next() else {
                self.keys = None;
                return Ok(false);
            };
            let arrow = |source| Error::Arrow { table: table.name(), source };
            let batch = batch.map_err(|source| Error::Parquet { path: self.path.clone(), source: source.into() })?;
            if batch.num_rows() > 0 {
                self.keys = Some(keys.of(&batch).map_err(arrow)?);
                self.row_bytes = (batch.get_array_memory_size() / batch.num_rows()) as u64;
                self.batch = out.add(batch);
                self.row = 0;
                return Ok(true);
            }
        }
    }
}

/// Rows that have been chosen and not been handed on yet.
#[derive(Default)]
struct Output {
    batches: Vec<RecordBatch>,
    /// Batch and row of each.
    rows: Vec<(usize, usize)>,
    /// About what they take.
    bytes: u64,
}

impl Output {
    fn add(&mut self, batch: RecordBatch) -> usize {
        self.batches.push(batch);
        self.batches.len() - 1
    }

    fn interleaved(&self) -> Result<RecordBatch, ArrowError> {
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        interleave_record_batch(&batches, &self.rows)
    }

    /// Lets go of all batches that nobody reads any more.
    fn forget_all_but<'a>(&mut self, present: impl Iterator<Item = &'a mut usize>) {
        self.rows.clear();
        self.bytes = 0;
        let mut kept = Vec::new();
        for batch in present {
            if let Some(held) = self.batches.get(*batch) {
                kept.push(held.clone());
                *batch = kept.len() - 1;
            }
        }
        self.batches = kept;
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::compute::concat_batches;
    use arrow::datatypes::Int64Type;
    use proptest::prelude::*;
    use stadtwarte_model::{DatastreamId, Observation, ObservationId, Quality, ResultValue, Timestamp};
    use tempfile::TempDir;

    use super::*;
    use crate::batch;
    use crate::data_file::write_partitioned;

    fn observation((id, datastream, minute): (i64, i64, i64)) -> Observation {
        Observation {
            id: ObservationId::from_i64(id).unwrap(),
            datastream_id: DatastreamId::try_new(datastream).unwrap(),
            phenomenon_time: Timestamp::from_micros(minute * 60_000_000),
            phenomenon_end: None,
            result_time: None,
            received_at: Timestamp::from_micros(0),
            value: ResultValue::Text(format!("{id}")),
            quality: Quality::GOOD,
            position: None,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_comes_out_is_sorted_and_whole(lists in proptest::collection::vec(proptest::collection::vec((0..500_i64, 1..4_i64, 0..60_i64), 1..200), 1..6)) {
            let folder = TempDir::new().unwrap();
            let mut expected: Vec<(i64, i64, i64)> = lists.concat();
            let mut files = Vec::new();
            for list in lists {
                let rows: Vec<Observation> = list.into_iter().map(observation).collect();
                let batch = batch::observations(&rows).unwrap();
                files.extend(write_partitioned(Table::Observations, folder.path(), &[batch], Timestamp::from_micros(0)).unwrap());
            }
            let mut batches = Vec::new();
            let merged = merge(Table::Observations, folder.path(), &files.iter().collect::<Vec<_>>(), |batch| {
                batches.push(batch.clone());
                Ok(())
            }).unwrap();
            expected.sort_unstable_by_key(|(id, datastream, minute)| (*datastream, *minute, *id));
            let all = expected.len() as u64;
            expected.dedup();
            let out = concat_batches(&Table::Observations.schema(), &batches).unwrap();
            let ids = out.column(0).as_primitive::<Int64Type>().values().to_vec();
            prop_assert_eq!(&ids, &expected.iter().map(|(id, ..)| *id).collect::<Vec<_>>());
            let texts: Vec<String> = out.column_by_name("result_text").unwrap().as_string::<i32>().iter().flatten().map(str::to_owned).collect();
            prop_assert_eq!(texts, ids.iter().map(i64::to_string).collect::<Vec<_>>());
            prop_assert_eq!(merged, Merged { rows: ids.len() as u64, doubles: all - ids.len() as u64 });
        }
    }
}
