//! What every workload needs: options, sizes, and folders on the disk that is measured.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::machine;
use crate::options::{Options, Sizes, Workload};

/// One run of the benchmarks.
#[derive(Debug)]
pub struct Bench {
    /// As given.
    pub options: Options,
    /// How much of everything.
    pub sizes: Sizes,
    /// The program to measure: a copy, so that a build that runs meanwhile changes nothing.
    pub binary: PathBuf,
    root: PathBuf,
}

impl Bench {
    /// Checks the binary and makes an empty folder for this run.
    ///
    /// # Errors
    /// When the binary does not run, or the folder cannot be written or lies in memory in a run that is no smoke test.
    pub fn new(options: Options) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&options.dir).with_context(|| options.dir.display().to_string())?;
        let dir = std::fs::canonicalize(&options.dir)?;
        let file_system = machine::file_system(&dir)?;
        ensure!(options.quick || file_system != "tmpfs", "{} is in memory: name a folder on a disk with --dir", dir.display());
        let root = dir.join(format!("run-{}", std::process::id()));
        std::fs::create_dir(&root).with_context(|| root.display().to_string())?;
        let sizes = if options.quick { Sizes::quick() } else { Sizes::full(options.repeats) };
        let bench = Self { options, sizes, binary: root.join("stadtwarte"), root };
        bench.take_binary()?;
        Ok(bench)
    }

    fn take_binary(&self) -> anyhow::Result<()> {
        let original = &self.options.binary;
        std::fs::copy(original, &self.binary).with_context(|| original.display().to_string())?;
        let version = Command::new(&self.binary).arg("--version").output().with_context(|| original.display().to_string())?;
        ensure!(version.status.success(), "{} --version failed", original.display());
        Ok(())
    }

    /// Whether a workload was asked for.
    pub fn includes(&self, workload: Workload) -> bool {
        self.options.only.is_empty() || self.options.only.contains(&workload)
    }

    /// The folder of this run.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A new, empty folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.root.join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(folder)
    }

    /// Says on standard error what is going on.
    #[allow(clippy::unused_self, reason = "only a running bench has progress")]
    pub fn progress(&self, what: &str) {
        eprintln!("citybench: {what}");
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}
