//! The Arrow schema of every table on disk: the contract between writer, query engine and any other Parquet reader.
//!
//! The partition column `date` is not part of the files; it is in their path (see [`crate::partition`]).
//! A column is never removed and never changes its type; new columns are appended and nullable.

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// UTC microseconds, as every time column is stored.
#[must_use]
pub fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn required(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, false)
}

fn optional(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

/// A table that the store keeps as Parquet files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// One row per observation.
    Observations,
    /// One row per uplink frame, with its radio metadata.
    Uplinks,
    /// One row per message that was not understood.
    Quarantine,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Observations, Self::Uplinks, Self::Quarantine];

    /// Its name in SQL and under `tables/`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observations => "observations",
            Self::Uplinks => "uplinks",
            Self::Quarantine => "quarantine",
        }
    }

    /// Its columns.
    #[must_use]
    pub fn schema(self) -> SchemaRef {
        match self {
            Self::Observations => Arc::clone(&OBSERVATIONS),
            Self::Uplinks => Arc::clone(&UPLINKS),
            Self::Quarantine => Arc::clone(&QUARANTINE),
        }
    }

    /// The time column whose UTC day is the partition.
    #[must_use]
    pub const fn partition_time(self) -> &'static str {
        match self {
            Self::Observations => "phenomenon_time",
            Self::Uplinks => "event_time",
            Self::Quarantine => "received_at",
        }
    }

    /// The columns a file is sorted by.
    #[must_use]
    pub const fn sort_columns(self) -> &'static [&'static str] {
        match self {
            Self::Observations => &["datastream_id", "phenomenon_time", "id"],
            Self::Uplinks => &["dev_eui", "event_time", "uplink_id"],
            Self::Quarantine => &["quarantine_id"],
        }
    }
}

static OBSERVATIONS: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        required("id", DataType::Int64),
        required("datastream_id", DataType::Int64),
        required("phenomenon_time", timestamp_type()),
        optional("phenomenon_end", timestamp_type()),
        optional("result_time", timestamp_type()),
        required("received_at", timestamp_type()),
        optional("result", DataType::Float64),
        optional("result_text", DataType::Utf8),
        optional("result_json", DataType::Utf8),
        required("quality", DataType::Utf8),
        optional("lon", DataType::Float64),
        optional("lat", DataType::Float64),
    ]))
});

static UPLINKS: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        required("uplink_id", DataType::Int64),
        required("source", DataType::Utf8),
        required("dialect", DataType::Utf8),
        required("topic", DataType::Utf8),
        required("dev_eui", DataType::Utf8),
        optional("deduplication_id", DataType::Utf8),
        optional("session", DataType::Utf8),
        optional("f_cnt", DataType::Int64),
        optional("f_port", DataType::Int32),
        required("confirmed", DataType::Boolean),
        required("event_time", timestamp_type()),
        required("time_source", DataType::Utf8),
        optional("gateway_time", timestamp_type()),
        optional("server_time", timestamp_type()),
        required("received_at", timestamp_type()),
        required("payload", DataType::Binary),
        optional("object", DataType::Utf8),
        optional("gateway_id", DataType::Utf8),
        optional("rssi", DataType::Float64),
        optional("snr", DataType::Float64),
        required("gateways", DataType::Int32),
        optional("receptions", DataType::Utf8),
        optional("frequency_hz", DataType::Int64),
        optional("spreading_factor", DataType::Int32),
        optional("data_rate", DataType::Int32),
        required("observations", DataType::Int32),
        optional("duplicate_of", DataType::Int64),
        optional("warnings", DataType::Utf8),
    ]))
});

static QUARANTINE: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        required("quarantine_id", DataType::Int64),
        required("received_at", timestamp_type()),
        required("source", DataType::Utf8),
        required("topic", DataType::Utf8),
        required("reason", DataType::Utf8),
        required("detail", DataType::Utf8),
        optional("dev_eui", DataType::Utf8),
        required("stored", DataType::Boolean),
        required("raw", DataType::Binary),
    ]))
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_and_sort_columns_exist() {
        for table in Table::ALL {
            let schema = table.schema();
            for column in table.sort_columns().iter().chain([&table.partition_time()]) {
                assert!(schema.column_with_name(column).is_some(), "{} has no {column}", table.name());
            }
        }
    }
}
