//! The framing of log records.
//!
//! ```text
//! segment  = header frame*
//! header   = "STWWAL" version:u16 writer:[u8;16] first:u64 crc32c:u32                       (36 bytes)
//! frame    = length:u32 crc32c:u32 sequence:u64 payload[length]                            (16 bytes + payload)
//! ```
//! Numbers are little endian; the checksums cover everything of their part but themselves. That of a frame begins with the writer, so
//! that nothing but a frame of this log passes for one when the log is searched behind damage: not one that a message quotes. A payload
//! begins with its own version byte, so that a newer record kind can stand beside older ones in one segment.

use stadtwarte_model::{LogSequence, Observation, ObservationId};

use crate::entry::Entry;

/// Who writes a log: one data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Writer([u8; 16]);

impl Writer {
    /// The writer with this name.
    pub fn named(name: &str) -> Self {
        Self(*blake3::hash(name.as_bytes()).as_bytes().first_chunk().unwrap_or(&[0; 16]))
    }

    fn seed(self) -> u32 {
        crc32c::crc32c(&self.0)
    }
}

/// The newest segment format this program writes and reads.
pub(crate) const VERSION: u16 = 1;
pub(crate) const HEADER_BYTES: usize = 36;
const FRAME_HEAD_BYTES: usize = 16;
const MAGIC: &[u8; 6] = b"STWWAL";
const RECORD_ENTRY_V1: u8 = 1;

/// No record is larger; a length beyond it is damage.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 16 << 20;

/// What a segment says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub writer: Writer,
    pub first: LogSequence,
}

impl Header {
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..6].copy_from_slice(MAGIC);
        bytes[6..8].copy_from_slice(&VERSION.to_le_bytes());
        bytes[8..24].copy_from_slice(&self.writer.0);
        bytes[24..32].copy_from_slice(&self.first.as_u64().to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..32]);
        bytes[32..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header at the beginning of `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let bytes: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(HeaderError::Torn)?;
        if &bytes[..6] != MAGIC {
            return Err(HeaderError::NotALog);
        }
        let version = u16::from_le_bytes([bytes[6], bytes[7]]);
        if version > VERSION {
            return Err(HeaderError::Newer(version));
        }
        if crc32c::crc32c(&bytes[..32]) != u32_at(bytes, 32) {
            return Err(HeaderError::NotALog);
        }
        let mut writer = [0; 16];
        writer.copy_from_slice(&bytes[8..24]);
        Ok(Self { writer: Writer(writer), first: LogSequence::from_u64(u64_at(bytes, 24)) })
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeaderError {
    Torn,
    NotALog,
    Newer(u16),
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

/// One stored record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    pub sequence: LogSequence,
    pub duplicate_of: Option<LogSequence>,
    pub entry: Entry,
}

impl Record {
    /// Its observations with their identities.
    pub fn observations(&self) -> impl Iterator<Item = Observation> {
        let rows = self.entry.observations.iter().enumerate();
        rows.filter_map(|(index, row)| Some(row.clone().identified(ObservationId::try_new(self.sequence, index)?, self.entry.received_at)))
    }
}

/// Appends the frame of one record to `out`, which stays as it was after an error.
pub(crate) fn encode(
    writer: Writer,
    sequence: LogSequence,
    duplicate_of: Option<LogSequence>,
    entry: &Entry,
    out: &mut Vec<u8>,
) -> Result<(), postcard::Error> {
    let payload = postcard::to_extend(&(duplicate_of, entry), vec![RECORD_ENTRY_V1])?;
    let length = u32::try_from(payload.len()).ok().filter(|length| *length as usize <= MAX_PAYLOAD_BYTES);
    let length = length.ok_or(postcard::Error::SerializeBufferFull)?.to_le_bytes();
    let sequence = sequence.as_u64().to_le_bytes();
    let crc = checksum(writer, &length, [&sequence[..], &payload]);
    out.reserve(FRAME_HEAD_BYTES + payload.len());
    out.extend_from_slice(&length);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&sequence);
    out.extend_from_slice(&payload);
    Ok(())
}

/// Over the writer, the length, then the sequence and the payload: all but the four bytes of the checksum itself.
fn checksum<'a>(writer: Writer, length: &[u8], rest: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    rest.into_iter().fold(crc32c::crc32c_append(writer.seed(), length), crc32c::crc32c_append)
}

/// Whether the checksum of a frame is right.
fn is_whole(writer: Writer, frame: &[u8]) -> bool {
    checksum(writer, &frame[..4], [&frame[8..]]) == u32_at(frame, 4)
}

/// What stands at the beginning of some bytes of a segment.
#[derive(Debug, PartialEq)]
pub(crate) enum Decoded {
    /// A whole record and the number of bytes it takes.
    Record(Box<Record>, usize),
    /// A frame whose checksum holds but whose content this program cannot read.
    Unreadable { sequence: LogSequence, bytes: usize, detail: String },
    /// The end, exactly.
    End,
    /// Bytes that are no whole frame: a torn tail, or damage.
    Broken,
}

/// Reads the frame at the beginning of `bytes`.
pub(crate) fn decode(writer: Writer, bytes: &[u8]) -> Decoded {
    if bytes.is_empty() {
        return Decoded::End;
    }
    let Some(head) = bytes.get(..FRAME_HEAD_BYTES) else { return Decoded::Broken };
    let length = u32_at(head, 0) as usize;
    let total = FRAME_HEAD_BYTES + length;
    if length == 0 || length > MAX_PAYLOAD_BYTES {
        return Decoded::Broken;
    }
    let Some(frame) = bytes.get(..total) else { return Decoded::Broken };
    if !is_whole(writer, frame) {
        return Decoded::Broken;
    }
    let sequence = LogSequence::from_u64(u64_at(frame, 8));
    let payload = &frame[FRAME_HEAD_BYTES..];
    if payload[0] != RECORD_ENTRY_V1 {
        return Decoded::Unreadable { sequence, bytes: total, detail: format!("record kind {} is not known", payload[0]) };
    }
    match postcard::from_bytes(&payload[1..]) {
        Ok((duplicate_of, entry)) => Decoded::Record(Box::new(Record { sequence, duplicate_of, entry }), total),
        Err(error) => Decoded::Unreadable { sequence, bytes: total, detail: error.to_string() },
    }
}

/// The offset of the next whole frame after damage at the beginning of `bytes`, if any.
///
/// Frames carry no marker, so every offset is tried; the checksum and a sequence in `plausible` decide. Costs a scan of the
/// damaged part only.
pub(crate) fn resynchronise(writer: Writer, bytes: &[u8], plausible: impl Fn(LogSequence) -> bool) -> Option<usize> {
    (1..bytes.len().saturating_sub(FRAME_HEAD_BYTES)).find(|offset| {
        let rest = &bytes[*offset..];
        let length = u32_at(rest, 0) as usize;
        (1..=MAX_PAYLOAD_BYTES).contains(&length)
            && plausible(LogSequence::from_u64(u64_at(rest, 8)))
            && rest.get(..FRAME_HEAD_BYTES + length).is_some_and(|frame| is_whole(writer, frame))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stadtwarte_model::{DatastreamId, Quality, ResultValue, Timestamp};

    use super::*;
    use crate::entry::NewObservation;

    fn ours() -> Writer {
        Writer::named("ours")
    }

    fn entry(values: &[f64]) -> Entry {
        Entry {
            source: "test".into(),
            topic: "a/b".into(),
            received_at: Timestamp::from_micros(5),
            uplink: None,
            observations: values
                .iter()
                .map(|value| NewObservation {
                    datastream_id: DatastreamId::try_new(3).unwrap(),
                    phenomenon_time: Timestamp::from_micros(-7),
                    phenomenon_end: None,
                    result_time: None,
                    value: ResultValue::Number(*value),
                    quality: Quality::GOOD,
                    position: None,
                })
                .collect(),
            verdict: None,
            raw: vec![],
        }
    }

    proptest! {
        #[test]
        fn records_survive_framing(values in proptest::collection::vec(-1e300..1e300, 0..20), sequence in 1..u64::MAX) {
            let sequence = LogSequence::from_u64(sequence);
            let entry = entry(&values);
            let mut bytes = Vec::new();
            encode(ours(), sequence, None, &entry, &mut bytes).unwrap();
            let total = bytes.len();
            let expected = Record { sequence, duplicate_of: None, entry };
            prop_assert_eq!(decode(ours(), &bytes), Decoded::Record(Box::new(expected), total));
        }

        #[test]
        fn any_single_flipped_bit_is_noticed(bit in 0..400_usize) {
            let mut bytes = Vec::new();
            encode(ours(), LogSequence::from_u64(9), None, &entry(&[1.5, 2.5, 3.5]), &mut bytes).unwrap();
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(decode(ours(), &bytes), Decoded::Broken);
        }

        #[test]
        fn decoding_survives_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(ours(), &bytes);
            let _ = Header::decode(&bytes);
            let _ = resynchronise(ours(), &bytes, |_| true);
        }
    }

    #[test]
    fn the_next_frame_after_damage_is_found() {
        let mut bytes = vec![0xff; 57];
        encode(ours(), LogSequence::from_u64(9), None, &entry(&[1.5]), &mut bytes).unwrap();
        assert_eq!(resynchronise(ours(), &bytes, |sequence| sequence.as_u64() == 9), Some(57));
        assert_eq!(resynchronise(ours(), &bytes, |sequence| sequence.as_u64() == 8), None);
    }

    #[test]
    fn a_frame_of_another_log_is_none() {
        let mut bytes = vec![0xff; 57];
        encode(Writer::named("theirs"), LogSequence::from_u64(9), None, &entry(&[1.5]), &mut bytes).unwrap();
        assert_eq!(decode(ours(), &bytes[57..]), Decoded::Broken);
        assert_eq!(resynchronise(ours(), &bytes, |_| true), None);
    }

    #[test]
    fn a_record_that_is_too_large_leaves_the_group_alone() {
        let mut bytes = vec![1, 2, 3];
        let large = Entry { raw: vec![0; MAX_PAYLOAD_BYTES], ..entry(&[]) };
        encode(ours(), LogSequence::from_u64(9), None, &large, &mut bytes).unwrap_err();
        assert_eq!(bytes, [1, 2, 3]);
    }

    #[test]
    fn a_header_tells_torn_foreign_and_newer_apart() {
        let header = Header { writer: ours(), first: LogSequence::from_u64(3) };
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes), Ok(header));
        assert_eq!(Header::decode(&bytes[..10]), Err(HeaderError::Torn));
        assert_eq!(Header::decode(&[b'x'; 40]), Err(HeaderError::NotALog));
        let mut newer = bytes;
        newer[6] = 9;
        assert_eq!(Header::decode(&newer), Err(HeaderError::Newer(9)));
    }
}
