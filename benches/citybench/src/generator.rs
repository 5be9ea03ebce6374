//! The load: `stadtwarte simulate` as a process of its own, open loop.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::bench::Bench;
use crate::platform::program;
use crate::process::Process;

/// Beyond the time the schedule takes: the simulator's own start and its patience with late acknowledgements.
const SLACK: Duration = Duration::from_secs(90);

/// What to send.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// The MQTT server.
    pub to: SocketAddr,
    /// Messages per second.
    pub rate: u32,
    /// For so many seconds.
    pub seconds: u32,
}

/// A simulator at work.
#[derive(Debug)]
pub struct Generator {
    process: Process,
    folder: PathBuf,
    patience: Duration,
}

/// What a simulator reports, and what it cost.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    /// Messages handed to connections.
    pub messages: u32,
    /// Messages acknowledged.
    pub acknowledged: u32,
    /// Part of the messages that are no uplinks, %: joins and status events, which belong to the traffic of a network server.
    pub other_percent: f64,
    /// Messages still waiting when patience ended.
    pub unacknowledged: u32,
    /// Messages handed over per second.
    pub handed_over_per_s: f64,
    /// Messages acknowledged per second, from the start to the last acknowledgement of an uplink.
    pub acknowledged_per_s: f64,
    /// From the socket to the PUBACK.
    pub ack_p50_ms: f64,
    /// The same.
    pub ack_p99_ms: f64,
    /// From the due time to the PUBACK.
    pub response_p99_ms: f64,
    /// The simulator's processor time per acknowledged message.
    pub cpu_us: f64,
}

impl Generator {
    /// Starts sending. `folder` receives the list of acknowledged uplinks.
    ///
    /// # Errors
    /// When the simulator cannot be started.
    pub fn start(bench: &Bench, folder: &Path, load: Load) -> anyhow::Result<Self> {
        let mut command = program(&bench.binary, folder);
        command.args(["simulate", "--quiet", "--json", "--qos", "1", "--to", &format!("mqtt://{}", load.to)]);
        command.args(["--rate", &load.rate.to_string(), "--count", &(u64::from(load.rate) * u64::from(load.seconds)).to_string()]);
        command.arg("--acked-log").arg(acknowledged_log(folder));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(folder.join("simulate.log"))?);
        let process = Process::start("stadtwarte simulate", &mut command)?;
        Ok(Self { process, folder: folder.to_owned(), patience: Duration::from_secs(u64::from(load.seconds) * 8) + SLACK })
    }

    /// Waits for its end. Missing acknowledgements are in the result, not an error.
    ///
    /// # Errors
    /// When it gives no report.
    pub async fn finish(self) -> anyhow::Result<Sent> {
        let ended = self.process.ended(self.patience).await?;
        let Ok(report) = serde_json::from_str::<Value>(&ended.stdout) else {
            let log = std::fs::read_to_string(self.folder.join("simulate.log")).unwrap_or_default();
            bail!("stadtwarte simulate ended with {}: {log}", ended.status);
        };
        let number = |key: &str| report[key].as_f64().with_context(|| format!("the simulator's report has no {key}"));
        let count = |key: &str| {
            report[key].as_u64().and_then(|count| u32::try_from(count).ok()).with_context(|| format!("the simulator's report has no {key}"))
        };
        let (messages, acknowledged) = (count("sent")?, count("acknowledged")?);
        Ok(Sent {
            messages,
            acknowledged,
            other_percent: f64::from(count("other_events")?) * 100.0 / f64::from(messages.max(1)),
            unacknowledged: count("unacknowledged")?,
            handed_over_per_s: number("achieved_per_s")?,
            acknowledged_per_s: f64::from(acknowledged) / time_of_acknowledgements(&acknowledged_log(&self.folder))?.as_secs_f64(),
            ack_p50_ms: number("ack_p50_ms")?,
            ack_p99_ms: number("ack_p99_ms")?,
            response_p99_ms: number("response_p99_ms")?,
            cpu_us: ended.cpu_s * 1e6 / f64::from(acknowledged.max(1)),
        })
    }
}

/// Where the simulator writes what was acknowledged.
pub fn acknowledged_log(folder: &Path) -> PathBuf {
    folder.join("acknowledged")
}

/// The file is created just before the simulator connects and written at each acknowledgement: its own times are a measure that does
/// not depend on the simulator's books.
fn time_of_acknowledgements(log: &Path) -> anyhow::Result<Duration> {
    let metadata = std::fs::metadata(log)?;
    let created = metadata.created().context("this file system does not keep creation times; choose another with --dir")?;
    Ok(metadata.modified()?.duration_since(created).unwrap_or_default().max(Duration::from_millis(1)))
}
