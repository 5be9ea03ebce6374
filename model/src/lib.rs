//! The vocabulary of Stadtwarte and its on-disk contract.
//!
//! No I/O, no async, no SQL and no public JSON shapes live here. Identifiers and values parse once, at the boundary,
//! into types that cannot be wrong; the Arrow schemas in [`schema`] are what every table on disk looks like.
//!
//! ```text
//! Uplink (what the network server sent) ─▶ Reading (value + unit + property) ─▶ Observation (datastream + id)
//! ```

pub mod access;
pub mod entity;
pub mod ids;
pub mod observation;
pub mod partition;
pub mod place;
pub mod quality;
pub mod quarantine;
pub mod schema;
pub mod time;
pub mod unit;
pub mod uplink;
pub mod visibility;

pub use access::Role;
pub use ids::{
    DatastreamId, DevAddr, DevEui, FeatureOfInterestId, JoinEui, LocationId, LogSequence, ObservationId, ObservedPropertyId, ParseIdError,
    SensorId, ThingId,
};
pub use observation::{Observation, Reading, ResultValue};
pub use place::Position;
pub use quality::{Quality, QualityFlag};
pub use time::{Clock, Date, ManualClock, Timestamp};
pub use unit::Unit;
pub use uplink::Uplink;
pub use visibility::Visibility;
