//! What would otherwise have to be computed from all files at start: latest values and device activity.
//!
//! ```text
//! checkpoint.bin = "STWCKP" version:u16 crc32c:u32 postcard(Checkpoint)
//! ```
//! It is a cache: a missing or damaged checkpoint costs a scan, never a value.

use std::fs;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stadtwarte_model::{DevEui, LogSequence, Observation};

use crate::error::Error;
use crate::folder::{DataFolder, replace_file};
use crate::state::{DeviceActivity, State};

const MAGIC: &[u8; 6] = b"STWCKP";
const VERSION: u16 = 1;
const HEAD_BYTES: usize = 12;

/// The content of a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// The last log record it covers.
    pub position: LogSequence,
    /// Files written after this time (milliseconds since the Unix epoch) are not covered, unless they came from covered records.
    pub files_until_ms: i64,
    latest: Vec<Arc<Observation>>,
    activity: Vec<(DevEui, DeviceActivity)>,
}

impl Checkpoint {
    /// Of the present state. `files_until_ms` is the newest write time among the table's files.
    pub fn of(state: &State, files_until_ms: i64) -> Self {
        Self {
            position: state.position,
            files_until_ms,
            latest: state.latest.values().cloned().collect(),
            activity: state.activity.iter().map(|(eui, activity)| (*eui, activity.clone())).collect(),
        }
    }

    /// Puts its content into a fresh state.
    pub fn restore(self, state: &mut State) {
        for row in self.latest {
            state.observe(&row);
        }
        state.activity = self.activity.into_iter().collect();
    }

    pub fn write(&self, folder: &DataFolder) -> Result<(), Error> {
        let path = folder.checkpoint();
        let corrupt = |error: postcard::Error| Error::Corrupt { path: path.clone(), detail: error.to_string() };
        let body = postcard::to_stdvec(self).map_err(corrupt)?;
        let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        replace_file(&path, &bytes)
    }

    /// The checkpoint of a folder; `None` when there is none that can be used.
    ///
    /// # Errors
    /// `NewerFormat` when a newer program wrote it; `Io` when it cannot be read.
    pub fn read(folder: &DataFolder) -> Result<Option<Self>, Error> {
        let path = folder.checkpoint();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Io { path, source }),
        };
        let (Some(head), Some(body)) = (bytes.first_chunk::<HEAD_BYTES>(), bytes.get(HEAD_BYTES..)) else { return Ok(None) };
        let version = u16::from_le_bytes([head[6], head[7]]);
        if &head[..6] == MAGIC && version > VERSION {
            return Err(Error::NewerFormat { path, found: version.into(), known: VERSION.into() });
        }
        let crc = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
        let whole = &head[..6] == MAGIC && crc32c::crc32c(body) == crc;
        let checkpoint = whole.then(|| postcard::from_bytes(body).ok()).flatten();
        if checkpoint.is_none() {
            tracing::warn!(path = %path.display(), "the checkpoint is damaged; latest values are computed from the tables");
        }
        Ok(checkpoint)
    }
}
