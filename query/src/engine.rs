//! The query engine: a frozen template of settings and functions, and one fresh context per query.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::execution::SessionState;
use datafusion::execution::disk_manager::DiskManagerBuilder;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use futures::{Stream, StreamExt};
use stadtwarte_model::Role;
use stadtwarte_store::Store;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, timeout};

use crate::error::Error;
use crate::limits::Limits;
use crate::output::{geometries_as_wkb, wkb_schema};
use crate::stations::View;
use crate::{catalog, guard};

/// Answers queries over one store. Clones share it.
#[derive(Clone)]
pub struct Engine {
    store: Store,
    template: Arc<SessionState>,
    limits: Arc<Limits>,
    slots: Arc<Semaphore>,
}

impl Engine {
    /// An engine over `store`.
    ///
    /// # Errors
    /// `Engine` when the temporary folder for spilling cannot be used.
    pub fn new(store: Store, limits: Limits) -> Result<Self, Error> {
        let pool = TrackConsumersPool::new(FairSpillPool::new(limits.memory_bytes), std::num::NonZeroUsize::MIN);
        let disk = DiskManagerBuilder::default().with_max_temp_directory_size(limits.spill_bytes);
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(pool)).with_disk_manager_builder(disk).build_arc()?;
        let mut config = SessionConfig::new().with_information_schema(false).with_create_default_catalog_and_schema(false);
        // Plain string columns everywhere, so that Arrow files and streams open in older clients, too.
        config.options_mut().execution.parquet.schema_force_view_types = false;
        config.options_mut().sql_parser.map_string_types_to_utf8view = false;
        let context = SessionContext::new_with_config_rt(config, runtime);
        geodatafusion::register(&context);
        let slots = Arc::new(Semaphore::new(limits.concurrent.max(1)));
        Ok(Self { store, template: Arc::new(context.state()), limits: Arc::new(limits), slots })
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

    /// Runs one `SELECT` for `role`. Rows are computed as they are taken; dropping the answer cancels the query.
    ///
    /// # Errors
    /// `Invalid` for mistakes in the text; `Refused` for anything but a single query; `Busy` when no slot becomes free in time; `Timeout`
    /// when planning alone takes too long. Errors while rows are computed come from the [`Answer`].
    pub async fn sql(&self, role: Role, sql: &str) -> Result<Answer, Error> {
        guard::check_text(sql, role, self.limits.max_sql_bytes)?;
        let max_rows = if role == Role::Public { self.limits.public_rows } else { usize::MAX };
        self.run(role, max_rows, async |context| {
            let plan = context.state().create_logical_plan(sql).await?;
            guard::check_plan(&plan)?;
            Ok(context.execute_logical_plan(plan).await?)
        })
        .await
    }

    /// Runs a plan that a door built from typed expressions.
    pub(crate) async fn run(
        &self,
        role: Role,
        max_rows: usize,
        build: impl AsyncFnOnce(SessionContext) -> Result<DataFrame, Error>,
    ) -> Result<Answer, Error> {
        let seconds = self.limits.max_time.as_secs();
        let slot = timeout(self.limits.max_wait, Arc::clone(&self.slots).acquire_owned()).await;
        let slot = slot.map_err(|_| Error::Busy)?.map_err(|_| Error::Busy)?;
        let deadline = Instant::now() + self.limits.max_time;
        let planned = timeout(self.limits.max_time, async {
            let context = catalog::context(&self.template, self.view(role), role).await?;
            let frame = build(context).await?;
            Ok::<_, Error>(frame.execute_stream().await?)
        });
        let stream = planned.await.map_err(|_| Error::Timeout { seconds })??;
        let deadline = Box::pin(tokio::time::sleep_until(deadline));
        Ok(Answer { stream, deadline, seconds, rows_left: max_rows, truncated: false, done: false, _slot: slot })
    }
}

/// The rows of an answer, batch by batch, within the time limit.
pub struct Answer {
    stream: SendableRecordBatchStream,
    deadline: Pin<Box<Sleep>>,
    seconds: u64,
    rows_left: usize,
    truncated: bool,
    done: bool,
    _slot: OwnedSemaphorePermit,
}

impl Answer {
    /// The columns.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        wkb_schema(&self.stream.schema())
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
}

impl Stream for Answer {
    type Item = Result<RecordBatch, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.done {
            return Poll::Ready(None);
        }
        if self.deadline.as_mut().poll(context).is_ready() {
            self.done = true;
            return Poll::Ready(Some(Err(Error::Timeout { seconds: self.seconds })));
        }
        match self.stream.poll_next_unpin(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Ok(batch))) => Poll::Ready(Some(geometries_as_wkb(&self.limited(batch)))),
            Poll::Ready(Some(Err(error))) => {
                self.done = true;
                Poll::Ready(Some(Err(error.into())))
            }
        }
    }
}
