//! The write-ahead log: where an acknowledged message is before it is anywhere else.
//!
//! Segments are named after their first sequence (`00000000000000000042.wal`). They are never changed; the last one is written anew at the
//! next start, unchanged. A group of records is one write
//! and one `fdatasync`; a new segment is synced together with its directory before its first record counts.

mod frame;
mod reader;
mod segment;

pub(crate) use frame::{MAX_PAYLOAD_BYTES, Record, Writer};
pub(crate) use reader::read_all;
pub(crate) use segment::{GroupError, RotateError, Wal, make_durable};
