//! The registry: things, datastreams, devices and keys, in SQLite and, for reading, whole in memory.
//!
//! A change is one SQL transaction with `synchronous = FULL`. It is on disk before it is visible, and before any log record refers to it.

mod load;
mod state;
mod writer;

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rusqlite::{Connection, OpenFlags};

pub use state::{ApiKey, DatastreamKey, RegistryState};
pub use writer::{NewDatastream, NewDevice, NewProperty, NewThing, RegistryWriter};

use crate::error::Error;
use crate::folder::DataFolder;

/// What every API key begins with, so that leaked ones can be searched for.
pub const KEY_PREFIX: &str = "swk_";

const VERSION: i64 = 1;

/// How long to wait for another process that is writing to the registry, such as `stadtwarte key create`.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The registry of one data folder.
#[derive(Debug)]
pub struct Registry {
    connection: Mutex<Connection>,
    state: ArcSwap<RegistryState>,
    /// SQLite's counter of changes by other connections.
    data_version: AtomicI64,
    read_only: bool,
}

impl Registry {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match version {
            0 => {
                let transaction = connection.transaction()?;
                transaction.execute_batch(include_str!("schema.sql"))?;
                transaction.pragma_update(None, "user_version", VERSION)?;
                transaction.commit()?;
            }
            VERSION => {}
            found => return Err(Error::NewerFormat { path: path.to_owned(), found, known: VERSION }),
        }
        Self::with(connection, false)
    }

    /// Opens the registry of a data folder, which another process may be using.
    ///
    /// Made for short changes such as a new key. The other process sees them with its next [`Registry::refresh`].
    ///
    /// # Errors
    /// `NoDataFolder` when there is none: a key made in a new one would open nothing; `Registry` or `Io` when it cannot be opened; `NewerFormat` when a newer program wrote it.
    pub fn open_beside(folder: &DataFolder) -> Result<Self, Error> {
        if !folder.registry().is_file() {
            return Err(Error::NoDataFolder { path: folder.root().to_owned() });
        }
        Self::open(&folder.registry())
    }

    /// Takes over what another process has changed. Cheap when nothing was.
    ///
    /// # Errors
    /// `Registry` when the database cannot be read.
    pub fn refresh(&self) -> Result<(), Error> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let version: i64 = connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        if self.data_version.swap(version, Ordering::Relaxed) != version {
            let mut state = load::load(&connection)?;
            state.version = self.state.load().version + 1;
            self.state.store(Arc::new(state));
        }
        Ok(())
    }

    pub(crate) fn open_read_only(path: &Path) -> Result<Self, Error> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > VERSION {
            return Err(Error::NewerFormat { path: path.to_owned(), found, known: VERSION });
        }
        Self::with(connection, true)
    }

    fn with(connection: Connection, read_only: bool) -> Result<Self, Error> {
        let state = load::load(&connection)?;
        let data_version = connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        Ok(Self {
            connection: Mutex::new(connection),
            state: ArcSwap::from_pointee(state),
            data_version: AtomicI64::new(data_version),
            read_only,
        })
    }

    /// The identity of this data folder as a writer of its Delta tables: made once, kept for ever.
    pub(crate) fn ensure_writer_id(&self) -> Result<String, Error> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = uuid::Uuid::new_v4().to_string();
        connection.execute("INSERT OR IGNORE INTO meta (name, value) VALUES ('writer_id', ?)", [fresh])?;
        drop(connection);
        self.writer_id()
    }

    pub(crate) fn writer_id(&self) -> Result<String, Error> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(connection.query_row("SELECT value FROM meta WHERE name = 'writer_id'", [], |row| row.get(0))?)
    }

    /// All entities as they are now.
    #[must_use]
    pub fn state(&self) -> Arc<RegistryState> {
        self.state.load_full()
    }

    /// Changes the registry: everything `change` does becomes durable and visible together, or nothing when it fails.
    ///
    /// Blocks on the disk: call it from a thread that may wait.
    ///
    /// # Errors
    /// What `change` returns; `Registry` when the database fails; `ReadOnly`.
    pub fn write<T>(&self, change: impl FnOnce(&mut RegistryWriter<'_>) -> Result<T, Error>) -> Result<T, Error> {
        if self.read_only {
            return Err(Error::ReadOnly);
        }
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = RegistryState::clone(&self.state.load());
        let transaction = connection.transaction()?;
        let value = change(&mut RegistryWriter::new(&transaction, &mut state))?;
        transaction.commit()?;
        state.version += 1;
        self.state.store(Arc::new(state));
        Ok(value)
    }
}
