//! The command line.

#![allow(clippy::disallowed_macros, reason = "this is the edge where results and hints are printed")]

mod check;
mod demo;
mod key;
mod simulate;
mod sql;
mod up;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::platform;
use crate::settings::{Settings, SettingsError};
use crate::system::init_logging;

/// An urban data platform in one binary: LoRaWAN uplinks in, SQL, open data and live streams out.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

/// Flags that every command knows.
#[derive(Debug, Args)]
struct Common {
    /// Settings file; without it ./stadtwarte.toml where that exists, else built-in defaults.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder.
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// No progress and no hints, only results and errors.
    #[arg(long, short, global = true)]
    quiet: bool,
}

/// Addresses of a server.
#[derive(Debug, Args)]
struct Addresses {
    /// Address of API and portal; port 0 picks a free one.
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// Address of the MQTT endpoint; port 0 picks a free one.
    #[arg(long, value_name = "ADDR")]
    mqtt: Option<SocketAddr>,
    /// File that receives the real addresses as JSON once every door answers.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the platform: MQTT endpoint, ingest, store, query, API and portal in one process.
    #[command(after_help = "Example:\n  stadtwarte up --data ./data --http 127.0.0.1:8080 --mqtt 127.0.0.1:1883")]
    Up(up::Up),
    /// Start the platform on a fresh data folder with the demo city and its simulator.
    #[command(after_help = "Example:\n  stadtwarte demo --devices 1000 --seed 1")]
    Demo(demo::Demo),
    /// Publish realistic uplinks to any MQTT server; also the load generator.
    #[command(after_help = "Example:\n  stadtwarte simulate --to mqtt://127.0.0.1:1883 --devices 1000 --rate 500 --count 10000")]
    Simulate(simulate::Simulate),
    /// Ask in SQL, of a data folder or of a running server.
    #[command(
        after_help = "Examples:\n  stadtwarte sql \"SELECT thing, value, unit FROM latest WHERE property = 'pm10' ORDER BY value DESC LIMIT 5\"\n  stadtwarte sql --server http://127.0.0.1:8080 --format csv \"SELECT count(*) FROM readings\""
    )]
    Sql(sql::Sql),
    /// Check settings and files; names key and line of each mistake.
    #[command(after_help = "Example:\n  stadtwarte check --config stadtwarte.toml")]
    Check,
    /// Make API keys.
    #[command(subcommand)]
    Key(key::Key),
}

/// What a command failed of decides the exit code.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The command line or the settings are wrong: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// Anything else: exit code 1.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::Usage(error.to_string())
    }
}

type Outcome = Result<(), Failure>;

/// Runs a command and says how it ended: 0 done, 2 usage or settings, 1 anything else.
#[must_use]
pub fn run(cli: &Cli) -> ExitCode {
    let outcome = match &cli.command {
        Command::Up(up) => up.run(&cli.common),
        Command::Demo(demo) => demo.run(&cli.common),
        Command::Simulate(simulate) => simulate.run(&cli.common),
        Command::Sql(sql) => sql.run(&cli.common),
        Command::Check => check::run(&cli.common),
        Command::Key(key) => key.run(&cli.common),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(if matches!(failure, Failure::Usage(_)) { 2 } else { 1 })
        }
    }
}

impl Common {
    /// The settings, with `--data` applied.
    fn settings(&self) -> Result<Settings, SettingsError> {
        // What is not UTF-8 is no setting, or a value that will be named as wrong.
        let environment =
            std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.to_string_lossy().into_owned())));
        let mut settings = Settings::load(self.config.as_deref(), environment)?;
        if let Some(dir) = &self.data {
            settings.data.dir.clone_from(dir);
        }
        Ok(settings)
    }

    /// The settings of a server: as [`Common::settings`], with its addresses, and with every file that they name.
    fn server_settings(&self, addresses: &Addresses) -> Result<Settings, Failure> {
        let mut settings = self.settings()?;
        addresses.apply(&mut settings);
        platform::check(&settings).map_err(|mistakes| Failure::Usage(mistakes.join("\n")))?;
        init_logging(&settings.log).map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(settings)
    }

    /// Whether progress may be drawn: somebody is watching and did not ask for silence.
    fn shows_progress(&self) -> bool {
        !self.quiet && std::io::IsTerminal::is_terminal(&std::io::stderr())
    }
}

impl Addresses {
    fn apply(&self, settings: &mut Settings) {
        if let Some(http) = self.http {
            settings.http.listen = http;
        }
        if let Some(mqtt) = self.mqtt {
            settings.mqtt.listen = Some(mqtt);
        }
    }
}

/// A number of things, at least one.
fn from_one_to(most: u64) -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=most)
}

/// Something per second.
fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if rate > 0.0 && rate <= 1e9 { Ok(rate) } else { Err("must be greater than 0 and at most 1e9".to_owned()) }
}

/// Threads for blocking work: files, registry, Delta log. Each keeps a heap of its own, so tokio's 512 would cost hundreds of megabytes,
/// and no disk gets faster by more.
const BLOCKING_THREADS: usize = 16;

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    // Formats of answers walk types of columns recursively.
    builder.thread_stack_size(8 << 20);
    Ok(builder.enable_all().max_blocking_threads(BLOCKING_THREADS).build().map_err(anyhow::Error::from)?)
}
