//! A year of history for the demo city, generated column by column and imported in bulk.
//!
//! The profiles decide what a decoded field means; they are asked once per device and field, with two values, which give factor and
//! offset from the field to each of its datastreams. After that a value costs a multiplication.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::Value;
use stadtwarte_ingest::normalise::{Catalogue, Column as ProfileColumn, Profile};
use stadtwarte_model::entity::Device;
use stadtwarte_model::{Clock as _, DatastreamId, DevEui, Position, Timestamp};
use stadtwarte_store::{DatastreamKey, ImportRow, RegistryState, Store};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::simulate;
use crate::simulate::fleet::Fleet;
use crate::simulate::history::{Column, DeviceHistory, HistoryOptions, device_history};
use crate::system::SystemClock;

const DAY_US: i64 = 86_400_000_000;
/// Days that are committed together. Each is generated and written by itself, so this costs no memory, and saves commits.
const CHUNK_DAYS: usize = 16;
/// How long to wait for the first reports.
const PATIENCE: Duration = Duration::from_secs(20);
const TICK: Duration = Duration::from_millis(100);
/// So many ticks without a new series mean that all have reported that will soon.
const QUIET_TICKS: u32 = 12;

/// Imports `days` of history for every device that has reported by now, newest first.
pub(super) async fn import(
    fleet: &Arc<Fleet>,
    days: u32,
    store: &Store,
    catalogue: &Catalogue,
    shutdown: CancellationToken,
    bar: ProgressBar,
) -> anyhow::Result<()> {
    if days == 0 {
        return Ok(());
    }
    wait_for_devices(store, &shutdown).await;
    let until = SystemClock.now().as_micros();
    let days = days_before(until, i64::from(days));
    bar.set_length(days.chunks(CHUNK_DAYS).len() as u64);
    let (sender, mut ready) = mpsc::channel(1);
    let generator = Generator { fleet: Arc::clone(fleet), registry: store.registry().state(), catalogue: catalogue.clone() };
    let generating = tokio::task::spawn_blocking(move || generator.run(&days, &sender));
    let mut chunk = 0;
    while let Some(days) = tokio::select! { days = ready.recv() => days, () = shutdown.cancelled() => None } {
        store.import("demo-history", chunk, days.into_iter()).await?;
        chunk += 1;
        bar.set_position(chunk);
        bar.set_message("chunks of history imported");
    }
    drop(ready);
    bar.finish_and_clear();
    generating.await?;
    tracing::info!(observations = store.counters().imported.value(), "the history of the demo city is imported");
    Ok(())
}

/// Waits until no new series has come for a while: then every device has sent what it sends, but for first reports that were lost.
async fn wait_for_devices(store: &Store, shutdown: &CancellationToken) {
    let everybody = async {
        let (mut known, mut unchanged) = (0, 0);
        while unchanged < QUIET_TICKS {
            tokio::time::sleep(TICK).await;
            let now = store.registry().state().datastreams.len();
            unchanged = if now == known && known > 0 { unchanged + 1 } else { 0 };
            known = now;
        }
    };
    tokio::select! {
        _ = tokio::time::timeout(PATIENCE, everybody) => {}
        () = shutdown.cancelled() => {}
    }
}

/// The days before `until`, UTC, newest first, each ending where the one before began; the first is the part of today that has passed.
fn days_before(until: i64, days: i64) -> Vec<(i64, i64)> {
    let first = until - days * DAY_US;
    let midnight = until.div_euclid(DAY_US) * DAY_US;
    let earlier = (0..days).map(|day| midnight - day * DAY_US).map(|end| ((end - DAY_US).max(first), end));
    std::iter::once((midnight, until)).chain(earlier).collect()
}

/// From a decoded field to a datastream.
#[derive(Clone, Copy)]
struct Target {
    datastream_id: DatastreamId,
    factor: f64,
    offset: f64,
}

struct Generator {
    fleet: Arc<Fleet>,
    registry: Arc<RegistryState>,
    catalogue: Catalogue,
}

impl Generator {
    /// Generates chunk after chunk, day by day; one day is generated while the one before is written.
    fn run(&self, days: &[(i64, i64)], chunks: &mpsc::Sender<std::sync::mpsc::Receiver<Vec<ImportRow>>>) {
        let mut targets = HashMap::new();
        let mut expected = 0;
        for chunk in days.chunks(CHUNK_DAYS) {
            let (sender, receiver) = std::sync::mpsc::sync_channel(1);
            if chunks.blocking_send(receiver).is_err() {
                return;
            }
            for (from_us, to_us) in chunk {
                // A day has about as many rows as the one before; growing step by step would copy them again and again.
                let mut rows = Vec::with_capacity(expected + expected / 16);
                let options = HistoryOptions::hourly(*from_us, *to_us);
                let histories = (0..self.fleet.devices.len()).filter_map(|device| device_history(&self.fleet, device, options));
                histories.for_each(|history| self.add(&history, &mut targets, &mut rows));
                expected = rows.len();
                if sender.send(rows).is_err() {
                    return;
                }
            }
        }
    }

    fn add(&self, history: &DeviceHistory, targets: &mut HashMap<(usize, &'static str), Vec<Target>>, rows: &mut Vec<ImportRow>) {
        let simulated = &self.fleet.devices[history.device];
        let Some(device) = self.registry.devices.get(&DevEui::from_bytes(simulated.dev_eui)) else { return };
        let Some(profile) = self.catalogue.profile(&device.profile) else { return };
        let thing = self.registry.things.get(&device.thing_id);
        // A bus has no place of its own, and its history none in this demo.
        let fixed = thing.filter(|thing| thing.kind != "mobility");
        let position: Option<Position> = fixed.and_then(|thing| self.registry.location_of(thing)).map(|location| location.position);
        for column in &history.columns {
            let targets =
                targets.entry((history.device, column.field.path)).or_insert_with(|| self.targets(simulated, device, profile, column));
            for target in targets {
                rows.extend(column.times_us.iter().zip(&column.values).map(|(time, value)| ImportRow {
                    datastream_id: target.datastream_id,
                    phenomenon_time: Timestamp::from_micros(*time),
                    result: value * target.factor + target.offset,
                    position,
                }));
            }
        }
    }

    /// The datastreams that the device's profile makes of a field.
    fn targets(&self, simulated: &simulate::fleet::Device, device: &Device, profile: &Profile, column: &Column) -> Vec<Target> {
        let tags = tags_of(simulated);
        profile.columns(column.field.path).filter_map(|meaning| self.target(device, &meaning, &tags, &column.values)).collect()
    }

    /// Factor and offset are found out by asking for two values.
    fn target(&self, device: &Device, meaning: &ProfileColumn<'_>, tags: &BTreeMap<String, String>, values: &[f64]) -> Option<Target> {
        let first = *values.first()?;
        let second = values.iter().copied().find(|value| (value - first).abs() > f64::EPSILON).unwrap_or(first + 1.0);
        let number = |value: f64| meaning.result(&Value::from(value), tags).ok()??.0.as_number();
        let factor = (number(second)? - number(first)?) / (second - first);
        let offset = number(first)? - first * factor;
        let property = self.registry.property(&meaning.property().code)?;
        let key = DatastreamKey {
            thing_id: device.thing_id,
            sensor_id: device.sensor_id,
            observed_property_id: property.id,
            unit: meaning.property().unit.clone(),
            channel: meaning.channel().map(str::to_owned),
        };
        Some(Target { datastream_id: self.registry.datastream(&key)?, factor, offset })
    }
}

/// The tags of a device as a network server would send them.
fn tags_of(device: &simulate::fleet::Device) -> BTreeMap<String, String> {
    device.tags.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::simulate::fleet::FleetOptions;

    #[test]
    fn the_profiles_make_of_every_field_what_the_simulator_means_by_it() {
        let catalogue = Catalogue::built_in().unwrap();
        let fleet = Fleet::generate(FleetOptions { seed: 3, devices: 300, ..FleetOptions::default() });
        let (mut properties, mut differences) = (BTreeSet::new(), BTreeSet::new());
        for history in device_histories(&fleet) {
            let device = &fleet.devices[history.device];
            let profile = catalogue.profile(device.device_type.spec().profile).unwrap();
            for column in &history.columns {
                let (path, property) = (column.field.path, column.field.property);
                let meanings: Vec<_> = profile.columns(path).collect();
                if meanings.iter().all(|meaning| meaning.property().code != property) {
                    differences.insert(format!("{}: {path} is no {property}", profile.name));
                }
                for meaning in meanings {
                    if !matches!(meaning.result(&Value::from(column.values[0]), &tags_of(device)), Ok(Some(_))) {
                        differences.insert(format!("{}: no {} from {path}", profile.name, meaning.property().code));
                    }
                    properties.insert(meaning.property().code.clone());
                }
            }
        }
        assert_eq!(differences, BTreeSet::new());
        for derived in ["water_level", "fill_level"] {
            assert!(properties.contains(derived), "{derived}");
        }
    }

    fn device_histories(fleet: &Fleet) -> impl Iterator<Item = DeviceHistory> {
        let noon = 1_772_366_400_000_000;
        (0..fleet.devices.len()).filter_map(move |device| device_history(fleet, device, HistoryOptions::hourly(noon, noon + DAY_US)))
    }

    #[test]
    fn the_days_of_history_cover_the_whole_time_without_overlap() {
        let until = 1_772_366_400_000_000 + 5;
        let days = days_before(until, 365);
        assert_eq!(days[0].1, until);
        assert!(days.windows(2).all(|pair| pair[1].1 == pair[0].0));
        assert_eq!(days.last().unwrap().0, until - 365 * DAY_US);
        assert!(days.iter().all(|(from, to)| to - from <= DAY_US));
    }
}
