//! Turning rows into Arrow batches of the on-disk schemas.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use stadtwarte_model::schema::Table;
use stadtwarte_model::{DatastreamId, Observation, ObservationId, Position, Quality, ResultValue, Timestamp};

use crate::wal::Record;

fn times(values: impl Iterator<Item = Timestamp>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(values.map(Timestamp::as_micros)).with_timezone("UTC"))
}

fn optional_times(values: impl Iterator<Item = Option<Timestamp>>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter(values.map(|time| time.map(Timestamp::as_micros))).with_timezone("UTC"))
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(StringArray::from_iter(values))
}

fn displayed<T: std::fmt::Display>(values: impl Iterator<Item = T>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values.map(|value| value.to_string())))
}

/// Rows of `observations`.
pub(crate) fn observations(rows: &[Observation]) -> Result<RecordBatch, ArrowError> {
    RecordBatch::try_new(
        Table::Observations.schema(),
        vec![
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.id.as_i64()))),
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.datastream_id.as_i64()))),
            times(rows.iter().map(|row| row.phenomenon_time)),
            optional_times(rows.iter().map(|row| row.phenomenon_end)),
            optional_times(rows.iter().map(|row| row.result_time)),
            times(rows.iter().map(|row| row.received_at)),
            Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.value.as_number()))),
            texts(rows.iter().map(|row| row.value.as_text())),
            texts(rows.iter().map(|row| row.value.as_json())),
            displayed(rows.iter().map(|row| row.quality)),
            Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.position.map(|place| place.lon_deg)))),
            Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.position.map(|place| place.lat_deg)))),
        ],
    )
}

/// One row of a batch with the columns of `observations`; `None` when it is no observation.
#[must_use]
pub fn observation_at(batch: &RecordBatch, row: usize) -> Option<Observation> {
    let int = |name: &str| Some(batch.column_by_name(name)?.as_primitive::<Int64Type>().value(row));
    let time = |name: &str| {
        let times = batch.column_by_name(name)?.as_primitive::<TimestampMicrosecondType>();
        times.is_valid(row).then(|| Timestamp::from_micros(times.value(row)))
    };
    let float = |name: &str| {
        let values = batch.column_by_name(name)?.as_primitive::<Float64Type>();
        values.is_valid(row).then(|| values.value(row))
    };
    let text = |name: &str| {
        let values = batch.column_by_name(name)?.as_string::<i32>();
        values.is_valid(row).then(|| values.value(row))
    };
    Some(Observation {
        id: ObservationId::from_i64(int("id")?)?,
        datastream_id: DatastreamId::try_new(int("datastream_id")?)?,
        phenomenon_time: time("phenomenon_time")?,
        phenomenon_end: time("phenomenon_end"),
        result_time: time("result_time"),
        received_at: time("received_at")?,
        value: ResultValue::from_columns(float("result"), text("result_text"), text("result_json"))?,
        quality: text("quality")?.parse::<Quality>().unwrap_or_default(),
        position: float("lon").zip(float("lat")).and_then(|(lon, lat)| Position::try_new(lon, lat, None)),
    })
}

/// Rows of `uplinks`: one per record that holds an uplink.
pub(crate) fn uplinks(records: &[Record]) -> Result<RecordBatch, ArrowError> {
    let rows: Vec<_> = records.iter().filter_map(|record| record.entry.uplink.as_ref().map(|uplink| (record, uplink))).collect();
    let all = || rows.iter().copied();
    let count = |length: usize| i32::try_from(length).unwrap_or(i32::MAX);
    let json_list = |empty: bool, list: Result<String, serde_json::Error>| if empty { None } else { list.ok() };
    let receptions: Vec<Option<String>> =
        all().map(|(_, uplink)| json_list(uplink.receptions.is_empty(), serde_json::to_string(&uplink.receptions))).collect();
    let warnings: Vec<Option<String>> =
        all().map(|(_, uplink)| (!uplink.warnings.is_empty()).then(|| uplink.warnings.join("; "))).collect();
    RecordBatch::try_new(
        Table::Uplinks.schema(),
        vec![
            Arc::new(Int64Array::from_iter_values(all().map(|(record, _)| record.sequence.as_i64()))),
            texts(all().map(|(record, _)| Some(record.entry.source.as_str()))),
            texts(all().map(|(_, uplink)| Some(uplink.dialect.as_str()))),
            texts(all().map(|(record, _)| Some(record.entry.topic.as_str()))),
            displayed(all().map(|(_, uplink)| uplink.dev_eui)),
            texts(all().map(|(_, uplink)| uplink.deduplication_id.as_deref())),
            texts(all().map(|(_, uplink)| uplink.session.as_deref())),
            Arc::new(Int64Array::from_iter(all().map(|(_, uplink)| uplink.f_cnt.map(i64::from)))),
            Arc::new(Int32Array::from_iter(all().map(|(_, uplink)| uplink.f_port.map(i32::from)))),
            Arc::new(BooleanArray::from_iter(all().map(|(_, uplink)| Some(uplink.confirmed)))),
            times(all().map(|(_, uplink)| uplink.event_time)),
            displayed(all().map(|(_, uplink)| uplink.time_source)),
            optional_times(all().map(|(_, uplink)| uplink.gateway_time)),
            optional_times(all().map(|(_, uplink)| uplink.server_time)),
            times(all().map(|(record, _)| record.entry.received_at)),
            Arc::new(BinaryArray::from_iter_values(all().map(|(_, uplink)| &uplink.payload))),
            texts(all().map(|(_, uplink)| uplink.object.as_deref())),
            texts(all().map(|(_, uplink)| uplink.receptions.first().map(|best| best.gateway_id.as_str()))),
            Arc::new(Float64Array::from_iter(all().map(|(_, uplink)| uplink.receptions.first().and_then(|best| best.rssi_dbm)))),
            Arc::new(Float64Array::from_iter(all().map(|(_, uplink)| uplink.receptions.first().and_then(|best| best.snr_db)))),
            Arc::new(Int32Array::from_iter_values(all().map(|(_, uplink)| count(uplink.receptions.len())))),
            texts(receptions.iter().map(Option::as_deref)),
            Arc::new(Int64Array::from_iter(all().map(|(_, uplink)| uplink.radio.frequency_hz.and_then(|hz| i64::try_from(hz).ok())))),
            Arc::new(Int32Array::from_iter(all().map(|(_, uplink)| uplink.radio.spreading_factor.map(i32::from)))),
            Arc::new(Int32Array::from_iter(all().map(|(_, uplink)| uplink.radio.data_rate.map(i32::from)))),
            Arc::new(Int32Array::from_iter_values(all().map(|(record, _)| count(record.entry.observations.len())))),
            Arc::new(Int64Array::from_iter(all().map(|(record, _)| record.duplicate_of.map(stadtwarte_model::LogSequence::as_i64)))),
            texts(warnings.iter().map(Option::as_deref)),
        ],
    )
}

/// Rows of `quarantine`: one per record with a verdict.
pub(crate) fn quarantine(records: &[Record]) -> Result<RecordBatch, ArrowError> {
    let rows: Vec<_> = records.iter().filter_map(|record| record.entry.verdict.as_ref().map(|verdict| (record, verdict))).collect();
    let all = || rows.iter().copied();
    RecordBatch::try_new(
        Table::Quarantine.schema(),
        vec![
            Arc::new(Int64Array::from_iter_values(all().map(|(record, _)| record.sequence.as_i64()))),
            times(all().map(|(record, _)| record.entry.received_at)),
            texts(all().map(|(record, _)| Some(record.entry.source.as_str()))),
            texts(all().map(|(record, _)| Some(record.entry.topic.as_str()))),
            texts(all().map(|(_, verdict)| Some(verdict.reason.as_str()))),
            texts(all().map(|(_, verdict)| Some(verdict.detail.as_str()))),
            Arc::new(StringArray::from_iter(all().map(|(_, verdict)| verdict.dev_eui.map(|eui| eui.to_string())))),
            Arc::new(BooleanArray::from_iter(all().map(|(record, _)| Some(!record.entry.observations.is_empty())))),
            Arc::new(BinaryArray::from_iter_values(all().map(|(record, _)| &record.entry.raw))),
        ],
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stadtwarte_model::QualityFlag;
    use tempfile::TempDir;

    use super::*;
    use crate::data_file::write_partitioned;
    use crate::recover::each_batch;

    fn time() -> impl Strategy<Value = Timestamp> {
        // Days on both sides of midnight and of 1970.
        (-2..20_000_i64, 0..86_400_000_000_i64).prop_map(|(day, micros)| Timestamp::from_micros(day * 86_400_000_000 + micros))
    }

    fn value() -> impl Strategy<Value = ResultValue> {
        prop_oneof![
            any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(ResultValue::Number),
            any::<bool>().prop_map(ResultValue::Boolean),
            ".*".prop_map(ResultValue::Text),
            proptest::collection::vec(any::<i32>(), 0..4).prop_map(|list| ResultValue::Json(format!("{list:?}"))),
        ]
    }

    fn quality() -> impl Strategy<Value = Quality> {
        any::<(bool, bool)>()
            .prop_map(|(late, range)| Quality::GOOD.with_if(QualityFlag::Late, late).with_if(QualityFlag::OutOfRange, range))
    }

    fn place() -> impl Strategy<Value = Option<Position>> {
        proptest::option::of((-180.0..=180.0, 0.1..=90.0)).prop_map(|place| place.and_then(|(lon, lat)| Position::try_new(lon, lat, None)))
    }

    fn observation() -> impl Strategy<Value = Observation> {
        let times = (time(), proptest::option::of(time()), proptest::option::of(time()), time());
        (0..1_i64 << 53, 1..=i64::from(i32::MAX), times, value(), quality(), place()).prop_map(
            |(id, datastream, times, value, quality, position)| Observation {
                id: ObservationId::from_i64(id).unwrap(),
                datastream_id: DatastreamId::try_new(datastream).unwrap(),
                phenomenon_time: times.0,
                phenomenon_end: times.1,
                result_time: times.2,
                received_at: times.3,
                value,
                quality,
                position,
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn observations_come_back_from_files_as_they_went_in(mut rows in proptest::collection::vec(observation(), 1..20)) {
            let folder = TempDir::new().unwrap();
            let files = write_partitioned(Table::Observations, folder.path(), &[observations(&rows).unwrap()], Timestamp::from_micros(0)).unwrap();
            let mut back = Vec::new();
            for file in &files {
                each_batch(&folder.path().join(&file.path), None, |batch| {
                    back.extend((0..batch.num_rows()).map(|row| observation_at(batch, row).unwrap()));
                }).unwrap();
            }
            for list in [&mut rows, &mut back] {
                list.sort_by_key(|row| (row.id.as_i64(), row.datastream_id.as_i64(), row.phenomenon_time));
            }
            prop_assert_eq!(back, rows);
        }
    }
}
