//! What the doors and the store count. Labels hold route templates, never addresses, names or identifiers.

use std::fmt;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use stadtwarte_query::Engine;
use tokio::time::Instant;
use tracing::Instrument;

use crate::headers::REQUEST_ID;
use crate::state::ApiState;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

/// The numbers of the doors.
#[derive(Debug, Clone)]
pub(crate) struct HttpMetrics {
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    /// Live connections open now.
    pub live: Gauge,
    /// Events sent to live connections.
    pub live_events: Counter,
}

/// From 0.5 ms to 16 s.
fn durations() -> Histogram {
    Histogram::new((0..16).map(|exponent| 0.000_5 * f64::from(1_u32 << exponent)))
}

impl HttpMetrics {
    /// Makes the numbers known to the registry, with those of the store, as `http_…` and `store_…` behind the registry's own prefix.
    pub fn register(registry: &mut Registry, engine: &Engine) -> Self {
        let new = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(durations),
            in_flight: Gauge::default(),
            live: Gauge::default(),
            live_events: Counter::default(),
        };
        let http = registry.sub_registry_with_prefix("http");
        http.register("requests", "Requests answered, by method, route and status", new.requests.clone());
        let durations = new.durations.clone();
        http.register_with_unit("request_duration", "Time until the head of the response", Unit::Seconds, durations);
        http.register("requests_in_flight", "Requests being answered", new.in_flight.clone());
        http.register("live_connections", "Live connections open", new.live.clone());
        http.register("live_events", "Events sent over live connections", new.live_events.clone());
        registry.register_collector(Box::new(StoreCollector(engine.clone())));
        new
    }

    fn record(&self, method: &'static str, route: String, status: u16, took: Duration) {
        self.durations.get_or_create(&RouteLabels { route: route.clone() }).observe(took.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { method, route, status }).inc();
    }
}

/// Counts while it lives.
pub(crate) struct Counted(Gauge);

impl Counted {
    pub fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A closed set, because labels are kept for ever.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Gives a request its id, counts and times it, and notes it in the log: the route and the outcome, never the query or a header.
pub(crate) async fn observe(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    let id = state.next_request_id();
    let method = method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", request.id = id.0, method, route);
    request.extensions_mut().insert(id.clone());
    let started = Instant::now();
    let in_flight = Counted::new(&state.metrics.in_flight);
    let mut response = next.run(request).instrument(span.clone()).await;
    drop(in_flight);
    let (took, status) = (started.elapsed(), response.status().as_u16());
    span.in_scope(|| tracing::debug!(status, duration_ms = took.as_secs_f64() * 1000.0, "answered"));
    state.metrics.record(method, route, status, took);
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Reads the store's counters when they are asked for.
struct StoreCollector(Engine);

impl fmt::Debug for StoreCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreCollector")
    }
}

impl Collector for StoreCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let counters = self.0.store().counters();
        for (name, help, counter) in [
            ("records", "Log records made durable", &counters.records),
            ("observations", "Observations made durable", &counters.observations),
            ("groups", "Groups of records synced to disk together", &counters.groups),
            ("redelivered", "Messages recognised as already stored", &counters.redelivered),
            ("duplicates", "Frames recognised as already stored by another way", &counters.duplicates),
            ("flushes", "Flushes of hot rows into files", &counters.flushes),
            ("flush_failures", "Flushes that failed and will be tried again", &counters.flush_failures),
            ("compacted_files", "Files that compaction merged into others", &counters.compacted_files),
            ("compaction_failures", "Compactions that failed and will be tried again", &counters.compaction_failures),
            ("doubles_removed", "Rows that were stored more than once, found and removed by compaction", &counters.doubles_removed),
            ("log_damage", "Damage found in the log at start", &counters.log_damage),
            ("imported", "Observations imported in bulk", &counters.imported),
        ] {
            let counter = ConstCounter::new(counter.value());
            let name = format!("store_{name}");
            counter.encode(encoder.encode_descriptor(&name, help, None, counter.metric_type())?)?;
        }
        let running = ConstGauge::new((self.0.running() as u64).cast_signed());
        running.encode(encoder.encode_descriptor("query_running", "Queries running", None, running.metric_type())?)?;
        for (name, help, value) in [
            ("hot_rows", "Rows that are in the log but in no file yet", self.0.store().hot_rows() as u64),
            ("unwritten_bytes", "Size of the log records whose rows are in no file yet", self.0.store().unwritten_bytes() as u64),
            ("log_unavailable", "1 while the log cannot be written", counters.log_unavailable.value()),
        ] {
            let gauge = ConstGauge::new(value.cast_signed());
            let name = format!("store_{name}");
            gauge.encode(encoder.encode_descriptor(&name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
