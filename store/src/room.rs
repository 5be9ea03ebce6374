//! The low-water mark of the disk: below it the log takes nothing, so that what it holds can still be moved to files.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::counters::Counters;

/// Whether the disk has room for more.
#[derive(Debug)]
pub(crate) struct Room {
    folder: PathBuf,
    least_bytes: u64,
    is_short: AtomicBool,
}

impl Room {
    /// The disk below `folder`, on which `least_bytes` are to stay free.
    pub fn new(folder: PathBuf, least_bytes: u64) -> Self {
        Self { folder, least_bytes, is_short: AtomicBool::new(false) }
    }

    /// Whether there was too little room when last looked.
    pub fn is_short(&self) -> bool {
        self.is_short.load(Ordering::Relaxed)
    }

    /// Whether `bytes` more would leave the room that is to stay free. What cannot be looked at is taken for room.
    pub fn has(&self, bytes: u64) -> bool {
        rustix::fs::statvfs(&self.folder)
            .map_or(true, |disk| disk.f_bavail.saturating_mul(disk.f_frsize) >= self.least_bytes.saturating_add(bytes))
    }

    /// Looks, and says so when it has changed. What cannot be looked at is taken for room: a full disk is still noticed by writing.
    pub fn look(&self, counters: &Counters) {
        let Ok(disk) = rustix::fs::statvfs(&self.folder) else { return };
        let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
        let is_short = free_bytes < self.least_bytes;
        if self.is_short.swap(is_short, Ordering::Relaxed) == is_short {
            return;
        }
        counters.log_unavailable.set(is_short.into());
        let (folder, least_bytes) = (self.folder.display(), self.least_bytes);
        if is_short {
            tracing::error!(%folder, free_bytes, least_bytes, "the disk is nearly full; nothing is acknowledged until there is more room");
        } else {
            tracing::info!(%folder, free_bytes, "the disk has room again");
        }
    }
}
