//! Which readings a follower wants, and from where on.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, Uri};
use stadtwarte_model::{ObservationId, ThingId};
use stadtwarte_query::LiveReading;

use crate::error::Problem;
use crate::headers::LAST_EVENT_ID;
use crate::params::{BoundingBox, Params, PropertyCode};

/// What a follower asked for.
#[derive(Debug)]
pub(super) struct Wish {
    pub filter: Filter,
    /// The last event it knows; without one it wants what is new.
    pub after: Option<ObservationId>,
}

/// Which readings are wanted; an empty set means all.
#[derive(Debug, Default)]
pub(super) struct Filter {
    properties: BTreeSet<PropertyCode>,
    stations: BTreeSet<ThingId>,
    bbox: Option<BoundingBox>,
}

impl Wish {
    /// Reads it from the address and, for an `EventSource` that comes back, from `Last-Event-ID`: the header is the newer of the two.
    pub fn read(uri: &Uri, headers: &HeaderMap, max_values: usize) -> Result<Self, Problem> {
        let params = Params::read(uri, &["bbox", "last_event_id"], &["property", "station"])?;
        let filter = Filter {
            properties: params.values("property", max_values)?,
            stations: params.values("station", max_values)?,
            bbox: params.value("bbox")?,
        };
        let header = headers.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or("?"));
        let after = match header {
            // An EventSource that has not seen any event may send an empty one.
            Some("") | None => None,
            Some(text) => Some(text.parse().map_err(|error| Problem::invalid(format!("`Last-Event-ID`: {error}")))?),
        };
        Ok(Self { filter, after: after.map_or_else(|| params.value("last_event_id"), |after| Ok(Some(after)))? })
    }
}

impl Filter {
    pub fn accepts(&self, reading: &LiveReading) -> bool {
        let has_property = || self.properties.is_empty() || self.properties.iter().any(|property| property.0 == reading.property.code);
        let is_of_station = || self.stations.is_empty() || self.stations.contains(&reading.datastream.thing_id);
        let is_inside = || self.bbox.is_none_or(|bbox| bbox.contains(reading.observation.position));
        has_property() && is_of_station() && is_inside()
    }
}
