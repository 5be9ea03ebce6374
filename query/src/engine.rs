//! The query engine: a frozen template of settings and functions, and one fresh context per query.

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::common::stats::Precision;
use datafusion::execution::SessionState;
use datafusion::execution::disk_manager::DiskManagerBuilder;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream, execute_stream};
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use futures::StreamExt;
use stadtwarte_model::{Role, Visibility};
use stadtwarte_store::Store;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use crate::answer::{Answer, Bounds, Running};
use crate::counted::with_counted_windows;
use crate::error::{Error, ErrorKind};
use crate::interrupt::{Watch, interruptible};
use crate::limits::Limits;
use crate::repeated::with_bounded_values;
use crate::stations::View;
use crate::workers::Workers;
use crate::{calls, catalog, fit, guard, shapes, weight};

/// Batches that wait for whoever takes the answer.
const BATCHES_AHEAD: usize = 2;
/// Eighths of the memory limit for SQL of strangers, for SQL of those with a key, and for the doors that are not SQL.
const EIGHTHS: [usize; 3] = [3, 3, 2];
/// The memory limit divided by this bounds the results of the function calls of a query for one batch.
const PARTS_OF_RESULTS: usize = 32;
/// The memory limit divided by this bounds the constants of one step of a plan, repeated for each row of a batch: less than a result, which
/// is made of them.
const PARTS_OF_CONSTANTS: usize = 64;
/// The memory limit divided by this bounds a batch whose every row has the longest values that a join may repeat.
const PARTS_OF_REPEATED: usize = 8;
/// The memory limit divided by this bounds one row of an answer.
const PARTS_OF_ROWS: usize = 16;
/// A query that ends later than this after its time limit is worth a line in the log.
const LATE: std::time::Duration = std::time::Duration::from_secs(5);

/// Answers queries over one store. Clones share it.
#[derive(Clone)]
pub struct Engine {
    store: Store,
    limits: Arc<Limits>,
    /// SQL of callers who see open data only.
    strangers: Lane,
    /// SQL of the others.
    staff: Lane,
    /// Charts and the live stream.
    doors: Lane,
}

/// Memory, slots and threads for one kind of queries, so that one kind does not hold up another: a join that finds nothing never pauses, and
/// two of those take both threads of a small machine until their time is over.
#[derive(Clone)]
struct Lane {
    template: Arc<SessionState>,
    slots: Arc<Semaphore>,
    workers: Arc<Workers>,
}

impl Lane {
    fn new(runtime: Arc<RuntimeEnv>, limits: &Limits, threads: &'static str) -> Result<Self, Error> {
        let mut config = SessionConfig::new().with_information_schema(false).with_create_default_catalog_and_schema(false);
        // Plain string columns everywhere, so that Arrow files and streams open in older clients, too.
        config.options_mut().execution.parquet.schema_force_view_types = false;
        config.options_mut().sql_parser.map_string_types_to_utf8view = false;
        let context = SessionContext::new_with_config_rt(config, runtime);
        geodatafusion::register(&context);
        calls::offer(&context);
        let workers = Arc::new(Workers::new(threads).map_err(DataFusionError::from)?);
        Ok(Self { template: Arc::new(context.state()), slots: Arc::new(Semaphore::new(limits.slots())), workers })
    }
}

/// What a query needs to be built.
pub(crate) struct Draft {
    /// The tables that its caller sees.
    pub context: SessionContext,
    /// Whether its answer is still wanted.
    pub watch: Watch,
}

impl Engine {
    /// An engine over `store`.
    ///
    /// # Errors
    /// `Engine` when the temporary folder for spilling cannot be used, or threads cannot be started.
    pub fn new(store: Store, limits: Limits) -> Result<Self, Error> {
        let pools = EIGHTHS.map(|eighths| FairSpillPool::new(limits.memory_bytes / 8 * eighths));
        let [strangers, staff, doors] = pools.map(|pool| Arc::new(TrackConsumersPool::new(pool, NonZeroUsize::MIN)));
        let disk = DiskManagerBuilder::default().with_max_temp_directory_size(limits.spill_bytes);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(strangers)
            .with_disk_manager_builder(disk)
            .with_metadata_cache_limit(limits.metadata_bytes)
            .build_arc()?;
        // Files are the same for all, and so is what is known of them.
        let with_pool = |pool| RuntimeEnvBuilder::from_runtime_env(&runtime).with_memory_pool(pool).build_arc();
        let staff = Lane::new(with_pool(staff)?, &limits, "sql-staff")?;
        let doors = Lane::new(with_pool(doors)?, &limits, "query")?;
        let strangers = Lane::new(runtime, &limits, "sql")?;
        Ok(Self { store, limits: Arc::new(limits), strangers, staff, doors })
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
        let all = self.limits.slots();
        [&self.strangers, &self.staff, &self.doors].map(|lane| all - lane.slots.available_permits()).into_iter().sum()
    }

    /// Runs one `SELECT` for `role`. Rows are computed as they are taken; dropping the answer cancels the query.
    ///
    /// # Errors
    /// `Invalid` for mistakes in the text; `Refused` for anything but a single query; `Busy` when no slot becomes free in time; `Timeout`
    /// when planning alone takes too long. Errors while rows are computed come from the [`Answer`].
    pub async fn sql(&self, role: Role, sql: &str) -> Result<Answer, Error> {
        guard::check_length(sql, self.limits.max_sql_bytes)?;
        // Those who see devices also see messages that were kept whole, however long.
        let max_row_bytes = if role.sees_devices() { usize::MAX } else { self.limits.memory_bytes / PARTS_OF_ROWS };
        let (lane, max_rows) =
            if role.sees(Visibility::Internal) { (&self.staff, usize::MAX) } else { (&self.strangers, self.limits.public_rows) };
        let bounds = Bounds { max_rows, max_row_bytes };
        let of_results = if role.sees_devices() {
            calls::Sizes { batch_bytes: self.limits.memory_bytes as u64, value_bytes: self.limits.memory_bytes as u64 }
        } else {
            calls::Sizes { batch_bytes: (self.limits.memory_bytes / PARTS_OF_RESULTS) as u64, value_bytes: calls::MAX_VALUE_BYTES }
        };
        let sql = sql.to_owned();
        self.run_in(lane, role, bounds, async move |Draft { context, watch }| {
            guard::check_text(&sql, role)?;
            let plan = context.state().create_logical_plan(&sql).await?;
            weight::check(&plan)?;
            guard::check_plan(&plan)?;
            shapes::check(&plan)?;
            let plan = calls::bounded(plan, of_results, &watch)?;
            Ok(context.execute_logical_plan(plan).await?)
        })
        .await
    }

    /// Runs a plan that a door built from typed expressions.
    pub(crate) async fn run<F, Build>(&self, role: Role, max_rows: usize, build: F) -> Result<Answer, Error>
    where
        F: FnOnce(Draft) -> Build + Send + 'static,
        Build: Future<Output = Result<DataFrame, Error>> + Send,
    {
        self.run_in(&self.doors, role, Bounds { max_rows, max_row_bytes: usize::MAX }, build).await
    }

    async fn run_in<F, Build>(&self, lane: &Lane, role: Role, bounds: Bounds, build: F) -> Result<Answer, Error>
    where
        F: FnOnce(Draft) -> Build + Send + 'static,
        Build: Future<Output = Result<DataFrame, Error>> + Send,
    {
        let slot = timeout(self.limits.max_wait, Arc::clone(&lane.slots).acquire_owned()).await;
        let slot = slot.map_err(|_| Error::Busy)?.map_err(|_| Error::Busy)?;
        let deadline = Instant::now() + self.limits.max_time;
        let (template, view, watch) = (Arc::clone(&lane.template), self.view(role), Watch::default());
        let (announce, planned) = oneshot::channel();
        let (sender, batches) = mpsc::channel(BATCHES_AHEAD);
        let (watched, memory, store) = (watch.clone(), self.limits.memory_bytes, self.store.clone());
        let task = lane.workers.spawn(async move {
            // The slot is free when the query has ended, not when nobody waits for it any more.
            let _slot = slot;
            // The files of its snapshot are not removed before it has ended.
            let _snapshot = view.clone();
            let planned = async {
                let draft = Draft { context: catalog::context(&template, view, role).await?, watch: watched.clone() };
                let (mut state, plan) = build(draft).await?.into_parts();
                let plan = fit::physical_plan(&mut state, &plan, memory / PARTS_OF_CONSTANTS).await?;
                check_rows(&plan, bounds.max_rows)?;
                let plan = with_bounded_values(with_counted_windows(plan)?, memory / PARTS_OF_REPEATED, state.config().batch_size())?;
                Ok::<_, Error>(execute_stream(interruptible(plan, &watched)?, state.task_ctx())?)
            };
            let (schema, stream) = match planned.await {
                Ok(stream) => (Ok(stream.schema()), Some(stream)),
                Err(error) => (Err(error), None),
            };
            if announce.send(schema).is_ok()
                && let Some(stream) = stream
                && compute(stream, sender).await == Err(ErrorKind::Internal)
            {
                // It may be that a file cannot be read.
                store.suspect_files();
            }
            let overrun = Instant::now().saturating_duration_since(deadline);
            if overrun > LATE {
                tracing::warn!(seconds = overrun.as_secs(), "a query could not be ended in time");
            }
        });
        let running = Running::new(task, watch);
        let seconds = self.limits.max_time.as_secs();
        let planned = timeout_at(deadline, planned).await.map_err(|_| Error::Timeout { seconds })?;
        let schema = planned.map_err(|_| Error::Broken)??;
        Ok(Answer::new(schema, batches, bounds, (deadline, seconds), running))
    }
}

/// Sends batches for as long as somebody takes them, and then that there are no more, or why.
async fn compute(mut stream: SendableRecordBatchStream, sender: mpsc::Sender<Result<Option<RecordBatch>, Error>>) -> Result<(), ErrorKind> {
    loop {
        let next = stream.next().await.transpose().map_err(Error::from);
        let outcome = next.as_ref().map(Option::is_none).map_err(Error::kind);
        if sender.send(next).await.is_err() {
            return Ok(());
        }
        match outcome {
            Ok(false) => {}
            Ok(true) => return Ok(()),
            Err(kind) => return Err(kind),
        }
    }
}

/// Refuses what is known to have too many rows before the first is computed.
fn check_rows(plan: &Arc<dyn ExecutionPlan>, max_rows: usize) -> Result<(), Error> {
    match StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new())?.num_rows {
        Precision::Exact(rows) if rows > max_rows => Err(Error::TooManyRows { max_rows }),
        _ => Ok(()),
    }
}
