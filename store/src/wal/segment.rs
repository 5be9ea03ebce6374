//! The segment being written.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use stadtwarte_model::LogSequence;

use super::frame::{self, HEADER_BYTES, Header, Writer};
use crate::entry::Entry;
use crate::error::Error;
use crate::folder::sync_dir;

/// Why a group did not reach the disk.
#[derive(Debug)]
pub(crate) enum GroupError {
    /// Nothing of the group remains in the log; the same may succeed later (disk full, for example).
    Undone(std::io::Error),
    /// What is on disk is unknown. The log must not be written again by this process: after a failed sync the kernel may have
    /// dropped the dirty pages and would report the next sync as a success.
    Poisoned(std::io::Error),
}

/// Why no new segment was begun.
#[derive(Debug)]
pub(crate) enum RotateError {
    /// Nothing of it remains; the open segment can be written on.
    Undone(Error),
    /// It may remain. Releasing the log takes a segment for closed when another begins after it, so the open one must not be written on.
    Poisoned(Error),
}

/// The open end of the log.
#[derive(Debug)]
pub(crate) struct Wal {
    folder: PathBuf,
    writer: Writer,
    file: File,
    path: PathBuf,
    bytes: u64,
    next: LogSequence,
    buffer: Vec<u8>,
}

/// The path of the segment whose first record is `first`.
pub(super) fn path_of(folder: &Path, first: LogSequence) -> PathBuf {
    folder.join(format!("{:020}.wal", first.as_u64()))
}

impl Wal {
    /// Begins a new segment in `folder`, whose first record will be `next`.
    pub fn create(folder: &Path, writer: Writer, next: LogSequence) -> Result<Self, Error> {
        Self::begin(folder, writer, next).map_err(|error| match error {
            RotateError::Undone(error) | RotateError::Poisoned(error) => error,
        })
    }

    /// The segment gets its name when its header is on disk: a name without it would look like the end of the segment before.
    fn begin(folder: &Path, writer: Writer, next: LogSequence) -> Result<Self, RotateError> {
        let (path, unnamed) = (path_of(folder, next), folder.join("next.tmp"));
        let write = || {
            let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(&unnamed)?;
            file.write_all(&Header { writer, first: next }.encode())?;
            file.sync_all()?;
            // An empty segment of the same name can remain from a start that logged nothing.
            fs::rename(&unnamed, &path)?;
            Ok(file)
        };
        let file = write().map_err(Error::io(&path)).map_err(RotateError::Undone)?;
        sync_dir(folder).map_err(RotateError::Poisoned)?;
        Ok(Self { folder: folder.to_owned(), writer, file, path, bytes: HEADER_BYTES as u64, next, buffer: Vec::new() })
    }

    /// The sequence the next record will get.
    pub fn next(&self) -> LogSequence {
        self.next
    }

    /// The size of the open segment.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The size of the pending group.
    pub fn staged_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Frames one record into the pending group and returns its sequence. Nothing is written yet.
    pub fn stage(&mut self, duplicate_of: Option<LogSequence>, entry: &Entry) -> Result<LogSequence, postcard::Error> {
        let sequence = self.next;
        frame::encode(self.writer, sequence, duplicate_of, entry, &mut self.buffer)?;
        self.next = sequence.next();
        Ok(sequence)
    }

    /// Writes and syncs the pending group.
    pub fn commit(&mut self) -> Result<(), GroupError> {
        let staged = std::mem::take(&mut self.buffer);
        if staged.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.file.write_all(&staged) {
            return Err(self.undo(error));
        }
        self.file.sync_data().map_err(GroupError::Poisoned)?;
        self.bytes += staged.len() as u64;
        self.buffer = staged;
        self.buffer.clear();
        Ok(())
    }

    /// Removes what a failed write left behind. Whether that worked decides between a pause and the end.
    fn undo(&mut self, cause: std::io::Error) -> GroupError {
        let restore = |file: &mut File, bytes: u64| {
            file.set_len(bytes)?;
            file.seek(SeekFrom::Start(bytes))
        };
        match restore(&mut self.file, self.bytes) {
            Ok(_) => GroupError::Undone(cause),
            Err(_) => GroupError::Poisoned(cause),
        }
    }

    /// Gives the sequences of a failed group back, so that the log stays without gaps.
    pub fn rewind_to(&mut self, next: LogSequence) {
        self.buffer.clear();
        self.next = next;
    }

    /// Closes this segment and begins the next. Does nothing while the segment is empty.
    pub fn rotate(&mut self) -> Result<(), RotateError> {
        if self.bytes > HEADER_BYTES as u64 {
            *self = Self::begin(&self.folder, self.writer, self.next)?;
        }
        Ok(())
    }

    /// Deletes the closed segments whose records are all at or before `durable_elsewhere`.
    pub fn release(folder: &Path, durable_elsewhere: LogSequence) -> Result<u64, Error> {
        let mut segments = list(folder)?;
        segments.sort();
        let mut freed = 0;
        for pair in segments.windows(2) {
            let [(_, path), (next_first, _)] = pair else { continue };
            if *next_first > durable_elsewhere.next() {
                break;
            }
            freed += fs::metadata(path).map_or(0, |metadata| metadata.len());
            fs::remove_file(path).map_err(Error::io(path))?;
        }
        if freed > 0 {
            sync_dir(folder)?;
        }
        Ok(freed)
    }

    /// The path of the open segment.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes sure that what is read from the log of an earlier process is on disk, before anything is concluded from it: that process may have
/// been killed between a write and its sync, or have ended because a sync failed.
///
/// After a failed sync the kernel takes the pages for clean, so that another sync would write nothing. That can only be so with the segment
/// that was open, so it is written anew.
pub(crate) fn make_durable(folder: &Path) -> Result<(), Error> {
    let mut segments = list(folder)?;
    segments.sort();
    let Some((_, open)) = segments.pop() else { return Ok(()) };
    for (_, path) in &segments {
        File::open(path).and_then(|file| file.sync_all()).map_err(Error::io(path))?;
    }
    // Read and written, because a copy by the file system can be the same blocks once more.
    let bytes = fs::read(&open).map_err(Error::io(&open))?;
    let copy = folder.join("open.tmp");
    let write = || {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(&copy)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&copy, &open)
    };
    if let Err(error) = write() {
        let _ = fs::remove_file(&copy);
        if error.kind() != std::io::ErrorKind::StorageFull {
            return Err(Error::io(&copy)(error));
        }
        tracing::warn!(path = %open.display(), "the disk is full: the end of the log is synced as it is, not written anew");
        File::open(&open).and_then(|file| file.sync_all()).map_err(Error::io(&open))?;
    }
    sync_dir(folder)
}

/// The segments in `folder` with their first sequences, in no order.
pub(super) fn list(folder: &Path) -> Result<Vec<(LogSequence, PathBuf)>, Error> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        let is_segment = path.extension().is_some_and(|extension| extension == "wal");
        let first = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        if let (true, Some(first)) = (is_segment, first) {
            segments.push((LogSequence::from_u64(first), path));
        }
    }
    Ok(segments)
}
