//! All stations with their newest readings, as GeoJSON.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde::Serialize;
use stadtwarte_model::{ThingId, Timestamp};
use stadtwarte_query::{Station, View};
use utoipa::ToSchema;

use super::GEO_JSON;
use super::pieces;
use super::reading::{Latest, Point};
use crate::access::Caller;
use crate::caching::Freshness;
use crate::error::{CommonProblems, Problem};
use crate::params::{BoundingBox, Params, PropertyCode};
use crate::state::ApiState;

/// All stations asked for (RFC 7946).
#[derive(Debug, Serialize, ToSchema)]
#[allow(dead_code, reason = "describes what is written piece by piece")]
pub(crate) struct StationCollection {
    #[serde(rename = "type")]
    #[schema(example = "FeatureCollection")]
    kind: &'static str,
    /// Where the live stream stands for this answer: pass it as `last_event_id` to `/api/v1/live` to miss nothing.
    #[schema(example = "1843967")]
    position: String,
    /// How many features there are.
    #[serde(rename = "numberReturned")]
    number_returned: usize,
    /// The stations.
    features: Vec<StationFeature>,
}

/// A station as a GeoJSON feature.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StationFeature {
    #[serde(rename = "type")]
    #[schema(example = "Feature")]
    kind: &'static str,
    /// The station's number.
    #[schema(example = 12)]
    id: i64,
    /// Where it is; `null` where that is not known.
    #[schema(required)]
    geometry: Option<Point>,
    properties: StationProperties,
}

/// What a station is and last measured.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StationProperties {
    /// Its name.
    #[schema(example = "Münsterplatz")]
    name: String,
    /// Its category.
    #[schema(example = "air_quality")]
    kind: String,
    /// When its newest reading was measured, UTC.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    updated: Option<Timestamp>,
    /// Its newest readings; with `property`, those of these properties.
    latest: Vec<Latest>,
}

impl StationFeature {
    /// A station with the readings of `properties`, all when there are none.
    pub fn of(station: &Station<'_>, properties: &BTreeSet<PropertyCode>) -> Self {
        let latest = latest_of(station, properties);
        Self {
            kind: "Feature",
            id: station.thing.id.as_i64(),
            geometry: station.position.map(Point::from),
            properties: StationProperties {
                name: station.thing.name.clone(),
                kind: station.thing.kind.clone(),
                updated: latest.iter().map(|latest| latest.time).max(),
                latest,
            },
        }
    }
}

fn latest_of(station: &Station<'_>, properties: &BTreeSet<PropertyCode>) -> Vec<Latest> {
    let wanted = station.datastreams.iter().filter(|stream| is_wanted(&stream.property.code, properties));
    wanted.filter_map(Latest::of).collect()
}

fn is_wanted(code: &str, properties: &BTreeSet<PropertyCode>) -> bool {
    properties.is_empty() || properties.iter().any(|property| property.0 == code)
}

/// Which stations are wanted.
struct Filter {
    bbox: Option<BoundingBox>,
    properties: BTreeSet<PropertyCode>,
}

impl Filter {
    fn read(uri: &Uri, max_values: usize) -> Result<Self, Problem> {
        let params = Params::read(uri, &["bbox"], &["property"])?;
        Ok(Self { bbox: params.value("bbox")?, properties: params.values("property", max_values)? })
    }

    /// # Errors
    /// `invalid` for a property that no visible station has. One that is only hidden gets the same answer.
    fn check(&self, view: &View) -> Result<(), Problem> {
        if self.properties.is_empty() {
            return Ok(());
        }
        let known: BTreeSet<&str> = view.properties().into_iter().map(|(property, _)| property.code.as_str()).collect();
        match self.properties.iter().find(|property| !known.contains(property.0.as_str())) {
            Some(unknown) => Err(Problem::invalid(format!("`property`: no station reports `{}`; /api/v1/properties lists all", unknown.0))),
            None => Ok(()),
        }
    }

    fn accepts(&self, station: &Station<'_>) -> bool {
        let is_inside = self.bbox.is_none_or(|bbox| bbox.contains(station.position));
        is_inside && station.datastreams.iter().any(|stream| is_wanted(&stream.property.code, &self.properties))
    }
}

/// All stations with their newest readings.
///
/// Answers carry a weak `ETag`: send it back as `If-None-Match` and get 304 while nothing has changed.
#[utoipa::path(
    get, path = "/api/v1/stations.geojson", tag = "stations", operation_id = "stations",
    params(
        ("bbox" = Option<String>, Query, description = "Only stations inside: minLon,minLat,maxLon,maxLat in degrees (WGS 84). \
          minLon greater than maxLon means across the antimeridian.", example = "9.9,48.3,10.1,48.5"),
        ("property" = Option<String>, Query, description = "Only stations with these properties, and only these readings: codes, \
          separated by commas or repeated. An unknown one is an error.", example = "air_temperature"),
    ),
    responses(
        (status = 200, description = "The stations.", body = StationCollection, content_type = "application/geo+json"),
        (status = 304, description = "Nothing has changed."),
        CommonProblems
    )
)]
pub(crate) async fn stations(State(state): State<ApiState>, caller: Caller, headers: HeaderMap, uri: Uri) -> Result<Response, Problem> {
    let filter = Filter::read(&uri, state.limits().max_filter_values)?;
    let (view, stamp) = state.view(caller.role);
    filter.check(&view)?;
    let freshness = Freshness::of_view(caller, &stamp, &uri);
    if let Some(response) = freshness.not_modified(&headers) {
        return Ok(response);
    }
    let ids: Vec<ThingId> = view.stations().filter(|station| filter.accepts(station)).map(|station| station.thing.id).collect();
    let begin = format!(r#"{{"type":"FeatureCollection","position":"{}","numberReturned":{},"features":["#, view.position(), ids.len());
    let mut ids = ids.into_iter();
    let view = view.without_tables();
    let next = move || ids.by_ref().find_map(|id| view.station(id).map(|station| StationFeature::of(&station, &filter.properties)));
    Ok(freshness.respond(GEO_JSON, pieces::list(begin, "]}\n", next)))
}
