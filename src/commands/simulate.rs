//! `stadtwarte simulate`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use stadtwarte_model::Clock as _;

use super::{Common, Failure, Outcome, runtime};
use crate::simulate::fleet::{Dialect, Fleet, FleetOptions};
use crate::simulate::publisher::{self, Clock, Options, Pace, Progress, Qos, Report, Target};
use crate::simulate::traffic::Faults;
use crate::system::{SystemClock, asked_to_stop};

#[derive(Debug, Args)]
pub(super) struct Simulate {
    /// The MQTT server.
    #[arg(long, value_name = "mqtt://HOST:PORT")]
    to: Target,
    /// How many devices.
    #[arg(long, default_value_t = 1000, value_parser = super::from_one_to(1_000_000))]
    devices: u64,
    /// Messages per second, evenly, whatever the acknowledgements do.
    #[arg(long, default_value_t = 100.0, value_parser = super::rate)]
    rate: f64,
    /// Stop after this many messages: uplinks, and the few joins and status events among them; without it run until Ctrl-C.
    #[arg(long, value_parser = super::from_one_to(u64::MAX))]
    count: Option<u64>,
    /// The number that town, devices and values follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The network server whose messages are sent.
    #[arg(long, value_enum, default_value_t = DialectChoice::Mixed)]
    dialect: DialectChoice,
    /// MQTT quality of service.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=1))]
    qos: u8,
    /// MQTT connections that the devices are divided among.
    #[arg(long, default_value_t = 2, value_parser = super::from_one_to(10_000))]
    connections: u64,
    /// User name for the server.
    #[arg(long)]
    username: Option<String>,
    /// Password for the server.
    #[arg(long, env = "STADTWARTE_MQTT_PASSWORD", hide_env_values = true, default_value = "")]
    password: String,
    /// Beginning of the client identifiers.
    #[arg(long, default_value = "stadtwarte-simulator")]
    client_id: String,
    /// No duplicates, losses, rejoins or wrong clocks.
    #[arg(long)]
    no_faults: bool,
    /// File that receives the identity of every acknowledged uplink, one per line.
    #[arg(long, value_name = "FILE")]
    acked_log: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DialectChoice {
    Chirpstack,
    Tts,
    Mixed,
}

impl From<DialectChoice> for Dialect {
    fn from(choice: DialectChoice) -> Self {
        match choice {
            DialectChoice::Chirpstack => Self::ChirpStack,
            DialectChoice::Tts => Self::Tts,
            DialectChoice::Mixed => Self::Mixed,
        }
    }
}

/// The wall clock as the publisher takes it.
pub(super) fn publisher_clock() -> Clock {
    Clock::new(|| SystemClock.now().as_micros())
}

impl Simulate {
    pub fn run(&self, common: &Common) -> Outcome {
        let devices = usize::try_from(self.devices).unwrap_or(usize::MAX);
        let fleet = Fleet::generate(FleetOptions { seed: self.seed, devices, dialect: self.dialect.into() });
        let bar = progress_bar(common, self.count);
        let report =
            runtime()?.block_on(publisher::run(Arc::clone(&fleet), self.options(), |progress| show(&bar, progress), asked_to_stop()));
        bar.finish_and_clear();
        let report = report.map_err(anyhow::Error::from)?;
        if self.json {
            println!("{}", as_json(&report));
        } else {
            print(&report);
        }
        if self.qos == 1 && report.unacknowledged > 0 {
            return Err(Failure::Other(anyhow::anyhow!("{} messages were not acknowledged", report.unacknowledged)));
        }
        Ok(())
    }

    fn options(&self) -> Options {
        let mut options = Options::new(self.to.clone(), publisher_clock());
        options.qos = if self.qos == 1 { Qos::AtLeastOnce } else { Qos::AtMostOnce };
        options.pace = Pace::Rate { per_s: self.rate };
        options.count = self.count;
        options.connections = usize::try_from(self.connections).unwrap_or(1);
        options.credentials = self.username.clone().map(|user| (user, self.password.clone()));
        options.client_id.clone_from(&self.client_id);
        options.acked_log.clone_from(&self.acked_log);
        if self.no_faults {
            options.faults = Faults::none();
        }
        options
    }
}

pub(super) fn progress_bar(common: &Common, count: Option<u64>) -> ProgressBar {
    if !common.shows_progress() {
        return ProgressBar::hidden();
    }
    let bar = count.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let style = if count.is_some() { "{bar:30} {pos}/{len} {msg}" } else { "{spinner} {pos} {msg}" };
    // The template is a constant; a default style is no reason to fail.
    bar.with_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, progress: &Progress) {
    bar.set_position(progress.sent);
    bar.set_message(format!("{:.0}/s, {} acknowledged, p99 {:.1?}", progress.rate_per_s, progress.acknowledged, progress.ack.p99));
}

fn print(report: &Report) {
    println!("sent          {:>10}  in {:.1?}, {:.0}/s", report.sent, report.elapsed, report.achieved_per_s);
    println!("acknowledged  {:>10}  outstanding {}", report.acknowledged, report.unacknowledged);
    println!("PUBACK        p50 {:.1?}  p99 {:.1?}  max {:.1?}", report.ack.p50, report.ack.p99, report.ack.max);
    println!("from due time p50 {:.1?}  p99 {:.1?}  max {:.1?}", report.response.p50, report.response.p99, report.response.max);
    println!("behind        {:.1?}  connections lost {}  sent again {}", report.behind, report.connection_losses, report.resent);
}

fn as_json(report: &Report) -> serde_json::Value {
    let ms = |duration: std::time::Duration| duration.as_secs_f64() * 1000.0;
    serde_json::json!({
        "elapsed_s": report.elapsed.as_secs_f64(),
        "sent": report.sent,
        "uplinks": report.uplinks,
        "duplicates": report.duplicates,
        "gateway_copies": report.gateway_copies,
        "other_events": report.other_events,
        "acknowledged": report.acknowledged,
        "unacknowledged": report.unacknowledged,
        "resent": report.resent,
        "connection_losses": report.connection_losses,
        "achieved_per_s": report.achieved_per_s,
        "ack_p50_ms": ms(report.ack.p50),
        "ack_p99_ms": ms(report.ack.p99),
        "ack_max_ms": ms(report.ack.max),
        "response_p50_ms": ms(report.response.p50),
        "response_p99_ms": ms(report.response.p99),
        "behind_s": report.behind.as_secs_f64(),
    })
}
