//! History in bulk: columns of times and numbers, without messages, from the same functions that feed the live stream.
//!
//! Because values depend only on device and time, the last row of history and the first live reading fit together. Text fields are
//! not part of history; flags are 0 and 1.

use super::devices::{Field, Moment};
use super::fleet::{Device, Fleet};
use super::numeric::{bits, float, to_i64};
use super::random::{hash, signed, unit};
use std::sync::Arc;

/// Which history to make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HistoryOptions {
    /// First moment, microseconds since 1970, UTC.
    pub from_us: i64,
    /// First moment that is not included any more.
    pub to_us: i64,
    /// Time between two rows of a device in microseconds. One hour unless set, for all types, although most report more often:
    /// 1,000 devices then have about 45 million values a year.
    pub step_us: i64,
    /// Part of the rows that is missing, as frames get lost, 0 to 1.
    pub lost: f64,
    /// True to include fields that say "do not map" (no observed property): counters of the codec, radio metadata, repetitions.
    pub with_unmapped: bool,
}

impl HistoryOptions {
    /// Hourly history of a range, with 1 % of the rows missing.
    #[must_use]
    pub const fn hourly(from_us: i64, to_us: i64) -> Self {
        Self { from_us, to_us, step_us: 3_600_000_000, lost: 0.01, with_unmapped: false }
    }
}

/// The values of one decoded field of one device.
#[derive(Debug, Clone)]
pub struct Column {
    /// The field: path, unit, meaning.
    pub field: &'static Field,
    /// Times in ascending order, microseconds since 1970, UTC; shared with the other columns of the device where possible.
    pub times_us: Arc<[i64]>,
    /// One value for each time, never NaN.
    pub values: Vec<f64>,
}

/// The history of one device.
#[derive(Debug, Clone)]
pub struct DeviceHistory {
    /// Index of the device in the fleet.
    pub device: usize,
    /// One column per field that has values.
    pub columns: Vec<Column>,
}

impl DeviceHistory {
    /// Number of values in all columns.
    #[must_use]
    pub fn value_count(&self) -> usize {
        self.columns.iter().map(|column| column.values.len()).sum()
    }
}

/// Histories of all devices, one after the other. For parallel work call [`device_history`] from several threads.
pub fn fleet_history(fleet: &Fleet, options: HistoryOptions) -> impl Iterator<Item = DeviceHistory> {
    (0..fleet.devices.len()).filter_map(move |device| device_history(fleet, device, options))
}

/// The history of one device; `None` when there is no such device.
#[must_use]
pub fn device_history(fleet: &Fleet, device_index: usize, options: HistoryOptions) -> Option<DeviceHistory> {
    let device = fleet.devices.get(device_index)?;
    let spec = device.device_type.spec();
    let fields: Vec<&'static Field> = spec.numeric_fields().collect();
    let mut times_us = Vec::new();
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); fields.len()];
    let mut row = Vec::with_capacity(fields.len());
    for moment in moments(device, options) {
        row.clear();
        device.device_type.numbers(&fleet.world, &device.site, moment, &mut row);
        times_us.push(moment.at_us);
        for (column, value) in columns.iter_mut().zip(&row) {
            column.push(*value);
        }
    }
    let shared: Arc<[i64]> = times_us.into();
    let wanted = fields.into_iter().zip(columns).filter(|(field, _)| options.with_unmapped || !field.property.is_empty());
    let columns = wanted.map(|(field, values)| without_gaps(field, &shared, values)).filter(|column| !column.values.is_empty());
    Some(DeviceHistory { device: device_index, columns: columns.collect() })
}

/// Fields that only some messages carry keep only the rows of those messages.
fn without_gaps(field: &'static Field, shared: &Arc<[i64]>, values: Vec<f64>) -> Column {
    if values.iter().all(|value| !value.is_nan()) {
        return Column { field, times_us: Arc::clone(shared), values };
    }
    let (times_us, values): (Vec<i64>, Vec<f64>) = shared.iter().copied().zip(values).filter(|(_, value)| !value.is_nan()).unzip();
    Column { field, times_us: times_us.into(), values }
}

/// The moments at which a device reported: its slots, shifted by its phase and by a few seconds of jitter.
fn moments(device: &Device, options: HistoryOptions) -> impl Iterator<Item = Moment> {
    let step_us = options.step_us.max(1_000_000);
    let phase_us = to_i64(float(step_us) * device.phase);
    let seed = hash(device.site.seed, 0x4157);
    let at = move |slot: i64| {
        let jitter_us = float(step_us / 50).min(20e6) * signed(hash(seed, bits(slot)));
        slot * step_us + phase_us + to_i64(jitter_us)
    };
    let first = (options.from_us - phase_us).div_euclid(step_us) - 1;
    let last = (options.to_us - phase_us).div_euclid(step_us) + 1;
    let range = options.from_us..options.to_us;
    let mut since_us = at(first - 1);
    let every = (first..=last).map(move |slot| {
        let at_us = at(slot);
        Moment { at_us, since_us: std::mem::replace(&mut since_us, at_us), sequence: bits(slot) }
    });
    every.filter(move |moment| range.contains(&moment.at_us) && unit(hash(seed ^ 0x1057, moment.sequence)) >= options.lost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::fleet::{Dialect, FleetOptions};
    use std::sync::LazyLock;

    const DAY_US: i64 = 86_400_000_000;
    const START_US: i64 = 1_767_225_600_000_000;

    fn fleet() -> Arc<Fleet> {
        static FLEET: LazyLock<Arc<Fleet>> =
            LazyLock::new(|| Fleet::generate(FleetOptions { seed: 2, devices: 40, dialect: Dialect::Mixed }));
        Arc::clone(&FLEET)
    }

    #[test]
    fn times_ascend_inside_the_range_and_every_time_has_a_value() {
        let fleet = fleet();
        let options = HistoryOptions::hourly(START_US, START_US + 30 * DAY_US);
        let mut devices = 0;
        for history in fleet_history(&fleet, options) {
            devices += 1;
            assert!(!history.columns.is_empty());
            for column in &history.columns {
                assert_eq!(column.times_us.len(), column.values.len());
                assert!(column.times_us.is_sorted_by(|a, b| a < b));
                assert!(column.times_us.iter().all(|time| (options.from_us..options.to_us).contains(time)));
                assert!(column.values.iter().all(|value| value.is_finite()), "{}", column.field.path);
                assert!((300..=720).contains(&column.values.len()), "{} rows of {}", column.values.len(), column.field.path);
            }
        }
        assert_eq!(devices, 40);
    }

    #[test]
    fn two_halves_are_the_whole() {
        let fleet = fleet();
        let history = |from, to| device_history(&fleet, 3, HistoryOptions::hourly(from, to)).unwrap();
        let middle = START_US + 3 * DAY_US + 12_345;
        let (first, second) = (history(START_US, middle), history(middle, START_US + 7 * DAY_US));
        let whole = history(START_US, START_US + 7 * DAY_US);
        let joined: Vec<f64> = first.columns[0].values.iter().chain(&second.columns[0].values).copied().collect();
        assert_eq!(whole.columns[0].values, joined);
    }

    #[test]
    fn counters_in_history_never_run_backwards() {
        let fleet = fleet();
        let mut counters = 0;
        for history in fleet_history(&fleet, HistoryOptions::hourly(START_US, START_US + 60 * DAY_US)) {
            for column in history.columns.iter().filter(|column| column.field.meaning.contains("(counter)")) {
                counters += 1;
                assert!(column.values.is_sorted(), "{} of {}", column.field.path, fleet.devices[history.device].name);
            }
        }
        assert!(counters > 8, "{counters} counters seen");
    }

    #[test]
    fn an_empty_range_has_no_rows() {
        let fleet = fleet();
        let history = device_history(&fleet, 0, HistoryOptions::hourly(START_US, START_US)).unwrap();
        assert_eq!(history.value_count(), 0);
        assert!(device_history(&fleet, 40, HistoryOptions::hourly(0, 1)).is_none());
    }
}
