//! The digital twin's door: everything as it is now, and where to go on from.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde::Serialize;
use stadtwarte_model::{ThingId, Timestamp};
use stadtwarte_query::Station;
use utoipa::ToSchema;

use crate::access::Caller;
use crate::caching::Freshness;
use crate::error::{CommonProblems, Problem};
use crate::open_data::reading::Latest;
use crate::open_data::{JSON, pieces};
use crate::params::Params;
use crate::state::ApiState;

/// All stations with all newest values, at one moment.
#[derive(Debug, Serialize, ToSchema)]
#[allow(dead_code, reason = "describes what is written piece by piece")]
pub(crate) struct TwinState {
    /// How far the stream had come at this moment: pass it as `last_event_id` to `/api/v1/live` and get exactly what came after.
    #[schema(example = "1843967")]
    position: String,
    /// When this was, UTC.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// The address of the stream that continues from here.
    #[schema(example = "/api/v1/live?last_event_id=1843967")]
    follow: String,
    /// The stations.
    stations: Vec<TwinStation>,
}

/// A station with its newest values.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TwinStation {
    /// Its number.
    #[schema(example = 12)]
    id: i64,
    /// Its name.
    #[schema(example = "Münsterplatz")]
    name: String,
    /// Its category.
    #[schema(example = "air_quality")]
    kind: String,
    /// Longitude, latitude in degrees (WGS 84); `null` where that is not known.
    #[schema(required, value_type = Option<Vec<f64>>, example = json!([9.9876, 48.4011]))]
    position: Option<[f64; 2]>,
    /// Its newest values.
    values: Vec<Latest>,
}

impl From<&Station<'_>> for TwinStation {
    fn from(station: &Station<'_>) -> Self {
        Self {
            id: station.thing.id.as_i64(),
            name: station.thing.name.clone(),
            kind: station.thing.kind.clone(),
            position: station.position.map(|position| [position.lon_deg, position.lat_deg]),
            values: station.datastreams.iter().filter_map(Latest::of).collect(),
        }
    }
}

/// The newest values of all stations as one consistent snapshot, with the position to follow the live stream from.
#[utoipa::path(
    get, path = "/api/v1/twin/state", tag = "twin", operation_id = "twinState",
    responses(
        (status = 200, description = "The snapshot.", body = TwinState),
        (status = 304, description = "Nothing has changed."),
        CommonProblems
    )
)]
pub(crate) async fn twin_state(State(state): State<ApiState>, caller: Caller, headers: HeaderMap, uri: Uri) -> Result<Response, Problem> {
    let params = Params::read(&uri, &["format"], &[])?;
    if params.text("format").is_some_and(|format| format != "json") {
        return Err(Problem::invalid("`format`: only json is offered"));
    }
    let (view, stamp) = state.view(caller.role);
    let freshness = Freshness::of_view(caller, &stamp, &uri);
    if let Some(response) = freshness.not_modified(&headers) {
        return Ok(response);
    }
    let (position, time) = (view.position(), state.clock.now());
    let begin = format!(r#"{{"position":"{position}","time":"{time}","follow":"/api/v1/live?last_event_id={position}","stations":["#);
    let ids: Vec<ThingId> = view.stations().map(|station| station.thing.id).collect();
    let mut ids = ids.into_iter();
    let view = view.without_tables();
    let next = move || ids.by_ref().find_map(|id| view.station(id).map(|station| TwinStation::from(&station)));
    Ok(freshness.respond(JSON, pieces::list(begin, "]}\n", next)))
}
