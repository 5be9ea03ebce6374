//! Answers as bytes: a format takes batches one by one and gives text or binary pieces, so that a door can stream in constant memory.

mod arrow_stream;
mod geojson;
mod geometry;
mod json;
mod parquet;
mod table;
mod text;

use std::collections::HashSet;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use ::arrow::array::RecordBatch;
use ::arrow::datatypes::SchemaRef;

pub(crate) use geometry::{geometries_as_wkb, wkb_schema};
pub use text::csv_text;

use crate::calls::slice_bytes;
use crate::error::Error;

/// Times with a zone: UTC in RFC 3339.
const TIME_FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.fZ";

/// A format an answer can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// A drawn table for terminals.
    Table,
    /// Comma-separated values with a header line (RFC 4180), UTF-8.
    Csv,
    /// An array of objects, one per row.
    Json,
    /// One object per line.
    Ndjson,
    /// A `FeatureCollection` (RFC 7946); rows need a geometry column or `lon` and `lat`.
    Geojson,
    /// An Arrow IPC stream.
    Arrow,
    /// A Parquet file.
    Parquet,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Table, Self::Csv, Self::Json, Self::Ndjson, Self::Geojson, Self::Arrow, Self::Parquet];

    /// Its name as given on the command line and in requests.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Geojson => "geojson",
            Self::Arrow => "arrow",
            Self::Parquet => "parquet",
        }
    }

    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Table => "text/plain; charset=utf-8",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Geojson => "application/geo+json",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|format| format.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            Error::Invalid(format!("`{text}` is not a format: expected one of {known}"))
        })
    }
}

/// Writes one answer. The pieces that `begin`, `rows` and `end` return, in that order, are the whole document.
pub trait Writer: Send {
    /// What comes before the first row.
    ///
    /// # Errors
    /// `Output` when the columns do not fit the format.
    fn begin(&mut self) -> Result<Vec<u8>, Error>;

    /// The rows of one batch.
    ///
    /// # Errors
    /// `Output` when a value does not fit the format.
    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, Error>;

    /// What comes after the last row.
    ///
    /// # Errors
    /// `Output` when the document cannot be finished.
    fn end(&mut self) -> Result<Vec<u8>, Error>;
}

/// The writer for a format and the columns of an answer.
///
/// # Errors
/// `Invalid` when the columns do not fit the format, for example `GeoJSON` without any geometry.
pub fn writer(format: Format, schema: &SchemaRef) -> Result<Box<dyn Writer>, Error> {
    if matches!(format, Format::Json | Format::Ndjson | Format::Geojson) {
        check_names(schema)?;
    }
    Ok(match format {
        Format::Table => Box::new(table::TableWriter::default()),
        Format::Csv => Box::new(text::CsvWriter::new(schema)),
        Format::Json => Box::new(json::JsonWriter::array()),
        Format::Ndjson => Box::new(json::JsonWriter::lines()),
        Format::Geojson => Box::new(geojson::GeojsonWriter::new(schema)?),
        Format::Arrow => Box::new(arrow_stream::ArrowWriter::new(schema)?),
        Format::Parquet => Box::new(parquet::ParquetWriter::new(schema)?),
    })
}

/// The whole document for rows that are already there.
///
/// # Errors
/// As [`writer`] and [`Writer`].
pub fn write_all(format: Format, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>, Error> {
    let mut writer = writer(format, schema)?;
    let mut document = writer.begin()?;
    for batch in batches {
        document.extend(writer.rows(batch)?);
    }
    document.extend(writer.end()?);
    Ok(document)
}

/// An object has each name once.
fn check_names(schema: &SchemaRef) -> Result<(), Error> {
    let mut seen = HashSet::new();
    match schema.fields().iter().find(|field| !seen.insert(field.name())) {
        Some(field) => Err(Error::Invalid(format!("two columns are called `{}`: give one of them another name with AS", field.name()))),
        None => Ok(()),
    }
}

/// The bytes that rows take in memory. A slice of a large batch counts as the slice.
#[must_use]
pub fn batch_bytes(batch: &RecordBatch) -> u64 {
    batch.columns().iter().map(slice_bytes).sum()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn failed(error: impl fmt::Display) -> Error {
    Error::Output(error.to_string())
}
