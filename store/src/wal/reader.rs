//! Reading the log back at start.

use std::fs;
use std::path::{Path, PathBuf};

use stadtwarte_model::LogSequence;

use super::frame::{self, Decoded, HEADER_BYTES, Header, HeaderError, Record, Writer};
use super::segment::list;
use crate::error::Error;

/// What was found in the log.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// Whole records, in sequence order.
    pub records: Vec<Record>,
    /// The last sequence that any whole frame carries, also unreadable ones.
    pub last: LogSequence,
    /// The sequence before the first of the newest segment: an empty segment tells where the log had got to.
    pub newest_segment_before: LogSequence,
    /// The first sequence of the oldest segment.
    pub oldest_segment_first: Option<LogSequence>,
    /// Damage that was passed over: what and where.
    pub damage: Vec<String>,
    gaps: Vec<Gap>,
}

/// A segment begins with the record after the last of the one before. These are missing between two.
#[derive(Debug)]
struct Gap {
    from: LogSequence,
    to: LogSequence,
    before: PathBuf,
}

impl Recovered {
    /// How far the log had got.
    pub fn end(&self) -> LogSequence {
        self.last.max(self.newest_segment_before)
    }

    /// Drops what is in files: the records up to `durable_elsewhere`, and the gaps there. Other gaps are damage.
    pub fn forget_until(&mut self, durable_elsewhere: LogSequence) {
        let kept = self.records.split_off(self.records.partition_point(|record| record.sequence <= durable_elsewhere));
        self.records = kept;
        for Gap { from, to, before } in std::mem::take(&mut self.gaps) {
            let from = from.max(durable_elsewhere.next());
            if from <= to {
                let path = before.display();
                self.damage.push(format!("{path}: the records {from} to {to} should stand before this segment, and are nowhere"));
            }
        }
    }
}

/// Reads every segment in `folder`.
///
/// A tail that is no whole frame is what a crash during an unacknowledged write leaves: it is dropped silently when nothing was written
/// behind it. Any other damage is reported in `damage`, and the records behind it are kept.
///
/// # Errors
/// `Io` when a segment cannot be read; `NewerFormat` when one was written by a newer program; `ForeignLog` when one belongs to another
/// data folder. Never for damage.
pub(crate) fn read_all(folder: &Path, writer: Writer) -> Result<Recovered, Error> {
    let mut recovered = Recovered::default();
    if !folder.exists() {
        return Ok(recovered);
    }
    let mut segments = list(folder)?;
    segments.sort();
    for (first, path) in segments {
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            // A reader beside the writing process can meet a segment that has just been released: its rows are in files.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(Error::Io { path, source }),
        };
        let (from, to) = (recovered.end().next(), LogSequence::from_u64(first.as_u64().saturating_sub(1)));
        if recovered.oldest_segment_first.is_some() && from <= to {
            recovered.gaps.push(Gap { from, to, before: path.clone() });
        }
        recovered.oldest_segment_first.get_or_insert(first);
        recovered.newest_segment_before = LogSequence::from_u64(first.as_u64().saturating_sub(1));
        let segment = Segment { path: &path, bytes: &bytes, writer, first };
        match Header::decode(&bytes) {
            Ok(header) if header.writer != writer => return Err(Error::ForeignLog { path }),
            Ok(_) => segment.read(&mut recovered),
            Err(HeaderError::Newer(found)) => {
                return Err(Error::NewerFormat { path, found: found.into(), known: frame::VERSION.into() });
            }
            // A segment has its name only once its header is on disk.
            Err(HeaderError::Torn | HeaderError::NotALog) => {
                recovered.damage.push(format!("{}: the segment header is damaged", path.display()));
                segment.read(&mut recovered);
            }
        }
    }
    recovered.records.sort_by_key(|record| record.sequence);
    recovered.records.dedup_by_key(|record| record.sequence);
    Ok(recovered)
}

/// One segment as it is read.
struct Segment<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    writer: Writer,
    first: LogSequence,
}

impl Segment<'_> {
    fn read(&self, recovered: &mut Recovered) {
        let path = self.path;
        let mut offset = HEADER_BYTES.min(self.bytes.len());
        loop {
            let rest = &self.bytes[offset..];
            match frame::decode(self.writer, rest) {
                Decoded::End => return,
                Decoded::Record(record, length) => {
                    offset += length;
                    recovered.last = recovered.last.max(record.sequence);
                    recovered.records.push(*record);
                }
                Decoded::Unreadable { sequence, bytes, detail } => {
                    recovered.last = recovered.last.max(sequence);
                    recovered.damage.push(format!("{}: record {sequence} at byte {offset}: {detail}", path.display()));
                    offset += bytes;
                }
                Decoded::Broken => match self.skip_damage(rest) {
                    Some(skipped) => {
                        recovered.damage.push(damage_report(path, offset, skipped));
                        offset += skipped;
                    }
                    None => return log_tail(path, rest.len(), offset),
                },
            }
        }
    }

    fn skip_damage(&self, rest: &[u8]) -> Option<usize> {
        // A segment never holds more than a few million records; anything outside is a chance match.
        let range = self.first.as_u64()..self.first.as_u64().saturating_add(1 << 32);
        frame::resynchronise(self.writer, rest, |sequence| range.contains(&sequence.as_u64()))
    }
}

fn damage_report(path: &Path, offset: usize, skipped: usize) -> String {
    format!("{}: {skipped} damaged bytes at byte {offset} were passed over", path.display())
}

/// An unfinished write is normal after a crash and was never acknowledged; still worth a line.
fn log_tail(path: &Path, bytes: usize, offset: usize) {
    tracing::info!(path = %path.display(), offset, bytes, "dropped an unfinished write at the end of the log");
}
