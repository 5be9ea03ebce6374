//! GeoJSON (RFC 7946): every row a feature; the first geometry column is its geometry, the other columns are its properties, further
//! geometries among them as GeoJSON, too.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, SchemaRef};
use geo_traits::to_geo::ToGeoGeometry;
use serde_json::{Value, json};

use super::geometry::is_geometry;
use super::json::lines;
use super::{Writer, failed};
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
    /// The geometry columns that become properties.
    further: Vec<usize>,
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
        let (further, properties) =
            (0..fields.len()).filter(|column| Some(*column) != wkb).partition(|column| is_geometry(&fields[*column]));
        Ok(Self { source, properties, further, first: true })
    }

    fn geometry(&self, batch: &RecordBatch, row: usize) -> Result<Value, Error> {
        match self.source {
            Source::Wkb(column) => geometry_at(batch, column, row),
            Source::LonLat(lon, lat) => {
                let [lon, lat] = [lon, lat].map(|column| {
                    let numbers = batch.column(column).as_primitive::<Float64Type>();
                    (numbers.is_valid(row) && numbers.value(row).is_finite()).then(|| numbers.value(row))
                });
                Ok(lon.zip(lat).map_or(Value::Null, |(lon, lat)| json!({ "type": "Point", "coordinates": [lon, lat] })))
            }
        }
    }

    /// Adds the geometries that are properties to an object.
    fn write_further(&self, batch: &RecordBatch, row: usize, object: &mut Vec<u8>) -> Result<(), Error> {
        for column in &self.further {
            object.pop();
            object.extend_from_slice(if object.len() > 1 { b"," } else { b"" });
            let schema = batch.schema();
            serde_json::to_writer(&mut *object, schema.field(*column).name()).map_err(failed)?;
            object.push(b':');
            serde_json::to_writer(&mut *object, &geometry_at(batch, *column, row)?).map_err(failed)?;
            object.push(b'}');
        }
        Ok(())
    }
}

fn geometry_at(batch: &RecordBatch, column: usize, row: usize) -> Result<Value, Error> {
    let column = batch.column(column).as_binary::<i32>();
    if column.is_null(row) { Ok(Value::Null) } else { wkb_to_geojson(column.value(row)) }
}

fn wkb_to_geojson(bytes: &[u8]) -> Result<Value, Error> {
    let geometry = wkb::reader::read_wkb(bytes).map_err(failed)?;
    // Empty points have no coordinates to write.
    let Some(geometry) = geometry.try_to_geometry() else { return Ok(Value::Null) };
    let geometry = serde_json::to_value(geojson::Geometry::from(&geometry)).map_err(failed)?;
    // JSON has no infinite numbers: a place with one is none.
    Ok(if has_null(&geometry) { Value::Null } else { geometry })
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        _ => false,
    }
}

impl Writer for GeojsonWriter {
    fn begin(&mut self) -> Result<Vec<u8>, Error> {
        Ok(br#"{"type":"FeatureCollection","features":["#.to_vec())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, Error> {
        let properties = batch.project(&self.properties).map_err(failed)?;
        let lines = lines(&properties)?;
        let mut piece = Vec::new();
        let objects = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        for (row, object) in objects.enumerate() {
            piece.extend_from_slice(if self.first { b"\n" } else { b",\n" });
            self.first = false;
            piece.extend_from_slice(br#"{"type":"Feature","geometry":"#);
            serde_json::to_writer(&mut piece, &self.geometry(batch, row)?).map_err(failed)?;
            piece.extend_from_slice(br#","properties":"#);
            let mut object = object.to_vec();
            self.write_further(batch, row, &mut object)?;
            piece.extend_from_slice(&object);
            piece.push(b'}');
        }
        Ok(piece)
    }

    fn end(&mut self) -> Result<Vec<u8>, Error> {
        Ok(b"\n]}\n".to_vec())
    }
}
