//! What is measured.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde::Serialize;
use stadtwarte_model::entity::{Datastream, ObservedProperty};
use utoipa::ToSchema;

use super::JSON;
use crate::access::Caller;
use crate::caching::Freshness;
use crate::error::{CommonProblems, Problem};
use crate::params::Params;
use crate::state::ApiState;

/// All properties.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Properties {
    /// The properties, by number of registration.
    properties: Vec<Property>,
}

/// A phenomenon that stations measure.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "code": "air_temperature", "name": "Air temperature", "name_de": "Lufttemperatur",
    "definition": null, "unit": "Cel", "symbol": "°C", "stations": 214
}))]
pub(crate) struct Property {
    /// The short name used in addresses and SQL.
    code: String,
    /// English name.
    name: String,
    /// German name.
    name_de: String,
    /// URI that defines it.
    #[schema(required)]
    definition: Option<String>,
    /// UCUM code of the unit that most stations report it in.
    unit: String,
    /// That unit as people write it.
    symbol: String,
    /// How many stations report it.
    stations: usize,
}

impl Property {
    fn of(property: &ObservedProperty, datastreams: &[&Datastream]) -> Self {
        let usual = usual_unit(datastreams);
        let stations: BTreeSet<_> = datastreams.iter().map(|datastream| datastream.thing_id).collect();
        Self {
            code: property.code.clone(),
            name: property.name.clone(),
            name_de: property.name_de.clone(),
            definition: Some(property.definition.clone()).filter(|definition| !definition.is_empty()),
            unit: usual.map_or(String::new(), |datastream| datastream.unit.code().to_owned()),
            symbol: usual.map_or(String::new(), |datastream| datastream.unit.symbol().to_owned()),
            stations: stations.len(),
        }
    }
}

/// A datastream in the unit that most are in; of equals, the first registered.
fn usual_unit<'a>(datastreams: &[&'a Datastream]) -> Option<&'a Datastream> {
    let count = |wanted: &Datastream| datastreams.iter().filter(|datastream| datastream.unit == wanted.unit).count();
    let mut units: Vec<&'a Datastream> = Vec::new();
    for datastream in datastreams {
        if units.iter().all(|known| known.unit != datastream.unit) {
            units.push(datastream);
        }
    }
    // `max_by_key` takes the last of equals, hence the reversal.
    units.into_iter().rev().max_by_key(|datastream| count(datastream))
}

/// What is measured, and how many stations do.
#[utoipa::path(
    get, path = "/api/v1/properties", tag = "stations", operation_id = "properties",
    responses(
        (status = 200, description = "The properties.", body = Properties),
        (status = 304, description = "Nothing has changed."),
        CommonProblems
    )
)]
pub(crate) async fn properties(State(state): State<ApiState>, caller: Caller, headers: HeaderMap, uri: Uri) -> Result<Response, Problem> {
    Params::read(&uri, &[], &[])?;
    let (view, stamp) = state.view(caller.role);
    let freshness = Freshness::of_view(caller, &stamp, &uri);
    if let Some(response) = freshness.not_modified(&headers) {
        return Ok(response);
    }
    let properties = view.properties().iter().map(|(property, datastreams)| Property::of(property, datastreams)).collect();
    let body = serde_json::to_vec(&Properties { properties }).map_err(Problem::internal)?;
    Ok(freshness.respond(JSON, body))
}
