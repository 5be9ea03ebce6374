//! The entities of the SensorThings data model (OGC 18-088, section 8) and the LoRaWAN device behind them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{DatastreamId, DevEui, FeatureOfInterestId, LocationId, ObservedPropertyId, SensorId, ThingId};
use crate::place::Position;
use crate::time::Timestamp;
use crate::unit::Unit;
use crate::visibility::Visibility;

/// The city object that is observed: a square, a tree, a bus, a bin. Not the device mounted on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thing {
    /// Identity.
    pub id: ThingId,
    /// Its name, safe to publish: never contains a device identifier.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Its category, such as `air_quality` or `parking`.
    pub kind: String,
    /// Who may see it.
    pub visibility: Visibility,
    /// Further facts, safe to publish.
    pub properties: Map<String, Value>,
    /// Where it is now.
    pub location_id: Option<LocationId>,
}

/// A place of a Thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// Identity.
    pub id: LocationId,
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// The place.
    pub position: Position,
}

/// The instrument or procedure that produces results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sensor {
    /// Identity.
    pub id: SensorId,
    /// Model of the instrument, such as `Milesight EM300-TH`.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Link to a data sheet or description; empty when there is none.
    pub metadata: String,
}

/// A phenomenon such as air temperature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObservedProperty {
    /// Identity.
    pub id: ObservedPropertyId,
    /// The short name used in SQL and URLs, such as `air_temperature`.
    pub code: String,
    /// English name for people.
    pub name: String,
    /// German name for people.
    pub name_de: String,
    /// URI that defines it; empty when none is known.
    pub definition: String,
    /// What it is.
    pub description: String,
}

/// The observations of one property of one Thing by one Sensor in one unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Datastream {
    /// Identity.
    pub id: DatastreamId,
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// The Thing observed.
    pub thing_id: ThingId,
    /// The Sensor that observes.
    pub sensor_id: SensorId,
    /// The property observed.
    pub observed_property_id: ObservedPropertyId,
    /// Tells apart several of the same property on one Thing.
    pub channel: Option<String>,
    /// The unit of its results. A change of unit is a new datastream.
    pub unit: Unit,
    /// Who may see it.
    pub visibility: Visibility,
}

/// The feature that observations are about, where it is not simply the Thing's place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureOfInterest {
    /// Identity.
    pub id: FeatureOfInterestId,
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Its place.
    pub position: Option<Position>,
}

/// A LoRaWAN device and the Thing it serves. Never public.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// The identifier burnt into the device.
    pub dev_eui: DevEui,
    /// The name on the network server.
    pub name: String,
    /// The Thing it serves.
    pub thing_id: ThingId,
    /// The instrument model it is.
    pub sensor_id: SensorId,
    /// The device profile that normalises its uplinks.
    pub profile: String,
    /// The connection it was first heard on.
    pub source: String,
    /// When the platform first heard it.
    pub first_seen: Timestamp,
}
