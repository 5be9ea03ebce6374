//! Parquet files.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::{Writer, failed};
use crate::error::Error;

/// Keeps the encoded row groups until the end: the file's footer names their places.
pub(super) struct ParquetWriter {
    inner: Option<ArrowWriter<Vec<u8>>>,
}

impl ParquetWriter {
    pub fn new(schema: &SchemaRef) -> Result<Self, Error> {
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
        let inner = ArrowWriter::try_new(Vec::new(), std::sync::Arc::clone(schema), Some(properties)).map_err(failed)?;
        Ok(Self { inner: Some(inner) })
    }
}

impl Writer for ParquetWriter {
    fn begin(&mut self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, Error> {
        if let Some(writer) = &mut self.inner {
            writer.write(batch).map_err(failed)?;
        }
        Ok(Vec::new())
    }

    fn end(&mut self) -> Result<Vec<u8>, Error> {
        let Some(writer) = self.inner.take() else { return Ok(Vec::new()) };
        writer.into_inner().map_err(failed)
    }
}
