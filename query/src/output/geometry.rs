//! Geometry columns: every encoding that SQL functions return becomes WKB before it leaves.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use geoarrow_array::GeoArrowArray;
use geoarrow_array::array::from_arrow_array;
use geoarrow_array::cast::to_wkb;

use super::failed;
use crate::error::Error;
use crate::functions::geometry_field;

const EXTENSION: &str = "ARROW:extension:name";

/// Whether a column holds geometry in some GeoArrow encoding. Boxes are none, and who asks for text gets text.
pub(super) fn is_geometry(field: &Field) -> bool {
    let is_none = |name: &str| matches!(name, "geoarrow.box" | "geoarrow.wkt");
    field.metadata().get(EXTENSION).is_some_and(|name| name.starts_with("geoarrow.") && !is_none(name))
}

fn is_wkb(field: &Field) -> bool {
    field.data_type() == &DataType::Binary && field.metadata().get(EXTENSION).is_some_and(|name| name == "geoarrow.wkb")
}

/// The schema with all geometry columns as WKB.
pub(crate) fn wkb_schema(schema: &SchemaRef) -> SchemaRef {
    let foreign = |field: &Field| is_geometry(field) && !is_wkb(field);
    if !schema.fields().iter().any(|field| foreign(field)) {
        return Arc::clone(schema);
    }
    let fields =
        schema.fields().iter().map(|field| if foreign(field) { Arc::new(geometry_field(field.name())) } else { Arc::clone(field) });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The batch with all geometry columns as WKB.
///
/// # Errors
/// `Output` when a column contradicts its declared encoding.
pub(crate) fn geometries_as_wkb(batch: &RecordBatch) -> Result<RecordBatch, Error> {
    let schema = batch.schema();
    let target = wkb_schema(&schema);
    if Arc::ptr_eq(&schema, &target) {
        return Ok(batch.clone());
    }
    let columns =
        schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
            if is_geometry(field) && !is_wkb(field) { to_wkb_column(field, column) } else { Ok(Arc::clone(column)) }
        });
    RecordBatch::try_new(target, columns.collect::<Result<_, _>>()?).map_err(failed)
}

fn to_wkb_column(field: &Field, column: &ArrayRef) -> Result<ArrayRef, Error> {
    let geometries = from_arrow_array(column, field).map_err(failed)?;
    Ok(to_wkb::<i32>(geometries.as_ref()).map_err(failed)?.into_array_ref())
}
