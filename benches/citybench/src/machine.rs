//! What the figures were measured on.

use std::path::Path;

use anyhow::{Context, anyhow};

/// A machine, as the report describes it.
#[derive(Debug)]
pub struct Machine {
    /// Model of the processor.
    pub cpu: String,
    /// Processors that this process may use.
    pub cores: usize,
    /// Memory, GiB.
    pub memory_gib: u64,
    /// Kernel.
    pub kernel: String,
}

impl Machine {
    /// This machine.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn look() -> anyhow::Result<Self> {
        let cpu = std::fs::read_to_string("/proc/cpuinfo").context("/proc/cpuinfo")?;
        let memory = std::fs::read_to_string("/proc/meminfo").context("/proc/meminfo")?;
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").context("/proc/sys/kernel/osrelease")?;
        let kib: u64 = value_of(&memory, "MemTotal").and_then(|total| total.split(' ').next()?.parse().ok()).unwrap_or(0);
        Ok(Self {
            cpu: value_of(&cpu, "model name").unwrap_or("unknown").to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            memory_gib: kib.div_ceil(1 << 20),
            kernel: kernel.trim().to_owned(),
        })
    }
}

fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.split_once(':').filter(|(name, _)| name.trim() == key)).map(|(_, value)| value.trim())
}

/// Processes that ran or wanted to, on average over the last minute.
///
/// # Errors
/// When `/proc/loadavg` cannot be read.
pub fn load_average() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").context("/proc/loadavg")?;
    text.split(' ').next().and_then(|load| load.parse().ok()).ok_or_else(|| anyhow!("/proc/loadavg: unexpected {text}"))
}

/// The kind of file system that holds `folder`, an absolute path.
///
/// # Errors
/// When `/proc/mounts` cannot be read.
pub fn file_system(folder: &Path) -> anyhow::Result<String> {
    let mounts = std::fs::read_to_string("/proc/mounts").context("/proc/mounts")?;
    file_system_of(&mounts, folder).ok_or_else(|| anyhow!("no mount holds {}", folder.display()))
}

/// The longest mount point that the folder is under, and the latest of those mounted over each other.
fn file_system_of(mounts: &str, folder: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((Path::new(fields.next()?), fields.next()?))
    });
    let holding = mounts.filter(|(point, _)| folder.starts_with(point));
    holding.max_by_key(|(point, _)| point.components().count()).map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_decides() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/disk xfs rw 0 0\n";
        let kind = |folder| file_system_of(mounts, Path::new(folder)).unwrap();
        assert_eq!(
            (kind("/home/x"), kind("/tmp/x"), kind("/tmp/disk/x"), kind("/tmpx")),
            ("ext4".to_owned(), "tmpfs".to_owned(), "xfs".to_owned(), "ext4".to_owned())
        );
    }

    #[test]
    fn values_are_found_by_their_key() {
        assert_eq!(value_of("processor\t: 0\nmodel name\t: Some CPU @ 2:1\n", "model name"), Some("Some CPU @ 2:1"));
    }
}
