//! Events of the live stream.

use serde::Serialize;
use serde_json::Value;
use stadtwarte_model::{ObservationId, Timestamp};
use stadtwarte_query::LiveReading as Reading;
use utoipa::ToSchema;

use crate::open_data::reading::json_value;

/// The data of a `reading` event: a new reading.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "station": 12, "datastream_id": 7, "property": "air_temperature", "channel": null, "value": 21.4, "unit": "Cel", "symbol": "°C",
    "time": "2026-11-22T10:00:00Z", "received_at": "2026-11-22T10:00:00.412Z", "quality": "good", "lon": 9.9876, "lat": 48.4011
}))]
pub(crate) struct LiveReading {
    /// The station's number.
    station: i64,
    /// Which datastream it belongs to.
    datastream_id: i64,
    /// Code of the property.
    property: String,
    /// Tells apart several of the same property at one station.
    #[schema(required)]
    channel: Option<String>,
    /// A number, text, boolean or JSON document.
    value: Value,
    /// UCUM code of the unit.
    unit: String,
    /// The unit as people write it.
    symbol: String,
    /// When it was measured, UTC.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// When the platform received it, UTC.
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
    /// `good`, or flags separated by commas.
    quality: String,
    /// Degrees east, where it was measured.
    #[schema(required)]
    lon: Option<f64>,
    /// Degrees north, where it was measured.
    #[schema(required)]
    lat: Option<f64>,
}

impl From<&Reading> for LiveReading {
    fn from(reading: &Reading) -> Self {
        let (observation, datastream) = (&reading.observation, &reading.datastream);
        Self {
            station: datastream.thing_id.as_i64(),
            datastream_id: datastream.id.as_i64(),
            property: reading.property.code.clone(),
            channel: datastream.channel.clone(),
            value: json_value(&observation.value),
            unit: datastream.unit.code().to_owned(),
            symbol: datastream.unit.symbol().to_owned(),
            time: observation.phenomenon_time,
            received_at: observation.received_at,
            quality: observation.quality.to_string(),
            lon: observation.position.map(|position| position.lon_deg),
            lat: observation.position.map(|position| position.lat_deg),
        }
    }
}

/// The data of a `reset` event: too much was missed. Load the state again (`/api/v1/twin/state`) and continue from its position.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResetPosition {
    /// Where the stream goes on.
    #[schema(example = "1843967")]
    position: String,
}

/// One event, ready to be sent.
#[derive(Debug)]
pub(super) struct Event {
    pub id: ObservationId,
    pub name: &'static str,
    /// JSON without line breaks.
    pub data: String,
}

impl Event {
    pub fn reading(reading: &Reading) -> Self {
        Self::new(reading.observation.id, "reading", &LiveReading::from(reading))
    }

    pub fn reset(position: ObservationId) -> Self {
        Self::new(position, "reset", &ResetPosition { position: position.to_string() })
    }

    fn new(id: ObservationId, name: &'static str, data: &impl Serialize) -> Self {
        // Serialising plain structures to a String cannot fail; serde_json writes no line breaks.
        Self { id, name, data: serde_json::to_string(data).unwrap_or_default() }
    }
}
