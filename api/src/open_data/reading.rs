//! A reading as every JSON door spells it.

use serde::Serialize;
use serde_json::Value;
use stadtwarte_model::{Position, ResultValue, Timestamp};
use stadtwarte_query::StationDatastream;
use utoipa::ToSchema;

/// The newest reading of one datastream.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "property": "air_temperature", "channel": null, "value": 21.4, "unit": "Cel", "symbol": "°C",
    "time": "2026-11-22T10:00:00Z", "quality": "good", "datastream_id": 7
}))]
pub(crate) struct Latest {
    /// Code of the property.
    pub property: String,
    /// Tells apart several of the same property at one station.
    #[schema(required)]
    pub channel: Option<String>,
    /// A number, text, boolean or JSON document.
    pub value: Value,
    /// UCUM code of the unit.
    pub unit: String,
    /// The unit as people write it.
    pub symbol: String,
    /// When it was measured, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// `good`, or flags separated by commas.
    pub quality: String,
    /// Which datastream it belongs to.
    pub datastream_id: i64,
}

impl Latest {
    /// The newest reading of a datastream, where it has one.
    pub fn of(stream: &StationDatastream<'_>) -> Option<Self> {
        let observation = stream.latest?;
        Some(Self {
            property: stream.property.code.clone(),
            channel: stream.datastream.channel.clone(),
            value: json_value(&observation.value),
            unit: stream.datastream.unit.code().to_owned(),
            symbol: stream.datastream.unit.symbol().to_owned(),
            time: observation.phenomenon_time,
            quality: observation.quality.to_string(),
            datastream_id: stream.datastream.id.as_i64(),
        })
    }
}

/// A result as JSON. A document that is none is given as the text it is.
pub(crate) fn json_value(value: &ResultValue) -> Value {
    match value {
        ResultValue::Number(number) => Value::from(*number),
        ResultValue::Boolean(boolean) => Value::from(*boolean),
        ResultValue::Text(text) => Value::from(text.as_str()),
        ResultValue::Json(document) => serde_json::from_str(document).unwrap_or_else(|_| Value::from(document.as_str())),
    }
}

/// A GeoJSON point.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Point {
    #[serde(rename = "type")]
    #[schema(example = "Point")]
    kind: &'static str,
    /// Longitude, latitude in degrees (WGS 84).
    #[schema(value_type = Vec<f64>, min_items = 2, max_items = 2, example = json!([9.9876, 48.4011]))]
    coordinates: [f64; 2],
}

impl From<Position> for Point {
    fn from(position: Position) -> Self {
        Self { kind: "Point", coordinates: [position.lon_deg, position.lat_deg] }
    }
}
