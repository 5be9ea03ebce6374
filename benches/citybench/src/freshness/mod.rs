//! From publish to visible, beside a steady stream of other uplinks.
//!
//! ```text
//! probe (due) ─▶ MQTT ─▶ PUBACK                        the control within the same uplinks
//!                   ├──▶ event in the live stream
//!                   └──▶ row in an SQL answer
//! probe (due) ─▶ Mosquitto ─▶ PUBACK, MQTT subscriber  the control that stores nothing
//! ```
//! All ways are timed from the moment the probe was due, so that a late sender is counted against the platform, not hidden.

mod observers;
mod probes;
mod publisher;

use anyhow::{Context, ensure};

use crate::bench::Bench;
use crate::conditions::Conditions;
use crate::generator::{Generator, Load};
use crate::mosquitto::Mosquitto;
use crate::platform::Platform;
use crate::report::Section;
use crate::rounds::{Both, Side, order};
use crate::statistics::{Figure, Summary, percentile};

use observers::Observers;
use probes::{Probes, Way};
use publisher::Publisher;

/// Milliseconds of every probe, by way.
#[derive(Debug, Default)]
struct Times {
    acknowledged: Vec<f64>,
    live: Vec<f64>,
    sql: Vec<f64>,
    /// How long one SQL question took: no time to SQL can be known better than that.
    question: Vec<f64>,
}

/// The times of one way.
type Each = fn(&Times) -> &Vec<f64>;

/// Measures both sides.
///
/// # Errors
/// When a probe is not acknowledged or not visible in time.
pub async fn run(bench: &Bench) -> anyhow::Result<Section> {
    let mut both: Both<Times, Times> = Both::default();
    let mut conditions = Conditions::default();
    for side in order(bench.sizes.repeats) {
        bench.progress(&format!("freshness, {} probes beside {} uplinks/s, {side:?}", bench.sizes.probes, bench.sizes.background_rate));
        conditions.look(bench).await?;
        match side {
            Side::Platform => both.platform.push(platform(bench).await?),
            Side::Control => both.control.push(mosquitto(bench).await?),
        }
    }
    section(bench, &both, &conditions)
}

async fn platform(bench: &Bench) -> anyhow::Result<Times> {
    let folder = bench.folder("freshness")?;
    let platform = Platform::up(bench, &folder).await?;
    let probes = Probes::new(bench.sizes.probes);
    let mut publisher = Publisher::connect(platform.mqtt, &probes).await?;
    // The first uplink makes the device and its datastreams known; its way is not timed.
    publisher.announce().await?;
    let observers = Observers::of_platform(&platform, &probes).await?;
    let background = start_background(bench, &folder, platform.mqtt)?;
    publisher.send(bench.sizes.probe_pause).await?;
    probes.wait_for(&[Way::Acknowledged, Way::Live, Way::Sql]).await?;
    let question = observers.stop().await?;
    drop(publisher);
    finish_background(background).await?;
    platform.stop().await?;
    Ok(Times {
        acknowledged: probes.times_ms(Way::Acknowledged),
        live: probes.times_ms(Way::Live),
        sql: probes.times_ms(Way::Sql),
        question,
    })
}

async fn mosquitto(bench: &Bench) -> anyhow::Result<Times> {
    let folder = bench.folder("freshness-control")?;
    let broker = Mosquitto::start(&folder).await?;
    let probes = Probes::new(bench.sizes.probes);
    let observers = Observers::of_broker(broker.address, &probes).await?;
    let publisher = Publisher::connect(broker.address, &probes).await?;
    let background = start_background(bench, &folder, broker.address)?;
    publisher.send(bench.sizes.probe_pause).await?;
    probes.wait_for(&[Way::Acknowledged, Way::Live]).await?;
    observers.stop().await?;
    drop(publisher);
    finish_background(background).await?;
    broker.stop().await?;
    Ok(Times { acknowledged: probes.times_ms(Way::Acknowledged), live: probes.times_ms(Way::Live), ..Times::default() })
}

/// Other uplinks for as long as the probes take.
fn start_background(bench: &Bench, folder: &std::path::Path, to: std::net::SocketAddr) -> anyhow::Result<Generator> {
    let seconds = (bench.sizes.probe_pause * bench.sizes.probes).as_secs() + 2;
    let load = Load { to, rate: bench.sizes.background_rate, seconds: u32::try_from(seconds)? };
    Generator::start(bench, folder, load)
}

async fn finish_background(background: Generator) -> anyhow::Result<()> {
    let sent = background.finish().await?;
    ensure!(sent.unacknowledged == 0, "{} uplinks beside the probes were not acknowledged", sent.unacknowledged);
    Ok(())
}

fn section(bench: &Bench, both: &Both<Times, Times>, conditions: &Conditions) -> anyhow::Result<Section> {
    let sizes = &bench.sizes;
    let title = format!(
        "Freshness: {} probes in {:.0} s beside {} uplinks/s, measured {} times each, ms from due time",
        sizes.probes,
        (sizes.probe_pause * sizes.probes).as_secs_f64(),
        sizes.background_rate,
        sizes.repeats
    );
    let mut section = Section::new(title, "Mosquitto, stores nothing");
    let ways: [(&str, &str, Each, bool); 3] = [
        ("PUBACK", "", |times| &times.acknowledged, true),
        ("in the live stream (control: at an MQTT subscriber)", "p99 100", |times| &times.live, true),
        ("in SQL", "p99 100", |times| &times.sql, false),
    ];
    for (way, target, times, has_control) in ways {
        for (name, per_mille) in [("p50", 500), ("p99", 990), ("p99.9, of all measurements together", 999)] {
            let target = if target.starts_with(name) { &target[4..] } else { "" };
            let control = if has_control { figure(&both.control, times, per_mille)? } else { "has none".to_owned() };
            section.row(&format!("{way}, {name}"), target, figure(&both.platform, times, per_mille)?, control);
        }
    }
    section.row("one SQL question, p50", "", figure(&both.platform, |times| &times.question, 500)?, "has none");
    section.note(
        "SQL is asked without pause while a probe is missing, so a time to SQL contains up to two questions, and the questions compete \
         with the platform for the same processors.",
    );
    section.note(conditions.describe());
    Ok(section)
}

/// A percentile: of each measurement, with its range; the thousandths of all together, because one measurement has too few.
fn figure(measurements: &[Times], times: Each, per_mille: usize) -> anyhow::Result<String> {
    if per_mille > 990 {
        let all: Vec<f64> = measurements.iter().flat_map(|measurement| times(measurement).iter().copied()).collect();
        return Ok(Figure(percentile(&all, per_mille).context("no probe")?).to_string());
    }
    let each = measurements.iter().filter_map(|measurement| percentile(times(measurement), per_mille));
    Ok(Summary::of(each).context("no probe")?.to_string())
}
