//! Choosing the files of a scan by their statistics, before any is opened.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, UInt64Array};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::stats::Precision;
use datafusion::common::{Column, ColumnStatistics, ScalarValue, Statistics};
use stadtwarte_store::{ColumnStats, DataFile, Range};

/// The statistics of some files as the pruning predicate wants them.
pub(crate) struct FileStatistics<'a> {
    pub files: &'a [Arc<DataFile>],
    pub schema: &'a SchemaRef,
}

impl FileStatistics<'_> {
    fn values(&self, column: &Column, pick: impl Fn(&Range) -> RangeEnd) -> Option<ArrayRef> {
        let data_type = self.schema.field_with_name(&column.name).ok()?.data_type();
        let scalars = self.files.iter().map(|file| match file.range(&column.name) {
            Some(range) => scalar(pick(range), data_type),
            None => ScalarValue::try_from(data_type).unwrap_or(ScalarValue::Null),
        });
        ScalarValue::iter_to_array(scalars).ok()
    }
}

enum RangeEnd {
    Int(i64),
    Float(f64),
    Text(String),
}

fn least(range: &Range) -> RangeEnd {
    match range {
        Range::Int(low, _) => RangeEnd::Int(*low),
        Range::Float(low, _) => RangeEnd::Float(*low),
        Range::Text(low, _) => RangeEnd::Text(low.clone()),
    }
}

fn greatest(range: &Range) -> RangeEnd {
    match range {
        Range::Int(_, high) => RangeEnd::Int(*high),
        Range::Float(_, high) => RangeEnd::Float(*high),
        Range::Text(_, high) => RangeEnd::Text(high.clone()),
    }
}

fn scalar(end: RangeEnd, data_type: &DataType) -> ScalarValue {
    match (end, data_type) {
        (RangeEnd::Int(value), DataType::Timestamp(TimeUnit::Microsecond, zone)) => {
            ScalarValue::TimestampMicrosecond(Some(value), zone.clone())
        }
        (RangeEnd::Int(value), DataType::Int64) => ScalarValue::Int64(Some(value)),
        (RangeEnd::Int(value), DataType::Int32) => ScalarValue::Int32(i32::try_from(value).ok()),
        (RangeEnd::Float(value), DataType::Float64) => ScalarValue::Float64(Some(value)),
        (RangeEnd::Text(value), DataType::Utf8) => ScalarValue::Utf8(Some(value)),
        (_, other) => ScalarValue::try_from(other).unwrap_or(ScalarValue::Null),
    }
}

impl PruningStatistics for FileStatistics<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.values(column, least)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.values(column, greatest)
    }

    fn num_containers(&self) -> usize {
        self.files.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let nulls = self.files.iter().map(|file| stats_of(file, &column.name).map(|stats| stats.nulls));
        Some(Arc::new(UInt64Array::from_iter(nulls)))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(UInt64Array::from_iter_values(self.files.iter().map(|file| file.rows))))
    }

    fn contained(&self, _column: &Column, _values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

fn stats_of<'a>(file: &'a DataFile, column: &str) -> Option<&'a ColumnStats> {
    file.stats.iter().find(|stats| stats.column == column)
}

/// What the planner may know of one file: exact, because the store wrote it.
pub(crate) fn planner_statistics(file: &DataFile, schema: &SchemaRef) -> Statistics {
    let exact = |rows: u64| usize::try_from(rows).map_or(Precision::Absent, Precision::Exact);
    let column_statistics = schema.fields().iter().map(|field| {
        let mut statistics = ColumnStatistics::new_unknown();
        if let Some(stats) = stats_of(file, field.name()) {
            statistics.null_count = exact(stats.nulls);
            if let Some(range) = &stats.range {
                statistics.min_value = Precision::Exact(scalar(least(range), field.data_type()));
                statistics.max_value = Precision::Exact(scalar(greatest(range), field.data_type()));
            }
        }
        statistics
    });
    Statistics { num_rows: exact(file.rows), total_byte_size: Precision::Absent, column_statistics: column_statistics.collect() }
}
