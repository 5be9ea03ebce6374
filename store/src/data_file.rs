//! One immutable Parquet file of a table, and how it is written.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, RecordBatch};
use arrow::compute::{SortColumn, concat_batches, lexsort_to_indices, max, min, take_record_batch};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, SchemaRef, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use serde_json::{Map, Value, json};
use stadtwarte_model::partition::Partition;
use stadtwarte_model::schema::Table;
use stadtwarte_model::{Date, Timestamp};
use uuid::Uuid;

use crate::error::Error;
use crate::folder::sync_dir;

/// The least and greatest value of a column in one file.
#[derive(Debug, Clone, PartialEq)]
pub enum Range {
    /// Of whole numbers, and of times in microseconds.
    Int(i64, i64),
    /// Of floating-point numbers, none of them NaN.
    Float(f64, f64),
    /// Of texts, by bytes.
    Text(String, String),
}

/// What is known of one column of a file without opening it.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnStats {
    /// Its name.
    pub column: String,
    /// `None` when every value is null.
    pub range: Option<Range>,
    /// How many values are null.
    pub nulls: u64,
}

/// One file of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct DataFile {
    /// Its path below the table's root, such as `date=2026-03-01/0b5e....parquet`.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// The partition it belongs to.
    pub partition: Partition,
    /// When it was written, in milliseconds since the Unix epoch.
    pub modified_ms: i64,
    /// Ranges of its columns.
    pub stats: Vec<ColumnStats>,
}

impl DataFile {
    /// The range of a column; `None` when it is unknown or all values are null.
    #[must_use]
    pub fn range(&self, column: &str) -> Option<&Range> {
        self.stats.iter().find(|stats| stats.column == column).and_then(|stats| stats.range.as_ref())
    }

    /// The statistics in the form of the Delta protocol ("Per-file Statistics").
    pub(crate) fn delta_stats(&self, schema: &SchemaRef) -> String {
        let (mut least, mut greatest, mut nulls) = (Map::new(), Map::new(), Map::new());
        for stats in &self.stats {
            nulls.insert(stats.column.clone(), stats.nulls.into());
            let is_time = schema.field_with_name(&stats.column).is_ok_and(|field| matches!(field.data_type(), DataType::Timestamp(..)));
            let (low, high) = match &stats.range {
                None => continue,
                Some(Range::Int(low, high)) if is_time => (time_text(*low), time_text(*high)),
                Some(Range::Int(low, high)) => (json!(low), json!(high)),
                Some(Range::Float(low, high)) => (json!(low), json!(high)),
                Some(Range::Text(low, high)) => (json!(low), json!(high)),
            };
            least.insert(stats.column.clone(), low);
            greatest.insert(stats.column.clone(), high);
        }
        json!({ "numRecords": self.rows, "minValues": least, "maxValues": greatest, "nullCount": nulls }).to_string()
    }

    /// Reads what [`DataFile::delta_stats`] wrote: rows and column statistics.
    pub(crate) fn parse_delta_stats(stats: &str, schema: &SchemaRef) -> Option<(u64, Vec<ColumnStats>)> {
        let document: Value = serde_json::from_str(stats).ok()?;
        let rows = document.get("numRecords")?.as_u64()?;
        let columns = schema.fields().iter().filter_map(|field| {
            let column = field.name();
            let nulls = document.get("nullCount")?.get(column)?.as_u64()?;
            let range = parse_range(field.data_type(), document.get("minValues")?.get(column), document.get("maxValues")?.get(column));
            Some(ColumnStats { column: column.clone(), range, nulls })
        });
        Some((rows, columns.collect()))
    }
}

fn time_text(micros: i64) -> Value {
    Value::String(Timestamp::from_micros(micros).to_string())
}

fn parse_range(data_type: &DataType, low: Option<&Value>, high: Option<&Value>) -> Option<Range> {
    let (low, high) = (low?, high?);
    let time = |value: &Value| value.as_str()?.parse::<Timestamp>().ok().map(Timestamp::as_micros);
    match data_type {
        DataType::Timestamp(..) => Some(Range::Int(time(low)?, time(high)?)),
        DataType::Int32 | DataType::Int64 => Some(Range::Int(low.as_i64()?, high.as_i64()?)),
        DataType::Float64 => Some(Range::Float(low.as_f64()?, high.as_f64()?)),
        DataType::Utf8 => Some(Range::Text(low.as_str()?.to_owned(), high.as_str()?.to_owned())),
        _ => None,
    }
}

/// Rows are sorted in parts of about this size: sorting takes three times as much memory, and the offsets within a column reach to 2 GiB.
const PART_BYTES: usize = 128 << 20;

/// Sorts rows, splits them by partition and writes one file per partition below `root`, or a few where there are very many bytes.
/// Everything is on disk when this returns.
///
/// The files are not part of the table until a Delta commit names them.
pub(crate) fn write_partitioned(table: Table, root: &Path, batches: &[RecordBatch], now: Timestamp) -> Result<Vec<DataFile>, Error> {
    let mut files = Vec::new();
    let mut rest = batches;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |batch: &&RecordBatch| {
            bytes += batch.get_array_memory_size();
            bytes <= PART_BYTES
        };
        let (part, after) = rest.split_at(rest.iter().take_while(fits).count().max(1));
        rest = after;
        if let Err(error) = write_part(table, root, part, now, &mut files) {
            discard(root, &files);
            return Err(error);
        }
    }
    Ok(files)
}

fn write_part(table: Table, root: &Path, batches: &[RecordBatch], now: Timestamp, files: &mut Vec<DataFile>) -> Result<(), Error> {
    let arrow = |source| Error::Arrow { table: table.name(), source };
    let batch = concat_batches(&table.schema(), batches).map_err(arrow)?;
    let (batch, days) = sorted_by_partition(table, &batch).map_err(arrow)?;
    let mut start = 0;
    while start < batch.num_rows() {
        let day = days.value(start);
        let length = days.values()[start..].partition_point(|other| *other == day);
        let partition = Partition { date: Date::from_days(day) };
        files.push(write_file(table, root, partition, &batch.slice(start, length), now)?);
        start += length;
    }
    Ok(())
}

fn sorted_by_partition(table: Table, batch: &RecordBatch) -> Result<(RecordBatch, Int32Array), ArrowError> {
    let days = partition_days(table, batch)?;
    let column = |name: &&str| batch.column_by_name(name).cloned();
    let mut keys: Vec<ArrayRef> = vec![Arc::new(days.clone())];
    keys.extend(table.sort_columns().iter().filter_map(column));
    let columns: Vec<SortColumn> = keys.into_iter().map(|values| SortColumn { values, options: None }).collect();
    let indices = lexsort_to_indices(&columns, None)?;
    let days = arrow::compute::take(&days, &indices, None)?;
    Ok((take_record_batch(batch, &indices)?, days.as_primitive::<Int32Type>().clone()))
}

fn partition_days(table: Table, batch: &RecordBatch) -> Result<Int32Array, ArrowError> {
    let (column, _) = batch
        .schema_ref()
        .column_with_name(table.partition_time())
        .ok_or_else(|| ArrowError::SchemaError(format!("{} has no {}", table.name(), table.partition_time())))?;
    let times = batch.column(column).as_primitive::<TimestampMicrosecondType>();
    Ok(Int32Array::from_iter_values(times.values().iter().map(|micros| Timestamp::from_micros(*micros).date().as_days())))
}

/// Removes files that no commit will name. What cannot be removed is only a waste of space.
pub(crate) fn discard(root: &Path, files: &[DataFile]) {
    for file in files {
        let _ = fs::remove_file(root.join(&file.path));
    }
}

/// Writes one sorted file. Nothing of it remains after an error.
pub(crate) fn write_file(table: Table, root: &Path, partition: Partition, batch: &RecordBatch, now: Timestamp) -> Result<DataFile, Error> {
    let folder = root.join(partition.to_string());
    if !folder.exists() {
        fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        sync_dir(root)?;
    }
    let name = format!("{}.parquet", Uuid::new_v4().simple());
    let path = folder.join(&name);
    let bytes = write_durably(table, &path, batch).and_then(|bytes| sync_dir(&folder).map(|()| bytes)).inspect_err(|_| {
        let _ = fs::remove_file(&path);
    })?;
    Ok(DataFile {
        path: format!("{partition}/{name}"),
        bytes,
        rows: batch.num_rows() as u64,
        partition,
        modified_ms: now.as_micros().div_euclid(1000),
        stats: batch
            .schema()
            .fields()
            .iter()
            .zip(batch.columns())
            .filter_map(|(field, values)| column_stats(field.name(), values))
            .collect(),
    })
}

/// The number of bytes written and synced.
fn write_durably(table: Table, path: &Path, batch: &RecordBatch) -> Result<u64, Error> {
    let parquet = |source| Error::Parquet { path: path.to_owned(), source };
    let file = File::create_new(path).map_err(Error::io(path))?;
    let mut writer = ArrowWriter::try_new(file, table.schema(), Some(properties(table))).map_err(parquet)?;
    writer.write(batch).map_err(parquet)?;
    let file = writer.into_inner().map_err(parquet)?;
    file.sync_all().map_err(Error::io(path))?;
    Ok(file.metadata().map_err(Error::io(path))?.len())
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

fn column_stats(name: &str, values: &ArrayRef) -> Option<ColumnStats> {
    let range = match values.data_type() {
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
            match (min(values), max(values)) {
                (Some(low), Some(high)) if low.is_finite() && high.is_finite() => Some(Range::Float(low, high)),
                _ => None,
            }
        }
        // Long texts would bloat the log; only keys that queries filter by are worth their range.
        DataType::Utf8 if name == "dev_eui" => {
            let values = values.as_string::<i32>();
            let low = arrow::compute::min_string(values);
            low.zip(arrow::compute::max_string(values)).map(|(low, high)| Range::Text(low.to_owned(), high.to_owned()))
        }
        _ => return None,
    };
    Some(ColumnStats { column: name.to_owned(), range, nulls: values.null_count() as u64 })
}

fn ints(low: Option<i64>, high: Option<i64>) -> Option<Range> {
    low.zip(high).map(|(low, high)| Range::Int(low, high))
}
