//! All routes, and the layers around them.

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::registry::Registry;
use stadtwarte_model::Clock;
use stadtwarte_query::Engine;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Problem;
use crate::open_data::{layers, properties, series, sql, station, stations, town};
use crate::options::ApiOptions;
use crate::state::ApiState;
use crate::{error, headers, live, metrics, mqtt, openapi, operation, portal, twin};

/// All doors over one engine.
///
/// `registry` holds the metrics of the other parts of the process and the prefix of all; those of the doors (`http_…`) and of the store
/// (`store_…`) are added, and `/metrics` shows them together.
/// The clock says what "now" is: the default end of a series, the time of a snapshot.
pub fn router(options: ApiOptions, engine: Engine, clock: Arc<dyn Clock>, registry: Registry) -> Router {
    let state = ApiState::new(options, engine, clock, registry);
    let (routes, document) = documented().split_for_parts();
    let document = openapi::Served::new(document, &state.options.town.version);
    let describe_all = get(async move |headers: HeaderMap, uri: Uri| document.answer(&headers, &uri));
    routes
        // The document knows it as `/api/v1/layers/{name}.geojson`.
        .route("/api/v1/layers/{file}", get(layers::layer))
        .route("/openapi.json", describe_all)
        .route("/mqtt", get(mqtt::upgrade))
        .route("/", get(portal::index))
        .route("/docs", get(portal::docs))
        .route("/assets/{file}", get(portal::file))
        .fallback(portal::file)
        .layer(
            ServiceBuilder::new()
                .layer(from_fn_with_state(state.clone(), metrics::observe))
                .layer(from_fn(headers::secure))
                .layer(headers::cors())
                .layer(CompressionLayer::new().compress_when(worth_compressing()))
                .layer(from_fn(error::describe))
                .layer(CatchPanicLayer::custom(panicked)),
        )
        .with_state(state)
}

/// The routes with their description.
pub(crate) fn documented() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(frame())
        .routes(routes!(stations::stations))
        .routes(routes!(station::station))
        .routes(routes!(series::series))
        .routes(routes!(properties::properties))
        .routes(routes!(layers::layers))
        .routes(routes!(town::town))
        .routes(routes!(sql::by_post, sql::by_get))
        .routes(routes!(live::sse::live))
        .routes(routes!(live::ws::live))
        .routes(routes!(twin::twin_state))
        .routes(routes!(operation::healthz))
        .routes(routes!(operation::readyz))
        .routes(routes!(operation::metrics))
        .routes(routes!(error::explain))
}

fn frame() -> Document {
    openapi::Frame::openapi()
}

/// Not events, which must leave at once, and not what is compressed already.
fn worth_compressing() -> impl Predicate {
    DefaultPredicate::new().and(NotForContentType::const_new("font/")).and(NotForContentType::const_new("application/vnd.apache.parquet"))
}

/// A panic costs one request, not the process.
#[allow(clippy::needless_pass_by_value, reason = "the signature is the layer's")]
fn panicked(payload: Box<dyn Any + Send + 'static>) -> Response {
    let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied());
    Problem::internal(format!("panic: {}", text.unwrap_or("without words"))).into_response()
}
