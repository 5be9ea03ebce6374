//! SQL over HTTP: the request. Read-only, under the caller's role, within the limits of the query engine.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use http_body_util::LengthLimitError;
use serde::Deserialize;
use stadtwarte_query::output::Format;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::sql_stream;
use crate::access::Caller;
use crate::error::{CommonProblems, Computed, OtherFormat, Problem, Refused};
use crate::negotiate::preferred;
use crate::params::Params;
use crate::state::ApiState;

/// The formats by media type, most useful first.
const BY_MEDIA_TYPE: [(&str, Format); 9] = [
    ("application/json", Format::Json),
    ("text/csv", Format::Csv),
    ("application/x-ndjson", Format::Ndjson),
    ("application/ndjson", Format::Ndjson),
    ("application/jsonl", Format::Ndjson),
    ("application/geo+json", Format::Geojson),
    ("application/vnd.apache.arrow.stream", Format::Arrow),
    ("application/vnd.apache.parquet", Format::Parquet),
    ("text/plain", Format::Table),
];

/// A query.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "query": "SELECT thing, property, value, unit FROM latest ORDER BY time DESC LIMIT 5", "format": "json" }))]
pub(crate) struct SqlRequest {
    /// One `SELECT`.
    query: String,
    /// `json`, `csv`, `ndjson`, `geojson`, `arrow`, `parquet` or `table`; otherwise by `Accept`.
    #[serde(default)]
    format: Option<String>,
}

impl SqlRequest {
    fn format(&self, headers: &HeaderMap) -> Result<Format, Problem> {
        if let Some(format) = &self.format {
            return format.parse().map_err(|error| Problem::invalid(format!("`format`: {error}")));
        }
        let offered = BY_MEDIA_TYPE.map(|(media_type, _)| media_type);
        let chosen = preferred(headers, &offered).and_then(|index| BY_MEDIA_TYPE.get(index));
        chosen.map(|(_, format)| *format).ok_or_else(|| Problem::not_acceptable(&offered.join(", ")))
    }
}

/// Runs one SQL query, given in the body.
///
/// The answer is streamed. An error before its first part is a problem; after that the connection is broken off, so that a part is never
/// taken for the whole. Without a key an answer may have `X-Row-Limit` rows; a longer one is an error: use `LIMIT`, or narrow it down.
#[utoipa::path(
    post, path = "/api/v1/sql", tag = "sql", operation_id = "sql",
    params(("format" = Option<String>, Query, description = "With `application/sql`: json, csv, ndjson, geojson, arrow, parquet or table; \
      otherwise by `Accept`.", example = "csv")),
    request_body(content(
        (SqlRequest = "application/json"),
        (String = "application/sql", example = json!("SELECT count(*) FROM things"))
    )),
    responses(
        (status = 200, description = "The rows.", content(
            (Vec<Object> = "application/json", example = json!([{"thing": "Münsterplatz", "property": "air_temperature", "value": 21.4, "unit": "Cel"}])),
            (String = "text/csv"), (String = "application/x-ndjson"), (Object = "application/geo+json"),
            (Vec<u8> = "application/vnd.apache.arrow.stream"), (Vec<u8> = "application/vnd.apache.parquet"), (String = "text/plain")
        ), headers(
            ("X-Row-Limit" = Option<u64>, description = "The most rows that an answer to a caller without a key may have."),
            ("X-Incomplete" = Option<String>, description = "There when files are damaged and their rows are left out.")
        )),
        CommonProblems, OtherFormat, Computed, Refused
    )
)]
pub(crate) async fn by_post(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    let params = Params::read(&uri, &["format"], &[])?;
    let request = read_request(&state, &params, &headers, body).await?;
    answer(&state, caller, &headers, &request).await
}

/// Runs one SQL query, given in the address: for links.
#[utoipa::path(
    get, path = "/api/v1/sql", tag = "sql", operation_id = "sqlByLink",
    params(
        ("query" = String, Query, description = "One `SELECT`.", example = "SELECT count(*) AS stations FROM things"),
        ("format" = Option<String>, Query, description = "json, csv, ndjson, geojson, arrow, parquet or table; otherwise by `Accept`.", example = "json"),
    ),
    responses(
        (status = 200, description = "The rows, as with POST.", content(
            (Vec<Object> = "application/json", example = json!([{"stations": 214}])),
            (String = "text/csv"), (String = "application/x-ndjson"), (Object = "application/geo+json"),
            (Vec<u8> = "application/vnd.apache.arrow.stream"), (Vec<u8> = "application/vnd.apache.parquet"), (String = "text/plain")
        )),
        CommonProblems, OtherFormat, Computed, Refused
    )
)]
pub(crate) async fn by_get(State(state): State<ApiState>, caller: Caller, headers: HeaderMap, uri: Uri) -> Result<Response, Problem> {
    let params = Params::read(&uri, &["query", "format"], &[])?;
    let query = params.text("query").ok_or(Problem::invalid("`query` is needed: one SELECT"))?.to_owned();
    let request = SqlRequest { query, format: params.text("format").map(str::to_owned) };
    answer(&state, caller, &headers, &request).await
}

async fn answer(state: &ApiState, caller: Caller, headers: &HeaderMap, request: &SqlRequest) -> Result<Response, Problem> {
    let format = request.format(headers)?;
    let answer = state.engine.sql(caller.role, &request.query).await?;
    sql_stream::respond(state, caller, format, answer).await
}

async fn read_request(state: &ApiState, params: &Params, headers: &HeaderMap, body: Body) -> Result<SqlRequest, Problem> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = match media_type.as_str() {
        "application/json" => true,
        "application/sql" => false,
        _ => return Err(Problem::media_type("`Content-Type` must be application/json or application/sql")),
    };
    if headers.contains_key(CONTENT_ENCODING) {
        // What is not unpacked cannot be a bomb.
        return Err(Problem::media_type("compressed request bodies are not read"));
    }
    let bytes = read_body(state, headers, body).await?;
    let format = params.text("format").map(str::to_owned);
    if !is_json {
        let query = String::from_utf8(bytes.to_vec()).map_err(|_| Problem::invalid("the body is not UTF-8"))?;
        return Ok(SqlRequest { query, format });
    }
    let request: SqlRequest = serde_json::from_slice(&bytes).map_err(|error| Problem::invalid(format!("the body: {error}")))?;
    if format.is_some() && request.format.is_some() && format != request.format {
        return Err(Problem::invalid("`format` in the address and in the body contradict each other"));
    }
    Ok(SqlRequest { format: request.format.or(format), ..request })
}

async fn read_body(state: &ApiState, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let (max_bytes, max_time) = (state.limits().max_body_bytes, state.limits().body_timeout);
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|value| value.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > max_bytes as u64) {
        return Err(Problem::too_large(max_bytes));
    }
    let read = timeout(max_time, axum::body::to_bytes(body, max_bytes)).await;
    read.map_err(|_| Problem::slow(max_time.as_secs()))?.map_err(|error| {
        let is_too_large = std::error::Error::source(&error).is_some_and(<dyn std::error::Error + 'static>::is::<LengthLimitError>);
        if is_too_large { Problem::too_large(max_bytes) } else { Problem::invalid("the body broke off") }
    })
}
