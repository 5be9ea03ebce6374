//! The query engine: a frozen template of settings and functions, and one fresh context per query.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::execution::disk_manager::DiskManagerBuilder;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::{SendableRecordBatchStream, execute_stream};
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use futures::{Stream, StreamExt};
use stadtwarte_model::Role;
use stadtwarte_store::Store;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, Sleep, sleep_until, timeout, timeout_at};

use crate::counted::with_counted_windows;
use crate::error::Error;
use crate::interrupt::{Watch, interruptible};
use crate::limits::Limits;
use crate::output::{geometries_as_wkb, wkb_schema};
use crate::stations::View;
use crate::workers::Workers;
use crate::{catalog, fit, growth, guard, weight};

/// Batches that wait for whoever takes the answer.
const BATCHES_AHEAD: usize = 2;
/// The memory limit divided by this bounds the result of one function call for one batch.
const PARTS_OF_RESULTS: usize = 32;
/// The memory limit divided by this bounds the constants of one step of a plan, repeated for each row of a batch: less than a result, which
/// is made of them.
const PARTS_OF_CONSTANTS: usize = 64;

/// Answers queries over one store. Clones share it.
#[derive(Clone)]
pub struct Engine {
    store: Store,
    template: Arc<SessionState>,
    limits: Arc<Limits>,
    slots: Arc<Semaphore>,
    workers: Arc<Workers>,
}

impl Engine {
    /// An engine over `store`.
    ///
    /// # Errors
    /// `Engine` when the temporary folder for spilling cannot be used, or threads cannot be started.
    pub fn new(store: Store, limits: Limits) -> Result<Self, Error> {
        let pool = TrackConsumersPool::new(FairSpillPool::new(limits.memory_bytes), std::num::NonZeroUsize::MIN);
        let disk = DiskManagerBuilder::default().with_max_temp_directory_size(limits.spill_bytes);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(pool))
            .with_disk_manager_builder(disk)
            .with_metadata_cache_limit(limits.metadata_bytes)
            .build_arc()?;
        let mut config = SessionConfig::new().with_information_schema(false).with_create_default_catalog_and_schema(false);
        // Plain string columns everywhere, so that Arrow files and streams open in older clients, too.
        config.options_mut().execution.parquet.schema_force_view_types = false;
        config.options_mut().sql_parser.map_string_types_to_utf8view = false;
        let context = SessionContext::new_with_config_rt(config, runtime);
        geodatafusion::register(&context);
        for name in growth::NOT_OFFERED {
            context.deregister_udf(name);
        }
        let slots = Arc::new(Semaphore::new(limits.concurrent.max(1)));
        let workers = Arc::new(Workers::new().map_err(DataFusionError::from)?);
        Ok(Self { store, template: Arc::new(context.state()), limits: Arc::new(limits), slots, workers })
    }

    /// Everything that `role` sees, as it is now.
    #[must_use]
    pub fn view(&self, role: Role) -> View {
        View::new(self.store.snapshot(), role)
    }

    /// The store behind it.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The bounds it keeps.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How many queries run now, also those whose answers nobody waits for any more.
    #[must_use]
    pub fn running(&self) -> usize {
        self.limits.concurrent.max(1) - self.slots.available_permits()
    }

    /// Runs one `SELECT` for `role`. Rows are computed as they are taken; dropping the answer cancels the query.
    ///
    /// # Errors
    /// `Invalid` for mistakes in the text; `Refused` for anything but a single query; `Busy` when no slot becomes free in time; `Timeout`
    /// when planning alone takes too long. Errors while rows are computed come from the [`Answer`].
    pub async fn sql(&self, role: Role, sql: &str) -> Result<Answer, Error> {
        guard::check_length(sql, self.limits.max_sql_bytes)?;
        let max_rows = if role == Role::Public { self.limits.public_rows } else { usize::MAX };
        let max_result_bytes = (self.limits.memory_bytes / PARTS_OF_RESULTS) as u64;
        let sql = sql.to_owned();
        self.run(role, max_rows, async move |context| {
            guard::check_text(&sql, role)?;
            let plan = context.state().create_logical_plan(&sql).await?;
            weight::check(&plan)?;
            guard::check_plan(&plan)?;
            let plan = growth::bounded(plan, max_result_bytes)?;
            Ok(context.execute_logical_plan(plan).await?)
        })
        .await
    }

    /// Runs a plan that a door built from typed expressions.
    pub(crate) async fn run<F, Build>(&self, role: Role, max_rows: usize, build: F) -> Result<Answer, Error>
    where
        F: FnOnce(SessionContext) -> Build + Send + 'static,
        Build: Future<Output = Result<DataFrame, Error>> + Send,
    {
        let seconds = self.limits.max_time.as_secs();
        let slot = timeout(self.limits.max_wait, Arc::clone(&self.slots).acquire_owned()).await;
        let slot = slot.map_err(|_| Error::Busy)?.map_err(|_| Error::Busy)?;
        let deadline = Instant::now() + self.limits.max_time;
        let (template, view, watch) = (Arc::clone(&self.template), self.view(role), Watch::default());
        let (announce, planned) = oneshot::channel();
        let (sender, batches) = mpsc::channel(BATCHES_AHEAD);
        let (watched, max_constants) = (watch.clone(), self.limits.memory_bytes / PARTS_OF_CONSTANTS);
        let task = self.workers.spawn(async move {
            // The slot is free when the query has ended, not when nobody waits for it any more.
            let _slot = slot;
            let planned = async {
                let frame = build(catalog::context(&template, view, role).await?).await?;
                let (mut state, plan) = frame.into_parts();
                let plan = fit::physical_plan(&mut state, &plan, max_constants).await?;
                let plan = interruptible(with_counted_windows(plan)?, &watched)?;
                Ok::<_, Error>(execute_stream(plan, state.task_ctx())?)
            };
            let (schema, stream) = match planned.await {
                Ok(stream) => (Ok(stream.schema()), Some(stream)),
                Err(error) => (Err(error), None),
            };
            if announce.send(schema).is_ok()
                && let Some(stream) = stream
            {
                compute(stream, sender).await;
            }
        });
        let running = Running { task, watch };
        let planned = timeout_at(deadline, planned).await.map_err(|_| Error::Timeout { seconds })?;
        let schema = planned.map_err(|_| Error::Broken)??;
        let deadline = Box::pin(sleep_until(deadline));
        Ok(Answer { schema, batches, deadline, seconds, rows_left: max_rows, truncated: false, done: false, running })
    }
}

/// Sends batches for as long as somebody takes them, and then that there are no more.
async fn compute(mut stream: SendableRecordBatchStream, sender: mpsc::Sender<Result<Option<RecordBatch>, Error>>) {
    loop {
        let next = stream.next().await.transpose().map_err(Error::from);
        let is_last = !matches!(next, Ok(Some(_)));
        if sender.send(next).await.is_err() || is_last {
            return;
        }
    }
}

/// A query on its threads; dropping it ends the query.
struct Running {
    task: Option<AbortHandle>,
    watch: Watch,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.watch.stop();
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// The rows of an answer, batch by batch, within the time limit.
pub struct Answer {
    schema: SchemaRef,
    /// `None` after the last: without it the query broke off.
    batches: mpsc::Receiver<Result<Option<RecordBatch>, Error>>,
    deadline: Pin<Box<Sleep>>,
    seconds: u64,
    rows_left: usize,
    truncated: bool,
    done: bool,
    running: Running,
}

impl Answer {
    /// The columns.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        wkb_schema(&self.schema)
    }

    /// Whether rows were left out because the caller may not have more.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// All rows at once.
    ///
    /// # Errors
    /// As the stream.
    pub async fn collect(mut self) -> Result<Vec<RecordBatch>, Error> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next().await {
            batches.push(batch?);
        }
        Ok(batches)
    }

    fn limited(&mut self, batch: RecordBatch) -> RecordBatch {
        let rows = batch.num_rows().min(self.rows_left);
        self.truncated |= rows < batch.num_rows();
        self.done |= self.truncated;
        self.rows_left -= rows;
        if rows < batch.num_rows() { batch.slice(0, rows) } else { batch }
    }

    fn failed(&mut self, error: Error) -> Poll<Option<Result<RecordBatch, Error>>> {
        self.done = true;
        self.running.watch.stop();
        Poll::Ready(Some(Err(error)))
    }
}

impl Stream for Answer {
    type Item = Result<RecordBatch, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.done {
            return Poll::Ready(None);
        }
        if self.deadline.as_mut().poll(context).is_ready() {
            let seconds = self.seconds;
            return self.failed(Error::Timeout { seconds });
        }
        match ready!(self.batches.poll_recv(context)) {
            Some(Ok(Some(batch))) => Poll::Ready(Some(geometries_as_wkb(&self.limited(batch)))),
            Some(Ok(None)) => {
                self.done = true;
                Poll::Ready(None)
            }
            Some(Err(error)) => self.failed(error),
            None => self.failed(Error::Broken),
        }
    }
}
