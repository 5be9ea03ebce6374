//! Device activity from the uplinks in files: what the checkpoint would have said.

use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use imbl::HashMap;
use stadtwarte_model::{DevEui, Timestamp};

use crate::data_file::DataFile;
use crate::error::Error;
use crate::recover::each_batch;
use crate::state::DeviceActivity;

const COLUMNS: &[&str] = &["uplink_id", "dev_eui", "f_cnt", "received_at", "rssi", "snr", "duplicate_of"];

/// What is known of each device from the uplinks in `files` below `root`, duplicates not counted.
///
/// # Errors
/// What `unreadable` makes of it that a file cannot be read.
pub(crate) fn of_files(
    root: &Path,
    files: &[DataFile],
    unreadable: &mut dyn FnMut(&DataFile, Error) -> Result<(), Error>,
) -> Result<HashMap<DevEui, DeviceActivity>, Error> {
    let mut newest = std::collections::HashMap::new();
    for file in files {
        let read = each_batch(&root.join(&file.path), Some(COLUMNS), |batch| {
            (0..batch.num_rows()).filter_map(|row| uplink_at(batch, row)).for_each(|(dev_eui, number, uplink)| {
                let (known, activity) = newest.entry(dev_eui).or_insert_with(|| (number, DeviceActivity { uplinks: 0, ..uplink.clone() }));
                let uplinks = activity.uplinks + 1;
                if number > *known {
                    (*known, *activity) = (number, uplink);
                }
                activity.uplinks = uplinks;
            });
        });
        read.or_else(|error| unreadable(file, error))?;
    }
    Ok(newest.into_iter().map(|(dev_eui, (_, activity))| (dev_eui, activity)).collect())
}

/// Device, number in the log and content of an uplink that is no duplicate.
fn uplink_at(batch: &RecordBatch, row: usize) -> Option<(DevEui, i64, DeviceActivity)> {
    let is_duplicate = batch.column_by_name("duplicate_of")?.is_valid(row);
    let number = |name: &str| {
        let values = batch.column_by_name(name)?.as_primitive::<Float64Type>();
        values.is_valid(row).then(|| values.value(row))
    };
    let f_cnt = batch.column_by_name("f_cnt")?.as_primitive::<Int64Type>();
    let activity = DeviceActivity {
        last_seen: Timestamp::from_micros(batch.column_by_name("received_at")?.as_primitive::<TimestampMicrosecondType>().value(row)),
        uplinks: 1,
        f_cnt: f_cnt.is_valid(row).then(|| u32::try_from(f_cnt.value(row)).ok()).flatten(),
        rssi_dbm: number("rssi"),
        snr_db: number("snr"),
    };
    let dev_eui = batch.column_by_name("dev_eui")?.as_string::<i32>().value(row).parse().ok()?;
    let uplink_id = batch.column_by_name("uplink_id")?.as_primitive::<Int64Type>().value(row);
    (!is_duplicate).then_some((dev_eui, uplink_id, activity))
}
