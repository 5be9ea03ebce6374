//! One immutable Parquet file of a table, what is known of it, and how rows are spread over such files.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int32Array, RecordBatch};
use arrow::compute::{SortColumn, concat_batches, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{DataType, Int32Type, SchemaRef, TimestampMicrosecondType};
use arrow::error::ArrowError;
use serde_json::{Map, Value, json};
use stadtwarte_model::partition::{Partition, Partitioner};
use stadtwarte_model::schema::Table;
use stadtwarte_model::{Date, Timestamp};

use crate::error::Error;
use crate::file_writer::{discard, write_file};

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

impl Range {
    /// The range that covers both. Ranges of different kinds are never of one column; then this one stays.
    pub(crate) fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Int(low, high), Self::Int(other_low, other_high)) => Self::Int(low.min(other_low), high.max(other_high)),
            (Self::Float(low, high), Self::Float(other_low, other_high)) => Self::Float(low.min(other_low), high.max(other_high)),
            (Self::Text(low, high), Self::Text(other_low, other_high)) => Self::Text(low.min(other_low), high.max(other_high)),
            (one, _) => one,
        }
    }
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
    /// The CRC-32C of its bytes, which its name ends with; `None` for files of other programs.
    #[must_use]
    pub fn checksum(&self) -> Option<u32> {
        let (_, checksum) = self.path.strip_suffix(".parquet")?.rsplit_once('-')?;
        (checksum.len() == 8).then(|| u32::from_str_radix(checksum, 16).ok()).flatten()
    }

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
    let (batch, days) = sorted_by_partition(table, &batch, now.date()).map_err(arrow)?;
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

fn sorted_by_partition(table: Table, batch: &RecordBatch, today: Date) -> Result<(RecordBatch, Int32Array), ArrowError> {
    let days = partition_days(table, batch, today)?;
    let column = |name: &&str| batch.column_by_name(name).cloned();
    let mut keys: Vec<ArrayRef> = vec![Arc::new(days.clone())];
    keys.extend(table.sort_columns().iter().filter_map(column));
    let columns: Vec<SortColumn> = keys.into_iter().map(|values| SortColumn { values, options: None }).collect();
    let indices = lexsort_to_indices(&columns, None)?;
    let days = arrow::compute::take(&days, &indices, None)?;
    Ok((take_record_batch(batch, &indices)?, days.as_primitive::<Int32Type>().clone()))
}

/// The first day of the partition of each row.
fn partition_days(table: Table, batch: &RecordBatch, today: Date) -> Result<Int32Array, ArrowError> {
    let (column, _) = batch
        .schema_ref()
        .column_with_name(table.partition_time())
        .ok_or_else(|| ArrowError::SchemaError(format!("{} has no {}", table.name(), table.partition_time())))?;
    let times = batch.column(column).as_primitive::<TimestampMicrosecondType>();
    let mut partitions = Partitioner::new(today);
    let days = times.values().iter().map(|micros| partitions.of(Timestamp::from_micros(*micros).date()).date.as_days());
    Ok(Int32Array::from_iter_values(days))
}
