//! JSON: an array of objects, or one object per line. Nulls are written, binary values are hexadecimal, times are RFC 3339.

use arrow::array::RecordBatch;
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;

use super::{TIME_FORMAT, Writer, failed};
use crate::error::Error;

pub(super) struct JsonWriter {
    array: bool,
    first: bool,
}

impl JsonWriter {
    pub fn array() -> Self {
        Self { array: true, first: true }
    }

    pub fn lines() -> Self {
        Self { array: false, first: true }
    }
}

/// The rows as one JSON object per line.
pub(super) fn lines(batch: &RecordBatch) -> Result<Vec<u8>, Error> {
    let mut writer = WriterBuilder::new()
        .with_explicit_nulls(true)
        .with_timestamp_tz_format(TIME_FORMAT.to_owned())
        .build::<_, LineDelimited>(Vec::new());
    writer.write(batch).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(writer.into_inner())
}

impl Writer for JsonWriter {
    fn begin(&mut self) -> Result<Vec<u8>, Error> {
        Ok(if self.array { b"[".to_vec() } else { Vec::new() })
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, Error> {
        let text = lines(batch)?;
        if !self.array {
            return Ok(text);
        }
        let mut piece = Vec::with_capacity(text.len() + 2);
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            piece.extend_from_slice(if self.first { b"\n" } else { b",\n" });
            piece.extend_from_slice(line);
            self.first = false;
        }
        Ok(piece)
    }

    fn end(&mut self) -> Result<Vec<u8>, Error> {
        Ok(if self.array { b"\n]\n".to_vec() } else { Vec::new() })
    }
}
