//! Map layers: districts, streets, water.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::{GEO_JSON, JSON};
use crate::access::Caller;
use crate::caching::{Freshness, PRESENT, SETTLED};
use crate::error::{CommonProblems, Missing, Problem};
use crate::params::Params;
use crate::state::ApiState;

/// All layers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LayerList {
    /// The layers, by name.
    layers: Vec<LayerEntry>,
}

/// A layer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "name": "districts", "title": "Districts", "features": 9 }))]
pub(crate) struct LayerEntry {
    /// Its name, as in its address.
    name: String,
    /// Its name for people.
    title: String,
    /// How many features it has.
    features: usize,
}

/// The map layers there are.
#[utoipa::path(
    get, path = "/api/v1/layers", tag = "layers", operation_id = "layers",
    responses((status = 200, description = "The layers.", body = LayerList), CommonProblems)
)]
pub(crate) async fn layers(State(state): State<ApiState>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    Params::read(&uri, &[], &[])?;
    let all = state.engine.store().layers().all();
    let entry = |name: &str, features| LayerEntry { name: name.to_owned(), title: title_of(name), features };
    let layers = all.iter().map(|layer| entry(&layer.name, layer.features)).collect();
    let body = serde_json::to_vec(&LayerList { layers }).map_err(Problem::internal)?;
    Ok(Freshness::untagged(caller, PRESENT).respond(JSON, body))
}

/// `river_banks` reads `River banks`.
fn title_of(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// One layer.
///
/// The router cannot match a suffix, so the whole last part of the path arrives here.
#[utoipa::path(
    get, path = "/api/v1/layers/{name}.geojson", tag = "layers", operation_id = "layer",
    params(("name" = String, Path, description = "The layer's name.", example = "districts")),
    responses(
        (status = 200, description = "Its features.", body = Object, content_type = "application/geo+json"),
        (status = 304, description = "Nothing has changed."),
        CommonProblems, Missing
    )
)]
pub(crate) async fn layer(
    State(state): State<ApiState>,
    _caller: Caller,
    Path(file): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    Params::read(&uri, &[], &[])?;
    let layer = file.strip_suffix(".geojson").and_then(|name| state.engine.store().layers().layer(name));
    let layer = layer.ok_or_else(|| Problem::not_found("there is no such layer; /api/v1/layers lists all"))?;
    let freshness = Freshness::of_content(&layer.tag, SETTLED);
    Ok(freshness.not_modified(&headers).unwrap_or_else(|| freshness.respond(GEO_JSON, layer.geojson.clone())))
}
