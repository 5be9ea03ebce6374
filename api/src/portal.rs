//! The web front end, from within the binary.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderValue};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::caching::{Freshness, SETTLED};
use crate::error::Problem;

/// What `make portal` has built; empty when it had not been run before this crate was built.
#[derive(RustEmbed)]
#[folder = "../portal/dist"]
#[allow_missing = true]
struct Dist;

/// What the pages may load and do: only what this server itself gives them, and no inline scripts or styles.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; \
    connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// As above; Swagger UI has its arrows as `data:` images in its style sheet.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; \
    connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Stands in when there is no portal.
const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Stadtwarte</title>\n\
    <h1>Stadtwarte</h1>\n<p>The platform runs, but this program was built without its web pages.\n\
    <p>Run <code>make portal</code>, then build the program again.\n<ul>\n\
    <li><a href=\"api/v1/stations.geojson\">Stations with newest readings (GeoJSON)</a>\n\
    <li><a href=\"api/v1/properties\">Properties (JSON)</a>\n\
    <li><a href=\"openapi.json\">All doors (OpenAPI)</a>\n</ul>\n";

/// The first page.
pub(crate) async fn index(headers: HeaderMap) -> Response {
    page("index.html", PAGE_POLICY, &headers)
}

/// The browsable description of the doors.
pub(crate) async fn docs(headers: HeaderMap) -> Response {
    page("docs.html", DOCS_POLICY, &headers)
}

fn page(name: &str, policy: &'static str, headers: &HeaderMap) -> Response {
    let mut response = match Dist::get(name) {
        Some(file) => served(name, &file, headers),
        None => ([(CACHE_CONTROL, "no-cache")], Html(NOT_BUILT)).into_response(),
    };
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

/// Every other file of the portal, and the answer for what is not there at all.
///
/// Names are looked up whole among the embedded files: there is no folder to climb out of.
pub(crate) async fn file(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let missing = || Problem::not_found("there is nothing at this address; /openapi.json lists what there is").into_response();
    let name = uri.path().trim_start_matches('/');
    let is_page = media_type(name).is_none_or(|media_type| media_type == "text/html; charset=utf-8");
    if is_page || !matches!(method, Method::GET | Method::HEAD) {
        return missing();
    }
    Dist::get(name).map_or_else(missing, |file| served(name, &file, &headers))
}

fn served(name: &str, file: &EmbeddedFile, headers: &HeaderMap) -> Response {
    let tag = blake3::Hash::from_bytes(file.metadata.sha256_hash()).to_hex();
    let freshness = Freshness::of_content(&tag[..16], SETTLED);
    let media_type = media_type(name).unwrap_or("application/octet-stream");
    let mut response = freshness.not_modified(headers).unwrap_or_else(|| freshness.respond(media_type, Body::from(file.data.to_vec())));
    // The bundler puts a hash of the content into the names of assets; everything else must be asked for anew.
    let control = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(control));
    debug_assert!(response.headers().contains_key(ETAG));
    response
}

fn media_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "txt" => "text/plain; charset=utf-8",
        "woff2" => "font/woff2",
        "webmanifest" => "application/manifest+json",
        _ => return None,
    })
}

/// Whether the portal was built into this program.
#[cfg(test)]
pub(crate) fn names() -> Vec<String> {
    Dist::iter().map(std::borrow::Cow::into_owned).collect()
}
