//! Arrow IPC streams.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::StreamWriter;

use super::{Writer, failed};
use crate::error::Error;

pub(super) struct ArrowWriter {
    inner: StreamWriter<Vec<u8>>,
}

impl ArrowWriter {
    pub fn new(schema: &SchemaRef) -> Result<Self, Error> {
        Ok(Self { inner: StreamWriter::try_new(Vec::new(), schema).map_err(failed)? })
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.inner.get_mut())
    }
}

impl Writer for ArrowWriter {
    fn begin(&mut self) -> Result<Vec<u8>, Error> {
        Ok(self.take())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, Error> {
        self.inner.write(batch).map_err(failed)?;
        Ok(self.take())
    }

    fn end(&mut self) -> Result<Vec<u8>, Error> {
        self.inner.finish().map_err(failed)?;
        Ok(self.take())
    }
}
