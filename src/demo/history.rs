//! A year of history for the demo city, generated column by column and imported in bulk.
//!
//! The profiles decide what a decoded field means; they are asked once per model and field, with two probe values, which give factor and
//! offset from the field to the datastream. After that a value costs a multiplication.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::{Map, Value};
use stadtwarte_ingest::normalise::{Catalogue, Profile, normalise};
use stadtwarte_model::entity::Device;
use stadtwarte_model::uplink::{DeviceDescription, EventTime, TimeSource};
use stadtwarte_model::{Clock as _, DatastreamId, DevEui, Position, Reading, Timestamp, Uplink};
use stadtwarte_store::{DatastreamKey, ImportRow, RegistryState, Store};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::simulate::fleet::Fleet;
use crate::simulate::history::{Column, DeviceHistory, HistoryOptions, device_history};
use crate::system::SystemClock;

const DAY_US: i64 = 86_400_000_000;
/// Days that are committed together. Each is generated and written by itself, so this costs no memory, and saves commits.
const CHUNK_DAYS: usize = 16;
/// How long to wait for the first report of every device.
const PATIENCE: Duration = Duration::from_secs(20);
const TICK: Duration = Duration::from_millis(100);
/// So many ticks without a new device mean that all have reported that will soon.
const QUIET_TICKS: u32 = 15;

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
    wait_for_devices(store, fleet.devices.len(), &shutdown).await;
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

/// Waits until every device has reported, or none has been added for a while: a first report can be lost like any other.
async fn wait_for_devices(store: &Store, wanted: usize, shutdown: &CancellationToken) {
    let everybody = async {
        let (mut known, mut unchanged) = (0, 0);
        while known < wanted && unchanged < QUIET_TICKS {
            tokio::time::sleep(TICK).await;
            let now = store.registry().state().devices.len();
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

    fn add(&self, history: &DeviceHistory, targets: &mut HashMap<(usize, &'static str), Option<Target>>, rows: &mut Vec<ImportRow>) {
        let Some(device) = self.registry.devices.get(&DevEui::from_bytes(self.fleet.devices[history.device].dev_eui)) else { return };
        let thing = self.registry.things.get(&device.thing_id);
        // A bus has no place of its own, and its history none in this demo.
        let fixed = thing.filter(|thing| thing.kind != "mobility");
        let position: Option<Position> = fixed.and_then(|thing| self.registry.location_of(thing)).map(|location| location.position);
        for column in &history.columns {
            let target = *targets.entry((history.device, column.field.path)).or_insert_with(|| self.target(device, column));
            let Some(target) = target else { continue };
            rows.extend(column.times_us.iter().zip(&column.values).map(|(time, value)| ImportRow {
                datastream_id: target.datastream_id,
                phenomenon_time: Timestamp::from_micros(*time),
                result: value * target.factor + target.offset,
                position,
            }));
        }
    }

    /// What the device's profile makes of a field, found out by asking it twice.
    fn target(&self, device: &Device, column: &Column) -> Option<Target> {
        let profile = self.catalogue.profile(&device.profile)?;
        let first = *column.values.first()?;
        let second = column.values.iter().copied().find(|value| (value - first).abs() > f64::EPSILON).unwrap_or(1.0 - first);
        let (low, high) = (self.probe(device, profile, column.field.path, first)?, self.probe(device, profile, column.field.path, second)?);
        let factor = (high.value.as_number()? - low.value.as_number()?) / (second - first);
        let property = self.registry.property(&low.property)?;
        let datastream_id = self.registry.datastream(&DatastreamKey {
            thing_id: device.thing_id,
            sensor_id: device.sensor_id,
            observed_property_id: property.id,
            unit: low.unit.clone(),
            channel: low.channel.clone(),
        })?;
        Some(Target { datastream_id, factor, offset: low.value.as_number()? - first * factor })
    }

    fn probe(&self, device: &Device, profile: &Profile, path: &str, value: f64) -> Option<Reading> {
        let uplink = Uplink { object: Some(object_with(path, value)?), ..bare_uplink(device.dev_eui) };
        let time = Timestamp::default();
        let event_time = EventTime { time, source: TimeSource::NetworkServer, clock_suspect: false };
        normalise(&self.catalogue, profile, &uplink, event_time, time).readings.into_iter().next()
    }
}

/// An object in which only `path` is set: `a.b[1].c`.
fn object_with(path: &str, value: f64) -> Option<Map<String, Value>> {
    let wrapped = path.rsplit('.').fold(Value::from(value), |inner, part| {
        let (name, indices) = part.split_once('[').map_or((part, None), |(name, rest)| (name, Some(rest)));
        let indices =
            indices.into_iter().flat_map(|rest| rest.split('[')).filter_map(|index| index.trim_end_matches(']').parse::<usize>().ok());
        let inner = indices.collect::<Vec<_>>().into_iter().rev().fold(inner, |inner, index| {
            let mut items = vec![Value::Null; index];
            items.push(inner);
            Value::Array(items)
        });
        Value::Object(Map::from_iter([(name.to_owned(), inner)]))
    });
    match wrapped {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

fn bare_uplink(dev_eui: DevEui) -> Uplink {
    Uplink {
        device: DeviceDescription {
            dev_eui,
            join_eui: None,
            name: None,
            profile: None,
            brand_model: None,
            application: None,
            tags: std::collections::BTreeMap::default(),
            position: None,
        },
        deduplication_id: None,
        session: None,
        f_cnt: None,
        f_port: None,
        confirmed: false,
        frm_payload: Vec::new(),
        encrypted: false,
        object: None,
        times: stadtwarte_model::uplink::UplinkTimes::default(),
        radio: stadtwarte_model::uplink::Radio::default(),
        receptions: Vec::new(),
        simulated: false,
        warnings: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_built_from_any_path() {
        let at = |path: &str| Value::Object(object_with(path, 1.5).unwrap());
        assert_eq!(at("temp"), serde_json::json!({ "temp": 1.5 }));
        assert_eq!(at("a.b.c"), serde_json::json!({ "a": { "b": { "c": 1.5 } } }));
        assert_eq!(at("ch[1].t"), serde_json::json!({ "ch": [null, { "t": 1.5 }] }));
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
