//! Writing one Parquet file of a table, batch by batch.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{max, max_string, min, min_string};
use arrow::datatypes::{DataType, Field, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use stadtwarte_model::Timestamp;
use stadtwarte_model::partition::Partition;
use stadtwarte_model::schema::Table;
use uuid::Uuid;

use crate::data_file::{ColumnStats, DataFile, Range};
use crate::error::Error;
use crate::folder::sync_dir;

/// A file on its way. Nothing of it remains unless it is finished.
pub(crate) struct FileWriter {
    folder: PathBuf,
    partition: Partition,
    /// What its name begins with; it ends with the checksum, which is known last.
    stem: String,
    /// `None` once it is finished.
    writer: Option<ArrowWriter<Summed>>,
    columns: Vec<Column>,
    rows: u64,
    /// What the rows of the open row group take in memory.
    group_bytes: usize,
}

/// What a row group may take in memory: who reads it may have to hold it whole. Small rows reach their number first.
pub(crate) const MAX_GROUP_BYTES: usize = 64 << 20;

impl FileWriter {
    /// Begins a file of `table`, whose root is `root`.
    pub fn create(table: Table, root: &Path, partition: Partition) -> Result<Self, Error> {
        let folder = root.join(partition.to_string());
        if !folder.exists() {
            fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
            sync_dir(root)?;
        }
        let stem = Uuid::new_v4().simple().to_string();
        let path = folder.join(format!("{stem}.{UNFINISHED}"));
        let file = Summed { file: File::create_new(&path).map_err(Error::io(&path))?, checksum: 0 };
        let columns = table.schema().fields().iter().enumerate().filter_map(|(index, field)| Column::new(index, field)).collect();
        let mut started = Self { folder, partition, stem, writer: None, columns, rows: 0, group_bytes: 0 };
        let writer = ArrowWriter::try_new(file, table.schema(), Some(properties(table)));
        started.writer = Some(writer.map_err(|source| Error::Parquet { path, source }).inspect_err(|_| started.remove())?);
        Ok(started)
    }

    /// Adds rows, in the order of the table.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let path = self.path();
        let Some(writer) = self.writer.as_mut() else { return Ok(()) };
        let failed = |source| Error::Parquet { path: path.clone(), source };
        let bytes_of = |part: &RecordBatch| -> usize {
            part.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or_default()).sum()
        };
        let mut open = vec![batch.clone()];
        while let Some(part) = open.pop() {
            let (bytes, rows) = (bytes_of(&part), part.num_rows());
            if bytes > MAX_GROUP_BYTES && rows > 1 {
                open.extend([part.slice(rows / 2, rows - rows / 2), part.slice(0, rows / 2)]);
                continue;
            }
            if self.group_bytes > 0 && self.group_bytes + bytes > MAX_GROUP_BYTES {
                writer.flush().map_err(failed)?;
                self.group_bytes = 0;
            }
            writer.write(&part).map_err(failed)?;
            // The writer begins a new group by itself when there are rows enough.
            let open_rows = writer.in_progress_rows();
            self.group_bytes = if open_rows < rows { bytes / rows.max(1) * open_rows } else { self.group_bytes + bytes };
        }
        self.columns.iter_mut().for_each(|column| column.add(batch));
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// The file, which is on disk when this returns.
    pub fn finish(mut self, now: Timestamp) -> Result<DataFile, Error> {
        let path = self.path();
        let (name, bytes) = self.sync(&path).inspect_err(|_| self.remove())?;
        Ok(DataFile {
            path: format!("{}/{name}", self.partition),
            bytes,
            rows: self.rows,
            partition: self.partition,
            modified_ms: now.as_micros().div_euclid(1000),
            stats: std::mem::take(&mut self.columns).into_iter().map(Column::stats).collect(),
        })
    }

    /// The name of the file, and its size.
    fn sync(&mut self, path: &Path) -> Result<(String, u64), Error> {
        let Some(writer) = self.writer.take() else { return Err(Error::Closed) };
        let Summed { file, checksum } = writer.into_inner().map_err(|source| Error::Parquet { path: path.to_owned(), source })?;
        file.sync_all().map_err(Error::io(path))?;
        let name = format!("{}-{checksum:08x}.parquet", self.stem);
        fs::rename(path, self.folder.join(&name)).map_err(Error::io(path))?;
        sync_dir(&self.folder)?;
        Ok((name, file.metadata().map_err(Error::io(path))?.len()))
    }

    fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.{UNFINISHED}", self.stem))
    }

    fn remove(&self) {
        let _ = fs::remove_file(self.path());
    }
}

/// What the name of a file ends with that is not finished.
pub(crate) const UNFINISHED: &str = "tmp";

/// A file and the CRC-32C of what has been written to it, from its beginning on.
struct Summed {
    file: File,
    checksum: u32,
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.checksum = crc32c::crc32c_append(self.checksum, bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        if self.writer.is_some() {
            self.remove();
        }
    }
}

/// Writes one sorted file. Nothing of it remains after an error.
pub(crate) fn write_file(table: Table, root: &Path, partition: Partition, batch: &RecordBatch, now: Timestamp) -> Result<DataFile, Error> {
    let mut writer = FileWriter::create(table, root, partition)?;
    writer.write(batch)?;
    writer.finish(now)
}

/// Removes files that no commit will name. What cannot be removed is only a waste of space.
pub(crate) fn discard(root: &Path, files: &[DataFile]) {
    for file in files {
        let _ = fs::remove_file(root.join(&file.path));
    }
}

/// What has been seen of a column.
struct Column {
    index: usize,
    name: String,
    range: Option<Range>,
    /// Whether the range covers every value.
    is_known: bool,
    nulls: u64,
}

impl Column {
    /// `None` for columns of which nothing is kept: long texts would bloat the table's log, so only those that queries filter by are
    /// worth their range.
    fn new(index: usize, field: &Field) -> Option<Self> {
        let is_kept = match field.data_type() {
            DataType::Int32 | DataType::Int64 | DataType::Float64 | DataType::Timestamp(TimeUnit::Microsecond, _) => true,
            DataType::Utf8 => field.name() == "dev_eui",
            _ => false,
        };
        is_kept.then(|| Self { index, name: field.name().clone(), range: None, is_known: true, nulls: 0 })
    }

    fn add(&mut self, batch: &RecordBatch) {
        let values = batch.column(self.index);
        self.nulls += values.null_count() as u64;
        self.range = match (self.range.take(), range_of(values)) {
            (known, None) => {
                self.is_known &= values.null_count() == values.len();
                known
            }
            (None, range) => range,
            (Some(known), Some(range)) => Some(known.with(range)),
        };
    }

    fn stats(self) -> ColumnStats {
        ColumnStats { column: self.name, range: self.range.filter(|_| self.is_known), nulls: self.nulls }
    }
}

/// The least and the greatest value; `None` when all are null, or one is no finite number.
fn range_of(values: &ArrayRef) -> Option<Range> {
    match values.data_type() {
        DataType::Int64 => ints(min(values.as_primitive::<Int64Type>()), max(values.as_primitive::<Int64Type>())),
        DataType::Int32 => {
            let values = values.as_primitive::<Int32Type>();
            ints(min(values).map(i64::from), max(values).map(i64::from))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let values = values.as_primitive::<TimestampMicrosecondType>();
            ints(min(values), max(values))
        }
        DataType::Float64 => {
            let values = values.as_primitive::<Float64Type>();
            let range = min(values).zip(max(values)).filter(|(low, high)| low.is_finite() && high.is_finite());
            range.map(|(low, high)| Range::Float(low, high))
        }
        DataType::Utf8 => {
            let values = values.as_string::<i32>();
            min_string(values).zip(max_string(values)).map(|(low, high)| Range::Text(low.to_owned(), high.to_owned()))
        }
        _ => None,
    }
}

fn ints(low: Option<i64>, high: Option<i64>) -> Option<Range> {
    low.zip(high).map(|(low, high)| Range::Int(low, high))
}

/// Encodings after measurement (facts on performance, section 2): deltas for identifiers and times, dictionaries for the rest.
fn properties(table: Table) -> WriterProperties {
    let schema = table.schema();
    let sorting = table.sort_columns().iter().filter_map(|column| {
        let (index, _) = schema.column_with_name(column)?;
        Some(SortingColumn { column_idx: i32::try_from(index).ok()?, descending: false, nulls_first: true })
    });
    let builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(256 * 1024))
        .set_data_page_row_count_limit(8 * 1024)
        .set_write_batch_size(4 * 1024)
        .set_sorting_columns(Some(sorting.collect()));
    schema.fields().iter().fold(builder, |builder, field| encode_column(builder, field.name(), field.data_type())).build()
}

fn encode_column(builder: WriterPropertiesBuilder, name: &str, data_type: &DataType) -> WriterPropertiesBuilder {
    let column: parquet::schema::types::ColumnPath = name.into();
    match data_type {
        DataType::Timestamp(TimeUnit::Microsecond, _) | DataType::Int64 => {
            builder.set_column_dictionary_enabled(column.clone(), false).set_column_encoding(column, Encoding::DELTA_BINARY_PACKED)
        }
        DataType::Binary => builder.set_column_dictionary_enabled(column, false),
        _ => builder,
    }
}
