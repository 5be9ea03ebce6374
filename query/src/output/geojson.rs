//! GeoJSON (RFC 7946): every row a feature; the first geometry column is its geometry, the other columns are its properties.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, SchemaRef};
use geo_traits::to_geo::ToGeoGeometry;
use serde_json::Value;

use super::geometry::is_geometry;
use super::{Writer, failed, json};
use crate::error::Error;

/// Where a row's geometry comes from.
enum Source {
    Wkb(usize),
    LonLat(usize, usize),
}

pub(super) struct GeojsonWriter {
    source: Source,
    /// The columns that become properties.
    properties: Vec<usize>,
    first: bool,
}

impl GeojsonWriter {
    pub fn new(schema: &SchemaRef) -> Result<Self, Error> {
        let fields = schema.fields();
        let wkb = fields.iter().position(|field| is_geometry(field));
        let number = |name: &str| fields.iter().position(|field| field.name() == name && field.data_type() == &DataType::Float64);
        let source = match (wkb, number("lon").zip(number("lat"))) {
            (Some(column), _) => Source::Wkb(column),
            (None, Some((lon, lat))) => Source::LonLat(lon, lat),
            (None, None) => {
                return Err(Error::Invalid(
                    "GeoJSON needs a geometry column, or numeric columns `lon` and `lat`, in the answer".to_owned(),
                ));
            }
        };
        let properties = (0..fields.len()).filter(|column| !is_geometry(&fields[*column])).collect();
        Ok(Self { source, properties, first: true })
    }

    fn geometry(&self, batch: &RecordBatch, row: usize) -> Result<Value, Error> {
        match self.source {
            Source::Wkb(column) => {
                let column = batch.column(column).as_binary::<i32>();
                if column.is_null(row) { Ok(Value::Null) } else { wkb_to_geojson(column.value(row)) }
            }
            Source::LonLat(lon, lat) => {
                let (lon, lat) = (batch.column(lon).as_primitive::<Float64Type>(), batch.column(lat).as_primitive::<Float64Type>());
                if lon.is_null(row) || lat.is_null(row) {
                    return Ok(Value::Null);
                }
                Ok(serde_json::json!({ "type": "Point", "coordinates": [lon.value(row), lat.value(row)] }))
            }
        }
    }
}

fn wkb_to_geojson(bytes: &[u8]) -> Result<Value, Error> {
    let geometry = wkb::reader::read_wkb(bytes).map_err(failed)?;
    // Empty points have no coordinates to write.
    let Some(geometry) = geometry.try_to_geometry() else { return Ok(Value::Null) };
    serde_json::to_value(geojson::Geometry::from(&geometry)).map_err(failed)
}

impl Writer for GeojsonWriter {
    fn begin(&mut self) -> Result<Vec<u8>, Error> {
        Ok(br#"{"type":"FeatureCollection","features":["#.to_vec())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, Error> {
        let properties = batch.project(&self.properties).map_err(failed)?;
        let lines = json::lines(&properties)?;
        let mut piece = Vec::new();
        let objects = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        for (row, object) in objects.enumerate() {
            piece.extend_from_slice(if self.first { b"\n" } else { b",\n" });
            self.first = false;
            piece.extend_from_slice(br#"{"type":"Feature","geometry":"#);
            serde_json::to_writer(&mut piece, &self.geometry(batch, row)?).map_err(failed)?;
            piece.extend_from_slice(br#","properties":"#);
            piece.extend_from_slice(object);
            piece.push(b'}');
        }
        Ok(piece)
    }

    fn end(&mut self) -> Result<Vec<u8>, Error> {
        Ok(b"\n]}\n".to_vec())
    }
}
