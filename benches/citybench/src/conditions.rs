//! What else went on while something was measured: the load of the machine and the speed of its disk.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;

use crate::bench::Bench;
use crate::machine::load_average;
use crate::statistics::{Summary, percentile};

const BLOCK: [u8; 4096] = [0x5a; 4096];

/// Looks at the machine, one per repeat.
#[derive(Debug, Default)]
pub struct Conditions {
    loads: Vec<f64>,
    sync_ms: Vec<f64>,
}

impl Conditions {
    /// Takes another look; costs about a second on a slow disk.
    ///
    /// # Errors
    /// When the disk cannot be written.
    pub async fn look(&mut self, bench: &Bench) -> anyhow::Result<()> {
        self.loads.push(load_average()?);
        let (path, writes) = (bench.root().join("disk-probe"), bench.sizes.disk_writes);
        let times = tokio::task::spawn_blocking(move || syncs(&path, writes)).await??;
        self.sync_ms.extend(times);
        Ok(())
    }

    /// One line for the report.
    pub fn describe(&self) -> String {
        let load = Summary::of(self.loads.iter().copied()).map_or_else(|| "unknown".to_owned(), |load| load.to_string());
        let sync = |per_mille| percentile(&self.sync_ms, per_mille).unwrap_or(f64::NAN);
        format!(
            "Conditions: load average {load}; append + fdatasync of 4 KB p50 {:.1} ms, p99 {:.1} ms ({} writes, just before each measurement).",
            sync(500),
            sync(990),
            self.sync_ms.len()
        )
    }
}

/// Milliseconds of each append with fdatasync.
fn syncs(path: &Path, writes: u32) -> anyhow::Result<Vec<f64>> {
    let mut file = File::create(path).with_context(|| path.display().to_string())?;
    let mut times = Vec::new();
    for _ in 0..writes {
        let begin = Instant::now();
        file.write_all(&BLOCK)?;
        file.sync_data()?;
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    drop(file);
    std::fs::remove_file(path)?;
    Ok(times)
}
