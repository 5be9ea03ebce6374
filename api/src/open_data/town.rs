//! Which town this is.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::JSON;
use crate::access::Caller;
use crate::caching::{Freshness, SETTLED};
use crate::error::{CommonProblems, Problem};
use crate::options::Town;
use crate::params::Params;
use crate::state::ApiState;

/// The town, as the portal introduces it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "name": "Auenstadt", "title": null, "center": [9.99, 48.4], "demo": true, "version": "0.1.0" }))]
pub(crate) struct TownDescription {
    /// Its name.
    name: String,
    /// A line below the name.
    #[schema(required)]
    title: Option<String>,
    /// Where a map of it is centred: longitude, latitude.
    #[schema(required, value_type = Option<Vec<f64>>)]
    center: Option<[f64; 2]>,
    /// Whether it is invented.
    demo: bool,
    /// The version of the program.
    version: String,
}

impl From<&Town> for TownDescription {
    fn from(town: &Town) -> Self {
        Self {
            name: town.name.clone(),
            title: town.title.clone(),
            center: town.center.map(|center| [center.lon_deg, center.lat_deg]),
            demo: town.demo,
            version: town.version.clone(),
        }
    }
}

/// Which town this is.
#[utoipa::path(
    get, path = "/api/v1/town", tag = "stations", operation_id = "town",
    responses((status = 200, description = "The town.", body = TownDescription), CommonProblems)
)]
pub(crate) async fn town(State(state): State<ApiState>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    Params::read(&uri, &[], &[])?;
    let body = serde_json::to_vec(&TownDescription::from(&state.options.town)).map_err(Problem::internal)?;
    Ok(Freshness::untagged(caller, SETTLED).respond(JSON, body))
}
