//! For those who run the platform: is it alive, is it ready, what does it count.

use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use stadtwarte_store::{Counters, Store};
use utoipa::ToSchema;

use crate::error::{CommonProblems, Problem, ProblemDetails};
use crate::state::ApiState;

/// Whether one part of the platform works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Which part, such as `broker:harbour`. Anyone can read it.
    pub name: String,
    /// How it does.
    pub outcome: Outcome,
}

/// How a part of the platform does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It works.
    Pass,
    /// It works, but somebody should look. Anyone can read the text: no addresses, paths or keys in it.
    Warn(String),
    /// It does not work: the platform is not ready. Anyone can read the text.
    Fail(String),
}

/// Tells how the parts do that the store does not know of.
pub trait Health: Send + Sync {
    /// Looks now. Must not wait.
    fn checks(&self) -> Vec<Check>;
}

/// Nothing but the store has to be well.
#[derive(Debug, Clone, Copy)]
pub struct NoFurtherChecks;

impl Health for NoFurtherChecks {
    fn checks(&self) -> Vec<Check> {
        Vec::new()
    }
}

/// Remembers from look to look whether the last flush failed.
#[derive(Debug, Default)]
pub(crate) struct FlushWatch(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    flushes: u64,
    failures: u64,
    failing: bool,
}

impl FlushWatch {
    fn is_failing(&self, counters: &Counters) -> bool {
        let (flushes, failures) = (counters.flushes.value(), counters.flush_failures.value());
        self.note(flushes, failures)
    }

    fn note(&self, flushes: u64, failures: u64) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failing = if flushes > seen.flushes { false } else { seen.failing || failures > seen.failures };
        *seen = Seen { flushes, failures, failing };
        failing
    }
}

fn store_checks(store: &Store, watch: &FlushWatch) -> Vec<Check> {
    let check = |name: &str, failing: bool, detail: &str| Check {
        name: name.to_owned(),
        outcome: if failing { Outcome::Fail(detail.to_owned()) } else { Outcome::Pass },
    };
    let counters = store.counters();
    let damaged = store.damaged();
    // One is enough to know where to look; the log names all.
    let of_damaged = damaged.first().map(|first| {
        let (files, rows) = (damaged.len(), damaged.iter().map(|damaged| damaged.file.rows).sum::<u64>());
        let (table, partition) = (first.table.name(), first.file.partition.date);
        format!("{files} damaged or missing files with {rows} rows are left out, the first of {table} of {partition}")
    });
    vec![
        check("log", counters.log_unavailable.value() > 0, "the log cannot be written; nothing is acknowledged until it can"),
        check("files", watch.is_failing(counters), "rows cannot be written to files; they stay in the log"),
        Check { name: "tables".to_owned(), outcome: of_damaged.map_or(Outcome::Pass, Outcome::Warn) },
    ]
}

/// One part of the platform.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CheckResult {
    /// Which part.
    #[schema(example = "log")]
    name: String,
    /// `pass`, `warn` or `fail`.
    #[schema(example = "pass")]
    status: &'static str,
    /// What is the matter.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl From<Check> for CheckResult {
    fn from(check: Check) -> Self {
        let (status, detail) = match check.outcome {
            Outcome::Pass => ("pass", None),
            Outcome::Warn(detail) => ("warn", Some(detail)),
            Outcome::Fail(detail) => ("fail", Some(detail)),
        };
        Self { name: check.name, status, detail }
    }
}

/// That the process lives.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Alive {
    /// Always `alive`.
    #[schema(example = "alive")]
    status: &'static str,
}

/// How all parts do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ready`; otherwise the answer is a problem.
    #[schema(example = "ready")]
    status: &'static str,
    /// Each part.
    checks: Vec<CheckResult>,
}

/// Whether the process lives.
#[utoipa::path(
    get, path = "/healthz", tag = "operation", operation_id = "health",
    responses((status = 200, description = "It does.", body = Alive))
)]
pub(crate) async fn healthz() -> Response {
    uncached(Json(Alive { status: "alive" }))
}

/// Whether every part works: log, files, brokers.
#[utoipa::path(
    get, path = "/readyz", tag = "operation", operation_id = "readiness",
    responses(
        (status = 200, description = "All parts work.", body = Readiness),
        (status = 503, description = "A part does not; `checks` says which.", body = ProblemDetails, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn readyz(State(state): State<ApiState>) -> Response {
    let mut checks = store_checks(state.engine.store(), &state.flush_watch);
    checks.extend(state.options.health.checks());
    let failing = checks.iter().any(|check| matches!(check.outcome, Outcome::Fail(_)));
    let checks: Vec<CheckResult> = checks.into_iter().map(CheckResult::from).collect();
    if failing {
        return uncached(Problem::not_ready(serde_json::to_value(checks).unwrap_or_default()));
    }
    uncached(Json(Readiness { status: "ready", checks }))
}

/// What the platform counts, in the `OpenMetrics` text format. Holds no personal data and no identifiers.
#[utoipa::path(
    get, path = "/metrics", tag = "operation", operation_id = "metrics",
    responses(
        (status = 200, description = "The numbers.", body = String, content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        CommonProblems
    )
)]
pub(crate) async fn metrics(State(state): State<ApiState>) -> Result<Response, Problem> {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &state.registry).map_err(Problem::internal)?;
    let mut response = uncached(text);
    let media_type = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    Ok(response)
}

fn uncached(body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flushing_fails_from_a_failure_to_the_next_success() {
        let watch = FlushWatch::default();
        for (flushes, failures, failing) in
            [(0, 0, false), (1, 0, false), (1, 1, true), (1, 1, true), (1, 3, true), (2, 3, false), (2, 3, false), (4, 5, false)]
        {
            assert_eq!(watch.note(flushes, failures), failing, "{flushes} {failures}");
        }
    }
}
