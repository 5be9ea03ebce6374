//! The command line, and how much of everything a run does.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Measures a `stadtwarte` binary against controls and prints the result as Markdown.
#[derive(Debug, Parser)]
#[command(after_help = "Example:\n  benches/run path/to/stadtwarte --only ingest --repeats 4 --out result.md")]
pub struct Options {
    /// The program to measure.
    #[arg(long, value_name = "FILE")]
    pub binary: PathBuf,
    /// Folder for data folders; its disk is what is measured. Emptied of what a run left there.
    #[arg(long, value_name = "DIR", env = "CITYBENCH_DIR")]
    pub dir: PathBuf,
    /// File that receives the report as well.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Everything once and tiny: whether it works, not how fast.
    #[arg(long)]
    pub quick: bool,
    /// Only these workloads.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Workload>,
    /// How often platform and control are measured each; at least 3 for a figure that is published.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeats: u32,
    /// Version of the sources, for the report.
    #[arg(long, default_value = "unknown")]
    pub commit: String,
    /// Version of the compiler, for the report.
    #[arg(long, default_value = "unknown")]
    pub rustc: String,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Uplinks acknowledged after they are on disk.
    Ingest,
    /// From publish to visible.
    Freshness,
    /// Start of the demo city.
    Demo,
    /// SQL over the demo's year of history.
    Queries,
}

/// How much of everything.
#[derive(Debug, Clone)]
pub struct Sizes {
    /// Measurements of each side.
    pub repeats: u32,
    /// Uplinks per second of the ingest workload.
    pub ingest_rate: u32,
    /// For so long, seconds.
    pub ingest_s: u32,
    /// Rates that are tried in turn, uplinks per second.
    pub ladder: Vec<u32>,
    /// Time on each rate, seconds.
    pub ladder_s: u32,
    /// Uplinks per second beside the probes of the freshness workload.
    pub background_rate: u32,
    /// Uplinks whose way is timed.
    pub probes: u32,
    /// Time between them. No divisor of the background's interval, so that they meet it at every phase.
    pub probe_pause: Duration,
    /// Devices of the demo city.
    pub demo_devices: u32,
    /// Days of its history.
    pub history_days: u32,
    /// Rest before memory counts as settled.
    pub settle: Duration,
    /// Measurements of each query on each side.
    pub query_repeats: u32,
    /// Writes of one look at the disk.
    pub disk_writes: u32,
}

impl Sizes {
    /// The sizes of a full run.
    pub fn full(repeats: u32) -> Self {
        Self {
            repeats,
            ingest_rate: 5_000,
            ingest_s: 30,
            ladder: vec![5_000, 10_000, 20_000, 40_000],
            ladder_s: 8,
            background_rate: 500,
            probes: 1_200,
            probe_pause: Duration::from_micros(47_300),
            demo_devices: 1_000,
            history_days: 365,
            settle: Duration::from_secs(20),
            query_repeats: repeats.max(3) * 4,
            disk_writes: 200,
        }
    }

    /// The sizes of a smoke test.
    pub fn quick() -> Self {
        Self {
            repeats: 1,
            ingest_rate: 300,
            ingest_s: 2,
            ladder: vec![200, 400],
            ladder_s: 1,
            background_rate: 50,
            probes: 20,
            probe_pause: Duration::from_micros(47_300),
            demo_devices: 60,
            history_days: 6,
            settle: Duration::from_millis(200),
            query_repeats: 1,
            disk_writes: 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_run_has_the_sizes_of_the_targets() {
        let sizes = Sizes::full(4);
        assert_eq!((sizes.ingest_rate, sizes.background_rate, sizes.history_days), (5_000, 500, 365));
        assert!(sizes.repeats * sizes.probes >= 3_000, "too few probes for a p99.9");
    }

    #[test]
    fn workloads_are_chosen_by_name() {
        let chosen = Options::try_parse_from(["citybench", "--binary", "x", "--dir", "y", "--only", "ingest,queries"]).unwrap();
        assert_eq!(chosen.only, [Workload::Ingest, Workload::Queries]);
        assert!(Options::try_parse_from(["citybench", "--binary", "x", "--dir", "y", "--repeats", "0"]).is_err());
    }
}
