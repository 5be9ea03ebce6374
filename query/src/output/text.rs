//! CSV (RFC 4180). Null is an empty field, an empty text is `""`.
//!
//! Spreadsheets run texts that begin like a formula (OWASP: CSV injection). Devices and network servers choose texts, so such a text gets an
//! apostrophe before it; numbers stay as they are.

use std::borrow::Cow;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::{TIME_FORMAT, Writer, failed, hexadecimal};
use crate::error::Error;

pub(super) struct CsvWriter {
    header: String,
}

impl CsvWriter {
    pub fn new(schema: &SchemaRef) -> Self {
        let names: Vec<Cow<'_, str>> = schema.fields().iter().map(|field| csv_text(field.name())).collect();
        Self { header: format!("{}\n", names.join(",")) }
    }
}

/// A text as a field of CSV.
#[must_use]
pub fn csv_text(text: &str) -> Cow<'_, str> {
    let mark = if is_formula(text) { "'" } else { "" };
    if text.is_empty() || text.contains([',', '"', '\n', '\r']) {
        format!("\"{mark}{}\"", text.replace('"', "\"\"")).into()
    } else if mark.is_empty() {
        text.into()
    } else {
        format!("{mark}{text}").into()
    }
}

fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err()
}

/// How the values of a column are written.
enum Column<'a> {
    Plain(ArrayFormatter<'a>),
    /// May hold anything, so it is quoted where needed.
    Text(ArrayFormatter<'a>),
    Bytes(&'a dyn Array),
}

impl<'a> Column<'a> {
    fn of(array: &'a dyn Array, options: &'a FormatOptions<'_>) -> Result<Self, Error> {
        let formatter = || ArrayFormatter::try_new(array, options).map_err(failed);
        Ok(match array.data_type() {
            DataType::Binary => Self::Bytes(array),
            data_type if data_type.is_primitive() || matches!(data_type, DataType::Boolean | DataType::Null) => Self::Plain(formatter()?),
            _ => Self::Text(formatter()?),
        })
    }

    fn write(&self, row: usize, line: &mut String) -> Result<(), Error> {
        match self {
            Self::Plain(formatter) => line.push_str(&formatter.value(row).try_to_string().map_err(failed)?),
            Self::Text(formatter) => line.push_str(&csv_text(&formatter.value(row).try_to_string().map_err(failed)?)),
            Self::Bytes(bytes) => line.push_str(&csv_text(&hexadecimal(bytes.as_binary::<i32>().value(row)))),
        }
        Ok(())
    }
}

impl Writer for CsvWriter {
    fn begin(&mut self) -> Result<Vec<u8>, Error> {
        Ok(self.header.clone().into_bytes())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, Error> {
        let options = FormatOptions::default().with_timestamp_tz_format(Some(TIME_FORMAT));
        let columns: Vec<Column<'_>> =
            batch.columns().iter().map(|column| Column::of(column.as_ref(), &options)).collect::<Result<_, _>>()?;
        let mut text = String::new();
        for row in 0..batch.num_rows() {
            for (index, (column, values)) in columns.iter().zip(batch.columns()).enumerate() {
                if index > 0 {
                    text.push(',');
                }
                if !values.is_null(row) && values.data_type() != &DataType::Null {
                    column.write(row, &mut text)?;
                }
            }
            text.push('\n');
        }
        Ok(text.into_bytes())
    }

    fn end(&mut self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_line_is_quoted_and_what_would_run_is_marked() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("a\nb", "\"a\nb\""),
            ("", "\"\""),
            ("=1+1", "'=1+1"),
            ("@SUM(A1,A2)", "\"'@SUM(A1,A2)\""),
            ("-5.5", "-5.5"),
            ("+49 731", "'+49 731"),
        ] {
            assert_eq!(csv_text(text), expected);
        }
    }
}
