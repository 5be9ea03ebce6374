//! Errors as their reader sees them: the only place with status codes.
//!
//! A handler returns a [`Problem`]; the layer [`describe`] gives every failed response, also those of the framework, a body of
//! problem details (RFC 9457). What happened inside goes to the log, under the id that the client gets.

use std::borrow::Cow;
use std::fmt::Display;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use stadtwarte_query::{Error as QueryError, ErrorKind};
use utoipa::{IntoResponses, ToSchema};

use crate::state::RequestId;

/// The media type of problem details.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// The longest text that is given back to a client: it may quote what the client sent.
const MAX_DETAIL_CHARS: usize = 600;

/// A kind of problem, as `/problems/{name}` explains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Kind {
    /// Its name, the last part of `type`.
    name: &'static str,
    /// The HTTP status it comes with.
    status: u16,
    /// Its title.
    title: &'static str,
    /// What it means and what may be done.
    meaning: &'static str,
}

macro_rules! kinds {
    ($($constant:ident $name:literal $status:ident $title:literal $meaning:literal;)*) => {
        impl Kind {
            $(pub(crate) const $constant: Self =
                Self { name: $name, status: StatusCode::$status.as_u16(), title: $title, meaning: $meaning };)*
            /// All of them.
            const ALL: &'static [Self] = &[$(Self::$constant),*];
        }
    };
}

kinds! {
    INVALID "invalid-request" BAD_REQUEST "Invalid request" "A parameter, header or body is wrong; `detail` says which and how.";
    INVALID_QUERY "invalid-query" BAD_REQUEST "Invalid query" "The SQL text is wrong: syntax, names, types or values.";
    UNAUTHORIZED "unknown-key" UNAUTHORIZED "Unknown key" "A key was presented, but it opens nothing. Without any key, open data is shown.";
    FORBIDDEN "not-allowed" FORBIDDEN "Not allowed" "The statement is of a kind that is never run, such as writing or several at once.";
    NOT_FOUND "not-found" NOT_FOUND "Not found" "There is nothing here, or nothing that this caller may see.";
    METHOD "method-not-allowed" METHOD_NOT_ALLOWED "Method not allowed" "The header `Allow` lists the methods of this resource.";
    NOT_ACCEPTABLE "not-acceptable" NOT_ACCEPTABLE "Not acceptable" "None of the formats in `Accept` is offered here.";
    SLOW "request-too-slow" REQUEST_TIMEOUT "Request too slow" "The request did not arrive in time; send it again.";
    TOO_LARGE "request-too-large" PAYLOAD_TOO_LARGE "Request too large" "The request is larger than the limit.";
    MEDIA_TYPE "unsupported-media-type" UNSUPPORTED_MEDIA_TYPE "Unsupported media type" "The body is in no form that is read here.";
    TOO_EXPENSIVE "too-expensive" UNPROCESSABLE_ENTITY "Too expensive" "The query is right, but its answer takes more time, memory or rows than allowed. The same query will fail again; narrow it down.";
    UPGRADE "upgrade-required" UPGRADE_REQUIRED "WebSocket expected" "This address speaks WebSocket only.";
    BUSY "busy" SERVICE_UNAVAILABLE "Busy" "Too much is going on at the moment; try again after `Retry-After` seconds.";
    NOT_READY "not-ready" SERVICE_UNAVAILABLE "Not ready" "A part of the platform does not work; `checks` says which.";
    INTERNAL "internal" INTERNAL_SERVER_ERROR "Internal error" "Our fault. The operator finds the cause in the log under `id`.";
}

/// Why a request gets no answer. A response made of it is completed by [`describe`].
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    kind: Kind,
    detail: Cow<'static, str>,
    retry_after_seconds: Option<u32>,
    checks: Option<serde_json::Value>,
    /// For the log only.
    cause: Option<String>,
}

impl Problem {
    fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: shortened(detail.into()), retry_after_seconds: None, checks: None, cause: None }
    }

    /// A parameter, header or body is wrong.
    pub fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::INVALID, detail)
    }

    /// A key that opens nothing.
    pub fn unauthorized(detail: &'static str) -> Self {
        Self::new(Kind::UNAUTHORIZED, detail)
    }

    /// Missing or hidden: the same answer.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::NOT_FOUND, detail)
    }

    /// No wanted format is offered.
    pub fn not_acceptable(offered: &str) -> Self {
        Self::new(Kind::NOT_ACCEPTABLE, format!("this resource is offered as {offered}"))
    }

    /// The body did not arrive in time.
    pub fn slow(seconds: u64) -> Self {
        Self::new(Kind::SLOW, format!("the request body did not arrive within {seconds} s"))
    }

    /// The body is too large.
    pub fn too_large(max_bytes: usize) -> Self {
        Self::new(Kind::TOO_LARGE, format!("the request body may have at most {max_bytes} bytes"))
    }

    /// The body's type is not read here.
    pub fn media_type(expected: &'static str) -> Self {
        Self::new(Kind::MEDIA_TYPE, expected)
    }

    /// A request for a WebSocket that is none.
    pub fn upgrade(detail: String) -> Self {
        Self::new(Kind::UPGRADE, detail)
    }

    /// The answer takes more than allowed.
    pub fn too_expensive(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::TOO_EXPENSIVE, detail)
    }

    /// Try again later.
    pub fn busy(detail: impl Into<Cow<'static, str>>, retry_after_seconds: u32) -> Self {
        Self { retry_after_seconds: Some(retry_after_seconds), ..Self::new(Kind::BUSY, detail) }
    }

    /// Some check failed.
    pub fn not_ready(checks: serde_json::Value) -> Self {
        Self { checks: Some(checks), ..Self::new(Kind::NOT_READY, "a part of the platform does not work") }
    }

    /// Our own doing. The cause is logged, never sent.
    pub fn internal(cause: impl Display) -> Self {
        let detail = "something went wrong here; the operator can find it under the id given";
        Self { cause: Some(cause.to_string()), ..Self::new(Kind::INTERNAL, detail) }
    }

    /// For a failure that the framework reported without words.
    fn of_status(status: StatusCode, method: &Method, path: &str) -> Self {
        let kind = Kind::ALL.iter().find(|kind| kind.status == status.as_u16()).copied();
        match kind {
            Some(kind) => Self::new(kind, format!("{method} {path}: {}", kind.meaning)),
            None if status.is_server_error() => Self::internal(format!("unexplained status {status}")),
            None => Self::new(Kind::INVALID, "the request cannot be answered"),
        }
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match error.kind() {
            ErrorKind::Invalid => Self::new(Kind::INVALID_QUERY, error.to_string()),
            ErrorKind::Refused => Self::new(Kind::FORBIDDEN, error.to_string()),
            ErrorKind::TooExpensive => Self::too_expensive(error.to_string()),
            ErrorKind::Busy => Self::busy(error.to_string(), 2),
            ErrorKind::Internal => Self::internal(format!("{error}: {error:?}")),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == Kind::UPGRADE {
            response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        }
        if self.kind == Kind::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"stadtwarte\""));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Problem details (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "/problems/invalid-request", "title": "Invalid request", "status": 400,
    "detail": "`bbox` needs four numbers minLon,minLat,maxLon,maxLat, not 5", "instance": "/api/v1/stations.geojson", "id": "65f1a2b3-1c"
}))]
pub(crate) struct ProblemDetails {
    /// The kind of problem; an address that explains it.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong this time.
    detail: String,
    /// The path that was asked for.
    instance: String,
    /// The id of this request, as in the header `X-Request-Id` and in the log.
    id: String,
    /// On `/readyz`: each part and whether it works.
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<serde_json::Value>,
}

/// Gives every failed response a body of problem details, and the log the cause of what is our fault.
pub(crate) async fn describe(request: Request, next: Next) -> Response {
    let (method, instance) = (request.method().clone(), request.uri().path().to_owned());
    let id = request.extensions().get::<RequestId>().map_or_else(String::new, |id| id.0.clone());
    let mut response = next.run(request).await;
    if method == Method::OPTIONS && response.status() == StatusCode::METHOD_NOT_ALLOWED {
        // The router has filled in `Allow`, which is all that is asked for.
        *response.status_mut() = StatusCode::NO_CONTENT;
        return response;
    }
    if response.status().is_client_error() || response.status().is_server_error() {
        return described(response, &method, instance, id);
    }
    response
}

fn described(mut response: Response, method: &Method, instance: String, id: String) -> Response {
    let problem = response.extensions_mut().remove::<Problem>();
    let problem = problem.unwrap_or_else(|| Problem::of_status(response.status(), method, &instance));
    if let Some(cause) = &problem.cause {
        tracing::error!(request.id = id, path = instance, cause, "a request failed");
    }
    let details = ProblemDetails {
        kind: format!("/problems/{}", problem.kind.name),
        title: problem.kind.title,
        status: response.status().as_u16(),
        detail: problem.detail.into_owned(),
        instance: shortened(instance.into()).into_owned(),
        id,
        checks: problem.checks,
    };
    // Serialising texts and numbers cannot fail.
    let body = serde_json::to_vec(&details).unwrap_or_default();
    let headers = response.headers_mut();
    headers.remove(CONTENT_ENCODING);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    *response.body_mut() = if method == Method::HEAD { Body::empty() } else { Body::from(body) };
    response
}

fn shortened(text: Cow<'static, str>) -> Cow<'static, str> {
    match text.char_indices().nth(MAX_DETAIL_CHARS) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => text,
    }
}

/// What `type` of a problem means.
#[utoipa::path(
    get, path = "/problems/{name}", tag = "operation", operation_id = "problem",
    params(("name" = String, Path, description = "The last part of `type`.", example = "invalid-request")),
    responses((status = 200, description = "The kind of problem.", body = Kind), CommonProblems, Missing)
)]
pub(crate) async fn explain(Path(name): Path<String>) -> Result<Json<Kind>, Problem> {
    let kind = Kind::ALL.iter().find(|kind| kind.name == name);
    kind.copied().map(Json).ok_or_else(|| Problem::not_found("there is no such kind of problem"))
}

/// What every route may answer.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "describes responses in the OpenAPI document")]
pub(crate) enum CommonProblems {
    /// A parameter or header is wrong; unknown parameters are refused.
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(#[to_schema] ProblemDetails),
    /// A key was presented that opens nothing.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(#[to_schema] ProblemDetails),
    /// Our own doing; `id` leads to the cause in the log.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(#[to_schema] ProblemDetails),
}

/// What routes answer that name one resource.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "describes responses in the OpenAPI document")]
pub(crate) enum Missing {
    /// There is no such thing, or the caller may not see it.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(#[to_schema] ProblemDetails),
}

/// What routes answer that offer several formats.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "describes responses in the OpenAPI document")]
pub(crate) enum OtherFormat {
    /// No format in `Accept` is offered.
    #[response(status = 406, content_type = "application/problem+json")]
    NotAcceptable(#[to_schema] ProblemDetails),
}

/// What routes answer that compute.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "describes responses in the OpenAPI document")]
pub(crate) enum Computed {
    /// The answer takes more time, memory or rows than allowed.
    #[response(status = 422, content_type = "application/problem+json")]
    TooExpensive(#[to_schema] ProblemDetails),
    /// Too many queries or connections; see `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Busy(#[to_schema] ProblemDetails),
}

/// What the SQL door answers besides.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "describes responses in the OpenAPI document")]
pub(crate) enum Refused {
    /// Only single `SELECT` queries are run.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(#[to_schema] ProblemDetails),
    /// The body did not arrive in time.
    #[response(status = 408, content_type = "application/problem+json")]
    Slow(#[to_schema] ProblemDetails),
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(#[to_schema] ProblemDetails),
    /// The body is neither `application/json` nor `application/sql`, or is compressed.
    #[response(status = 415, content_type = "application/problem+json")]
    MediaType(#[to_schema] ProblemDetails),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_names_of_their_own() {
        for (index, kind) in Kind::ALL.iter().enumerate() {
            assert!(Kind::ALL[..index].iter().all(|other| other.name != kind.name), "{} twice", kind.name);
        }
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let problem = Problem::invalid("ä".repeat(5000));
        assert_eq!(problem.detail.chars().count(), MAX_DETAIL_CHARS + 1);
    }

    #[test]
    fn the_cause_of_an_internal_error_is_not_in_what_is_sent() {
        let response = described(Problem::internal("/secret/path").into_response(), &Method::GET, "/x".to_owned(), "1".to_owned());
        let body = futures::executor::block_on(axum::body::to_bytes(response.into_body(), 10_000)).unwrap();
        assert!(!String::from_utf8_lossy(&body).contains("secret"));
    }
}
