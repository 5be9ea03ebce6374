//! Storage: the write-ahead log, the hot rows, the Delta tables and the registry of one data folder.
//!
//! ```text
//! append ─▶ log (fsync) ─▶ hot rows + latest + stream ──flush──▶ Parquet files + Delta commit ─▶ log released
//!                                   └──────────── Snapshot ────────────┘
//! ```
//! This crate alone writes under the data folder, and it decides when a record is durable and visible: see [`Store::append`].

mod activity;
mod batch;
mod changes;
mod checkpoint;
mod committer;
mod compact;
mod counters;
mod damage;
mod data_file;
mod dedup;
mod durable;
mod entry;
mod error;
mod file_writer;
mod flush;
mod folder;
mod hot;
mod import;
mod layers;
mod merge;
mod recover;
mod registry;
mod room;
mod state;
mod table;
#[cfg(test)]
mod tests;
mod wal;

use std::collections::HashSet;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use stadtwarte_model::schema::Table;
use stadtwarte_model::{Clock, LogSequence, ObservationId};
use tokio::sync::{Notify, mpsc, oneshot, watch};

pub use batch::observation_at;
pub use changes::Changes;
pub use compact::Compaction;
pub use counters::{Counter, Counters};
pub use damage::Damaged;
pub use data_file::{ColumnStats, DataFile, Range};
pub use entry::{Appended, Entry, NewObservation, UplinkRow};
pub use error::{AppendError, Error};
pub use folder::DataFolder;
pub use import::{ImportOutcome, ImportRow};
pub use layers::{Layer, Layers};
pub use registry::{
    ApiKey, DatastreamKey, KEY_PREFIX, NewDatastream, NewDevice, NewProperty, NewThing, Registry, RegistryState, RegistryWriter,
};
pub use state::{DeviceActivity, Latest, Snapshot, TableSnapshot};

use committer::{Command, Committer, Submission};
use compact::Replaced;
use folder::FolderLock;
use import::Tables;
use room::Room;
use state::State;

/// The bounds of a store. Every queue and buffer has one.
#[derive(Debug, Clone)]
pub struct Options {
    /// Entries that may wait for the log; more make [`Store::append`] wait.
    pub queue_entries: usize,
    /// Entries that one sync may cover.
    pub max_group_entries: usize,
    /// A log segment is closed beyond this size.
    pub max_segment_bytes: u64,
    /// Hot rows are written to files at least this often.
    pub flush_interval: Duration,
    /// Hot rows are written to files beyond this number.
    pub flush_rows: usize,
    /// Hot rows are written to files when their records exceed this size; above twice of it [`Store::append`] waits.
    pub flush_bytes: usize,
    /// Observations kept in memory for those who follow the stream.
    pub changes_rows: usize,
    /// So much is to stay free on the disk; below it nothing is taken, so that what is in the log can still be moved to files.
    pub min_free_bytes: u64,
    /// How often compaction looks for something to do.
    pub compaction_interval: Duration,
    /// The part of one processor's time that compaction takes, 0 to 1.
    pub compaction_share: f64,
    /// How long files that compaction replaced are kept for readers in other processes.
    pub keep_replaced: Duration,
    /// Keys kept to recognise duplicates; an uplink takes one or two.
    pub dedup_keys: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue_entries: 4096,
            max_group_entries: 1024,
            max_segment_bytes: 64 << 20,
            flush_interval: Duration::from_mins(5),
            flush_rows: 250_000,
            flush_bytes: 128 << 20,
            changes_rows: 65_536,
            min_free_bytes: 64 << 20,
            compaction_interval: Duration::from_secs(30),
            compaction_share: 0.5,
            keep_replaced: Duration::from_hours(1),
            dedup_keys: 2_000_000,
        }
    }
}

/// The store of one data folder. Clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    folder: DataFolder,
    /// Held for as long as this process may write; `None` when opened for reading only.
    _lock: Option<FolderLock>,
    registry: Registry,
    layers: Layers,
    state: Arc<RwLock<State>>,
    queue: Mutex<Option<mpsc::Sender<Command>>>,
    committer: Mutex<Option<JoinHandle<()>>>,
    position: watch::Receiver<LogSequence>,
    /// The size of the records that are in no file yet.
    unwritten: watch::Sender<usize>,
    failed: watch::Sender<bool>,
    room: Arc<Room>,
    tables: tokio::sync::Mutex<Tables>,
    replaced: Replaced,
    /// Wakes whoever examines files.
    suspicion: Notify,
    /// The last file that was read to see whether it is as it was written.
    next_examined: tokio::sync::Mutex<String>,
    /// Files that could not be merged.
    unmergeable: Mutex<HashSet<String>>,
    counters: Arc<Counters>,
    clock: Arc<dyn Clock>,
    options: Options,
    app_id: String,
}

impl Inner {
    fn unmergeable(&self) -> MutexGuard<'_, HashSet<String>> {
        self.unmergeable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Opens the data folder, creating it when it is new, and recovers what a crash left in the log.
    ///
    /// # Errors
    /// `InUse` when another process has it open; `NewerFormat` when a newer program wrote it; `Io`, `Registry`, `Delta` when a file
    /// cannot be read. Damage in the log is no error: it is reported in [`Store::counters`] and the log, and the rest is used.
    pub async fn open(folder: DataFolder, options: Options, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let lock = folder.create_and_lock()?;
        let registry = Registry::open(&folder.registry())?;
        let app_id = format!("stadtwarte/{}", registry.ensure_writer_id()?);
        let counters = Arc::new(Counters::default());
        wal::make_durable(&folder.wal())?;
        let recovered = recover::recover(&folder, &app_id, &options, true, &counters).await?;
        let wal = wal::Wal::create(&folder.wal(), wal::Writer::named(&app_id), recovered.next)?;
        let (queue, commands) = mpsc::channel(options.queue_entries.max(1));
        let (position_sender, position) = watch::channel(recovered.state.position);
        let failed = watch::Sender::new(false);
        let unwritten = watch::Sender::new(recovered.unwritten_bytes);
        let room = Arc::new(Room::new(folder.root().to_owned(), options.min_free_bytes));
        room.look(&counters);
        let state = Arc::new(RwLock::new(recovered.state));
        let committer = Committer {
            wal,
            window: recovered.window,
            state: Arc::clone(&state),
            position: position_sender,
            counters: Arc::clone(&counters),
            max_group_entries: options.max_group_entries.max(1),
            max_segment_bytes: options.max_segment_bytes,
            unwritten: unwritten.clone(),
            room: Arc::clone(&room),
            failed: failed.clone(),
            #[cfg(test)]
            fault: None,
        };
        let spawned = std::thread::Builder::new().name("log".to_owned()).spawn(move || committer.run(commands));
        let committer = spawned.map_err(Error::io(folder.wal()))?;
        let replaced = Replaced::default();
        for table in Table::ALL {
            let state = state.read().unwrap_or_else(PoisonError::into_inner);
            let rows = state.table(table);
            // A damaged file is part of the table all the same.
            let files: Vec<_> = rows.files.iter().chain(rows.damaged.iter().map(|damaged| &damaged.file)).cloned().collect();
            drop(state);
            replaced.extend(compact::strangers(table, &folder.table(table), &files, clock.now())?);
        }
        let inner = Inner {
            layers: Layers::open(folder.layers())?,
            folder,
            _lock: Some(lock),
            registry,
            state,
            queue: Mutex::new(Some(queue)),
            committer: Mutex::new(Some(committer)),
            position,
            unwritten,
            failed,
            room,
            tables: tokio::sync::Mutex::new(recovered.tables),
            replaced,
            suspicion: Notify::new(),
            next_examined: tokio::sync::Mutex::default(),
            unmergeable: Mutex::default(),
            counters,
            clock,
            options,
            app_id,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Opens the data folder for reading, also while another process writes to it: shows what was durable at this moment.
    ///
    /// # Errors
    /// `NoDataFolder` when there is none; otherwise as [`Store::open`].
    pub async fn open_read_only(folder: DataFolder, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        if !folder.registry().is_file() {
            return Err(Error::NoDataFolder { path: folder.root().to_owned() });
        }
        let options = Options { dedup_keys: 0, ..Options::default() };
        let counters = Arc::new(Counters::default());
        let app_id = format!("stadtwarte/{}", Registry::open_read_only(&folder.registry())?.writer_id()?);
        let recovered = recover::recover(&folder, &app_id, &options, false, &counters).await?;
        // Read last, so that it knows every datastream that the rows refer to.
        let registry = Registry::open_read_only(&folder.registry())?;
        let (_, position) = watch::channel(recovered.state.position);
        let failed = watch::Sender::new(false);
        let unwritten = watch::Sender::new(recovered.unwritten_bytes);
        let inner = Inner {
            layers: Layers::open(folder.layers())?,
            folder,
            _lock: None,
            registry,
            state: Arc::new(RwLock::new(recovered.state)),
            queue: Mutex::new(None),
            committer: Mutex::new(None),
            position,
            unwritten,
            failed,
            room: Arc::new(Room::new(PathBuf::new(), 0)),
            tables: tokio::sync::Mutex::new(recovered.tables),
            replaced: Replaced::default(),
            suspicion: Notify::new(),
            next_examined: tokio::sync::Mutex::default(),
            unmergeable: Mutex::default(),
            counters,
            clock,
            options,
            app_id,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Hands an entry to the log. Waits while the queue is full, and while too much of the log is in no file yet; that is the
    /// back-pressure.
    ///
    /// The future it returns resolves once the entry is on disk and visible to every query, or with the reason why it is not. Entries
    /// get their place in the log in the order of the calls. Dropping the future changes nothing about the entry.
    ///
    /// # Errors
    /// `Closed` when the store has shut down or is read-only.
    pub async fn append(
        &self,
        entry: Entry,
    ) -> Result<impl Future<Output = Result<Appended, AppendError>> + Send + 'static + use<>, AppendError> {
        self.submit(entry, false).await
    }

    /// As [`Store::append`], for an entry that its sender may have sent before: when an equal one is stored already, it is not stored
    /// again, also where nothing in its content tells it from a new one.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub async fn append_repeat(
        &self,
        entry: Entry,
    ) -> Result<impl Future<Output = Result<Appended, AppendError>> + Send + 'static + use<>, AppendError> {
        self.submit(entry, true).await
    }

    async fn submit(
        &self,
        entry: Entry,
        is_repeat: bool,
    ) -> Result<impl Future<Output = Result<Appended, AppendError>> + Send + 'static + use<>, AppendError> {
        let most = self.inner.options.flush_bytes.saturating_mul(2);
        // The sender lives as long as the store.
        let _ = self.inner.unwritten.subscribe().wait_for(|unwritten| *unwritten <= most).await;
        let queue = self.inner.queue.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(AppendError::Closed)?;
        let (answer, outcome) = oneshot::channel();
        queue.send(Command::Append(Submission { entry: Box::new(entry), is_repeat, answer })).await.map_err(|_| AppendError::Closed)?;
        Ok(async move { outcome.await.unwrap_or(Err(AppendError::Closed)) })
    }

    /// Everything as it is now, frozen.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let state = self.read_state();
        let table = |table| {
            let rows = state.table(table);
            TableSnapshot {
                table,
                root: self.inner.folder.table(table),
                files: Arc::clone(&rows.files),
                hot: rows.unwritten().cloned().collect(),
            }
        };
        let (observations, uplinks, quarantine) = (table(Table::Observations), table(Table::Uplinks), table(Table::Quarantine));
        let (position, imports) = (state.position, state.imports);
        let (latest, activity) = (state.latest.clone(), state.activity.clone());
        drop(state);
        // Entities are registered before the first record that refers to them, so reading the registry last misses none.
        Snapshot { position, observations, uplinks, quarantine, latest, activity, imports, registry: self.inner.registry.state() }
    }

    /// The observations after `position`, at most `limit`, in commit order.
    #[must_use]
    pub fn changes_after(&self, position: ObservationId, limit: usize) -> Changes {
        self.read_state().changes.after(position, limit)
    }

    /// Signals each time records have become visible.
    #[must_use]
    pub fn position(&self) -> watch::Receiver<LogSequence> {
        self.inner.position.clone()
    }

    /// Resolves when the log takes no more entries until a restart: it failed to reach the disk, or its thread panicked. What was
    /// acknowledged is safe.
    pub async fn failed(&self) {
        if self.inner.failed.subscribe().wait_for(|failed| *failed).await.is_err() {
            // The log was closed in order.
            std::future::pending::<()>().await;
        }
    }

    /// The registry.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// The map layers.
    #[must_use]
    pub fn layers(&self) -> &Layers {
        &self.inner.layers
    }

    /// What the store has done since it was opened.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.inner.counters
    }

    /// Rows that are in the log but in no file yet, over all tables.
    #[must_use]
    pub fn hot_rows(&self) -> usize {
        self.read_state().hot_rows()
    }

    /// The size of the log records whose rows are in no file yet.
    #[must_use]
    pub fn unwritten_bytes(&self) -> usize {
        *self.inner.unwritten.borrow()
    }

    /// The data folder.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.inner.folder.root().to_owned()
    }

    /// Stops taking entries, commits what is queued, writes the hot rows to files and releases the log.
    ///
    /// # Errors
    /// When the last flush fails. Nothing is lost then: the rows are in the log.
    pub async fn shut_down(&self) -> Result<(), Error> {
        let flushed = self.flush().await;
        drop(self.inner.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        // Those who wait for room learn that there is no store any more.
        self.inner.unwritten.send_replace(0);
        let committer = self.inner.committer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(committer) = committer {
            // Joining blocks until the last group is synced. A panicked committer has already been reported by the panic itself.
            let _ = tokio::task::spawn_blocking(move || committer.join()).await;
        }
        flushed.map(|_| ())
    }

    fn read_state(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.inner.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_state(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.inner.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}
