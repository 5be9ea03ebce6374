//! What can go wrong in the store, and what may be done about it.

use std::path::PathBuf;

/// An error of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has the data folder open.
    #[error("the data folder {path} is in use by another process{holder}; stop it or choose another folder", path = path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// ` (process 123)` where the holder left its number.
        holder: String,
    },
    /// There is no data folder where one was to be read.
    #[error("{path} is not a data folder: it has no registry.sqlite", path = path.display())]
    NoDataFolder {
        /// The path given.
        path: PathBuf,
    },
    /// A log segment of another data folder lies in this one.
    #[error("{path} belongs to another data folder: its records do not fit this registry; move it back, or away", path = path.display())]
    ForeignLog {
        /// The segment.
        path: PathBuf,
    },
    /// A file was written by a newer version of the program.
    #[error("{path} has format version {found}, this program knows up to {known}: use a newer program", path = path.display())]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest this program reads.
        known: i64,
    },
    /// A file's content contradicts its checksum or form.
    #[error("{path}: {detail}", path = path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What contradicts what, and where.
        detail: String,
    },
    /// The log begins later than the tables end. A reader beside a writing process meets this for a moment during a flush; otherwise a
    /// segment was removed by hand.
    #[error("the write-ahead log does not continue after record {after}: a segment is missing")]
    MissingLog {
        /// The last record that the tables hold.
        after: stadtwarte_model::LogSequence,
    },
    /// The registry database failed.
    #[error("registry: {0}")]
    Registry(#[from] rusqlite::Error),
    /// A registry entry does not fit the rules.
    #[error("registry: {0}")]
    InvalidEntity(String),
    /// A Delta table failed.
    #[error("table {table}: {source}")]
    Delta {
        /// Which.
        table: &'static str,
        /// Why.
        source: Box<deltalake_core::DeltaTableError>,
    },
    /// A sync of a table's log failed earlier: whether its last commit is on disk is not known, and asking again does not tell.
    #[error("table {table}: its log failed to reach the disk; nothing more is moved from the write-ahead log to files until a restart")]
    Unsynced {
        /// The table.
        table: &'static str,
    },
    /// Rows could not be turned into a Parquet file.
    #[error("parquet file {path}: {source}", path = path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why.
        source: parquet::errors::ParquetError,
    },
    /// Rows do not fit their table's schema.
    #[error("rows of {table}: {source}")]
    Arrow {
        /// The table.
        table: &'static str,
        /// Why.
        source: arrow::error::ArrowError,
    },
    /// The store is opened for reading only.
    #[error("the data folder is opened for reading only")]
    ReadOnly,
    /// The store has shut down or its writer has failed.
    #[error("the store is closed")]
    Closed,
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn delta(table: &'static str) -> impl FnOnce(deltalake_core::DeltaTableError) -> Self {
        move |source| Self::Delta { table, source: Box::new(source) }
    }
}

/// Why an entry was not appended. It must not be acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The log could not be written, for example because the disk is full. Nothing of the entry remains; try again later.
    #[error("the log cannot be written at the moment")]
    Unavailable,
    /// A sync failed: what is on disk is unknown until a restart has read it again.
    #[error("the log failed to reach the disk and takes no more entries until a restart")]
    Poisoned,
    /// The entry is larger than a log record may be.
    #[error("the message is larger than a log record may be")]
    TooLarge,
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}
