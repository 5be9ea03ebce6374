//! The OpenAPI document: collected from the handlers, so that it lists what is served.

use axum::body::Bytes;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::caching::{Freshness, SETTLED};
use crate::error::{Problem, ProblemDetails};
use crate::live::{LiveReading, ResetPosition};
use crate::open_data::stations::{StationCollection, StationFeature};
use crate::open_data::{JSON, layers};
use crate::params::Params;

/// The frame of the document. Paths come from the router, but for those whose address it cannot spell.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stadtwarte",
        description = "The doors of an urban data platform: stations and their readings, map layers, read-only SQL, a live stream, and \
          the state for a digital twin. Times are RFC 3339 in UTC, positions longitude before latitude (WGS 84), units UCUM codes. \
          Errors are problem details (RFC 9457). Open data needs no key; a key shows what its role may see besides.",
        license(name = "EUPL-1.2", identifier = "EUPL-1.2")
    ),
    servers((url = "/", description = "This server")),
    paths(layers::layer),
    components(schemas(LiveReading, ResetPosition, StationCollection, StationFeature, ProblemDetails)),
    tags(
        (name = "stations", description = "Stations, their newest readings and series"),
        (name = "layers", description = "Map layers"),
        (name = "sql", description = "Read-only SQL"),
        (name = "live", description = "New readings as they become durable"),
        (name = "twin", description = "The state for a digital twin"),
        (name = "operation", description = "For those who run the platform"),
    ),
    security((), ("key" = []), ("bearer" = [])),
    modifiers(&Keys)
)]
pub(crate) struct Frame;

/// How a key is presented.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let header = ApiKeyValue::with_description("X-Api-Key", "A key of this platform, `swk_…`.");
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("The same key as a bearer token."));
        components.add_security_scheme("key", SecurityScheme::ApiKey(ApiKey::Header(header)));
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
    }
}

/// The document as it is served.
#[derive(Clone)]
pub(crate) struct Served {
    json: Bytes,
    tag: String,
}

impl Served {
    /// Writes the document out, once.
    pub fn new(mut document: Document, version: &str) -> Self {
        version.clone_into(&mut document.info.version);
        // The document is plain data; serialising it cannot fail.
        let json = Bytes::from(serde_json::to_vec(&document).unwrap_or_default());
        let tag = blake3::hash(&json).to_hex()[..16].to_owned();
        Self { json, tag }
    }

    /// Answers with it.
    ///
    /// # Errors
    /// `invalid` for parameters.
    pub fn answer(&self, headers: &HeaderMap, uri: &Uri) -> Result<Response, Problem> {
        Params::read(uri, &[], &[])?;
        let freshness = Freshness::of_content(&self.tag, SETTLED);
        Ok(freshness.not_modified(headers).unwrap_or_else(|| freshness.respond(JSON, self.json.clone())))
    }
}
