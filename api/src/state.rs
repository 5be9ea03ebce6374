//! What every handler shares.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::registry::Registry;
use stadtwarte_model::{Clock, ObservationId, Role};
use stadtwarte_query::{Engine, View};
use tokio::sync::Semaphore;

use crate::metrics::HttpMetrics;
use crate::operation::FlushWatch;
use crate::options::{ApiLimits, ApiOptions};

/// The id of one request, in the header `X-Request-Id`, in problem details and in the log.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub String);

/// The shared state. Clones share it.
#[derive(Clone)]
pub(crate) struct ApiState(Arc<Inner>);

pub(crate) struct Inner {
    pub engine: Engine,
    pub clock: Arc<dyn Clock>,
    pub options: ApiOptions,
    pub registry: Registry,
    pub metrics: HttpMetrics,
    pub live_slots: Arc<Semaphore>,
    pub flush_watch: FlushWatch,
    /// Differs from start to start, so that neither ids nor entity tags repeat after a restart.
    started: i64,
    requests: AtomicU64,
}

impl Deref for ApiState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// What an answer from a view depends on besides the request; equal stamps mean equal answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    role: Role,
    started: i64,
    version: (u64, u64, ObservationId),
}

impl ApiState {
    pub fn new(options: ApiOptions, engine: Engine, clock: Arc<dyn Clock>, mut registry: Registry) -> Self {
        let metrics = HttpMetrics::register(&mut registry, &engine);
        let live_slots = Arc::new(Semaphore::new(options.limits.max_live));
        let started = clock.now().as_micros();
        let (flush_watch, requests) = (FlushWatch::default(), AtomicU64::new(0));
        Self(Arc::new(Inner { engine, clock, options, registry, metrics, live_slots, flush_watch, started, requests }))
    }

    pub fn limits(&self) -> &ApiLimits {
        &self.options.limits
    }

    pub fn next_request_id(&self) -> RequestId {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        RequestId(format!("{:x}-{number:x}", self.started))
    }

    /// What `role` sees now, and the stamp of it.
    pub fn view(&self, role: Role) -> (View, Stamp) {
        let view = self.engine.view(role);
        let stamp = Stamp { role, started: self.started, version: view.version() };
        (view, stamp)
    }

    /// The end of the stream of observations.
    pub fn position(&self) -> ObservationId {
        self.engine.store().snapshot().stream_position()
    }
}
