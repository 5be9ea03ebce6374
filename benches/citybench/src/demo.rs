//! The first thing a town sees: `stadtwarte demo` on an empty folder.
//!
//! Control: `stadtwarte up` of the same binary on an empty folder: what start and memory cost without a town.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::bench::Bench;
use crate::conditions::Conditions;
use crate::http::Http;
use crate::ingest::megabytes;
use crate::platform::Platform;
use crate::report::Section;
use crate::rounds::{Both, Side, order};
use crate::statistics::Summary;

const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Between two counts of the stations while the history is imported: seldom enough not to weigh on it.
const COUNT_EVERY: Duration = Duration::from_millis(500);
/// Part of the stations that is taken for the whole town: a first report can be lost like any other.
const WHOLE_TOWN: f64 = 0.95;
/// Part of the days that histories have at least. Street lights report at night only and some frames are lost, so not every hour has a value.
const COMPLETE: f64 = 0.99;
const FIRST_STATION: Duration = Duration::from_mins(1);
const HISTORY: Duration = Duration::from_mins(20);
/// What the demo logs when its history is complete.
const HISTORY_DONE: &str = "the history of the demo city is imported";

#[derive(Debug, Clone, Copy)]
struct Town {
    doors_s: f64,
    first_station_s: f64,
    whole_town_s: f64,
    history_s: f64,
    peak_mb: f64,
    settled_mb: f64,
    rows: f64,
    with_history_percent: f64,
    disk_mb: f64,
    bytes_per_row: f64,
}

#[derive(Debug, Clone, Copy)]
struct Empty {
    doors_s: f64,
    peak_mb: f64,
    settled_mb: f64,
    disk_mb: f64,
}

/// Measures both sides. The folder of the last demo stays for the queries.
///
/// # Errors
/// When the demo does not start, shows no station or does not end its history.
pub async fn run(bench: &Bench) -> anyhow::Result<(Section, PathBuf)> {
    let mut both: Both<Town, Empty> = Both::default();
    let mut conditions = Conditions::default();
    for side in order(bench.sizes.repeats) {
        bench.progress(&format!("demo, {side:?}"));
        conditions.look(bench).await?;
        match side {
            Side::Platform => both.platform.push(town(bench, &bench.folder("demo")?).await?),
            Side::Control => both.control.push(empty(bench, &bench.folder("empty")?).await?),
        }
    }
    Ok((section(bench, &both, &conditions)?, bench.root().join("demo")))
}

/// A demo's data, when it was not measured in this run.
///
/// # Errors
/// As [`run`].
pub async fn prepare(bench: &Bench) -> anyhow::Result<PathBuf> {
    bench.progress("demo, for its data");
    let folder = bench.folder("demo")?;
    town(bench, &folder).await?;
    Ok(folder)
}

async fn town(bench: &Bench, folder: &Path) -> anyhow::Result<Town> {
    let (devices, days) = (bench.sizes.demo_devices.to_string(), bench.sizes.history_days.to_string());
    let mut platform = Platform::start(bench, folder, &["demo", "--devices", &devices, "--history-days", &days]).await?;
    let doors_s = platform.started.elapsed().as_secs_f64();
    let first_station_s = wait_for_a_station(&mut platform).await?;
    let whole_town_s = wait_for_history(&mut platform).await?;
    let history_s = platform.started.elapsed().as_secs_f64();
    tokio::time::sleep(bench.sizes.settle).await;
    let usage = platform.process.usage()?;
    let (rows, with_history_percent) = check_history(bench, &platform.operator().await?).await?;
    platform.stop().await?;
    let files = bytes_below(&folder.join("data/tables/observations"))?;
    Ok(Town {
        doors_s,
        first_station_s,
        whole_town_s,
        history_s,
        peak_mb: megabytes(usage.peak_bytes),
        settled_mb: megabytes(usage.resident_bytes),
        rows,
        with_history_percent,
        disk_mb: megabytes(bytes_below(&folder.join("data"))?),
        bytes_per_row: megabytes(files) * 1e6 / rows,
    })
}

/// The number of observations, and the part of the datastreams that have a history, %.
///
/// # Errors
/// When days are missing from the histories.
async fn check_history(bench: &Bench, operator: &Http) -> anyhow::Result<(f64, f64)> {
    // Imported history has identities from 2^52 on.
    let imported = format!("FROM observations WHERE id >= {}", 1_u64 << 52);
    let days = format!("SELECT count(*) FROM (SELECT DISTINCT datastream_id, date_trunc('day', phenomenon_time) {imported})");
    let days = small(operator.number(&days).await?)?;
    let histories = small(operator.number(&format!("SELECT count(DISTINCT datastream_id) {imported}")).await?)?;
    let expected = f64::from(bench.sizes.history_days) * histories;
    ensure!(histories > 0.0, "no datastream has a history");
    ensure!(days >= COMPLETE * expected, "{days} of {expected} days are there in the histories of {histories} datastreams");
    let streams = small(operator.number("SELECT count(*) FROM datastreams").await?)?;
    Ok((small(operator.number("SELECT count(*) FROM observations").await?)?, histories * 100.0 / streams))
}

async fn empty(bench: &Bench, folder: &Path) -> anyhow::Result<Empty> {
    let platform = Platform::up(bench, folder).await?;
    let doors_s = platform.started.elapsed().as_secs_f64();
    platform.http.json("/api/v1/stations.geojson").await?;
    tokio::time::sleep(bench.sizes.settle).await;
    let usage = platform.process.usage()?;
    platform.stop().await?;
    let (peak_mb, settled_mb) = (megabytes(usage.peak_bytes), megabytes(usage.resident_bytes));
    Ok(Empty { doors_s, peak_mb, settled_mb, disk_mb: megabytes(bytes_below(&folder.join("data"))?) })
}

/// Waits until the map would show a station with a value and a place, and returns when, in seconds since the start.
async fn wait_for_a_station(platform: &mut Platform) -> anyhow::Result<f64> {
    while stations_on_the_map(platform).await? == 0 {
        platform.process.check_alive().with_context(|| platform.log())?;
        ensure!(platform.started.elapsed() < FIRST_STATION, "no station within {FIRST_STATION:?}: {}", platform.log());
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(platform.started.elapsed().as_secs_f64())
}

async fn stations_on_the_map(platform: &Platform) -> anyhow::Result<usize> {
    let stations = platform.http.json("/api/v1/stations.geojson").await?;
    let features = stations["features"].as_array().context("stations.geojson has no features")?;
    Ok(features.iter().filter(|feature| is_on_the_map(feature)).count())
}

fn is_on_the_map(feature: &Value) -> bool {
    let has_value = feature["properties"]["latest"].as_array().is_some_and(|latest| latest.iter().any(|latest| !latest["value"].is_null()));
    has_value && !feature["geometry"].is_null()
}

/// Waits for the end of the import, and returns when most of the stations that are there by then had come, in seconds since the start.
async fn wait_for_history(platform: &mut Platform) -> anyhow::Result<f64> {
    let mut counts = Vec::new();
    let mut next = Instant::now();
    loop {
        let is_done = platform.log().contains(HISTORY_DONE);
        if is_done || Instant::now() >= next {
            counts.push((platform.started.elapsed().as_secs_f64(), stations_on_the_map(platform).await?));
            next = Instant::now() + COUNT_EVERY;
        }
        if is_done {
            return when_most_were_there(&counts).context("no station was counted");
        }
        platform.process.check_alive().with_context(|| platform.log())?;
        ensure!(platform.started.elapsed() < HISTORY, "no end of the history within {HISTORY:?}: {}", platform.log());
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The first of the times at which nearly as many were counted as at the last.
fn when_most_were_there(counts: &[(f64, usize)]) -> Option<f64> {
    let as_number = |count: usize| u32::try_from(count).map_or(f64::MAX, f64::from);
    let most = WHOLE_TOWN * as_number(counts.last()?.1);
    counts.iter().find(|(_, count)| as_number(*count) >= most).map(|(time, _)| *time)
}

fn bytes_below(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { bytes_below(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}

fn small(number: i64) -> anyhow::Result<f64> {
    Ok(f64::from(u32::try_from(number).context("more rows than this bench was made for")?))
}

fn section(bench: &Bench, both: &Both<Town, Empty>, conditions: &Conditions) -> anyhow::Result<Section> {
    let town = |figure: fn(&Town) -> f64| Summary::of(both.platform.iter().map(figure)).context("no measurement");
    let empty = |figure: fn(&Empty) -> f64| Summary::of(both.control.iter().map(figure)).context("no measurement");
    let (devices, days) = (bench.sizes.demo_devices, bench.sizes.history_days);
    let title = format!("Demo: {devices} devices, {days} days of hourly history, measured {} times each", both.platform.len());
    let mut section = Section::new(title, "`up` on an empty folder");
    section.row("from process start to open doors, s", "", town(|town| town.doors_s)?, empty(|empty| empty.doors_s)?);
    section.row("to the first station with a value on the map, s", "5", town(|town| town.first_station_s)?, "has none");
    section.row("to 95 % of the stations on the map, s", "", town(|town| town.whole_town_s)?, "has none");
    section.row("to the end of the import, s", "60", town(|town| town.history_s)?, "has none");
    section.row("most resident memory, MB", "400", town(|town| town.peak_mb)?, empty(|empty| empty.peak_mb)?);
    let settled = format!("resident memory {:.0} s after the import, MB", bench.sizes.settle.as_secs_f64());
    section.row(&settled, "400", town(|town| town.settled_mb)?, empty(|empty| empty.settled_mb)?);
    section.row("observations", "", town(|town| town.rows)?, "0");
    section.row("datastreams that have a history, %", "", town(|town| town.with_history_percent)?, "has none");
    section.row("data folder after the end, MB", "", town(|town| town.disk_mb)?, empty(|empty| empty.disk_mb)?);
    section.row("files of observations, bytes/row", "", town(|town| town.bytes_per_row)?, "has none");
    section.note(conditions.describe());
    Ok(section)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_town_is_whole_when_few_stations_are_missing() {
        assert_eq!(when_most_were_there(&[(0.5, 10), (1.0, 94), (1.5, 95), (2.0, 98), (40.0, 100)]), Some(1.5));
        assert_eq!(when_most_were_there(&[]), None);
    }

    #[test]
    fn a_station_is_on_the_map_with_a_place_and_a_value() {
        let place = json!({ "type": "Point", "coordinates": [9.9, 52.0] });
        let value = json!({ "latest": [{ "value": 0.0 }] });
        assert!(is_on_the_map(&json!({ "geometry": place, "properties": value })));
        assert!(!is_on_the_map(&json!({ "geometry": null, "properties": value })));
        assert!(!is_on_the_map(&json!({ "geometry": place, "properties": { "latest": [] } })));
    }
}
