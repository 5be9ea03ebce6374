//! One station with its datastreams.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde::Serialize;
use stadtwarte_model::{ThingId, Timestamp};
use stadtwarte_query::{Station, StationDatastream};
use utoipa::ToSchema;

use super::GEO_JSON;
use super::reading::{Latest, Point};
use crate::access::Caller;
use crate::caching::Freshness;
use crate::error::{CommonProblems, Missing, Problem};
use crate::params::Params;
use crate::state::ApiState;

/// One station, whole.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StationDetail {
    #[serde(rename = "type")]
    #[schema(example = "Feature")]
    kind: &'static str,
    /// The station's number.
    #[schema(example = 12)]
    id: i64,
    /// Where it is; `null` where that is not known.
    #[schema(required)]
    geometry: Option<Point>,
    properties: DetailProperties,
    /// Where to read on.
    links: Vec<Link>,
}

/// What a station is, measures and last measured.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DetailProperties {
    /// Its name.
    #[schema(example = "Münsterplatz")]
    name: String,
    /// What it is.
    description: String,
    /// Its category.
    #[schema(example = "air_quality")]
    kind: String,
    /// When its newest reading was measured, UTC.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    updated: Option<Timestamp>,
    /// Its newest readings.
    latest: Vec<Latest>,
    /// What it measures.
    datastreams: Vec<DatastreamDetail>,
}

/// What a station measures in one property, with one instrument, in one unit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DatastreamDetail {
    /// Its number.
    id: i64,
    /// Code of the property.
    #[schema(example = "air_temperature")]
    property: String,
    /// Tells apart several of the same property.
    #[schema(required)]
    channel: Option<String>,
    /// Its name.
    name: String,
    /// UCUM code of the unit.
    #[schema(example = "Cel")]
    unit: String,
    /// The unit as people write it.
    #[schema(example = "°C")]
    symbol: String,
    /// The newest reading.
    #[schema(required)]
    latest: Option<Latest>,
}

/// An address with what it leads to (RFC 8288).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Link {
    /// The address.
    #[schema(example = "/api/v1/stations/12/series?property=air_temperature")]
    href: String,
    /// What it is to the station.
    #[schema(example = "related")]
    rel: &'static str,
    /// Its media type.
    #[serde(rename = "type")]
    media_type: &'static str,
    /// In words.
    title: String,
}

impl From<&StationDatastream<'_>> for DatastreamDetail {
    fn from(stream: &StationDatastream<'_>) -> Self {
        Self {
            id: stream.datastream.id.as_i64(),
            property: stream.property.code.clone(),
            channel: stream.datastream.channel.clone(),
            name: stream.datastream.name.clone(),
            unit: stream.datastream.unit.code().to_owned(),
            symbol: stream.datastream.unit.symbol().to_owned(),
            latest: Latest::of(stream),
        }
    }
}

impl From<&Station<'_>> for StationDetail {
    fn from(station: &Station<'_>) -> Self {
        let latest: Vec<Latest> = station.datastreams.iter().filter_map(Latest::of).collect();
        Self {
            kind: "Feature",
            id: station.thing.id.as_i64(),
            geometry: station.position.map(Point::from),
            properties: DetailProperties {
                name: station.thing.name.clone(),
                description: station.thing.description.clone(),
                kind: station.thing.kind.clone(),
                updated: latest.iter().map(|latest| latest.time).max(),
                latest,
                datastreams: station.datastreams.iter().map(DatastreamDetail::from).collect(),
            },
            links: links_of(station),
        }
    }
}

fn links_of(station: &Station<'_>) -> Vec<Link> {
    let base = format!("/api/v1/stations/{}", station.thing.id);
    let mut codes: Vec<&str> = station.datastreams.iter().map(|stream| stream.property.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    let own = Link { href: base.clone(), rel: "self", media_type: GEO_JSON, title: station.thing.name.clone() };
    let live = Link {
        href: format!("/api/v1/live?station={}", station.thing.id),
        rel: "monitor",
        media_type: "text/event-stream",
        title: "new readings as they arrive".to_owned(),
    };
    let series = codes.into_iter().map(|code| Link {
        href: format!("{base}/series?property={code}"),
        rel: "related",
        media_type: super::JSON,
        title: format!("series of {code}"),
    });
    [own, live].into_iter().chain(series).collect()
}

/// Reads the number of a station from the path. What cannot be one names no station.
pub(super) fn station_id(text: &str) -> Result<ThingId, Problem> {
    text.parse().map_err(|_| no_station())
}

/// The one answer for stations that are missing and stations that are hidden.
pub(super) fn no_station() -> Problem {
    Problem::not_found("there is no such station; /api/v1/stations.geojson lists all")
}

/// One station with its datastreams and newest readings.
#[utoipa::path(
    get, path = "/api/v1/stations/{id}", tag = "stations", operation_id = "station",
    params(("id" = i64, Path, description = "The station's number.", example = 12)),
    responses(
        (status = 200, description = "The station.", body = StationDetail, content_type = "application/geo+json"),
        (status = 304, description = "Nothing has changed."),
        CommonProblems, Missing
    )
)]
pub(crate) async fn station(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    Params::read(&uri, &[], &[])?;
    let id = station_id(&id)?;
    let (view, stamp) = state.view(caller.role);
    let station = view.station(id).ok_or_else(no_station)?;
    let freshness = Freshness::of_view(caller, &stamp, &uri);
    if let Some(response) = freshness.not_modified(&headers) {
        return Ok(response);
    }
    let body = serde_json::to_vec(&StationDetail::from(&station)).map_err(Problem::internal)?;
    Ok(freshness.respond(GEO_JSON, body))
}
