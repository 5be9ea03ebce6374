//! Headers that every answer carries.

use std::time::Duration;

use axum::extract::Request;
use axum::http::Method;
use axum::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH,
    REFERRER_POLICY, RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::middleware::Next;
use axum::response::Response;
use stadtwarte_store::Store;
use tower_http::cors::{Any, CorsLayer};

use crate::access::API_KEY;

/// The header with the id of a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header with the most rows that an answer to a caller without a key may have.
pub(crate) const ROW_LIMIT: HeaderName = HeaderName::from_static("x-row-limit");
/// The header that says that rows of damaged files are left out.
pub(crate) const INCOMPLETE: HeaderName = HeaderName::from_static("x-incomplete");

/// The header by which an `EventSource` continues.
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The policy for what is no page: nothing may be loaded or run, should a browser ever render it.
const NO_PAGE: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Any page may read, and ask in SQL, without credentials of the browser: a key is only ever sent by whoever wrote it down.
pub(crate) fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::OPTIONS])
        .allow_headers([ACCEPT, AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH, API_KEY, LAST_EVENT_ID])
        .expose_headers([CONTENT_DISPOSITION, ETAG, RETRY_AFTER, REQUEST_ID, ROW_LIMIT, INCOMPLETE])
        .max_age(Duration::from_hours(24))
}

/// Says so on an answer made of stored rows when some of them cannot be read.
pub(crate) fn note_damage(response: &mut Response, store: &Store) {
    if !store.damaged().is_empty() {
        response.headers_mut().insert(INCOMPLETE, HeaderValue::from_static("rows of damaged files are left out"));
    }
}

/// Adds what keeps browsers from guessing, framing and telling others, where a route has not set it itself.
pub(crate) async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (CONTENT_SECURITY_POLICY, NO_PAGE),
    ] {
        headers.entry(name).or_insert(value);
    }
    headers.append(VARY, HeaderValue::from_static("accept, authorization, x-api-key"));
    response
}
