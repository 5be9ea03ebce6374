//! SQL functions that the built-in tables and views are made of.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// The metadata that marks a binary column as geometry in WGS 84, longitude first (GeoArrow 0.2, "geoarrow.wkb").
pub(crate) fn geometry_metadata() -> HashMap<String, String> {
    HashMap::from([
        ("ARROW:extension:name".to_owned(), "geoarrow.wkb".to_owned()),
        ("ARROW:extension:metadata".to_owned(), r#"{"crs":"OGC:CRS84","crs_type":"authority_code"}"#.to_owned()),
    ])
}

/// A nullable geometry column.
pub(crate) fn geometry_field(name: &str) -> Field {
    Field::new(name, DataType::Binary, true).with_metadata(geometry_metadata())
}

/// `station_point(lon, lat)`: the point as WKB; null where either is null.
pub(crate) fn point() -> ScalarUDF {
    ScalarUDF::from(Point { signature: Signature::exact(vec![DataType::Float64, DataType::Float64], Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Point {
    signature: Signature,
}

impl ScalarUDFImpl for Point {
    fn name(&self) -> &'static str {
        "station_point"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(geometry_field(self.name())))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let [lon, lat] = columns.as_slice() else { return exec_err!("station_point takes two numbers") };
        Ok(ColumnarValue::Array(wkb_points(lon, lat)))
    }
}

/// Points as WKB (OGC 06-103r4, section 8.2.3): little endian, type 1, two doubles.
pub(crate) fn wkb_points(lon: &ArrayRef, lat: &ArrayRef) -> ArrayRef {
    const POINT_BYTES: usize = 21;
    let (lon, lat) = (lon.as_primitive::<Float64Type>(), lat.as_primitive::<Float64Type>());
    let mut points = BinaryBuilder::with_capacity(lon.len(), lon.len() * POINT_BYTES);
    for row in 0..lon.len() {
        if lon.is_null(row) || lat.is_null(row) {
            points.append_null();
            continue;
        }
        let mut wkb = [0; POINT_BYTES];
        wkb[..5].copy_from_slice(&[1, 1, 0, 0, 0]);
        wkb[5..13].copy_from_slice(&lon.value(row).to_le_bytes());
        wkb[13..].copy_from_slice(&lat.value(row).to_le_bytes());
        points.append_value(wkb);
    }
    Arc::new(points.finish())
}
