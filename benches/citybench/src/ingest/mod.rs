//! The messages of a network server at a steady rate, acknowledged after they are on disk.
//!
//! Control: the same generator at the same rate against Mosquitto, which acknowledges from memory and reads no payload. It shows what
//! generator and loopback cost, and what a publisher would see of a receiver that promises nothing.

pub mod ladder;

use anyhow::{Context, ensure};

use crate::bench::Bench;
use crate::books;
use crate::conditions::Conditions;
use crate::generator::{Generator, Load, Sent, acknowledged_log};
use crate::mosquitto::Mosquitto;
use crate::platform::Platform;
use crate::report::Section;
use crate::rounds::{Both, Side, order};
use crate::statistics::{Of, Summary};

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub sent: Sent,
    /// The receiver's processor time per acknowledged message.
    pub cpu_us: f64,
    /// The most memory it held.
    pub peak_mb: f64,
}

/// Measures both sides.
///
/// # Errors
/// When a side fails, or anything acknowledged is missing or there twice.
pub async fn run(bench: &Bench) -> anyhow::Result<Section> {
    let (rate, seconds) = (bench.sizes.ingest_rate, bench.sizes.ingest_s);
    let mut both: Both<Sample, Sample> = Both::default();
    let mut conditions = Conditions::default();
    for side in order(bench.sizes.repeats) {
        bench.progress(&format!("ingest, {rate}/s for {seconds} s, {side:?}"));
        conditions.look(bench).await?;
        let sample = measure(bench, side, rate, seconds).await?;
        let unacknowledged = sample.sent.unacknowledged;
        ensure!(unacknowledged == 0, "{unacknowledged} of {} uplinks were not acknowledged, {side:?}", sample.sent.messages);
        match side {
            Side::Platform => both.platform.push(sample),
            Side::Control => both.control.push(sample),
        }
    }
    section(rate, seconds, &both, &conditions)
}

/// One measurement of one side, on an empty folder.
pub(crate) async fn measure(bench: &Bench, side: Side, rate: u32, seconds: u32) -> anyhow::Result<Sample> {
    match side {
        Side::Platform => platform(bench, rate, seconds).await,
        Side::Control => mosquitto(bench, rate, seconds).await,
    }
}

async fn platform(bench: &Bench, rate: u32, seconds: u32) -> anyhow::Result<Sample> {
    let folder = bench.folder("ingest")?;
    let platform = Platform::up(bench, &folder).await?;
    let operator = platform.operator().await?;
    let before = platform.process.usage()?;
    let sent = Generator::start(bench, &folder, Load { to: platform.mqtt, rate, seconds })?.finish().await?;
    let after = platform.process.usage()?;
    books::check(&operator, &acknowledged_log(&folder), sent.unacknowledged).await?;
    // What is still to be written to files belongs to the price of these uplinks; the questions of the check do not.
    let checked = platform.process.usage()?;
    let ended = platform.stop().await?;
    let cpu_s = after.cpu_s - before.cpu_s + (ended.cpu_s - checked.cpu_s);
    Ok(Sample { sent, cpu_us: per_message(cpu_s, sent), peak_mb: megabytes(after.peak_bytes) })
}

async fn mosquitto(bench: &Bench, rate: u32, seconds: u32) -> anyhow::Result<Sample> {
    let folder = bench.folder("ingest-control")?;
    let broker = Mosquitto::start(&folder).await?;
    let before = broker.process.usage()?;
    let sent = Generator::start(bench, &folder, Load { to: broker.address, rate, seconds })?.finish().await?;
    let after = broker.process.usage()?;
    broker.stop().await?;
    Ok(Sample { sent, cpu_us: per_message(after.cpu_s - before.cpu_s, sent), peak_mb: megabytes(after.peak_bytes) })
}

fn per_message(cpu_s: f64, sent: Sent) -> f64 {
    cpu_s * 1e6 / f64::from(sent.acknowledged.max(1))
}

#[allow(clippy::cast_precision_loss, reason = "bytes of memory are far below 2^52")]
pub(crate) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn section(rate: u32, seconds: u32, both: &Both<Sample, Sample>, conditions: &Conditions) -> anyhow::Result<Section> {
    let title = format!("Ingest: {rate} messages/s for {seconds} s, QoS 1, open loop, measured {} times each", both.platform.len());
    let mut section = Section::new(title, "Mosquitto, acknowledges from memory");
    let figures: [(&str, &str, Of<Sample>); 9] = [
        ("acknowledged, messages/s", "5,000", |sample| sample.sent.acknowledged_per_s),
        ("of these joins and status events, %", "", |sample| sample.sent.other_percent),
        ("handed over by the generator, messages/s", "", |sample| sample.sent.handed_over_per_s),
        ("PUBACK p50, ms", "", |sample| sample.sent.ack_p50_ms),
        ("PUBACK p99, ms", "", |sample| sample.sent.ack_p99_ms),
        ("from due time to PUBACK p99, ms", "", |sample| sample.sent.response_p99_ms),
        ("CPU of the receiver, µs/message", "reported", |sample| sample.cpu_us),
        ("CPU of the generator, µs/message", "reported", |sample| sample.sent.cpu_us),
        ("most resident memory, MB", "", |sample| sample.peak_mb),
    ];
    for (what, target, figure) in figures {
        let of = |samples: &[Sample]| Summary::of(samples.iter().map(figure)).context("no measurement");
        section.row(what, target, of(&both.platform)?, of(&both.control)?);
    }
    section.row("acknowledged uplinks missing or stored twice", "0", "0, checked in SQL after each measurement", "stores nothing");
    section.note(conditions.describe());
    Ok(section)
}
