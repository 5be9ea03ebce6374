//! CSV.

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::csv::WriterBuilder;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use std::fmt::Write;
use std::sync::Arc;

use super::{Writer, failed};
use crate::error::Error;

pub(super) struct CsvWriter {
    header: String,
}

impl CsvWriter {
    pub fn new(schema: &SchemaRef) -> Self {
        let names: Vec<String> = schema.fields().iter().map(|field| quoted(field.name())).collect();
        Self { header: format!("{}\n", names.join(",")) }
    }
}

fn quoted(name: &str) -> String {
    if name.contains([',', '"', '\n', '\r']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_owned() }
}

impl Writer for CsvWriter {
    fn begin(&mut self) -> Result<Vec<u8>, Error> {
        Ok(self.header.clone().into_bytes())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, Error> {
        let mut text = Vec::new();
        let builder = WriterBuilder::new().with_header(false).with_timestamp_tz_format("%Y-%m-%dT%H:%M:%S%.fZ".to_owned());
        builder.build(&mut text).write(&writable(batch)?).map_err(failed)?;
        Ok(text)
    }

    fn end(&mut self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }
}

/// Binary columns as hexadecimal, nested ones as JSON would be: CSV knows neither.
fn writable(batch: &RecordBatch) -> Result<RecordBatch, Error> {
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let text: Option<ArrayRef> = match field.data_type() {
            DataType::Binary => {
                Some(Arc::new(column.as_binary::<i32>().iter().map(|value| value.map(hexadecimal)).collect::<StringArray>()))
            }
            data_type if data_type.is_nested() => Some(displayed(column)?),
            _ => None,
        };
        fields.push(text.as_ref().map_or_else(|| Arc::clone(field), |_| Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8))));
        columns.push(text.unwrap_or_else(|| Arc::clone(column)));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(failed)
}

fn displayed(column: &ArrayRef) -> Result<ArrayRef, Error> {
    let options = arrow::util::display::FormatOptions::default();
    let formatter = arrow::util::display::ArrayFormatter::try_new(column, &options).map_err(failed)?;
    let texts = (0..column.len()).map(|row| column.is_valid(row).then(|| formatter.value(row).to_string()));
    Ok(Arc::new(texts.collect::<StringArray>()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
